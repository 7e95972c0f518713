"""How cells are put together to a network: sizes and channels, no weights.

The super network, final networks and the analytic cost all follow this plan.
No TensorFlow here.
"""

from __future__ import annotations

import dataclasses

from nat_tf.architecture import NORMAL
from nat_tf.architecture import REDUCTION


@dataclasses.dataclass(frozen=True)
class NetworkConfig:
  """The frame that cells are put into (method, sections 3 and 6).

  Attributes:
    cells: number of cells.
    channels: channels of the first cell.
    image_size: height and width of the images in pixels.
    image_channels: 1 for grey, 3 for colour.
    classes: number of classes.
    stem_multiplier: channels of the stem as a multiple of `channels`.
    cell_inputs: input vertices of a cell: outputs of that many cells before.
    reduction: which cell halves the size. A space of one kind of cell has no
      other than that one; NAS-Bench-201's own network has residual blocks
      there instead, which no architecture changes.
  """

  cells: int
  channels: int
  image_size: tuple[int, int]
  image_channels: int
  classes: int
  stem_multiplier: int = 3
  cell_inputs: int = 2
  reduction: str = REDUCTION

  def __post_init__(self):
    if self.cells < 1:
      raise ValueError(f'cells is {self.cells}; it must be 1 or more')
    if self.channels < 2 or self.channels % 2:
      raise ValueError(
        f'channels is {self.channels}; it must be an even number of 2 or more, '
        'because a factorised reduction halves it'
      )


@dataclasses.dataclass(frozen=True)
class CellPlace:
  """One cell's place in the network.

  Attributes:
    kind: which cell stands here.
    channels: channels of every vertex.
    stride: of the edges that leave the input vertices.
    input_size: height and width of the input vertices after preprocessing.
    output_size: height and width of the computed vertices.
    halve_first: whether input 0 must be halved, because the cell before was a
      reduction and input 0 is the output of one before that.
  """

  kind: str
  channels: int
  stride: int
  input_size: tuple[int, int]
  output_size: tuple[int, int]
  halve_first: bool


def places(config: NetworkConfig) -> list[CellPlace]:
  """Returns the cells' places; reductions stand at one and two thirds."""
  reductions = {config.cells // 3, 2 * config.cells // 3} - {0}
  result = []
  size, channels, halve_first = config.image_size, config.channels, False
  for index in range(config.cells):
    reduces = index in reductions
    stride = 2 if reduces else 1
    channels *= stride
    output = (-(-size[0] // stride), -(-size[1] // stride))
    kind = config.reduction if reduces else NORMAL
    result.append(CellPlace(kind, channels, stride, size, output, halve_first))
    size, halve_first = output, reduces and config.cell_inputs > 1
  return result
