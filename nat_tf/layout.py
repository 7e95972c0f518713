"""How cells are put together to a network: sizes and channels, no weights.

The super network, final networks and the analytic cost all follow this plan.
No TensorFlow here.
"""

from __future__ import annotations

from collections.abc import Sequence
import dataclasses
import enum
import math

from nat_tf.architecture import NORMAL
from nat_tf.architecture import REDUCTION
from nat_tf.architecture import Architecture
from nat_tf.architecture import ArchitectureError
from nat_tf.architecture import Cell

# Height and width in pixels.
Size = tuple[int, int]


class Shortcut(enum.Enum):
  """What a skip is that halves the size.

  Only a padded one may change the channels without that.

  Attributes:
    FACTORIZED: ReLU, factorised reduction and batch norm (method, section 3).
    PADDED: leaves pixels out and fills channels with zeros, for no cost (He et
      al., CVPR 2016, option A).
    POOLED: the mean of 2x2 pixels and a 1x1 convolution, without batch norm
      (Dong and Yang, NAS-Bench-201, ICLR 2020).
  """

  FACTORIZED = 'factorized'
  PADDED = 'padded'
  POOLED = 'pooled'


@dataclasses.dataclass(frozen=True)
class Convolution:
  """A convolution of stem or head, with batch norm.

  Attributes:
    channels: of its output.
    kernel: side of its window.
    stride: of its window.
  """

  channels: int
  kernel: int
  stride: int = 1


@dataclasses.dataclass(frozen=True)
class Pool:
  """A maximum over a window.

  Attributes:
    kernel: side of the window.
    stride: of the window.
  """

  kernel: int
  stride: int


@dataclasses.dataclass(frozen=True)
class Head:
  """What stands between the last cell and the classes.

  Attributes:
    norm: whether batch norm comes first.
    activates: whether a ReLU comes next.
    convolution: a 1x1 convolution with batch norm and ReLU that comes next.
    pool: a maximum that comes next.
    flattens: whether every position counts by itself; else their mean does.
    hidden: widths of dense layers with ReLU before the last.
  """

  norm: bool = False
  activates: bool = False
  convolution: Convolution | None = None
  pool: Pool | None = None
  flattens: bool = False
  hidden: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True)
class Block:
  """One place of a hand-made network.

  Attributes:
    name: of the architecture's cell that stands there.
    widths: channels of every computed vertex, the last one the output.
    stride: of the block.
    strided: the first vertex that has the output's size (edges that come from
      before it are strided).
    pool: a maximum that comes before the cell.
  """

  name: str
  widths: tuple[int, ...]
  stride: int = 1
  strided: int = 1
  pool: Pool | None = None


@dataclasses.dataclass(frozen=True)
class Skeleton:
  """What stands around the cells, the same for all architectures of a space.

  Attributes:
    name: what an architecture calls its network.
    cell_inputs: input vertices of a cell: outputs of that many cells before.
    stem: the convolutions of the stem, of a network of `base` channels; a ReLU
      stands between them.
    stem_outputs: which of them the first cell reads, as many as inputs.
    head: what follows the last cell; its widths are those of `base`.
    prepares: whether every cell brings its inputs to its own channels, by
      convolution and batch norm. Else it takes them as they are.
    activates: whether a ReLU stands behind every cell but the last.
    activates_stem: whether one stands behind the stem.
    reduction: what stands at the reductions, where edges from the input double
      the channels; None for the architecture's own reduction cell.
    blocks: the places of a hand-made network, one after the other; none where a
      cell is repeated.
    base: channels that the widths of stem, head and blocks are meant for.
    cells: usual number of cells, where one is repeated.
    channels: usual channels of the first cell.
    shortcut: what a skip is that halves the size.
  """

  name: str
  cell_inputs: int
  stem: tuple[Convolution, ...]
  base: int
  stem_outputs: tuple[int, ...] = (0,)
  head: Head = Head()
  prepares: bool = False
  activates: bool = True
  activates_stem: bool = True
  reduction: Cell | None = None
  blocks: tuple[Block, ...] = ()
  cells: int = 0
  channels: int = 0
  shortcut: Shortcut = Shortcut.FACTORIZED


