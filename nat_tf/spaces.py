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
from nat_tf import skeletons
from nat_tf import transitions
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
class Graph:
  """The one graph that a cell of a space has, and what its edges may carry.

  Attributes:
    sources: for every slot its source; 0 where no edge is.
    present: for every slot whether it holds an edge.
    concat: the vertices that make the output.
    choices: for every slot the operations that it may carry, as positions in
      the space's operations, ascending; null alone where no edge is.
  """

  sources: tuple[int, ...]
  present: tuple[bool, ...]
  concat: tuple[int, ...]
  choices: tuple[tuple[int, ...], ...]

  @classmethod
  def full(
    cls, sources: Sequence[int], concat: Sequence[int], operations: int
  ) -> Graph:
    """Returns a graph whose every slot holds an edge that may carry anything.

    Args:
      sources: for every slot its source.
      concat: the vertices that make the output.
      operations: number of operations of the space.
    """
    slots = len(sources)
    return cls(
      tuple(sources),
      (True,) * slots,
      tuple(concat),
      (tuple(range(operations)),) * slots,
    )


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
    graphs: for every cell its graph, where the space fixes it; else None.
    network: name of what its cells are put into.
  """

  name: str
  cells: tuple[str, ...]
  inputs: int
  targets: tuple[int, ...]
  operations: tuple[str, ...]
  sizes: tuple[int, ...]
  loose_ends: tuple[bool, ...]
  graphs: tuple[Graph, ...] | None = None
  network: str = architecture_lib.CELLS

  @property
  def skeleton(self) -> layout.Skeleton:
    """What its cells are put into, in the form for small images."""
    return skeletons.load(self.network)

  @property
  def edges(self) -> int:
    """Number of edge slots of a cell."""
    return len(self.targets)

  @property
  def intermediates(self) -> int:
    """Largest number of intermediate vertices of a cell."""
    return self.sizes[-1]

  @property
  def vertices(self) -> int:
    """Largest number of vertices of a cell, inputs included."""
    return self.inputs + self.intermediates

  def row(self, cell: str) -> int:
    """Returns the position of one of the space's cells."""
    return self.cells.index(cell)

  def graph(self, cell: str) -> Graph | None:
    """Returns the graph of a cell; None where it is not fixed.

    Args:
      cell: name of one of the space's cells or of the skeleton's own.
    """
    fixed = self.skeleton.reduction
    if fixed and cell == architecture_lib.REDUCTION:
      stays = {edge.operation: (edge.operation,) for edge in fixed.edges}
      return _graph(fixed, self.targets, self.operations, stays)
    return self.graphs[self.row(cell)] if self.graphs else None

  def outputs(self, cell: str) -> int:
    """Returns the number of vertices whose channels a cell's output holds."""
    graph = self.graph(cell)
    return self.intermediates if graph is None else len(graph.concat)

  def choices(self) -> np.ndarray:
    """Returns what every slot may carry, `[cells, edges, operations]` bool."""
    shape = (len(self.cells), self.edges, len(self.operations))
    if self.graphs is None:
      return np.ones(shape, bool)
    result = np.zeros(shape, bool)
    for row, graph in enumerate(self.graphs):
      for slot, choices in enumerate(graph.choices):
        result[row, slot, list(choices)] = True
    return result

  def fixed(self) -> Encoding:
    """Returns what all architectures of a space with graphs have in common.

    Returns:
      An encoding without leading dimensions, all null.

    Raises:
      ValueError: the space does not fix its graphs.
    """
    if self.graphs is None:
      raise ValueError(f'the {self.name} space does not fix its graphs')
    computed = np.arange(self.inputs, self.vertices)
    sources = np.array([graph.sources for graph in self.graphs], np.int32)
    return Encoding(
      np.full(sources.shape, self.index('null'), np.int32),
      sources,
      np.array([graph.present for graph in self.graphs]),
      np.stack([np.isin(computed, graph.concat) for graph in self.graphs]),
    )

  def index(self, operation: str) -> int:
    """Returns the position of an operation in `operations`."""
    return self.operations.index(operation)

  def encode(self, architecture: Architecture) -> Encoding:
    """Encodes one architecture, without leading dimensions.

    Raises:
      SpaceError: the architecture is not of this space.
    """
    names = tuple(name for name, _ in architecture.cells)
    if architecture.network != self.network:
      raise SpaceError(
        f'the {self.name} space has networks of the kind {self.network}; the '
        f'architecture is of the kind {architecture.network}; give it a search '
        'of its own'
      )
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
      ),
      self.network,
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
    present = np.zeros(self.edges, bool)
    for slot, edge in zip(self.slots(name, cell), cell.edges):
      operations[slot] = self.index(edge.operation)
      sources[slot] = edge.source
      present[slot] = True
    concat = np.zeros(self.intermediates, bool)
    concat[np.array(cell.concat) - self.inputs] = True
    return Encoding(operations, sources, present, concat)

  def _sizes(self, name: str) -> tuple[int, ...]:
    """Returns the numbers of intermediate vertices that a cell may have."""
    graph = self.graph(name)
    if graph is None:
      return self.sizes
    last = max(t for t, present in zip(self.targets, graph.present) if present)
    return (last - self.inputs + 1,)

  def _check_cell(self, name: str, cell: Cell):
    allowed = self._sizes(name)
    if cell.inputs != self.inputs or len(cell.intermediates) not in allowed:
      sizes = ' or '.join(str(size) for size in allowed)
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
    graph = self.graph(name)
    if graph is not None and cell.concat != graph.concat:
      raise SpaceError(
        f'{name} cell: its output is made of the vertices '
        f'{_listed(cell.concat)}; in the {self.name} space of '
        f'{_listed(graph.concat)}'
      )

  def slots(self, name: str, cell: Cell) -> list[int]:
    """Returns the slot of every edge of a cell.

    Args:
      name: what error messages call the cell.
      cell: the cell.

    Raises:
      SpaceError: an edge finds no slot.
    """
    graph = self.graph(name)
    slots: list[int] = []
    for index, edge in enumerate(cell.edges):
      free = [
        slot
        for slot, target in enumerate(self.targets)
        if target == edge.target
        and slot not in slots
        and (graph is None or _takes(graph, slot, edge.source))
      ]
      if not free:
        raise SpaceError(
          f'{name} cell, edge {index} ({edge}): vertex {edge.target} has no '
          f'place for it in the {self.name} space, where it has '
          f'{self.targets.count(edge.target)} incoming edges'
        )
      operation = self.index(edge.operation)
      fitting = [
        slot
        for slot in free
        if graph is None or operation in graph.choices[slot]
      ]
      if not fitting:
        raise self._wrong_choice(name, index, edge, free[0], graph)
      slots.append(fitting[0])
    return slots

  def _wrong_choice(self, name, index, edge, slot, graph):
    choices = (self.operations[choice] for choice in graph.choices[slot])
    return SpaceError(
      f'{name} cell, edge {index} ({edge}): in the {self.name} space this edge '
      f'carries one of {", ".join(choices)}'
    )

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


