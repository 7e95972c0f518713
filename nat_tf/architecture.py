"""Architectures: directed acyclic graphs whose edges carry operations.

One immutable type serves every search space. Vertices are feature maps, an
edge applies its operation to its source and adds the result to its target
(method, sections 1 and 3). No TensorFlow here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
import dataclasses

from nat_tf import input_error
from nat_tf import vocabulary

# Networks that repeat a pair of cells.
CELLS = 'cells'

NORMAL = 'normal'
REDUCTION = 'reduction'


class ArchitectureError(input_error.InputError):
  """An architecture is malformed; the message names the cell and the edge."""


@dataclasses.dataclass(frozen=True)
class Edge:
  """One edge of a cell.

  Attributes:
    source: vertex it reads.
    target: vertex it adds to.
    operation: a name in the vocabulary, for example `sep_conv_3x3`.
  """

  source: int
  target: int
  operation: str

  def __str__(self) -> str:
    return f'{self.source} -> {self.target}, {self.operation}'


@dataclasses.dataclass(frozen=True)
class Cell:
  """A directed acyclic graph of operations.

  Vertices are numbered from 0: the first `inputs` are given from outside, each
  of the others is the sum of its incoming edges. Edges stand in the order of
  their targets; other spellings of an operation are replaced by the
  vocabulary's.

  Attributes:
    inputs: number of input vertices.
    vertices: number of all vertices, inputs included.
    edges: the edges, sorted by target on construction (a stable sort).
    concat: vertices whose maps make the cell's output, ascending.

  Raises:
    ArchitectureError: on construction, when the graph is malformed.
  """

  inputs: int
  vertices: int
  edges: tuple[Edge, ...]
  concat: tuple[int, ...]

  def __post_init__(self):
    self._check_sizes()
    edges = [self._checked(i, edge) for i, edge in enumerate(self.edges)]
    edges.sort(key=lambda edge: edge.target)
    object.__setattr__(self, 'edges', tuple(edges))
    self._check_all_fed()
    self._check_concat()
    object.__setattr__(self, 'concat', tuple(sorted(self.concat)))

  @property
  def intermediates(self) -> range:
    """The vertices that are computed inside the cell."""
    return range(self.inputs, self.vertices)

  def with_operations(self, operations: Sequence[str]) -> Cell:
    """Returns the same graph with other operations.

    Args:
      operations: one name for every edge, in the order of `edges`.

    Raises:
      ArchitectureError: the count or a name is wrong.
    """
    if len(operations) != len(self.edges):
      raise ArchitectureError(
        f'{len(operations)} operations for {len(self.edges)} edges'
      )
    edges = tuple(
      dataclasses.replace(edge, operation=name)
      for edge, name in zip(self.edges, operations)
    )
    return dataclasses.replace(self, edges=edges)

  def _check_sizes(self):
    for name in ('inputs', 'vertices'):
      value = getattr(self, name)
      if not _is_int(value) or value < 1:
        raise ArchitectureError(f'{name} must be an integer of 1 or more')
    if self.vertices <= self.inputs:
      raise ArchitectureError(
        f'{self.vertices} vertices with {self.inputs} inputs leave none to '
        'compute; vertices must exceed inputs'
      )

  def _checked(self, index: int, edge: Edge) -> Edge:
    where = f'edge {index} ({edge})'
    for end in ('source', 'target'):
      vertex = getattr(edge, end)
      if not _is_int(vertex) or not 0 <= vertex < self.vertices:
        raise ArchitectureError(
          f'{where}: {end} {vertex!r} is out of range; vertices are 0 to '
          f'{self.vertices - 1}'
        )
    if edge.target < self.inputs:
      raise ArchitectureError(
        f'{where}: vertex {edge.target} is an input of the cell and cannot be '
        f'a target; targets are {self.inputs} to {self.vertices - 1}'
      )
    if edge.source >= edge.target:
      raise ArchitectureError(
        f'{where}: it reads a vertex that is computed later (a cycle); its '
        f'source must be below {edge.target}'
      )
    if not isinstance(edge.operation, str):
      raise ArchitectureError(f'{where}: the operation must be a name')
    try:
      name = vocabulary.operation(edge.operation).name
    except vocabulary.UnknownOperationError as error:
      raise ArchitectureError(f'{where}: {error}') from None
    return dataclasses.replace(edge, operation=name)

  def _check_all_fed(self):
    fed = {edge.target for edge in self.edges}
    for vertex in self.intermediates:
      if vertex not in fed:
        raise ArchitectureError(
          f'vertex {vertex} has no incoming edge; give it one (null is allowed)'
        )

  def _check_concat(self):
    allowed = set(self.intermediates)
    for vertex in self.concat:
      if not _is_int(vertex) or vertex not in allowed:
        raise ArchitectureError(
          f'concat holds {vertex!r}, which is not one of the computed vertices '
          f'{self.inputs} to {self.vertices - 1}'
        )
    if not self.concat or len(set(self.concat)) != len(self.concat):
      raise ArchitectureError(
        'concat must name at least one vertex, and each once'
      )


@dataclasses.dataclass(frozen=True)
class Architecture:
  """Named cells that a network repeats.

  Attributes:
    cells: pairs of a name and a cell. Cell-based spaces have `normal` and
      `reduction`; a hand-made network has one for every block.
    network: name of the network that the cells stand in (`skeletons.py`).

  Raises:
    ArchitectureError: on construction, when there is no cell or a name twice.
  """

  cells: tuple[tuple[str, Cell], ...]
  network: str = CELLS

  def __post_init__(self):
    names = [name for name, _ in self.cells]
    if not names or len(set(names)) != len(names):
      raise ArchitectureError(
        'an architecture needs at least one cell, each under a name of its own'
      )

  @classmethod
  def of(cls, **cells: Cell) -> Architecture:
    """Builds one: `Architecture.of(normal=..., reduction=...)`."""
    return cls(tuple(cells.items()))

  def __getitem__(self, name: str) -> Cell:
    for candidate, cell in self.cells:
      if candidate == name:
        return cell
    raise KeyError(name)

  def edges(self) -> Iterator[tuple[str, int, Edge]]:
    """Yields cell name, position in the cell, and edge, for every edge."""
    for name, cell in self.cells:
      for index, edge in enumerate(cell.edges):
        yield name, index, edge

  def changed_edges(self, other: Architecture) -> list[tuple[str, int]]:
    """Returns cell name and position of the edges that differ from `other`.

    Args:
      other: an architecture on the same graph.

    Raises:
      ArchitectureError: the graphs differ in more than operations.
    """
    if self._graph() != other._graph():
      raise ArchitectureError(
        'the two architectures are not on one graph; they may differ in '
        'operations alone'
      )
    return [
      (name, index)
      for (name, index, edge), (_, _, changed) in zip(
        self.edges(), other.edges()
      )
      if edge.operation != changed.operation
    ]

  def _graph(self):
    edges = [(n, e.source, e.target) for n, _, e in self.edges()]
    cells = [(n, c.inputs, c.vertices, c.concat) for n, c in self.cells]
    return self.network, edges, cells


def _is_int(value: object) -> bool:
  return isinstance(value, int) and not isinstance(value, bool)
