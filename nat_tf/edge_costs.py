"""What one architecture's network costs, as a sum over its edges.

What a transformation changes are operations, and what an operation costs does
not depend on the others: stem, preparation of the cells' inputs and classifier
stay as they are. So the cost of whatever an architecture may become is a fixed
part and one number an edge, of a table that is made once.

Only that an input which no edge reads is not prepared does not fit a sum.
Inputs that the architecture reads are part of what is fixed, unless they are
given up altogether (`EdgeCosts.fitting`); the preparation of one that it does
not read is charged to each edge that might read it. So a sum is the cost, or
more than the cost: what keeps to a limit by it surely does.

All numbers are whole, so that sums are exact in any order: parameters,
multiply-adds, and nanoseconds where the time is of interest as well.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterator
import dataclasses
import functools
import itertools

import numpy as np

from nat_tf import cost
from nat_tf import layout
from nat_tf import reach
from nat_tf import spaces
from nat_tf.architecture import Architecture

# Measures, by position: `EdgeCosts.edges[PARAMS]`. The last may be missing.
PARAMS, MADDS, NANOSECONDS = range(3)

# (architecture, its space, the network, `[cells, edges, operations]` bool:
# which operations are of interest) -> nanoseconds of the fixed part and
# `[cells, edges, operations]` int64.
Latency = Callable[
  [Architecture, spaces.Space, layout.NetworkConfig, np.ndarray],
  'tuple[int, np.ndarray]',
]


@dataclasses.dataclass(frozen=True)
class EdgeCosts:
  """Costs of all networks on the graph of one architecture.

  Attributes:
    fixed: `[measures]` int64, what no transformation changes.
    edges: `[measures, cells, edges, operations]` int64, what an operation costs
      on an edge, in all cells of that kind together. 0 for slots that are not
      present.
    own: `[measures]` int64, what the architecture itself costs.
    inputs: `[measures, cells, inputs]` int64, what of the fixed part goes where
      nothing reads an input in any cell of a kind.
    readers: `[cells, inputs, edges, operations]` bool, which operations on
      which edges read an input.
  """

  fixed: np.ndarray
  edges: np.ndarray
  own: np.ndarray
  inputs: np.ndarray
  readers: np.ndarray

  def total(self, operations: np.ndarray) -> np.ndarray:
    """Returns what whole networks cost at most.

    That is what they cost, unless a part does not reach the output: then the
    network is built without it and costs less.

    Args:
      operations: `[..., cells, edges]` integers, operations of the edges.

    Returns:
      `[..., measures]` int64.
    """
    costs = _chosen(self.edges, operations).sum(axis=(-2, -1))
    return self.fixed + np.moveaxis(costs, 0, -1)

  def least(self, allowed: np.ndarray) -> np.ndarray:
    """Returns the least that is possible, each measure by itself, `[measures]`.

    That is of networks every cell of which may still read one of its inputs.

    Args:
      allowed: `[cells, edges, operations]` bool, true at least once an edge.
    """
    return np.min(
      [
        fixed + lowest(self.edges, open_)
        for fixed, open_ in self._ways(allowed)
      ],
      axis=0,
    )

  def fitting(
    self, limits: np.ndarray, allowed: np.ndarray
  ) -> tuple[np.ndarray, np.ndarray]:
    """Returns the way to keep to limits that gives up the fewest inputs.

    Args:
      limits: `[measures]` int64, of whole networks.
      allowed: `[cells, edges, operations]` bool, true at least once an edge.

    Returns:
      `[measures]` int64, the fixed part; and `[cells, edges, operations]` bool,
      what stays allowed. Where nothing fits, those of the way that comes
      nearest in multiply-adds.
    """
    ways = list(self._ways(allowed))
    leasts = [fixed + lowest(self.edges, open_) for fixed, open_ in ways]
    for way, least in zip(ways, leasts):
      if (least <= limits).all():
        return way
    return ways[int(np.argmin([least[MADDS] for least in leasts]))]

  def _ways(
    self, allowed: np.ndarray
  ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields what is fixed and what is allowed, for inputs given up or not.

    Fewest first; inputs that may not be given up, or whose preparation costs
    nothing, stay.
    """
    free = [
      (cell, i)
      for cell, i in np.argwhere(self.inputs.any(axis=0)).tolist()
      if (allowed & ~self.readers[cell, i])[cell].any(axis=-1).all()
    ]
    inputs = self.inputs.shape[-1]
    for count in range(len(free) + 1):
      for given_up in itertools.combinations(free, count):
        of_one = collections.Counter(cell for cell, _ in given_up)
        if inputs in of_one.values():
          continue  # Nothing would come out of that cell.
        fixed, open_ = self.fixed.copy(), allowed.copy()
        for cell, i in given_up:
          fixed -= self.inputs[:, cell, i]
          open_[cell] &= ~self.readers[cell, i]
        yield fixed, open_


def measure(
  architecture: Architecture,
  space: spaces.Space,
  config: layout.NetworkConfig,
  allowed: np.ndarray | None = None,
  latency: Latency | None = None,
) -> EdgeCosts:
  """Returns the costs of whatever an architecture may become.

  Args:
    architecture: an architecture of the space.
    space: gives the slots and the operations.
    config: the network.
    allowed: `[cells, edges, operations]` bool, which operations are of interest
      to `latency`; None for all.
    latency: says how long they take; None where time is of no interest.

  Raises:
    spaces.SpaceError: the architecture is not of this space.
  """
  encoding = space.encode(architecture)
  counted = _counted(architecture, encoding, space, config)
  if latency is None:
    return counted
  if allowed is None:
    allowed = np.ones(counted.edges.shape[1:], bool)
  rest, times = latency(architecture, space, config, allowed)
  timed = dataclasses.replace(
    counted,
    fixed=np.append(counted.fixed, np.int64(rest)),
    edges=np.concatenate([counted.edges, times[np.newaxis]]),
    # How long preparing takes is not known apart from the rest.
    inputs=np.concatenate([counted.inputs, 0 * counted.inputs[:1]]),
  )
  taken = timed.total(encoding.operations)[NANOSECONDS]
  return dataclasses.replace(timed, own=np.append(counted.own, taken))


