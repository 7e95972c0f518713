"""Search spaces, and architectures as arrays of fixed shape.

A space says what its cells look like: how many vertices, which edge slots end
where, which operations an edge may carry. Every architecture of a space is
encoded in arrays of one shape, so that one compiled step serves them all.
No TensorFlow here.
"""

from __future__ import annotations

from collections.abc import Sequence
import dataclasses
from typing import Any, NamedTuple

import numpy as np

from nat_tf import architecture as architecture_lib
from nat_tf import input_error
from nat_tf import layout
from nat_tf import vocabulary
from nat_tf.architecture import Architecture
from nat_tf.architecture import Cell
from nat_tf.architecture import Edge


class SpaceError(input_error.InputError):
  """An architecture does not belong to a space; the message says why."""


class Encoding(NamedTuple):
  """Architectures as arrays (NumPy arrays or tensors), any leading dimensions.

  Edges stand in *slots*: the space fixes which vertex a slot ends in, the
  architecture which vertex it starts from. A slot that the architecture does
  not use (a cell with fewer vertices than the space allows) is not `present`
  and holds null from vertex 0.

  Attributes:
    operations: `[..., cells, edges]` int32, index into the space's operations.
    sources: `[..., cells, edges]` int32, source vertex of each slot.
    present: `[..., cells, edges]` bool, whether the slot holds an edge.
    concat: `[..., cells, intermediates]` bool, whether the vertex is part of
      the cell's output.
  """

  operations: Any
  sources: Any
  present: Any
  concat: Any


@dataclasses.dataclass(frozen=True)
class Space:
  """A family of architectures whose encodings have one shape.

  Attributes:
    name: what `--space` calls it.
    cells: names of the cells of an architecture.
    inputs: number of input vertices of a cell.
    targets: for every edge slot the vertex it ends in, ascending.
    operations: names of the operations an edge may carry.
    sizes: numbers of intermediate vertices that a cell may have, ascending.
    loose_ends: for every size, whether a random architecture's output is made
      of the vertices no one reads (ENAS) or of all (DARTS).
    sources: for every slot its source, where the space fixes it; else None.
    concat: the vertices that make the output, where the space fixes them; else
      None.
    skeleton: what its cells are put into.
  """

  name: str
  cells: tuple[str, ...]
  inputs: int
  targets: tuple[int, ...]
  operations: tuple[str, ...]
  sizes: tuple[int, ...]
  loose_ends: tuple[bool, ...]
  sources: tuple[int, ...] | None = None
  concat: tuple[int, ...] | None = None
  skeleton: layout.Skeleton = layout.DARTS

  @property
  def edges(self) -> int:
    """Number of edge slots of a cell."""
    return len(self.targets)

  @property
  def intermediates(self) -> int:
    """Largest number of intermediate vertices of a cell."""
    return self.sizes[-1]

  @property
  def outputs(self) -> int:
    """Number of vertices whose channels a cell's output holds."""
    return self.intermediates if self.concat is None else len(self.concat)

  @property
  def vertices(self) -> int:
    """Largest number of vertices of a cell, inputs included."""
    return self.inputs + self.intermediates

  def index(self, operation: str) -> int:
    """Returns the position of an operation in `operations`."""
    return self.operations.index(operation)

  def encode(self, architecture: Architecture) -> Encoding:
    """Encodes one architecture, without leading dimensions.

    Raises:
      SpaceError: the architecture is not of this space.
    """
    names = tuple(name for name, _ in architecture.cells)
    if names != self.cells:
      raise SpaceError(
        f'the {self.name} space has the cells {", ".join(self.cells)}; the '
        f'architecture has {", ".join(names)}'
      )
    cells = [self.encode_cell(name, cell) for name, cell in architecture.cells]
    return stack(cells)

  def decode(self, encoding: Encoding) -> Architecture:
    """Returns the architecture of an encoding without leading dimensions."""
    return Architecture(
      tuple(
        (
          name,
          self._decode_cell(Encoding(*(np.asarray(x)[i] for x in encoding))),
        )
        for i, name in enumerate(self.cells)
      )
    )

  def encode_cell(self, name: str, cell: Cell) -> Encoding:
    """Encodes one cell, without the dimension for cells.

    Args:
      name: what error messages call it.
      cell: the cell.

    Raises:
      SpaceError: the cell is not of this space.
    """
    self._check_cell(name, cell)
    operations = np.full(self.edges, self.index('null'), np.int32)
    sources = np.zeros(self.edges, np.int32)
    if self.sources is not None:
      sources = np.array(self.sources, np.int32)
    present = np.zeros(self.edges, bool)
    for slot, edge in zip(self._slots(name, cell), cell.edges):
      operations[slot] = self.index(edge.operation)
      sources[slot] = edge.source
      present[slot] = True
    concat = np.zeros(self.intermediates, bool)
    concat[np.array(cell.concat) - self.inputs] = True
    return Encoding(operations, sources, present, concat)

  def _check_cell(self, name: str, cell: Cell):
    if cell.inputs != self.inputs or len(cell.intermediates) not in self.sizes:
      sizes = ' or '.join(str(size) for size in self.sizes)
      raise SpaceError(
        f'{name} cell: {cell.inputs} input and {len(cell.intermediates)} '
        f'intermediate vertices; a cell of the {self.name} space has '
        f'{self.inputs} and {sizes}'
      )
    for index, edge in enumerate(cell.edges):
      if edge.operation not in self.operations:
        raise SpaceError(
          f'{name} cell, edge {index} ({edge}): the {self.name} space has no '
          f'such operation; it has {", ".join(self.operations)}'
        )
    if self.concat is not None and cell.concat != self.concat:
      raise SpaceError(
        f'{name} cell: its output is made of the vertices '
        f'{_listed(cell.concat)}; in the {self.name} space of '
        f'{_listed(self.concat)}'
      )

  def _slots(self, name: str, cell: Cell) -> list[int]:
    """Assigns every edge of a cell to a free slot with its target."""
    slots: list[int] = []
    for index, edge in enumerate(cell.edges):
      free = [
        slot
        for slot, target in enumerate(self.targets)
        if target == edge.target
        and slot not in slots
        and (self.sources is None or self.sources[slot] == edge.source)
      ]
      if not free:
        raise SpaceError(
          f'{name} cell, edge {index} ({edge}): vertex {edge.target} has no '
          f'place for it in the {self.name} space, where it has '
          f'{self.targets.count(edge.target)} incoming edges'
        )
      slots.append(free[0])
    return slots

  def _decode_cell(self, cell: Encoding) -> Cell:
    edges = tuple(
      Edge(int(source), target, self.operations[operation])
      for target, source, operation, present in zip(
        self.targets, cell.sources, cell.operations, cell.present
      )
      if present
    )
    vertices = max(edge.target for edge in edges) + 1
    concat = tuple(int(v) + self.inputs for v in np.flatnonzero(cell.concat))
    return Cell(self.inputs, vertices, edges, concat)


