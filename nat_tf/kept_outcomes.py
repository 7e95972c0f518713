"""The outcomes of trained policies, kept so that a comparison can go on."""

from __future__ import annotations

from typing import Any

from nat_tf import workdir as workdir_lib
from nat_tf.policy_study import Bounds
from nat_tf.policy_study import Outcome

# Of a table that was read on another machine.
_TOLERANCE = 1e-6


def file(policy: str, seed: int) -> str:
  """Returns the name of the file that keeps an outcome."""
  return f'outcome-{policy}-seed-{seed}.json'


def write(
  workdir: workdir_lib.Workdir,
  policy: str,
  seed: int,
  bounds: Bounds,
  outcome: Outcome,
):
  """Keeps an outcome, wholly or not at all.

  Args:
    workdir: of the comparison.
    policy: its name.
    seed: of its training.
    bounds: of the half that it was judged on.
    outcome: how it does there.

  Raises:
    WorkdirError: it cannot be written.
  """
  table = {'beta': bounds.beta, 'oracle': bounds.oracle}
  workdir.write_json(file(policy, seed), {**table, **outcome._asdict()})


def read(
  workdir: workdir_lib.Workdir, policy: str, seed: int, bounds: Bounds
) -> Outcome | None:
  """Returns an outcome that was kept; None if none was.

  Args:
    workdir: of the comparison.
    policy: its name.
    seed: of its training.
    bounds: of the half that it is to be judged on.

  Raises:
    WorkdirError: it cannot be read, is no outcome, or is that of another table.
  """
  name = file(policy, seed)
  kept = workdir.before_adding(name)
  if not kept:
    return None
  where = workdir.file(name)
  for field in ('beta', 'oracle', *Outcome._fields):
    if not _is_right(field, kept.get(field)):
      raise workdir_lib.WorkdirError(
        f'cannot use {where}: {field} is {ascii(kept.get(field))[:40]}, not '
        'what it must be; move it away, and that policy is trained again'
      )
  for field, now in (('beta', bounds.beta), ('oracle', bounds.oracle)):
    if abs(kept[field] - now) > _TOLERANCE:
      raise workdir_lib.WorkdirError(
        f'cannot use {where}: {field} was {kept[field]:.3f} % and is '
        f'{now:.3f} %, so the table is another one; give a new --workdir'
      )
  curve = [(seconds, gain) for seconds, gain in kept['curve']]
  values = {field: kept[field] for field in Outcome._fields}
  return Outcome(**{**values, 'curve': curve})


def _is_right(field: str, value: Any) -> bool:
  """Returns whether a value can be that of a field."""
  if field != 'curve':
    return _is_number(value)
  return isinstance(value, list) and all(
    isinstance(point, list) and len(point) == 2 and all(map(_is_number, point))
    for point in value
  )


def _is_number(value: Any) -> bool:
  return isinstance(value, (int, float)) and not isinstance(value, bool)
