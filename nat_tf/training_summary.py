"""What is known of a finished training, as its directory keeps it."""

from __future__ import annotations

from typing import Any

from nat_tf import workdir as workdir_lib

FILE = 'summary.json'

# What later commands read of it; a split may have no labels.
_COUNTS = ('params', 'madds')
_NUMBERS = ('seconds',)
_ACCURACIES = ('validation_accuracy', 'test_accuracy')


def read(workdir: workdir_lib.Workdir) -> dict[str, Any]:
  """Returns what `summary.json` of a training holds.

  Raises:
    WorkdirError: it cannot be read, or is not a training's.
  """
  values = workdir.read_json(FILE)
  for name in (*_COUNTS, *_NUMBERS, *_ACCURACIES):
    if name not in values:
      raise _wrong(workdir, f'it lacks {name}')
    value, wanted = values[name], 'a number'
    right = isinstance(value, (int, float)) and not isinstance(value, bool)
    if name in _COUNTS:
      right, wanted = right and isinstance(value, int), 'a whole number'
    right = right and value >= 0
    if name in _ACCURACIES:
      right, wanted = value is None or (right and value <= 1), '0 to 1, or null'
    if not right:
      raise _wrong(
        workdir, f'{name} is {ascii(value)[:40]}; it must be {wanted}'
      )
  return values


def _wrong(
  workdir: workdir_lib.Workdir, reason: str
) -> workdir_lib.WorkdirError:
  return workdir_lib.WorkdirError(f'cannot use {workdir.file(FILE)}: {reason}')
