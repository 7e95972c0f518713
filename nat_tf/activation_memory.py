"""How many bytes of maps a final network's forward pass makes, exactly.

Counted for one image in float32 and for what reaches the output (`reach.py`):
the result of every stage of every operation, of stem, preparations and head,
every vertex that is the sum of several edges or zeros, and every concatenation;
neither the image nor views of a map. Nothing is reused: this is about what
training keeps for its backward pass; inference gives maps back as it goes.
"""

from __future__ import annotations

from collections.abc import Sequence
import math

from nat_tf import layout
from nat_tf import operations
from nat_tf import reach as reach_lib
from nat_tf import stages
from nat_tf.architecture import Architecture
from nat_tf.architecture import Cell
from nat_tf.layout import CellPlace
from nat_tf.layout import NetworkConfig
from nat_tf.layout import Size

_BYTES = 4  # float32


def network(architecture: Architecture, config: NetworkConfig) -> int:
  """Returns the bytes of all maps of a forward pass for one image."""
  return sum(size for _, size in parts(architecture, config))


def parts(
  architecture: Architecture, config: NetworkConfig
) -> list[tuple[str, int]]:
  """Returns the bytes of the parts' maps, from first to last.

  Args:
    architecture: what the network is made of.
    config: its size.

  Returns:
    Pairs of a name and bytes, in the order of `cost.parts`.
  """
  skeleton, places = config.skeleton, layout.places(config)
  reach = reach_lib.of_network(architecture, config)
  conv_norm = _conv_norm(stages.Conv(1))
  values = 0
  for (one, joins), live in zip(layout.stem(config), reach.stem):
    if live:
      # All its maps have its output's size.
      chain = conv_norm + [stages.Relu()] * skeleton.activates_stem
      values += _values(chain, joins.inputs, one.channels, joins.output_size)
  result = [('stem', values)]
  channels = 0
  for number, (place, own) in enumerate(zip(places, reach.cells)):
    cell = config.cell(place, architecture)
    channels = len(cell.concat) * place.channels
    values = _cell(cell, place, own)
    if own.live and skeleton.activates and number < len(places) - 1:
      values += math.prod(place.output_size) * channels
    result.append((place.kind, values))
  result.append(('head', _head(config, channels, places[-1].output_size)))
  return [(name, _BYTES * values) for name, values in result]


def _cell(cell: Cell, place: CellPlace, reach: reach_lib.CellReach) -> int:
  """Values of a cell's maps, those of its prepared inputs included."""
  total = sum(
    _prepared(place, i) for i, live in enumerate(reach.inputs) if live
  )
  fed = [0] * cell.vertices
  read = set(cell.concat) if reach.live else set()
  for edge, live in zip(cell.edges, reach.edges):
    if not live:
      continue
    joins = place.edge(edge.source, edge.target)
    chain = operations.on(edge.operation, joins, shared=False)
    if chain is not None:
      total += _values(
        chain.stages, joins.inputs, joins.outputs, joins.input_size
      )
    fed[edge.target] += 1
    read.add(edge.source)
  for vertex in read.intersection(cell.intermediates):
    # What one edge alone feeds is that edge's map.
    if fed[vertex] != 1:
      total += math.prod(place.size(vertex)) * place.width(vertex)
  if reach.live and len(cell.concat) > 1:
    total += math.prod(place.output_size) * place.channels * len(cell.concat)
  return total


def _prepared(place: CellPlace, i: int) -> int:
  """Values of the maps between a cell's input and what its edges read."""
  if place.prepares:
    values = math.prod(place.input_size) * place.width(i)
    return len(_conv_norm(stages.Conv(1))) * values
  # Its window's result is what has the input's size.
  return math.prod(place.input_size) * place.width(i) if place.pool else 0


def _head(config: NetworkConfig, channels: int, size: Size) -> int:
  head = config.skeleton.head
  widths = layout.features(config, channels)
  total = (head.norm + head.activates) * math.prod(size) * channels
  if head.convolution:
    chain = [*_conv_norm(stages.Conv(1)), stages.Relu6()]
    total += _values(chain, channels, widths[1], size)
    channels = widths[1]
  if head.pool:
    size = layout.halved(size, head.pool.stride)
    total += math.prod(size) * channels
  if not head.flattens:
    total += channels
  return total + sum(map(config.scaled, head.hidden)) + config.classes


def _conv_norm(convolution: stages.Stage) -> list[stages.Stage]:
  return [convolution, stages.Normalize()]


def _values(
  chain: Sequence[stages.Stage], inputs: int, outputs: int, size: Size
) -> int:
  """Values of the maps that a chain of stages makes."""
  total = 0
  flow = operations.Chain(tuple(chain)).flow(inputs, outputs)
  for stage, _, after in flow:
    size = stage.output_size(size)
    total += math.prod(size) * after
  return total
