"""What an architecture costs: parameters and multiply-adds, computed exactly.

Counted for the final network (`final_network.py`), trained from scratch:
parameters are the trainable ones, batch norm's scale and offset included, its
moving statistics not; multiply-adds are those of convolutions and dense layers,
for one image. What does not reach the output is not there and costs nothing
(`reach.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
import functools
import math
from typing import NamedTuple

from nat_tf import layout
from nat_tf import operations
from nat_tf import reach as reach_lib
from nat_tf.architecture import Architecture
from nat_tf.architecture import Cell
from nat_tf.layout import CellPlace
from nat_tf.layout import EdgePlace
from nat_tf.layout import NetworkConfig


class Cost(NamedTuple):
  """Cost of a network or a part of it; costs add up with `plus`.

  Attributes:
    params: trainable parameters.
    madds: multiply-adds for one image.
  """

  params: int
  madds: int

  def plus(self, other: Cost) -> Cost:
    """Returns the sum of two costs."""
    return Cost(self.params + other.params, self.madds + other.madds)

  def within(self, limit: Cost) -> bool:
    """Whether neither parameters nor multiply-adds exceed those of `limit`."""
    return self.params <= limit.params and self.madds <= limit.madds


def edge(name: str, place: EdgePlace) -> Cost:
  """Returns the cost of one operation on an edge.

  Args:
    name: a name of the vocabulary.
    place: what the edge joins.
  """
  chain = operations.on(name, place, shared=False)
  if chain is None:
    return Cost(0, 0)
  widths = place.inputs, place.outputs
  return Cost(
    chain.parameters(*widths) + 2 * chain.normalized(*widths),
    chain.madds(*widths, place.input_size),
  )


def network(architecture: Architecture, config: NetworkConfig) -> Cost:
  """Returns the cost of the final network without its auxiliary head."""
  return sum_of([part for _, part in parts(architecture, config)])


def ceiling(architecture: Architecture, config: NetworkConfig) -> Cost:
  """Returns the cost with everything counted that any edge could make reach.

  What it exceeds the cost of the network by is what does not reach the output.
  Unlike that one it is a sum over edges, each of which counts by itself.
  """
  everything = reach_lib.of_everything(architecture, config)
  return sum_of([part for _, part in parts(architecture, config, everything)])


def parts(
  architecture: Architecture,
  config: NetworkConfig,
  reach: reach_lib.Reach | None = None,
) -> list[tuple[str, Cost]]:
  """Returns the costs of the parts of the final network, from first to last.

  Args:
    architecture: what the network is made of.
    config: its size.
    reach: what counts; None for what reaches the output.

  Returns:
    Pairs of a name and a cost: `stem`, the name of every cell, `head`.
  """
  stem = layout.stem(config)
  reach = reach or reach_lib.of_network(architecture, config)
  total = [
    _conv(
      edge_place.inputs, one.channels, one.kernel**2, edge_place.output_size
    )
    for (one, edge_place), live in zip(stem, reach.stem)
    if live
  ]
  result = [('stem', sum_of(total))]
  channels = [stem[i][0].channels for i in config.skeleton.stem_outputs]
  for place, cell_reach in zip(layout.places(config), reach.cells):
    cell = config.cell(place, architecture)
    own = _edges(cell, place, cell_reach)
    for source, live in zip(channels[-cell.inputs :], cell_reach.inputs):
      if live and place.prepares:
        own = own.plus(_conv(source, place.channels, 1, place.input_size))
    result.append((place.kind, own))
    channels.append(len(cell.concat) * place.channels)
  result.append(('head', _head(config, channels[-1])))
  return result


def by_edge(
  architecture: Architecture, config: NetworkConfig
) -> dict[str, list[Cost]]:
  """Returns what edges cost, in all cells of their kind together.

  Stem, preparation of the cells' inputs and head are no edge's.

  Args:
    architecture: what the network is made of.
    config: its size.

  Returns:
    For every cell of the architecture the costs of its edges, in their order.
    What does not reach the output costs nothing.
  """
  reach = reach_lib.of_network(architecture, config)
  result = {
    name: [Cost(0, 0)] * len(cell.edges) for name, cell in architecture.cells
  }
  for place, cell_reach in zip(layout.places(config), reach.cells):
    cell = config.cell(place, architecture)
    # A skeleton's own reduction cell is not the architecture's.
    if cell is not dict(architecture.cells).get(place.kind):
      continue
    result[place.kind] = [
      total.plus(edge(one.operation, place.edge(one.source, one.target)))
      if live
      else total
      for total, one, live in zip(
        result[place.kind], cell.edges, cell_reach.edges
      )
    ]
  return result


def sum_of(costs: Iterable[Cost]) -> Cost:
  """Returns the sum of costs."""
  return functools.reduce(Cost.plus, costs, Cost(0, 0))


def _edges(cell: Cell, place: CellPlace, reach: reach_lib.CellReach) -> Cost:
  """The cost of a cell's edges, without the preparation of its inputs."""
  return sum_of(
    edge(one.operation, place.edge(one.source, one.target))
    for one, live in zip(cell.edges, reach.edges)
    if live
  )


def _head(config: NetworkConfig, channels: int) -> Cost:
  """The cost of what follows the last cell."""
  head, widths = config.skeleton.head, layout.features(config, channels)
  total = Cost(2 * channels if head.norm else 0, 0)
  if head.convolution:
    size = layout.places(config)[-1].output_size
    total = total.plus(_conv(channels, widths[1], 1, size))
  dense = [*widths[-1 - len(head.hidden) :], config.classes]
  for inputs, outputs in zip(dense, dense[1:]):
    total = total.plus(Cost(inputs * outputs + outputs, inputs * outputs))
  return total


def _conv(
  inputs: int, outputs: int, window: int, size: tuple[int, int]
) -> Cost:
  """A convolution with batch norm, or a factorised reduction (window 1)."""
  weights = window * inputs * outputs
  return Cost(weights + 2 * outputs, weights * math.prod(size))
