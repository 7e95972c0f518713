"""How long a network takes on this device, estimated from its parts.

Every operation is run by itself, on one image, at each size and with as many
channels as it has in the network; so are the stem, the convolutions that
prepare the cells' inputs, and the classifier. A network's time is the sum over
its parts, in such a unit that the input's sum is what its whole network takes:
parts alone know nothing of batch norm, of what sums and concatenations take, of
caches, or of parts that run side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
import statistics
import time
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from nat_tf import computation
from nat_tf import edge_costs
from nat_tf import final_network
from nat_tf import layout
from nat_tf import operations
from nat_tf import part_latency
from nat_tf import spaces
from nat_tf import stages
from nat_tf.architecture import Architecture
from nat_tf.layout import EdgePlace

_WARM_UP, _REPEATS = 3, 15


class Part(NamedTuple):
  """What is timed by itself.

  Attributes:
    name: an operation of the vocabulary; or `conv`, a convolution of a
      `window`, or `dense`.
    joins: its sizes and channels.
    window: side of the window of a `conv`; 0 otherwise.
  """

  name: str
  joins: EdgePlace
  window: int = 0


class PartsLatency:
  """Estimates times from parts, each of which is measured once; see `Latency`.

  Args:
    clock: returns the nanoseconds that a part takes; measures it where None.
    whole: returns the nanoseconds that a whole network takes; measures it where
      None.
  """

  def __init__(
    self,
    clock: Callable[[Part], int] | None = None,
    whole: Callable[[Architecture, layout.NetworkConfig], int] | None = None,
  ):
    self._clock = clock or stopwatch
    self._whole = whole or _whole
    self._known: dict[Part, int] = {}

  def __call__(
    self,
    architecture: Architecture,
    space: spaces.Space,
    config: layout.NetworkConfig,
    allowed: np.ndarray,
  ) -> tuple[int, np.ndarray]:
    """Returns nanoseconds of the fixed part and of operations on edges.

    Args:
      architecture: an architecture of the space.
      space: gives the slots and the operations.
      config: the network.
      allowed: `[cells, edges, operations]` bool; others are not measured.

    Returns:
      A number, and `[cells, edges, operations]` int64, 0 where not allowed.
    """
    encoding = space.encode(architecture)
    table = np.zeros(allowed.shape, np.int64)
    for cell, place, count in edge_costs.kinds(architecture, space, config):
      for slot, joined in edge_costs.joins(encoding, space, cell, place):
        for index in np.flatnonzero(allowed[cell, slot]).tolist():
          part = Part(space.operations[index], joined)
          table[cell, slot, index] += count * self._time(part)
    fixed = sum(self._time(p) for p in _fixed_parts(architecture, config))
    operations_now = np.asarray(encoding.operations)[..., np.newaxis]
    own = np.take_along_axis(table, operations_now, axis=-1).sum()
    scale = self._whole(architecture, config) / max(1, fixed + int(own))
    return round(scale * fixed), np.rint(scale * table).astype(np.int64)

  def _time(self, part: Part) -> int:
    if part not in self._known:
      self._known[part] = max(0, self._clock(part))
    return self._known[part]


def _whole(architecture: Architecture, config: layout.NetworkConfig) -> int:
  network = final_network.build(architecture, config)
  return round(1e9 * part_latency.median_seconds(network, 1))


def stopwatch(part: Part) -> int:
  """Returns how many nanoseconds a part takes on this device.

  The median of several runs, less that of a call that does nothing.
  """
  steps = _steps(part)
  if not steps:
    return 0
  shape = [1, *part.joins.input_size, part.joins.inputs]
  if part.name == 'dense':
    shape = [1, part.joins.inputs]
  x = tf.random.stateless_normal(shape, [0, 0])

  @tf.function(autograph=False)
  def run(x):
    for step in steps:
      x = step(x)
    return x

  return _median(run, x) - _median(tf.function(tf.identity), x)


def _median(function: Callable[[tf.Tensor], tf.Tensor], x: tf.Tensor) -> int:
  taken = []
  for _ in range(_WARM_UP + _REPEATS):
    started = time.perf_counter_ns()
    function(x).numpy()
    taken.append(time.perf_counter_ns() - started)
  return int(statistics.median(taken[_WARM_UP:]))


def _steps(part: Part) -> list[Callable[[tf.Tensor], tf.Tensor]]:
  """Returns what a part computes; nothing for identity and null."""
  widths = part.joins.inputs, part.joins.outputs
  if part.name == 'dense':
    kernel = tf.random.stateless_normal(widths, [0, 1])
    return [lambda x: tf.matmul(x, kernel)]
  if part.name == 'conv':
    kernel = tf.random.stateless_normal([part.window] * 2 + [*widths], [0, 1])
    return [lambda x: tf.nn.conv2d(x, kernel, part.joins.stride, 'SAME')]
  chain = operations.on(part.name, part.joins, shared=False)
  return [
    _step(stage, before, after)
    for stage, before, after in (chain.flow(*widths) if chain else ())
    if not isinstance(stage, stages.Normalize)
  ]


def _step(
  stage: stages.Stage, before: int, after: int
) -> Callable[[tf.Tensor], tf.Tensor]:
  shape = stage.kernel_shape(before, after)
  kernel = None
  if shape is not None:
    kernel = tf.random.stateless_normal(shape, [0, 1])
  return lambda x: computation.apply(stage, x, kernel)


def _fixed_parts(
  architecture: Architecture, config: layout.NetworkConfig
) -> Iterator[Part]:
  """Yields what no transformation changes; compare `cost.parts`."""
  skeleton, stem = config.skeleton, layout.stem(config)
  for convolution, joined in stem:
    yield Part('conv', joined, window=convolution.kernel)
  outputs = [
    (stem[i][1].outputs, stem[i][1].output_size) for i in skeleton.stem_outputs
  ]
  for place in layout.places(config):
    cell = config.cell(place, architecture)
    sources = outputs[-cell.inputs :]
    if place.pool:
      channels, size = sources[0]
      pool = place.pool
      joined = EdgePlace(
        channels, channels, pool.stride, size, place.input_size
      )
      yield Part(f'max_pool_{pool.kernel}x{pool.kernel}', joined)
    for channels, size in sources if place.prepares else ():
      # A factorised reduction is two such convolutions of half the channels.
      stride = 1 if size == place.input_size else 2
      joined = EdgePlace(
        channels, place.channels, stride, size, place.input_size
      )
      yield Part('conv', joined, window=1)
    if cell is skeleton.reduction:
      for edge in cell.edges:
        yield Part(edge.operation, place.edge(edge.source, edge.target))
    outputs.append((len(cell.concat) * place.channels, place.output_size))
  yield from _head(config, *outputs[-1])


def _head(
  config: layout.NetworkConfig, channels: int, size: tuple[int, int]
) -> Iterator[Part]:
  """Yields what follows the last cell."""
  head, widths = config.skeleton.head, layout.features(config, channels)
  if head.convolution:
    yield Part('conv', EdgePlace(channels, widths[1], 1, size, size), window=1)
  dense = [*widths[-1 - len(head.hidden) :], config.classes]
  for inputs, outputs in zip(dense, dense[1:]):
    yield Part('dense', EdgePlace(inputs, outputs, 1, (1, 1), (1, 1)))
