"""Draws an architecture, and beside it what a transformer made of it.

Left of a pair stands the input, right the transformed architecture, on one and
the same layout, so that what differs is what changed. A normal and a reduction
cell have a row each. The blocks of a hand-made network fill a grid, row by row;
those that follow one another and are equal on both sides are drawn once.
Changed edges differ by colour, by dashes, by weight and by a bold framed name,
so that they also stand out without colour. On request every edge says what it
costs in a network. Uses matplotlib's objects, never
pyplot: nothing global is touched.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
import dataclasses
import functools
import io
import itertools
import math
import os
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch
from matplotlib.patches import Patch
from matplotlib.patches import PathPatch
from matplotlib.patches import Polygon
from matplotlib.path import Path
import matplotlib.style
from matplotlib.textpath import TextPath
from matplotlib.transforms import Affine2D

from nat_tf import atomic_file
from nat_tf import drawing_layout
from nat_tf import input_error
from nat_tf import text_table
from nat_tf.architecture import Architecture
from nat_tf.architecture import ArchitectureError
from nat_tf.architecture import Cell
from nat_tf.drawing_layout import Box
from nat_tf.drawing_layout import Layout
from nat_tf.drawing_layout import Link
from nat_tf.printable import printable

SUFFIXES = ('.png', '.svg')

# A figure of more could no longer be read, or even be made.
MAX_EDGES = 64

# Inches.
_MARGIN = 0.3
_MIN_WIDTH = 8.5
_TITLE_HEIGHT = 0.45
_HEADING_HEIGHT = 0.45
_HEADING_Y = -0.25
_COLUMN_GAP = 0.6
_PAIR_GAP = 0.5
_ROW_GAP = 0.45
_LEGEND_HEIGHT = 0.4
_ARROW_LENGTH = 0.11
_ARROW_HEIGHT = 0.1
_LABEL_PADDING = 0.035

_POINTS_PER_INCH = 72
_DOTS_PER_INCH = 130
_MAX_PIXELS = 5_000
_LABEL_SIZE = 10
_HEADING_SIZE = 13
_NOTE_SIZE = 11
# Letters of what a side is called.
_LONGEST_SIDE = 24

# Of a grid, width to height.
_ASPECT = 1.4

# What the numbers on edges are.
_COSTS = (
  'on edges: parameters, multiply-adds of the final network, in all cells of '
  'the kind together'
)

_CENTRED: dict[str, Any] = {'ha': 'center', 'va': 'center'}

# Vermilion and grey can be told apart with every kind of colour blindness
# (Okabe and Ito, 2008).
CHANGED = '#d55e00'
PALE = '#ffe8d9'
INK = '#333333'
# Of vertices, and of boxes of a network: inside, at its ends, where it shrinks.
INNER, OUTER, REDUCES = '#dcebf7', '#eeeeee', '#b9d3e8'
# Of edges that carry null, and of their names; of edges into the output.
FAINT, NULL_INK, CONCAT_INK = '#a3a3a3', '#808080', '#7f9fb8'

# What matplotlib is set to while it draws and saves.
STYLE = (
  'default',
  {
    'font.family': 'DejaVu Sans',
    'mathtext.fontset': 'dejavusans',
    # Equal input, equal bytes.
    'svg.hashsalt': 'nat_tf',
  },
)


# By cell, for every edge: parameters and multiply-adds.
EdgeCosts = Mapping[str, Sequence[tuple[int, int]]]


class DrawingError(input_error.InputError):
  """A drawing cannot be made in the form that was asked for."""


@dataclasses.dataclass(frozen=True)
class _Look:
  """How an edge of one kind is drawn."""

  name: str
  color: str
  width: float
  dashes: str | tuple
  ink: str = 'black'
  fill: str = 'white'
  bold: bool = False


_DOTTED = (0, (1, 2))
DASHED = (0, (4, 1.3))
# By: is the operation null, was it changed.
_LOOKS = {
  (False, False): _Look('operation', INK, 1.2, 'solid'),
  (False, True): _Look('changed', CHANGED, 2.2, DASHED, fill=PALE, bold=True),
  (True, False): _Look(
    'null: no connection', FAINT, 1.2, _DOTTED, ink=NULL_INK
  ),
  (True, True): _Look(
    'null, changed', CHANGED, 2.2, _DOTTED, fill=PALE, bold=True
  ),
}
_CONCAT = _Look('concatenated to the output', CONCAT_INK, 1.0, 'solid')


@dataclasses.dataclass(frozen=True)
class Sides:
  """What the two sides of a drawing are called.

  Attributes:
    left: the first architecture.
    right: the second one.
    other: what an edge is that is not the same on both.
  """

  left: str = 'input'
  right: str = 'transformed'
  other: str = 'changed'


_TRANSFORMATION = Sides()


def draw(
  path: str | os.PathLike[str],
  source: Architecture,
  transformed: Architecture | None = None,
  title: str = '',
  costs: Sequence[EdgeCosts] = (),
) -> None:
  """Draws an architecture, or two side by side, to a file.

  Args:
    path: ends in `.png` or `.svg`; written wholly or not at all.
    source: the architecture, or the input of a transformation.
    transformed: what became of it, on the same graph.
    title: stands over the drawing.
    costs: what stands on the edges, for each architecture; empty for nothing.

  Raises:
    ArchitectureError: the graphs differ in more than operations, or a cell has
      more than `MAX_EDGES` edges.
    DrawingError: the path ends in something else.
    OSError: the file cannot be written.
  """
  suffix = os.path.splitext(os.fspath(path))[1].lower()
  if suffix not in SUFFIXES:
    raise DrawingError(
      f'cannot draw to {os.fspath(path)}: its suffix must be '
      f'{" or ".join(SUFFIXES)}'
    )
  with matplotlib.style.context(STYLE):
    _save(figure(source, transformed, title, costs), path, suffix)


def draw_all(
  path: str | os.PathLike[str],
  source: Architecture,
  transformed: Architecture | None = None,
  title: str = '',
  costs: Sequence[EdgeCosts] = (),
) -> None:
  """Draws to a file of every form, named by `SUFFIXES`; see `draw`.

  Args:
    path: of the files, without suffix.
    source: the architecture, or the input of a transformation.
    transformed: what became of it, on the same graph.
    title: stands over the drawing.
    costs: what stands on the edges, for each architecture; empty for nothing.

  Raises:
    ArchitectureError: see `draw`.
    OSError: a file cannot be written.
  """
  with matplotlib.style.context(STYLE):
    save_all(figure(source, transformed, title, costs), path)


def save_all(drawn: Figure, path: str | os.PathLike[str]) -> None:
  """Saves a figure in every form: equal figures, equal bytes.

  Args:
    drawn: the figure.
    path: of the files, without suffix; each written wholly or not at all.

  Raises:
    OSError: a file cannot be written.
  """
  with matplotlib.style.context(STYLE):
    for suffix in SUFFIXES:
      _save(drawn, f'{os.fspath(path)}{suffix}', suffix)


def png(
  source: Architecture,
  transformed: Architecture | None = None,
  title: str = '',
  dots: int = _DOTS_PER_INCH,
) -> bytes:
  """Returns a drawing as a PNG file; see `draw`.

  Args:
    source: the architecture, or the input of a transformation.
    transformed: what became of it, on the same graph.
    title: stands over the drawing.
    dots: an inch, fewer where the drawing is large.

  Raises:
    ArchitectureError: see `draw`.
  """
  file = io.BytesIO()
  with matplotlib.style.context(STYLE):
    drawn = figure(source, transformed, title)
    most = _MAX_PIXELS * dots / _DOTS_PER_INCH
    dpi = min(dots, most / max(drawn.get_size_inches()))
    drawn.savefig(file, dpi=dpi, metadata={'Software': None})
  return file.getvalue()


def _save(drawn: Figure, path: str | os.PathLike[str], suffix: str):
  dots = min(_DOTS_PER_INCH, _MAX_PIXELS / max(drawn.get_size_inches()))
  # No date and no version: equal input, equal bytes.
  metadata = {'.png': {'Software': None}, '.svg': {'Date': None}}[suffix]
  with atomic_file.replacing(path) as temporary:
    drawn.savefig(temporary, dpi=dots, metadata=metadata)


def figure(
  source: Architecture,
  transformed: Architecture | None = None,
  title: str = '',
  costs: Sequence[EdgeCosts] = (),
  sides: Sides = _TRANSFORMATION,
) -> Figure:
  """Draws to a matplotlib figure; see `draw`.

  Args:
    source: the architecture on the left.
    transformed: the one on the right.
    title: stands over the drawing.
    costs: what stands on the edges, for each architecture; empty for nothing.
    sides: what to call the two.

  Raises:
    ArchitectureError: see `draw`.
  """
  _check_size(source)
  both = [source] if transformed is None else [source, transformed]
  pairs = _pairs(both, costs, sides)
  panels = _panels(pairs, _top(title))
  looks = [
    dataclasses.replace(look, name=look.name.replace('changed', sides.other))
    for look in _looks(panels)
  ]
  return _sheet(panels, title, _COSTS if costs else '', looks)


def step(
  source: Architecture,
  transformed: Architecture,
  done: Collection[tuple[str, int]],
  now: Collection[tuple[str, int]] = (),
  title: str = '',
  note: str = '',
) -> Figure:
  """Draws a transformation on its way: one architecture, cells side by side.

  Whatever is done, the figure is as large and its parts stand where they stood.

  Args:
    source: the input.
    transformed: what becomes of it, on the same graph.
    done: cell and position of edges that have changed already.
    now: of those that are marked although they have not.
    title: stands over the drawing.
    note: stands below it.

  Raises:
    ArchitectureError: see `draw`.
  """
  _check_size(source)
  # Laid out for both, so that every name has its room.
  pairs = []
  for pair in _pairs([source, transformed]):
    over = frozenset(i for name, i in done if name == pair.names[0])
    marked = over | {i for name, i in now if name == pair.names[0]}
    before, after = pair.labels
    labels = [
      after[i] if i in over else label for i, label in enumerate(before)
    ]
    cell = pair.cells[0].with_operations(labels)
    pairs.append(
      dataclasses.replace(pair, cells=[cell], labels=[labels], changed=marked)
    )
  panels = _panels(pairs, _top(title), len(pairs) <= 2)
  changed = [_LOOKS[null, True] for null in (False, True)]
  return _sheet(panels, title, note or ' ', [_LOOKS[False, False], *changed])


def _top(title: str) -> float:
  return _MARGIN + (_TITLE_HEIGHT if title else 0)


def _sheet(
  panels: list[_Panel],
  title: str,
  note: str,
  looks: list[_Look],
) -> Figure:
  """Returns a figure with all panels, and what explains them.

  Args:
    panels: the cells.
    title: stands over them.
    note: stands below them.
    looks: of edges that the legend explains.
  """
  right = max(
    panel.x + max(panel.layout.width, _heading_width(panel.heading))
    for panel in panels
  )
  width = max(right + _MARGIN, _MIN_WIDTH)
  bottom = max(panel.y + panel.layout.height for panel in panels)
  height = bottom + _LEGEND_HEIGHT + _MARGIN + (_MARGIN if note else 0)
  sheet = Figure(figsize=(width, height))
  axes = sheet.add_axes((0, 0, 1, 1))
  axes.set(xlim=(0, width), ylim=(height, 0))
  axes.set_axis_off()
  # A title may hold a path, whose dollars are no formula.
  plain = {'parse_math': False, **_CENTRED}
  if title:
    text = printable(title)
    axes.text(width / 2, _MARGIN, text, size=16, weight='bold', **plain)
  for panel in panels:
    _Painter(axes, panel).paint()
  _paint_legend(axes, looks, _MARGIN / height if note else 0)
  if note:
    axes.text(width / 2, height - _MARGIN / 2, note, size=_NOTE_SIZE, **plain)
  return sheet


@dataclasses.dataclass(frozen=True)
class _Panel:
  """One cell on the sheet.

  Attributes:
    heading: stands over it.
    cell: what is drawn.
    labels: of its edges.
    changed: positions of the edges that the transformation changed.
    layout: where its parts go, from its upper left corner.
    x: of that corner on the sheet, in inches.
    y: of that corner on the sheet, in inches, downwards.
  """

  heading: str
  cell: Cell
  labels: list[str]
  changed: frozenset[int]
  layout: Layout
  x: float
  y: float


def _panels(
  pairs: list[_Pair], top: float, across_only: bool = False
) -> list[_Panel]:
  """Puts all cells on the sheet; input and transformed share a layout.

  Args:
    pairs: the cells.
    top: where the sheet is free from, in inches.
    across_only: whether all stand in one row.
  """
  both = len(pairs[0].cells)
  width = max(pair.width for pair in pairs) + _COLUMN_GAP
  across = both * width + (_PAIR_GAP if both > 1 else 0)
  panels = []
  for row in [pairs] if across_only else _rows(pairs, across):
    top += _HEADING_HEIGHT
    for column, pair in enumerate(row):
      for number, (cell, labels, heading) in enumerate(
        zip(pair.cells, pair.labels, pair.headings)
      ):
        x = _MARGIN + column * across + number * width
        panels.append(
          _Panel(heading, cell, labels, pair.changed, pair.layout, x, top)
        )
    top += max(pair.layout.height for pair in row) + _ROW_GAP
  return panels


def _pairs(
  both: list[Architecture],
  costs: Sequence[EdgeCosts] = (),
  sides: Sides = _TRANSFORMATION,
) -> list[_Pair]:
  """Lays every cell out that is drawn."""
  changes = both[0].changed_edges(both[-1])
  pairs = []
  for names in groups(both):
    labels = [
      _labels(one, own, names)
      for one, own in itertools.zip_longest(both, costs)
    ]
    layout = drawing_layout.layout(
      both[0][names[0]], _label_widths(labels), 2 if costs else 1
    )
    changed = frozenset(index for name, index in changes if name == names[0])
    cells = [architecture[names[0]] for architecture in both]
    pairs.append(_Pair(names, cells, labels, changed, layout, sides))
  return pairs


def _labels(
  architecture: Architecture,
  costs: EdgeCosts | None,
  names: list[str],
) -> list[str]:
  """Returns what stands on the edges of cells that are drawn once."""
  operations = [edge.operation for edge in architecture[names[0]].edges]
  if costs is None:
    return operations
  totals = [
    tuple(map(sum, zip(*edges)))
    for edges in zip(*(costs[name] for name in names))
  ]
  return [
    name if name == 'null' else f'{name}\n{_shown(own)}'
    for name, own in zip(operations, totals)
  ]


def _shown(own: Sequence[int]) -> str:
  return ', '.join(map(text_table.short, own)) if any(own) else '0'


def groups(both: list[Architecture]) -> list[list[str]]:
  """Returns the names of cells, those together that are drawn once.

  Args:
    both: an architecture, and what became of it if there is more than one.
  """
  result: list[list[str]] = []
  # A pair of cells stays one: which is which is what one wants to see.
  several = len(both[0].cells) > 2
  for name, _ in both[0].cells:
    if several and result and all(a[result[-1][0]] == a[name] for a in both):
      result[-1].append(name)
    else:
      result.append([name])
  return result


@dataclasses.dataclass(frozen=True)
class _Pair:
  """A cell, as it was and as it is where it was transformed.

  Attributes:
    names: of the cells that it stands for.
    cells: the input, and what became of it.
    labels: of their edges.
    changed: positions of the edges that the transformation changed.
    layout: of both.
    sides: what to call them.
  """

  names: list[str]
  cells: list[Cell]
  labels: list[list[str]]
  changed: frozenset[int]
  layout: Layout
  sides: Sides

  @property
  def headings(self) -> list[str]:
    """What stands over each of the cells."""
    first, last = self.names[0], self.names[-1]
    one = f'{first} cell'
    if len(self.names) > 1:
      one = f'{first} to {last}, {len(self.names)} \N{MULTIPLICATION SIGN}'
    if len(self.cells) < 2:
      return [one]
    count = f'{len(self.changed)} of {len(self.layout.edges)}'
    left, right = map(_fitting, (self.sides.left, self.sides.right))
    return [f'{one}, {left}', f'{one}, {right}: {count} {self.sides.other}']

  @property
  def width(self) -> float:
    """Inches that each of the cells takes."""
    return max(self.layout.width, *map(_heading_width, self.headings), 0)


def _fitting(name: str) -> str:
  """Returns a name in one line; of a long path the end says most."""
  text = printable(name).replace('\n', ' ')
  if len(text) <= _LONGEST_SIDE:
    return text
  return f'\N{HORIZONTAL ELLIPSIS}{text[1 - _LONGEST_SIDE :]}'


def _rows(pairs: list[_Pair], across: float) -> list[list[_Pair]]:
  """Returns pairs in rows: up to two stand one below the other, more in a grid.

  Args:
    pairs: in their order.
    across: inches from a pair to the one to its right.
  """

  def rows(columns: int) -> list[list[_Pair]]:
    return [pairs[i : i + columns] for i in range(0, len(pairs), columns)]

  def misfit(columns: int) -> float:
    height = sum(
      _HEADING_HEIGHT + max(pair.layout.height for pair in row) + _ROW_GAP
      for row in rows(columns)
    )
    return abs(math.log(columns * across / height / _ASPECT))

  if len(pairs) <= 2:
    return rows(1)
  return rows(min(range(1, len(pairs) + 1), key=misfit))


class _Painter:
  """Paints one panel."""

  def __init__(self, axes: Axes, panel: _Panel):
    self._axes = axes
    self._panel = panel
    # From inches of the panel to the sheet's.
    move = Affine2D().translate(panel.x, panel.y)
    self._transform = move + axes.transData

  def paint(self) -> None:
    panel = self._panel
    style = {'size': _HEADING_SIZE, 'weight': 'bold', 'va': 'center'}
    # It may hold a path, as a title may.
    self._text(0, _HEADING_Y, panel.heading, parse_math=False, **style)
    for link in panel.layout.concat:
      self._paint_line(link, _CONCAT)
    # Changed edges last: they lie over the others.
    order = sorted(range(len(panel.cell.edges)), key=panel.changed.__contains__)
    for index in order:
      edge, link = panel.cell.edges[index], panel.layout.edges[index]
      look = _LOOKS[edge.operation == 'null', index in panel.changed]
      self._paint_line(link, look)
      if link.label is not None:
        self._paint_label(link.label, panel.labels[index], look)
    for vertex, box in enumerate(panel.layout.vertices):
      self._paint_vertex(vertex, box)

  def _paint_line(self, link: Link, look: _Look) -> None:
    points, codes = [link.points[0]], [Path.MOVETO]
    for start, end in zip(link.points[::2], link.points[1::2]):
      points.append(start)
      codes.append(Path.LINETO)
      middle = (start[0] + end[0]) / 2
      points += [(middle, start[1]), (middle, end[1]), end]
      codes += [Path.CURVE4] * 3
    x, y = link.tip
    # The line ends inside its arrow's head, not at the tip, which is sharp.
    points.append((x - _ARROW_LENGTH / 2, y))
    codes.append(Path.LINETO)
    self._patch(
      PathPatch(
        Path(points, codes),
        facecolor='none',
        edgecolor=look.color,
        linewidth=look.width,
        linestyle=look.dashes,
        capstyle='butt',
        zorder=2 if look.width > 2 else 1,
      )
    )
    self._paint_head(x, y, look)

  def _paint_head(self, x: float, y: float, look: _Look) -> None:
    back, half = x - _ARROW_LENGTH, _ARROW_HEIGHT / 2
    head = [(x, y), (back, y - half), (back, y + half)]
    self._patch(Polygon(head, facecolor=look.color, linewidth=0, zorder=3))

  def _paint_label(self, box: Box, text: str, look: _Look) -> None:
    padding = _LABEL_PADDING * _POINTS_PER_INCH / _LABEL_SIZE
    self._text(
      box.x,
      box.y,
      text,
      zorder=4,
      linespacing=1.25,
      color=look.ink,
      fontproperties=_font(look.bold),
      bbox={
        'facecolor': look.fill,
        'edgecolor': look.color,
        'linewidth': 1.2 if look.bold else 0.4,
        'boxstyle': f'square,pad={padding}',
      },
      **_CENTRED,
    )

  def _paint_vertex(self, vertex: int, box: Box) -> None:
    inputs, output = self._panel.cell.inputs, self._panel.cell.vertices
    inner = inputs <= vertex < output
    corner = (box.x - box.width / 2, box.y - box.height / 2)
    self._patch(
      FancyBboxPatch(
        corner,
        box.width,
        box.height,
        boxstyle='round,pad=0,rounding_size=0.09',
        facecolor=INNER if inner else OUTER,
        edgecolor=INK,
        linewidth=1,
        zorder=5,
      )
    )
    text = str(vertex) if inner else _outer_name(vertex, inputs, output)
    size = 12 if inner else 11
    self._text(box.x, box.y, text, size=size, zorder=6, **_CENTRED)

  def _patch(self, patch: Patch) -> None:
    patch.set_transform(self._transform)
    # `add_patch` would look how far it reaches, for limits that are given; that
    # takes longer than all the rest.
    self._axes.add_artist(patch)

  def _text(self, x: float, y: float, text: str, **kwargs: Any) -> None:
    self._axes.text(x, y, text, transform=self._transform, **kwargs)


def _looks(panels: list[_Panel]) -> list[_Look]:
  """Returns the looks of edges that occur."""
  shown = {
    (edge.operation == 'null', index in panel.changed)
    for panel in panels
    for index, edge in enumerate(panel.cell.edges)
  }
  return [look for key, look in _LOOKS.items() if key in shown]


def _paint_legend(axes: Axes, looks: list[_Look], rise: float) -> None:
  """Explains looks.

  Args:
    axes: of the sheet.
    looks: of edges.
    rise: how far above the lower border, as a share of the sheet's height.
  """
  looks = [*looks, _CONCAT]
  axes.legend(
    handles=[
      Line2D([], [], color=look.color, lw=look.width, ls=look.dashes)
      for look in looks
    ],
    labels=[look.name for look in looks],
    loc='lower center',
    bbox_to_anchor=(0.5, rise),
    ncol=len(looks),
    frameon=False,
    fontsize=11,
    handlelength=3.5,
  )


def _outer_name(vertex: int, inputs: int, output: int) -> str:
  """An input's name counts back from the cell: c_{k-1} is the one before."""
  return '$c_k$' if vertex == output else f'$c_{{k-{inputs - vertex}}}$'


