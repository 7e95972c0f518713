"""A transformation as a table on the terminal, JSON and pictures."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from nat_tf import architecture_json
from nat_tf import cost
from nat_tf import drawing
from nat_tf import input_error
from nat_tf import text_table
from nat_tf.architecture import Architecture
from nat_tf.layout import NetworkConfig

if TYPE_CHECKING:
  from nat_tf.transformer import Basis
  from nat_tf.transformer import Measured
  from nat_tf.transformer import Transformation


class OutputError(input_error.InputError):
  """A result cannot be written."""


def table(transformation: Transformation, name: str) -> str:
  """Returns input and transformed architecture as an aligned table.

  Args:
    transformation: what became of the architecture.
    name: what to call it.
  """
  lines = text_table.aligned(rows(transformation, name))
  *others, note = comparison_notes(transformation)
  return '\n'.join([*lines, *others, f'{note}; {verdict(transformation)}'])


def rows(transformation: Transformation, name: str) -> list[tuple[str, ...]]:
  """Returns the rows of the table, the heading first.

  Args:
    transformation: what became of the architecture.
    name: what to call it.
  """
  source, transformed = transformation.source, transformation.transformed
  return [
    ('', *headings(source)),
    (f'input ({name})', *numbers(source)),
    ('transformed', *numbers(transformed)),
    ('change', *changes(transformation)),
  ]


def changes(transformation: Transformation) -> list[str]:
  """Returns how much more or less each of the numbers became."""
  source, transformed = transformation.source, transformation.transformed
  change = [
    _percent(source.cost.params, transformed.cost.params),
    _percent(source.cost.madds, transformed.cost.madds),
    f'{100 * (transformed.accuracy - source.accuracy):+.1f} points',
  ]
  if transformation.separation_gain is not None:
    change.append(f'{transformation.separation_gain:+.3f}')
  if source.latency_ms is not None and transformed.latency_ms is not None:
    change.append(_percent(source.latency_ms, transformed.latency_ms))
  return change


def verdict(transformation: Transformation) -> str:
  """Returns how many edges changed, in words."""
  changed = transformation.changes()
  if not changed:
    word = 'preferred' if transformation.basis.prior else 'better'
    return f'no candidate was {word}: the architecture stays as it is'
  return f'{changed} {"edge" if changed == 1 else "edges"} changed'


def write(
  transformation: Transformation,
  name: str,
  folder: str,
  config: NetworkConfig | None = None,
):
  """Writes `transformed.json`, `transformed.png` and `transformed.svg`.

  Args:
    transformation: what became of the architecture.
    name: what to call the input.
    folder: made if it does not exist.
    config: the network whose costs stand on the drawing's edges; None for none.

  Raises:
    OutputError: the folder cannot be written.
  """
  save(
    transformation.source.architecture,
    transformation.transformed.architecture,
    f'{name}, transformed',
    folder,
    config,
  )


def save(
  source: Architecture,
  transformed: Architecture,
  title: str,
  folder: str,
  config: NetworkConfig | None = None,
):
  """Writes the files of `write`.

  Args:
    source: the input.
    transformed: the output.
    title: of the drawing.
    folder: made if it does not exist.
    config: see `write`.

  Raises:
    OutputError: the folder cannot be written.
  """
  try:
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, 'transformed')
    costs = []
    if config:
      costs = [cost.by_edge(one, config) for one in (source, transformed)]
    drawing.draw_all(path, source, transformed, title, costs)
    architecture_json.save(f'{path}.json', transformed)
  except OSError as error:
    raise OutputError(
      f'cannot write to {folder}: {error.strerror or error}'
    ) from None


def headings(measured: Measured) -> list[str]:
  """Returns what to write above `numbers`."""
  names = ['parameters', 'multiply-adds', 'accuracy*']
  if measured.separation is not None:
    names.append('separation*')
  return names if measured.latency_ms is None else [*names, 'latency**']


def numbers(measured: Measured) -> list[str]:
  """Returns the numbers of an architecture, for a row of a table."""
  texts = [
    f'{measured.cost.params / 1e6:.2f} M',
    f'{measured.cost.madds / 1e6:.1f} M',
    f'{100 * measured.accuracy:.1f} %',
  ]
  if measured.separation is not None:
    texts.append(f'{measured.separation:.3f}')
  if measured.latency_ms is not None:
    texts.append(f'{measured.latency_ms:.2f} ms')
  return texts


def notes(measured: Measured, basis: Basis) -> list[str]:
  """Returns what to write below a table of such numbers, a line each.

  Args:
    measured: one of those in the table.
    basis: what the numbers rest on.
  """
  lines = [
    f'costs of {basis.network.text()}',
    f'* with the shared weights, {_scored(basis)}on '
    f'{text_table.held_out(basis.images)}',
  ]
  if measured.latency_ms is not None:
    lines.insert(
      1,
      "** an estimate for this device: the input's whole time, and its parts'",
    )
  return lines


def comparison_notes(transformation: Transformation) -> list[str]:
  """Returns what to write below `rows`, a line each."""
  source, basis = transformation.source, transformation.basis
  compared = basis.compared
  separates = source.separation is not None
  how = 'separation on these images' if separates else 'these same images'
  if basis.prior:
    how += ' and what the policy prefers'
  return [
    *notes(source, basis),
    'nothing else was compared'
    if compared == 1
    else f'the best of {compared} architectures by {how}',
  ]


def _scored(basis: Basis) -> str:
  """Returns in how many networks, where there were several."""
  if len(basis.scored) < 2:
    return ''
  return (
    f'the mean of networks of {" and ".join(map(str, basis.scored))} cells, '
  )


def _percent(before: float, after: float) -> str:
  if not before:
    return ''
  change = round(100 * (after - before) / before, 1)
  return f'{change + 0.0:+.1f} %'  # Adding 0 turns -0.0 into 0.0.
