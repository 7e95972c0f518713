"""How long a network takes on this device, estimated from its parts.

Every operation is run by itself, on one image, at each size and with as many
channels as it has in the network; so are the stem, the convolutions that
prepare the cells' inputs, and the classifier. A network's time is the sum over
its parts. That is an estimate: it knows nothing of what sums and
concatenations take, of caches, or of parts that run side by side. Batch norm is
left out, for a network that is used has it folded into its convolutions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
import statistics
import time
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from nat_tf import edge_costs
from nat_tf import layout
from nat_tf import operations
from nat_tf import spaces
from nat_tf import stages
from nat_tf.architecture import Architecture

_WARM_UP, _REPEATS = 3, 15


class Part(NamedTuple):
  """What is timed by itself.

  Attributes:
    name: an operation of the vocabulary; or `conv`, a convolution of a `window`
      with a stride, or `dense`.
    size: height and width of its input.
    inputs: channels of its input.
    outputs: channels of its output; an operation keeps the number.
    stride: of the operation or the convolution.
    window: side of the window of a `conv`; 0 otherwise.
  """

  name: str
  size: tuple[int, int]
  inputs: int
  outputs: int
  stride: int = 1
  window: int = 0


class PartsLatency:
  """Estimates times from parts, each of which is measured once; see `Latency`.

  Args:
    clock: returns the nanoseconds that a part takes; measures it where None.
  """

  def __init__(self, clock: Callable[[Part], int] | None = None):
    self._clock = clock or stopwatch
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
    leaves_input = edge_costs.strided(encoding, space)
    wanted = allowed & np.asarray(encoding.present)[..., np.newaxis]
    for cell, place, count in edge_costs.kinds(architecture, space, config):
      for edge, index in np.argwhere(wanted[cell]).tolist():
        part = _on_edge(
          space.operations[index], place, bool(leaves_input[cell, edge])
        )
        table[cell, edge, index] += count * self._time(part)
    fixed = sum(self._time(p) for p in _fixed_parts(architecture, config))
    return fixed, table

  def _time(self, part: Part) -> int:
    if part not in self._known:
      self._known[part] = max(0, self._clock(part))
    return self._known[part]


def stopwatch(part: Part) -> int:
  """Returns how many nanoseconds a part takes on this device.

  The median of several runs, less that of a call that does nothing.
  """
  steps = _steps(part)
  if not steps:
    return 0
  shape = [1, *part.size, part.inputs]
  if part.name == 'dense':
    shape = [1, part.inputs]
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
  shape: tuple[int, ...]
  if part.name == 'dense':
    kernel = tf.random.stateless_normal([part.inputs, part.outputs], [0, 1])
    return [lambda x: tf.matmul(x, kernel)]
  if part.name == 'conv':
    shape = (part.window, part.window, part.inputs, part.outputs)
    kernel = tf.random.stateless_normal(shape, [0, 1])
    return [lambda x: tf.nn.conv2d(x, kernel, part.stride, 'SAME')]
  chain = operations.chain(part.name, part.stride, shared=False)
  steps: list[Callable[[tf.Tensor], tf.Tensor]] = []
  for stage in chain.stages if chain else ():
    if not isinstance(stage, stages.Normalize):
      steps.append(_step(stage, part.inputs))
  return steps


def _step(
  stage: stages.Stage, channels: int
) -> Callable[[tf.Tensor], tf.Tensor]:
  shape = stage.kernel_shape(channels)
  kernel = None
  if shape is not None:
    kernel = tf.random.stateless_normal(shape, [0, 1])
  return lambda x: stage(x, kernel)


def _on_edge(name: str, place: layout.CellPlace, leaves_input: bool) -> Part:
  if leaves_input:
    size, stride = place.input_size, place.stride
  else:
    size, stride = place.output_size, 1
  return Part(name, size, place.channels, place.channels, stride)


def _fixed_parts(
  architecture: Architecture, config: layout.NetworkConfig
) -> Iterator[Part]:
  """Yields what no transformation changes; compare `cost.network`."""
  inputs, stem = config.skeleton.cell_inputs, config.stem_channels
  size = config.image_size
  yield Part('conv', size, config.image_channels, stem, window=3)
  outputs = [(stem, size)] * inputs
  for place in layout.places(config):
    cell = config.cell(place, architecture)
    for source, size in outputs[-inputs:] if place.prepares else ():
      # A factorised reduction is two such convolutions of half the channels.
      stride = 1 if size == place.input_size else 2
      yield Part('conv', size, source, place.channels, stride, window=1)
    if cell is config.skeleton.reduction:
      for edge in cell.edges:
        yield _on_edge(edge.operation, place, edge.source < cell.inputs)
    outputs.append((len(cell.concat) * place.channels, place.output_size))
  yield Part('dense', (1, 1), outputs[-1][0], config.classes)