def _listed(vertices: Sequence[int]) -> str:
  return ', '.join(str(vertex) for vertex in vertices)


def stack(encodings: Sequence[Encoding]) -> Encoding:
  """Stacks encodings along a new leading dimension."""
  return Encoding(*(np.stack(arrays) for arrays in zip(*encodings)))


_PAIRED_CELLS = (architecture_lib.NORMAL, architecture_lib.REDUCTION)
_OPERATIONS = tuple(operation.name for operation in vocabulary.METHOD)


def _paired(name, sizes, loose_ends):
  """A space whose intermediate vertices have two incoming edges each."""
  targets = tuple(2 + edge // 2 for edge in range(2 * sizes[-1]))
  return Space(name, _PAIRED_CELLS, 2, targets, _OPERATIONS, sizes, loose_ends)


# Method, section 3: DARTS cells have 4 vertices and concatenate all of them,
# ENAS cells have 5 and concatenate those that no one reads. `micro` is the
# union of both: one super network, one policy.
DARTS = _paired('darts', (4,), (False,))
ENAS = _paired('enas', (5,), (True,))
MICRO = _paired('micro', (4, 5), (False, True))

# Dong and Yang, NAS-Bench-201, ICLR 2020: one cell of one input and three more
# vertices, every one of them joined to all before it; the last is the output.
NASBENCH201 = Space(
  name='nasbench201',
  cells=(architecture_lib.NORMAL,),
  inputs=1,
  targets=(1, 2, 2, 3, 3, 3),
  operations=('conv_3x3', 'conv_1x1', 'avg_pool_3x3', 'skip', 'null'),
  sizes=(3,),
  loose_ends=(False,),
  sources=(0, 0, 1, 0, 1, 2),
  concat=(3,),
  skeleton=layout.NASBENCH201,
)

SPACES = {space.name: space for space in (MICRO, DARTS, ENAS, NASBENCH201)}
