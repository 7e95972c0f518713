"""A front as a table on the terminal, JSON and a picture."""

from __future__ import annotations

from collections.abc import Sequence
import json
import os
from typing import Any

import matplotlib.figure

from nat_tf import architecture_json
from nat_tf import atomic_file
from nat_tf import pareto
from nat_tf import result
from nat_tf import text_table
from nat_tf.chart import Chart
from nat_tf.chart import Series
from nat_tf.pareto import Front
from nat_tf.transformer import Measured

_BLUE, _ORANGE, _GREY = '#1f4e79', '#c55a11', '#b5b5b5'


def summary(front: Front, name: str) -> dict[str, Any]:
  """Returns the front for `pareto.json`.

  Args:
    front: what the architecture can become.
    name: what to call it.

  Returns:
    input: name, params, madds, accuracy, and the separation where that is what
      the points are chosen by.
    points: the same of every point, by ascending multiply-adds; `changes`, the
      number of edges that differ from the input's; and `architecture`, which
      has the form of `transformed.json`.
    contenders: number of architectures that were measured.
  """
  return {
    'input': front.source.summary(name),
    'points': [
      {
        **point.summary(f'{name}, point {number}'),
        'changes': _changes(front, point),
        'architecture': json.loads(
          architecture_json.to_json(point.architecture)
        ),
      }
      for number, point in enumerate(front.points, 1)
    ],
    'contenders': len(front.contenders),
  }


def table(front: Front, name: str) -> str:
  """Returns the front as an aligned table.

  Args:
    front: what the architecture can become.
    name: what to call it.
  """
  lines = text_table.aligned(rows(front, name))
  return '\n'.join([*lines, *notes(front)])


def rows(front: Front, name: str) -> list[tuple[str, ...]]:
  """Returns the rows of the table, the heading first.

  Args:
    front: what the architecture can become.
    name: what to call it.
  """
  found = [
    ('', *result.headings(front.source), 'changed edges'),
    (f'input ({name})', *result.numbers(front.source), ''),
  ]
  for number, point in enumerate(front.points, 1):
    changes = str(_changes(front, point))
    found.append((f'point {number}', *result.numbers(point), changes))
  return found


def notes(front: Front) -> list[str]:
  """Returns what to write below the table, a line each."""
  good = 'is as good'
  if front.source.separation is not None:
    good = 'separates the classes as well'
  lines = [
    *result.notes(front.source, front.basis),
    f'of {len(front.contenders)} architectures that were measured, no other '
    f'{good} for its multiply-adds',
  ]
  count = len(front.points)
  if count < pareto.POINTS:
    lines.append(
      f'{count} points, fewer than {pareto.POINTS}: no more were found'
    )
  return lines


def chart(front: Front, name: str) -> Chart:
  """Returns worth against multiply-adds, for a report.

  Args:
    front: what the architecture can become.
    name: what to call it.
  """
  labels = [
    f'point {number}, {_changes(front, point)} edges changed'
    for number, point in enumerate(front.points, 1)
  ]
  everything = _places(front.contenders)
  return Chart(
    f'What {name} can become',
    'multiply-adds, million',
    _worth(front),
    [
      Series('measured', everything, 'dots', None, True, told=False),
      Series(
        'front',
        _places(front.points),
        'steps',
        labels=labels,
        marks=[str(number) for number, _ in enumerate(labels, 1)],
      ),
      Series(f'input ({name})', _places([front.source]), 'dots', 1),
    ],
    caption='With shared weights, on held-out data; of the final network. '
    'Numbers: of the points in the table.',
  )


def write(front: Front, name: str, folder: str):
  """Writes `pareto.json` and `pareto.png`.

  Args:
    front: what the architecture can become.
    name: what to call it.
    folder: made if it does not exist.

  Raises:
    result.OutputError: the folder cannot be written.
  """
  text = json.dumps(summary(front, name), indent=2) + '\n'
  try:
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, 'pareto.json')
    with atomic_file.replacing(path) as temporary:
      with open(temporary, 'w', encoding='utf-8') as file:
        file.write(text)
    _draw(front, name, os.path.join(folder, 'pareto.png'))
  except OSError as error:
    raise result.OutputError(
      f'cannot write to {folder}: {error.strerror or error}'
    ) from None


def _changes(front: Front, point: Measured) -> int:
  return len(front.source.architecture.changed_edges(point.architecture))


def _worth(front: Front) -> str:
  """Returns what the points are compared by, with its unit."""
  if front.source.separation is None:
    return 'accuracy, %'
  return 'separation'


def _places(some: Sequence[Measured]) -> list[tuple[float, float]]:
  """Returns millions of multiply-adds and worth, in the unit of `_worth`."""
  return [
    (m.cost.madds / 1e6, m.worth * (100 if m.separation is None else 1))
    for m in some
  ]


def _draw(front: Front, name: str, path: str):
  """Draws worth against multiply-adds; numbers are those of the table."""
  figure = matplotlib.figure.Figure(figsize=(7.5, 4.5), layout='constrained')
  axes = figure.subplots()
  x, y = zip(*_places(front.contenders))
  axes.scatter(x, y, 14, _GREY, label='measured', linewidths=0)
  x, y = zip(*_places(front.points))
  axes.step(x, y, where='post', color=_BLUE, linewidth=1.5)
  axes.scatter(x, y, 45, _BLUE, label='front', zorder=3)
  for number, place in enumerate(zip(x, y), 1):
    # In turns, so that the numbers of two close points do not meet.
    left = number % 2
    axes.annotate(
      str(number),
      place,
      (-6, 2) if left else (6, -2),
      textcoords='offset points',
      ha='right' if left else 'left',
      va='bottom' if left else 'top',
      color=_BLUE,
    )
  x, y = zip(*_places([front.source]))
  axes.scatter(
    x, y, 90, _ORANGE, 'D', label=f'input ({name})', zorder=2, edgecolors='w'
  )
  axes.set(
    title=f'What {name} can become',
    xlabel='multiply-adds of the final network, million',
    ylabel=f'with shared weights, held-out data: {_worth(front)}',
  )
  axes.margins(y=0.1)
  axes.grid(alpha=0.3)
  # Outside: no corner is sure to be empty.
  figure.legend(loc='outside lower center', ncols=3, frameon=False)
  with atomic_file.replacing(path) as temporary:
    figure.savefig(temporary, dpi=110, metadata={'Software': None})
