"""What one architecture's network costs, as a sum over its edges.

What a transformation changes are operations, and what an operation costs does
not depend on the others: the stem, the cells' preparation and the classifier
stay as they are. So the cost of whatever an architecture may become is a fixed
part and one number an edge, of a table that is made once.

All numbers are whole, so that sums are exact in any order: parameters,
multiply-adds, and nanoseconds where the time is of interest as well. No
TensorFlow here.
"""

from __future__ import annotations

import collections
from collections.abc import Callable
import dataclasses
import functools

import numpy as np

from nat_tf import cost
from nat_tf import layout
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
  """

  fixed: np.ndarray
  edges: np.ndarray
  own: np.ndarray

  def total(self, operations: np.ndarray) -> np.ndarray:
    """Returns what whole networks cost at most.

    That is what they cost, unless a part does not reach the output: then the
    network is built without it and costs less.

    Args:
      operations: `[..., cells, edges]` integers, operations of the edges.

    Returns:
      `[..., measures]` int64.
    """
    chosen = np.eye(self.edges.shape[-1], dtype=np.int64)[operations]
    return self.fixed + np.einsum('...ceo,mceo->...m', chosen, self.edges)

  def least(self, allowed: np.ndarray) -> np.ndarray:
    """Returns the least that is possible, each measure by itself, `[measures]`.

    Args:
      allowed: `[cells, edges, operations]` bool, true at least once an edge.
    """
    dearest = np.iinfo(np.int64).max
    lowest = np.where(allowed, self.edges, dearest).min(axis=-1)
    return self.fixed + lowest.sum(axis=(-2, -1))


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
  fixed = np.append(counted.fixed, np.int64(rest))
  edges = np.concatenate([counted.edges, times[np.newaxis]])
  timed = EdgeCosts(fixed, edges, fixed).total(encoding.operations)
  return EdgeCosts(fixed, edges, np.append(counted.own, timed[NANOSECONDS]))


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
  nothing = np.zeros(2, np.int64)
  whole = EdgeCosts(nothing, table, nothing).total(encoding.operations)
  ceiling = np.array(cost.ceiling(architecture, config), np.int64)
  own = np.array(cost.network(architecture, config), np.int64)
  return EdgeCosts(ceiling - whole, table, own)
