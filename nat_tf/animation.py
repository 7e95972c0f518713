"""Shows a transformation edge by edge, as an animated GIF."""

from __future__ import annotations

from collections.abc import Iterator
import dataclasses
import os

import matplotlib.animation
from matplotlib.figure import Figure
import matplotlib.style

from nat_tf import atomic_file
from nat_tf import cost
from nat_tf import drawing
from nat_tf.architecture import Architecture
from nat_tf.layout import NetworkConfig

# Pictures a second; one that stays longer is repeated, which costs no bytes.
_FPS = 2
_DOTS_PER_INCH = 90
_FIRST, _MARKED, _CHANGED, _LAST = 3, 1, 2, 8
# More changes than that go together, several at a time.
_STEPS = 12

_Edges = list[tuple[str, int]]


def write(
  path: str | os.PathLike[str],
  source: Architecture,
  transformed: Architecture,
  title: str = '',
  config: NetworkConfig | None = None,
) -> None:
  """Writes a GIF that repeats for ever.

  Args:
    path: of the file; written wholly or not at all.
    source: the input.
    transformed: what became of it, on the same graph.
    title: stands over the drawing.
    config: the network whose cost is counted below it; None for none.

  Raises:
    ArchitectureError: the graphs differ in more than operations.
    OSError: the file cannot be written.
  """
  writer = matplotlib.animation.PillowWriter(_FPS)
  with matplotlib.style.context(drawing.STYLE):
    shown = list(figures(source, transformed, title, config))
    with atomic_file.replacing(path) as temporary:
      writer.setup(shown[0][0], temporary, _DOTS_PER_INCH)
      for figure, times in shown:
        writer.fig = figure
        for _ in range(times):
          writer.grab_frame()
      writer.finish()


def figures(
  source: Architecture,
  transformed: Architecture,
  title: str = '',
  config: NetworkConfig | None = None,
) -> Iterator[tuple[Figure, int]]:
  """Yields the pictures in their order, and how often each is shown.

  Args:
    source: the input.
    transformed: what became of it, on the same graph.
    title: stands over the drawing.
    config: the network whose cost is counted below it; None for none.
  """
  changes = _changes(source, transformed)
  size = -(-len(changes) // _STEPS) or 1
  done: _Edges = []

  def picture(now: _Edges) -> Figure:
    partly = _partly(source, transformed, done)
    note = _costs(source, partly, config) if config else ''
    return drawing.step(source, transformed, done, now, title, note)

  yield picture([]), _FIRST
  for start in range(0, len(changes), size):
    now = [edge for some in changes[start : start + size] for edge in some]
    yield picture(now), _MARKED
    done = done + now
    yield picture([]), _CHANGED
  yield picture([]), _LAST


def _changes(source: Architecture, transformed: Architecture) -> list[_Edges]:
  """Returns what changes, step by step; cells drawn once change together."""
  changed = source.changed_edges(transformed)
  return [
    [(name, i) for name in names]
    for names in drawing.groups([source, transformed])
    for cell, i in changed
    if cell == names[0]
  ]


def _partly(
  source: Architecture, transformed: Architecture, done: _Edges
) -> Architecture:
  """Returns the input with some of its changes."""
  cells = []
  for name, cell in source.cells:
    pairs = zip(cell.edges, transformed[name].edges)
    operations = [
      (after if (name, i) in done else before).operation
      for i, (before, after) in enumerate(pairs)
    ]
    cells.append((name, cell.with_operations(operations)))
  return dataclasses.replace(source, cells=tuple(cells))


def _costs(
  source: Architecture, partly: Architecture, config: NetworkConfig
) -> str:
  """Returns what it costs by now, and how much less that is."""
  texts = []
  for before, now, name in zip(
    cost.network(source, config),
    cost.network(partly, config),
    ('parameters', 'multiply-adds'),
  ):
    change = 100 * (now - before) / before + 0.0
    texts.append(f'{now / 1e6:.2f} M {name} ({change:+.1f} %)')
  return ', '.join(texts)
