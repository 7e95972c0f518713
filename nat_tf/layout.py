"""How cells are put together to a network: sizes and channels, no weights.

The super network, final networks and the analytic cost all follow this plan.
No TensorFlow here.
"""

from __future__ import annotations

import dataclasses

from nat_tf.architecture import NORMAL
from nat_tf.architecture import REDUCTION
from nat_tf.architecture import Architecture
from nat_tf.architecture import Cell
from nat_tf.architecture import Edge


@dataclasses.dataclass(frozen=True)
class Skeleton:
  """What stands around the cells, the same for all architectures of a space.

  Attributes:
    cell_inputs: input vertices of a cell: outputs of that many cells before.
    stem_multiplier: channels of the stem as a multiple of the first cell's.
    prepares: whether every cell brings its inputs to its own channels, by ReLU,
      convolution and batch norm. Else only reductions do, without the ReLU, and
      all other cells take their inputs as they are.
    reduction: what stands at the reductions; None for the architecture's own
      reduction cell.
    final_norm: whether batch norm and ReLU stand before the last pooling.
  """

  cell_inputs: int
  stem_multiplier: int
  prepares: bool
  reduction: Cell | None
  final_norm: bool


# Liu et al., DARTS, ICLR 2019; ENAS and NAT have the same (method, section 3).
DARTS = Skeleton(
  cell_inputs=2,
  stem_multiplier=3,
  prepares=True,
  reduction=None,
  final_norm=False,
)

# Dong and Yang, NAS-Bench-201, ICLR 2020, section 2.1: cells follow one another
# directly, and residual blocks halve the size. Ours doubles the channels by a
# 1x1 convolution before the block instead of inside.
NASBENCH201 = Skeleton(
  cell_inputs=1,
  stem_multiplier=1,
  prepares=False,
  reduction=Cell(
    1,
    4,
    (
      Edge(0, 1, 'conv_3x3'),
      Edge(0, 2, 'null'),
      Edge(0, 3, 'skip'),
      Edge(1, 3, 'conv_3x3'),
    ),
    (3,),
  ),
  final_norm=True,
)


@dataclasses.dataclass(frozen=True)
class NetworkConfig:
  """A skeleton of a certain size (method, sections 3 and 6).

  Attributes:
    cells: number of cells.
    channels: channels of the first cell.
    image_size: height and width of the images in pixels.
    image_channels: 1 for grey, 3 for colour.
    classes: number of classes.
    skeleton: what cells are put into.
  """

  cells: int
  channels: int
  image_size: tuple[int, int]
  image_channels: int
  classes: int
  skeleton: Skeleton = DARTS

  def __post_init__(self):
    if self.cells < 1:
      raise ValueError(f'cells is {self.cells}; it must be 1 or more')
    if self.channels < 2 or self.channels % 2:
      raise ValueError(
        f'channels is {self.channels}; it must be an even number of 2 or more, '
        'because a factorised reduction halves it'
      )

  @property
  def stem_channels(self) -> int:
    """Channels of the stem."""
    return self.skeleton.stem_multiplier * self.channels

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
class CellPlace:
  """One cell's place in the network.

  Attributes:
    kind: which cell stands here.
    channels: channels of every vertex.
    stride: of the edges that leave the input vertices.
    input_size: height and width of the input vertices after preprocessing.
    output_size: height and width of the computed vertices.
    prepares: whether a convolution brings the inputs to the cell's channels.
    halve_first: whether input 0 must be halved, because the cell before was a
      reduction and input 0 is the output of one before that.
  """

  kind: str
  channels: int
  stride: int
  input_size: tuple[int, int]
  output_size: tuple[int, int]
  prepares: bool
  halve_first: bool


def places(config: NetworkConfig) -> list[CellPlace]:
  """Returns the cells' places; reductions stand at one and two thirds."""
  reductions = {config.cells // 3, 2 * config.cells // 3} - {0}
  skeleton, result = config.skeleton, []
  size, channels, halve_first = config.image_size, config.channels, False
  for index in range(config.cells):
    reduces = index in reductions
    stride = 2 if reduces else 1
    channels *= stride
    output = (-(-size[0] // stride), -(-size[1] // stride))
    kind = REDUCTION if reduces else NORMAL
    prepares = skeleton.prepares or reduces
    result.append(
      CellPlace(kind, channels, stride, size, output, prepares, halve_first)
    )
    size, halve_first = output, reduces and skeleton.cell_inputs > 1
  return result
