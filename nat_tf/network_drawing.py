"""Draws a whole network: how cells follow one another, and what flows between.

From the image to the classes, row by row; between two rows the arrow turns back
to the left, where the next one begins. Equal cells that follow one another
are one box that says how many they are; an arrow carries height, width and
channels of what goes from one box to the next. Where a transformation changed a
cell, its boxes differ by colour, by dashes and by a bold count, as in
`drawing`, whose colours these are. Boxes say what they cost in the input, and
what they cost now, where that differs: both networks have the same boxes and
the same maps between them.
"""

from __future__ import annotations

from collections.abc import Iterator
import dataclasses
import itertools
import os
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch
from matplotlib.patches import FancyBboxPatch
from matplotlib.patches import Patch
from matplotlib.path import Path
import matplotlib.style

from nat_tf import cost
from nat_tf import drawing
from nat_tf import layout
from nat_tf import text_table
from nat_tf.architecture import Architecture
from nat_tf.cost import Cost
from nat_tf.layout import CellPlace
from nat_tf.layout import NetworkConfig
from nat_tf.printable import printable

# Boxes in a row: what still is readable where a page is 10 inches wide.
_COLUMNS = 6

# Inches.
_MARGIN = 0.3
_BOX_WIDTH, _BOX_HEIGHT = 1.5, 0.78
# With two lines of costs.
_TALL_HEIGHT = 0.98
_GAP = 0.95
# Beside the rows, for the arrow from one to the next.
_LANE = 0.3
_ROW_GAP = 0.47
_LEGEND_HEIGHT = 0.32
_TITLE_HEIGHT = 0.45
_NAME_SIZE, _TEXT_SIZE, _SHAPE_SIZE = 10, 9, 8
_LONGEST_NAME = 16

_ON_ARROWS = 'on arrows: height, width, channels'
_NOTE = f'in boxes: parameters, multiply-adds; {_ON_ARROWS}'
_NOTE_OF_BOTH = (
  'in boxes: parameters, multiply-adds, of the input \N{RIGHTWARDS ARROW} '
  f'transformed where they differ; {_ON_ARROWS}'
)


@dataclasses.dataclass(frozen=True)
class Box:
  """A part of the network, or several equal ones that follow one another.

  Attributes:
    name: what stands there.
    count: how many.
    cost: of all of them together.
    shape: height, width and channels of what comes out; None behind the head.
    reduces: whether height and width are fewer behind it.
    changed: how many edges of one of them a transformation changed.
    plain: whether it is no cell: image, stem, head.
    before: what they cost in the input of the transformation; None for as much.
  """

  name: str
  count: int
  cost: Cost
  shape: tuple[int, int, int] | None
  reduces: bool = False
  changed: int = 0
  plain: bool = False
  before: Cost | None = None


def boxes(
  config: NetworkConfig,
  source: Architecture,
  transformed: Architecture | None = None,
) -> list[Box]:
  """Returns the parts of a network, from the image to the head.

  Args:
    config: its size.
    source: what it is made of, or was before a transformation.
    transformed: what became of that; the network is drawn of it.
  """
  architecture = source if transformed is None else transformed
  changed = [name for name, _ in source.changed_edges(architecture)]
  before = [own for _, own in cost.parts(source, config)]
  after = [own for _, own in cost.parts(architecture, config)]
  last = layout.stem(config)[-1][1]
  height, width = config.image_size
  result = [
    Box(
      'image',
      1,
      Cost(0, 0),
      (height, width, config.image_channels),
      plain=True,
    ),
    Box(
      'stem',
      1,
      after[0],
      (*last.output_size, last.outputs),
      plain=True,
      before=_unlike(before[0], after[0]),
    ),
  ]
  cells = list(zip(layout.places(config), before[1:-1], after[1:-1]))
  for _, run in itertools.groupby(
    cells, lambda cell: _looks(cell[0], source, architecture, config)
  ):
    result.append(_box(list(run), architecture, config, changed))
  unlike = _unlike(before[-1], after[-1])
  result.append(Box('head', 1, after[-1], None, plain=True, before=unlike))
  return result


def _unlike(before: Cost, after: Cost) -> Cost | None:
  return None if before == after else before


def _looks(
  place: CellPlace,
  source: Architecture,
  transformed: Architecture,
  config: NetworkConfig,
) -> tuple:
  """What is equal where cells are drawn as one box."""
  return (
    config.cell(place, source),
    config.cell(place, transformed),
    place.stride,
    place.output_size,
    place.channels,
  )


