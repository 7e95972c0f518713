"""Hand-made networks as graphs of our kind, one cell for every block.

Data only; what stands around the blocks is in `skeletons.py`. As in NAT, null
edges are room for skips: one beside every convolution that does not narrow,
and one from the input of a block to its output where it has no shortcut. An
inverted residual is one operation.
"""

from __future__ import annotations

from collections.abc import Callable

from nat_tf import skeletons
from nat_tf.architecture import Architecture
from nat_tf.architecture import Cell
from nat_tf.architecture import Edge
from nat_tf.layout import Block

# (block, channels of its input) -> its chain of operations and its shortcut.
_Graph = Callable[[Block, int], 'tuple[tuple[str, ...], str]']


def names() -> tuple[str, ...]:
  """Returns the names of the hand-made networks."""
  return tuple(_GRAPHS)


def load(name: str) -> Architecture:
  """Returns the architecture of a hand-made network.

  Args:
    name: one of `names()`.
  """
  skeleton = skeletons.load(name)
  channels = skeleton.stem[-1].channels
  cells = []
  for block in skeleton.blocks:
    operations, shortcut = _GRAPHS[name](block, channels)
    cells.append((block.name, _cell(block, channels, operations, shortcut)))
    channels = block.widths[-1]
  return Architecture(tuple(cells), name)


def _cell(
  block: Block, channels: int, operations: tuple[str, ...], shortcut: str
) -> Cell:
  """Makes a chain with a shortcut, and room for skips."""
  widths = (channels, *block.widths)
  last = len(operations)
  edges = []
  for vertex, operation in enumerate(operations):
    edges.append(Edge(vertex, vertex + 1, operation))
    narrows = widths[vertex + 1] < widths[vertex]
    if last > 1 and not narrows:
      edges.append(Edge(vertex, vertex + 1, 'null'))
  edges.append(Edge(0, last, shortcut))
  return Cell(1, last + 1, tuple(edges), (last,))


def _changes(block: Block, channels: int) -> bool:
  """Whether a block's output differs from its input in size or channels."""
  return block.stride > 1 or block.widths[-1] != channels


def _vgg(block, channels):
  del channels
  return ('conv_3x3',) * len(block.widths), 'null'


def _resnet_small(block, channels):
  # Its shortcuts have no weights (option A).
  del block, channels
  return ('conv_3x3', 'conv_3x3'), 'skip'


def _resnet_basic(block, channels):
  shortcut = 'conv_1x1' if _changes(block, channels) else 'skip'
  return ('conv_3x3', 'conv_3x3'), shortcut


def _resnet_bottleneck(block, channels):
  shortcut = 'conv_1x1' if _changes(block, channels) else 'skip'
  return ('conv_1x1', 'conv_3x3', 'conv_1x1'), shortcut


def _mobilenetv2(block, channels):
  first = block.name == 'stage1_block1'
  expansion = 1 if first else 6
  shortcut = 'null' if _changes(block, channels) else 'skip'
  return (f'inverted_residual_e{expansion}_3x3',), shortcut


_GRAPHS: dict[str, _Graph] = {
  'vgg16': _vgg,
  'resnet20': _resnet_small,
  'resnet56': _resnet_small,
  'resnet18': _resnet_basic,
  'resnet50': _resnet_bottleneck,
  'mobilenetv2': _mobilenetv2,
}