@dataclasses.dataclass(frozen=True)
class NetworkConfig:
  """A skeleton of a certain size (method, sections 3 and 6).

  Attributes:
    cells: number of cells; a hand-made network has its own.
    channels: channels of the first cell; a hand-made network's widths are
      scaled by what this is to its skeleton's `base`.
    image_size: height and width of the images in pixels.
    image_channels: 1 for grey, 3 for colour.
    classes: number of classes.
    skeleton: what cells are put into.

  Raises:
    ValueError: on construction, when a number is out of its range.
  """

  cells: int
  channels: int
  image_size: Size
  image_channels: int
  classes: int
  skeleton: Skeleton

  def __post_init__(self):
    if self.cells < 1:
      raise ValueError(f'cells is {self.cells}; it must be 1 or more')
    if self.channels < 2 or self.channels % 2:
      raise ValueError(
        f'channels is {self.channels}; it must be an even number of 2 or more, '
        'because a factorised reduction halves it'
      )

  def text(self) -> str:
    """Returns the size in words: `20 cells, 36 channels, images of ...`."""
    cells = len(self.skeleton.blocks) or self.cells
    height, width = self.image_size
    return (
      f'{cells} {"cell" if cells == 1 else "cells"}, {self.channels} channels, '
      f'images of {height}x{width}x{self.image_channels}, '
      f'{self.classes} classes'
    )

  def scaled(self, width: int) -> int:
    """Returns a width of the skeleton at this size; even, and 2 or more."""
    return max(2, 2 * round(width * self.channels / self.skeleton.base / 2))

  def cell(self, place: CellPlace, architecture: Architecture) -> Cell:
    """Returns the cell that stands somewhere in an architecture's network.

    Args:
      place: where.
      architecture: what the network is made of.
    """
    if place.kind == REDUCTION and self.skeleton.reduction:
      return self.skeleton.reduction
    return architecture[place.kind]


@dataclasses.dataclass(frozen=True)
class EdgePlace:
  """What an edge joins.

  Attributes:
    inputs: channels of its source.
    outputs: channels of its target.
    stride: 2 where it halves the size.
    input_size: of its source.
    output_size: of its target.
    shortcut: see `Skeleton`.
  """

  inputs: int
  outputs: int
  stride: int
  input_size: Size
  output_size: Size
  shortcut: Shortcut = Shortcut.FACTORIZED


@dataclasses.dataclass(frozen=True)
class CellPlace:
  """One cell's place in the network.

  Attributes:
    kind: which cell stands here.
    channels: channels of every vertex, unless `widths` says otherwise.
    stride: of the edges that halve the size.
    input_size: height and width of the input vertices after preparation.
    output_size: height and width of the last vertex.
    prepares: whether a convolution brings the inputs to the cell's channels.
    halve_first: whether input 0 must be halved, because the cell before was a
      reduction and input 0 is the output of one before that.
    widths: channels of all vertices, inputs included, where they differ.
    strided: the first vertex that has the output's size.
    pool: a maximum that the input goes through.
    shortcut: see `Skeleton`.
  """

  kind: str
  channels: int
  stride: int
  input_size: Size
  output_size: Size
  prepares: bool
  halve_first: bool
  widths: tuple[int, ...] = ()
  strided: int = 2
  pool: Pool | None = None
  shortcut: Shortcut = Shortcut.FACTORIZED

  def width(self, vertex: int) -> int:
    """Returns the channels of a vertex."""
    return self.widths[vertex] if self.widths else self.channels

  def size(self, vertex: int) -> Size:
    """Returns height and width of a vertex."""
    return self.input_size if vertex < self.strided else self.output_size

  def edge(self, source: int, target: int) -> EdgePlace:
    """Returns what an edge joins.

    Args:
      source: vertex it reads.
      target: vertex it adds to.
    """
    halves = source < self.strided <= target
    return EdgePlace(
      self.width(source),
      self.width(target),
      self.stride if halves else 1,
      self.size(source),
      self.size(target),
      self.shortcut,
    )