def _box(
  run: list[tuple[CellPlace, Cost, Cost]],
  architecture: Architecture,
  config: NetworkConfig,
  changed: list[str],
) -> Box:
  """Returns the box of equal cells that follow one another."""
  first, last = run[0][0], run[-1][0]
  cell = config.cell(first, architecture)
  before = cost.sum_of(own for _, own, _ in run)
  after = cost.sum_of(own for _, _, own in run)
  return Box(
    _name(first.kind, last.kind, len(run)),
    len(run),
    after,
    (*last.output_size, len(cell.concat) * last.channels),
    reduces=first.output_size != first.input_size or bool(first.pool),
    changed=changed.count(first.kind),
    before=_unlike(before, after),
  )


def _name(first: str, last: str, count: int) -> str:
  """Returns what to call equal cells: normal × 6, stage2_block1-3."""
  if count == 1:
    return first
  if first == last:
    return f'{first} \N{MULTIPLICATION SIGN} {count}'
  start = len(os.path.commonprefix([first, last]))
  return f'{first}\N{EN DASH}{last[start:]}'


def draw_all(
  path: str | os.PathLike[str],
  config: NetworkConfig,
  source: Architecture,
  transformed: Architecture | None = None,
  title: str = '',
) -> None:
  """Draws to a file of every form, named by `drawing.SUFFIXES`.

  Args:
    path: of the files, without suffix; each written wholly or not at all.
    config: the network's size.
    source: what it is made of, or was before a transformation.
    transformed: what became of that; the network is drawn of it.
    title: stands over the drawing.

  Raises:
    OSError: a file cannot be written.
  """
  drawing.save_all(figure(config, source, transformed, title), path)