def kinds(
  architecture: Architecture,
  space: spaces.Space,
  config: layout.NetworkConfig,
) -> list[tuple[int, layout.CellPlace, int]]:
  """Returns where the architecture's own cells stand in its network.

  Args:
    architecture: an architecture of the space.
    space: gives the cells.
    config: the network; a skeleton's own reduction cells are left out.

  Returns:
    Position of the cell in the space, place, number of equal places.
  """
  own = collections.Counter(
    place
    for place in layout.places(config)
    if place.kind in space.cells
    and config.cell(place, architecture) is architecture[place.kind]
  )
  return [(space.cells.index(p.kind), p, count) for p, count in own.items()]


def joins(
  encoding: spaces.Encoding,
  space: spaces.Space,
  cell: int,
  place: layout.CellPlace,
) -> list[tuple[int, layout.EdgePlace]]:
  """Returns what the edges of a cell join at one of its places.

  Args:
    encoding: of one architecture.
    space: its space.
    cell: position of the cell in the space.
    place: where it stands.

  Returns:
    Slot and what its edge joins, for the slots that are present.
  """
  sources, present = encoding.sources[cell], encoding.present[cell]
  return [
    (slot, place.edge(int(sources[slot]), space.targets[slot]))
    for slot in np.flatnonzero(present).tolist()
  ]


def _counted(
  architecture: Architecture,
  encoding: spaces.Encoding,
  space: spaces.Space,
  config: layout.NetworkConfig,
) -> EdgeCosts:
  """Counts parameters and multiply-adds."""
  slots = (len(space.cells), space.edges)
  table = np.zeros((2, *slots, len(space.operations)), np.int64)
  row = functools.cache(
    lambda joined: [cost.edge(name, joined) for name in space.operations]
  )
  for cell, place, count in kinds(architecture, space, config):
    for slot, joined in joins(encoding, space, cell, place):
      table[:, cell, slot] += count * np.array(row(joined), np.int64).T
  inputs = _preparations(architecture, space, config)
  readers = _readers(encoding, space)
  live = _live_inputs(architecture, space, config)
  for cell, i in np.argwhere(~live).tolist():
    table[:, cell] += (
      inputs[:, cell, i, np.newaxis, np.newaxis] * (readers[cell, i])
    )
  whole = _chosen(table, encoding.operations).sum(axis=(-2, -1))
  ceiling = np.array(cost.ceiling(architecture, config), np.int64)
  dead = np.where(live, 0, inputs)
  return EdgeCosts(
    ceiling - whole - dead.sum(axis=(-2, -1)),
    table,
    np.array(cost.network(architecture, config), np.int64),
    inputs - dead,
    readers,
  )


def _preparations(
  architecture: Architecture,
  space: spaces.Space,
  config: layout.NetworkConfig,
) -> np.ndarray:
  """Returns what preparing every input costs, `[measures, cells, inputs]`."""
  everything = reach.of_everything(architecture, config)
  all_of_it = np.array(cost.ceiling(architecture, config), np.int64)
  result = np.zeros((2, len(space.cells), space.inputs), np.int64)
  if not config.skeleton.prepares:
    return result
  for cell, name in enumerate(space.cells):
    for i in range(space.inputs):
      less = reach.without_input(everything, config, name, i)
      parts = cost.parts(architecture, config, less)
      rest = cost.sum_of(part for _, part in parts)
      result[:, cell, i] = all_of_it - np.array(rest, np.int64)
  return result


def _readers(encoding: spaces.Encoding, space: spaces.Space) -> np.ndarray:
  """Returns what reads an input, `[cells, inputs, edges, operations]` bool."""
  carries = np.arange(len(space.operations)) != space.index('null')
  sources = np.asarray(encoding.sources)[:, np.newaxis]
  reads = sources == np.arange(space.inputs)[:, np.newaxis]
  reads &= np.asarray(encoding.present)[:, np.newaxis]
  return reads[..., np.newaxis] & carries


def _live_inputs(
  architecture: Architecture,
  space: spaces.Space,
  config: layout.NetworkConfig,
) -> np.ndarray:
  """Returns which inputs any cell of a kind reads, `[cells, inputs]` bool."""
  live = np.zeros((len(space.cells), space.inputs), bool)
  cells = reach.of_network(architecture, config).cells
  for place, one in zip(layout.places(config), cells):
    if place.kind in space.cells and one.live:
      live[space.cells.index(place.kind)] |= one.inputs
  return live


def _chosen(table: np.ndarray, operations: np.ndarray) -> np.ndarray:
  """Returns what operations cost, `[measures, ..., cells, edges]`."""
  chosen = np.eye(table.shape[-1], dtype=np.int64)[operations]
  return np.einsum('...ceo,mceo->m...ce', chosen, table)


def lowest(edges: np.ndarray, allowed: np.ndarray) -> np.ndarray:
  """Returns the least that all edges cost, `[measures]` int64.

  Args:
    edges: `[measures, cells, edges, operations]` int64.
    allowed: `[cells, edges, operations]` bool, true at least once an edge.
  """
  dearest = np.iinfo(np.int64).max
  return np.where(allowed, edges, dearest).min(axis=-1).sum(axis=(-2, -1))