def _label_widths(labels: list[list[str]]) -> list[float]:
  """Room for the longest line that an edge bears in any of the cells."""
  return [
    max(_text_width(line) for text in edge for line in text.split('\n'))
    + 4 * _LABEL_PADDING
    for edge in zip(*labels)
  ]


@functools.cache
def _text_width(text: str) -> float:
  # All letters of this font are equally wide, bold or not.
  path = TextPath((0, 0), text, size=_LABEL_SIZE, prop=_font(True))
  return path.get_extents().width / _POINTS_PER_INCH


@functools.cache
def _heading_width(text: str) -> float:
  font = FontProperties(family='DejaVu Sans', weight='bold')
  path = TextPath((0, 0), text, size=_HEADING_SIZE, prop=font)
  return path.get_extents().width / _POINTS_PER_INCH


def _font(bold: bool) -> FontProperties:
  weight = 'bold' if bold else 'normal'
  return FontProperties(
    family='DejaVu Sans Mono', weight=weight, size=_LABEL_SIZE
  )


def _check_size(architecture: Architecture) -> None:
  for name, cell in architecture.cells:
    if len(cell.edges) > MAX_EDGES or cell.inputs > MAX_EDGES:
      raise ArchitectureError(
        f'{name} cell: {len(cell.edges)} edges and {cell.inputs} inputs are '
        f'too many to draw; at most {MAX_EDGES}'
      )