def figure(
  config: NetworkConfig,
  source: Architecture,
  transformed: Architecture | None = None,
  title: str = '',
) -> Figure:
  """Draws to a matplotlib figure; see `draw_all`."""
  parts = boxes(config, source, transformed)
  rows = -(-len(parts) // _COLUMNS)
  # No row is nearly empty.
  columns = -(-len(parts) // rows)
  pitch = _BOX_WIDTH + _GAP
  both = any(part.changed or part.before for part in parts)
  tall = _TALL_HEIGHT if both else _BOX_HEIGHT
  left = _MARGIN + (_LANE if rows > 1 else 0)
  width = left + _MARGIN + columns * pitch
  top = _MARGIN + (_TITLE_HEIGHT if title else 0)
  height = top + rows * (tall + _ROW_GAP) + _MARGIN / 3
  height += _LEGEND_HEIGHT if both else 0
  with matplotlib.style.context(drawing.STYLE):
    sheet = Figure(figsize=(width, height))
    axes = sheet.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    if title:
      place = (width / 2, _MARGIN)
      style: dict[str, Any] = {'size': 14, 'weight': 'bold', 'va': 'center'}
      text = printable(title)
      axes.text(*place, text, ha='center', parse_math=False, **style)
    note = _NOTE_OF_BOTH if both else _NOTE
    axes.text(width / 2, height - _MARGIN, note, size=_TEXT_SIZE, ha='center')
    if both:
      _paint_legend(axes, parts, (_MARGIN + _LEGEND_HEIGHT) / height)
    for number, part in enumerate(parts):
      row, column = divmod(number, columns)
      turns = column == columns - 1 and number < len(parts) - 1
      place = (left + column * pitch, top + row * (tall + _ROW_GAP))
      _paint(axes, part, *place, tall, back_to=left if turns else None)
  return sheet


def _paint_legend(axes: Axes, parts: list[Box], rise: float):
  """Explains the looks of cells that occur.

  Args:
    axes: of the sheet.
    parts: what is drawn.
    rise: how far above the lower border, as a share of the sheet's height.
  """
  changed = Patch(
    facecolor=drawing.PALE,
    edgecolor=drawing.CHANGED,
    linewidth=2.2,
    linestyle=drawing.DASHED,
  )
  same = Patch(facecolor=drawing.INNER, edgecolor=drawing.INK, linewidth=1)
  looks = {'cells with changed edges': changed}
  if not all(part.changed or part.plain for part in parts):
    looks['cells that are as they were'] = same
  axes.legend(
    handles=list(looks.values()),
    labels=list(looks),
    loc='center',
    bbox_to_anchor=(0.5, rise),
    ncols=2,
    frameon=False,
    fontsize=_TEXT_SIZE,
    handlelength=3.5,
    handleheight=1.2,
  )


def _paint(
  axes: Axes,
  part: Box,
  x: float,
  y: float,
  tall: float,
  back_to: float | None = None,
):
  """Paints a box, and the arrow to what comes next.

  Args:
    axes: of the sheet, in inches.
    part: what to paint.
    x: of the box's upper left corner.
    y: of that corner, downwards.
    tall: how tall all boxes are.
    back_to: where the next row begins; None where it is not the next to come.
  """
  color = drawing.CHANGED if part.changed else drawing.INK
  axes.add_artist(
    FancyBboxPatch(
      (x, y),
      _BOX_WIDTH,
      tall,
      boxstyle='round,pad=0,rounding_size=0.09',
      facecolor=_fill(part),
      edgecolor=color,
      linewidth=2.2 if part.changed else 1,
      linestyle=drawing.DASHED if part.changed else 'solid',
    )
  )
  lines = [(_fitting(part.name), _NAME_SIZE, 'bold')]
  lines += [(text, _TEXT_SIZE, weight) for text, weight in _texts(part)]
  for number, (text, size, weight) in enumerate(lines):
    axes.text(
      x + _BOX_WIDTH / 2,
      y + tall * (number + 1) / (len(lines) + 1),
      text,
      size=size,
      weight=weight,
      ha='center',
      va='center',
      parse_math=False,
    )
  middle = y + tall / 2
  _paint_arrow(axes, part, x + _BOX_WIDTH, middle, tall + _ROW_GAP, back_to)


def _texts(part: Box) -> Iterator[tuple[str, str]]:
  """Yields what a box says below its name, and how bold."""
  if part.changed:
    edges = 'edge' if part.changed == 1 else 'edges'
    yield f'{part.changed} {edges} changed', 'bold'
  elif part.reduces:
    yield 'halves the size', 'normal'
  if part.before:
    for before, after in zip(part.before, part.cost):
      yield difference(before, after), 'normal'
  elif any(part.cost):
    yield ', '.join(map(text_table.short, part.cost)), 'normal'


def difference(before: int, after: int) -> str:
  """Returns what a cost was and is: `651 k → 604 k`.

  Args:
    before: parameters or multiply-adds.
    after: the same; where it is nearly as much, its change is told in percent.
  """
  short = text_table.short(after)
  if before == after:
    return short
  if text_table.short(before) == short:
    return f'{short} ({100 * (after / before - 1):+.2g} %)'
  return f'{text_table.short(before)} \N{RIGHTWARDS ARROW} {short}'


def _paint_arrow(
  axes: Axes,
  part: Box,
  x: float,
  y: float,
  pitch: float,
  back_to: float | None,
):
  """Paints the arrow from (x, y), with what flows along it.

  Args:
    axes: of the sheet, in inches.
    part: from which it comes.
    x: of its beginning.
    y: of that, downwards.
    pitch: from one row to the next.
    back_to: where the next row begins; None for straight to the right.
  """
  way = [(x, y), (x + _GAP, y)]
  if back_to is not None:
    # Half way between the boxes of two rows.
    turn, end, lane = y + pitch / 2, y + pitch, back_to - _LANE
    way += [(x + _GAP, turn), (lane, turn), (lane, end), (back_to, end)]
  axes.add_artist(
    FancyArrowPatch(
      path=Path(way),
      arrowstyle='-|>',
      mutation_scale=11,
      shrinkA=0,
      shrinkB=0,
      color=drawing.INK,
      linewidth=1.2,
      joinstyle='round',
    )
  )
  text = 'classes'
  if part.shape:
    text = '\N{MULTIPLICATION SIGN}'.join(map(str, part.shape))
  place = x + _GAP / 2 - 0.05
  axes.text(place, y - 0.06, text, size=_SHAPE_SIZE, ha='center', va='bottom')


def _fill(part: Box) -> str:
  if part.changed:
    return drawing.PALE
  if part.plain:
    return drawing.OUTER
  return drawing.REDUCES if part.reduces else drawing.INNER


def _fitting(name: str) -> str:
  if len(name) <= _LONGEST_NAME:
    return name
  return f'{name[: _LONGEST_NAME - 1]}\N{HORIZONTAL ELLIPSIS}'