def halved(size: Size, stride: int) -> Size:
  """Returns the size after a stride, rounded up."""
  return -(-size[0] // stride), -(-size[1] // stride)


def stem(config: NetworkConfig) -> list[tuple[Convolution, EdgePlace]]:
  """Returns the convolutions of the stem and what each joins."""
  size, channels, result = config.image_size, config.image_channels, []
  for one in config.skeleton.stem:
    wide = dataclasses.replace(one, channels=config.scaled(one.channels))
    after = halved(size, one.stride)
    place = EdgePlace(channels, wide.channels, one.stride, size, after)
    result.append((wide, place))
    size, channels = after, wide.channels
  return result


def places(config: NetworkConfig) -> list[CellPlace]:
  """Returns the cells' places, from first to last."""
  return _blocks(config) if config.skeleton.blocks else _repeated(config)


def by_place(cells: Sequence[CellPlace]) -> dict[CellPlace, list[int]]:
  """Returns the numbers of the cells at equal places.

  Args:
    cells: of a network, from first to last.
  """
  result: dict[CellPlace, list[int]] = {}
  for number, place in enumerate(cells):
    result.setdefault(place, []).append(number)
  return result


def _repeated(config: NetworkConfig) -> list[CellPlace]:
  """Repeats a cell; reductions stand at one and two thirds."""
  reductions = {config.cells // 3, 2 * config.cells // 3} - {0}
  skeleton, result = config.skeleton, []
  sizes = [
    edge.output_size
    for edge in (stem(config)[i][1] for i in skeleton.stem_outputs)
  ]
  size, channels = sizes[-1], config.channels
  halve_first = sizes[0] != sizes[-1]
  for index in range(config.cells):
    reduces = index in reductions
    stride = 2 if reduces else 1
    widths: tuple[int, ...] = ()
    if reduces and skeleton.reduction:
      computed = len(skeleton.reduction.intermediates)
      widths = (channels, *[channels * stride] * computed)
    channels *= stride
    output = halved(size, stride)
    result.append(
      CellPlace(
        REDUCTION if reduces else NORMAL,
        channels,
        stride,
        size,
        output,
        skeleton.prepares,
        halve_first,
        widths,
        strided=skeleton.cell_inputs,
        shortcut=skeleton.shortcut,
      )
    )
    size, halve_first = output, reduces and skeleton.cell_inputs > 1
  return result


def _blocks(config: NetworkConfig) -> list[CellPlace]:
  """Places the cells of a hand-made network."""
  before = stem(config)[-1][1]
  size, channels, result = before.output_size, before.outputs, []
  for block in config.skeleton.blocks:
    size = halved(size, block.pool.stride) if block.pool else size
    widths = (channels, *map(config.scaled, block.widths))
    output = halved(size, block.stride)
    result.append(
      CellPlace(
        block.name,
        widths[-1],
        block.stride,
        size,
        output,
        False,
        False,
        widths,
        block.strided,
        block.pool,
        config.skeleton.shortcut,
      )
    )
    size, channels = output, widths[-1]
  return result


def features(config: NetworkConfig, channels: int) -> tuple[int, ...]:
  """Returns the widths from the last cell to the last dense layer's input.

  Args:
    config: the network.
    channels: of the last cell's output.

  Returns:
    Channels of the last cell, of the head's convolution where there is one,
    then what every dense layer reads.
  """
  head = config.skeleton.head
  widths = [channels]
  if head.convolution:
    widths.append(config.scaled(head.convolution.channels))
  size = places(config)[-1].output_size
  size = halved(size, head.pool.stride) if head.pool else size
  reads = widths[-1] * (math.prod(size) if head.flattens else 1)
  return (*widths, reads, *map(config.scaled, head.hidden))


def check(architecture: Architecture, skeleton: Skeleton):
  """Checks that an architecture can stand in a skeleton.

  Args:
    architecture: any.
    skeleton: any.

  Raises:
    ArchitectureError: it has other cells, or cells with other numbers of
      inputs or vertices.
  """
  has = [name for name, _ in architecture.cells]
  if skeleton.blocks:
    wants = list(dict.fromkeys(block.name for block in skeleton.blocks))
  else:
    wants = [NORMAL] if skeleton.reduction else [NORMAL, REDUCTION]
  if sorted(has) != sorted(wants):
    raise ArchitectureError(
      f'a {skeleton.name} network has the cells {_listed(wants)}; the '
      f'architecture has {_listed(has)}'
    )
  for name, cell in architecture.cells:
    if cell.inputs != skeleton.cell_inputs:
      raise ArchitectureError(
        f'{name} cell: {cell.inputs} inputs; in a {skeleton.name} network a '
        f'cell has {skeleton.cell_inputs}'
      )
  for block in skeleton.blocks:
    cell = architecture[block.name]
    if len(cell.intermediates) != len(block.widths) or cell.concat != (
      cell.vertices - 1,
    ):
      raise ArchitectureError(
        f'{block.name} cell: in a {skeleton.name} network it has '
        f'{len(block.widths)} vertices after its input, and the last of them '
        'alone is its output'
      )


def _listed(names: list[str]) -> str:
  shown = names if len(names) <= 6 else [*names[:3], '...', names[-1]]
  return ', '.join(shown)
