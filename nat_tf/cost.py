"""What an architecture costs: parameters and multiply-adds, computed exactly.

Counted for the final network, trained from scratch: parameters are the
trainable ones, batch norm's scale and offset included; multiply-adds are those
of convolutions and dense layers, for one image.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from nat_tf import layout
from nat_tf import operations
from nat_tf.architecture import Architecture
from nat_tf.architecture import Cell
from nat_tf.layout import CellPlace
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


def edge(name: str, place: CellPlace, strided: bool) -> Cost:
  """Returns the cost of one operation on an edge.

  Args:
    name: a name of the vocabulary.
    place: the cell's place in the network.
    strided: whether the edge leaves an input vertex.
  """
  chain = operations.chain(name, place.stride if strided else 1, shared=False)
  if chain is None:
    return Cost(0, 0)
  norms = 2 * place.channels * chain.norms()
  return Cost(
    chain.parameters(place.channels) + norms,
    chain.madds(
      place.channels, place.input_size if strided else place.output_size
    ),
  )


def network(architecture: Architecture, config: NetworkConfig) -> Cost:
  """Returns the cost of the final network without its auxiliary head."""
  inputs, stem = config.skeleton.cell_inputs, config.stem_channels
  total = _conv(config.image_channels, stem, 9, config.image_size)
  channels = [stem] * inputs
  for place in layout.places(config):
    cell = config.cell(place, architecture)
    for source in channels[-inputs:] if place.prepares else ():
      total = total.plus(_conv(source, place.channels, 1, place.input_size))
    total = total.plus(_cell(cell, place))
    channels.append(len(cell.concat) * place.channels)
  weights = channels[-1] * config.classes
  norm = 2 * channels[-1] if config.skeleton.final_norm else 0
  return total.plus(Cost(weights + config.classes + norm, weights))


def _cell(cell: Cell, place: CellPlace) -> Cost:
  total = Cost(0, 0)
  for item in cell.edges:
    strided = item.source < cell.inputs
    total = total.plus(edge(item.operation, place, strided))
  return total


def _conv(
  inputs: int, outputs: int, window: int, size: tuple[int, int]
) -> Cost:
  """A convolution with batch norm, or a factorised reduction (window 1)."""
  weights = window * inputs * outputs
  return Cost(weights + 2 * outputs, weights * math.prod(size))