def _takes(graph: Graph, slot: int, source: int) -> bool:
  return graph.present[slot] and graph.sources[slot] == source


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
  graphs=(Graph.full(sources=(0, 0, 1, 0, 1, 2), concat=(3,), operations=5),),
  network='nasbench201',
)

SPACES = {space.name: space for space in (MICRO, DARTS, ENAS, NASBENCH201)}


def around(
  name: str, architecture: Architecture, transition_rules: str
) -> Space:
  """Returns the space of what one architecture may become.

  Args:
    name: of the space.
    architecture: any.
    transition_rules: one of `transitions.TRANSITIONS`.
  """
  cells = [cell for _, cell in architecture.cells]
  # The skeleton's own cell stays as it is, and needs operations and slots, too.
  own = skeletons.load(architecture.network).reduction
  kept = [own] if own else []
  reach = {
    operation: transitions.successors(operation, transition_rules)
    for operation in {edge.operation for _, _, edge in architecture.edges()}
  }
  carried = {after for successors in reach.values() for after in successors}
  carried |= {edge.operation for cell in kept for edge in cell.edges}
  operations = tuple(o.name for o in vocabulary.ALL if o.name in carried)
  targets = _slot_targets([*cells, *kept])
  graphs = tuple(_graph(cell, targets, operations, reach) for cell in cells)
  return Space(
    name,
    tuple(cell_name for cell_name, _ in architecture.cells),
    cells[0].inputs,
    targets,
    operations,
    sizes=(max(len(cell.intermediates) for cell in cells),),
    loose_ends=(False,),
    graphs=graphs,
    network=architecture.network,
  )


def _slot_targets(cells: Sequence[Cell]) -> tuple[int, ...]:
  """Returns targets of slots in which the edges of every cell find a place."""
  last = max(cell.vertices for cell in cells)
  return tuple(
    vertex
    for vertex in range(last)
    for _ in range(
      max(sum(e.target == vertex for e in cell.edges) for cell in cells)
    )
  )


def _graph(cell, targets, operations, reach) -> Graph:
  """Puts a cell's edges into slots.

  Args:
    cell: the cell.
    targets: of the slots.
    operations: of the space.
    reach: for every operation what may stand in its place.
  """
  free = list(cell.edges)
  sources, present, choices = [], [], []
  for target in targets:
    edge = next((e for e in free if e.target == target), None)
    if edge is not None:
      free.remove(edge)
    sources.append(edge.source if edge else 0)
    present.append(edge is not None)
    carries = reach[edge.operation] if edge else ('null',)
    choices.append(tuple(sorted(operations.index(after) for after in carries)))
  return Graph(tuple(sources), tuple(present), cell.concat, tuple(choices))
