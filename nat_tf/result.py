"""A transformation as a table on the terminal, JSON and pictures."""

from __future__ import annotations

import os

from nat_tf import architecture_json
from nat_tf import drawing
from nat_tf import input_error
from nat_tf import text_table
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
  source, transformed = transformation.source, transformation.transformed
  rows = [
    ('', 'parameters', 'multiply-adds', 'accuracy*'),
    (f'input ({name})', *_row(source)),
    ('transformed', *_row(transformed)),
    (
      'change',
      _percent(source.cost.params, transformed.cost.params),
      _percent(source.cost.madds, transformed.cost.madds),
      f'{100 * (transformed.accuracy - source.accuracy):+.1f} points',
    ),
  ]
  lines = text_table.aligned(rows)
  note = '* with the shared weights, on held-out training data'
  changed = transformation.changes()
  edges = 'edge' if changed == 1 else 'edges'
  verdict = (
    f'{changed} {edges} changed'
    if changed
    else 'no candidate was better: the architecture stays as it is'
  )
  return '\n'.join([*lines, f'{note}; {verdict}'])


def write(transformation: Transformation, name: str, folder: str):
  """Writes `transformed.json`, `transformed.png` and `transformed.svg`.

  Args:
    transformation: what became of the architecture.
    name: what to call the input.
    folder: made if it does not exist.

  Raises:
    OutputError: the folder cannot be written.
  """
  source = transformation.source.architecture
  transformed = transformation.transformed.architecture
  try:
    os.makedirs(folder, exist_ok=True)
    for suffix in ('png', 'svg'):
      drawing.draw(
        os.path.join(folder, f'transformed.{suffix}'),
        source,
        transformed,
        f'{name}, transformed',
      )
    architecture_json.save(
      os.path.join(folder, 'transformed.json'), transformed
    )
  except OSError as error:
    raise OutputError(
      f'cannot write to {folder}: {error.strerror or error}'
    ) from None


def _row(measured: Measured) -> tuple[str, str, str]:
  return (
    f'{measured.cost.params / 1e6:.2f} M',
    f'{measured.cost.madds / 1e6:.1f} M',
    f'{100 * measured.accuracy:.1f} %',
  )


def _percent(before: int, after: int) -> str:
  change = round(100 * (after - before) / before, 1)
  return f'{change + 0.0:+.1f} %'  # Adding 0 turns -0.0 into 0.0.
