"""The layers that a super network is made of.

Each shows its forward and its backward pass, because a tape around the choice
of a path would differentiate every branch of it.
"""

from __future__ import annotations

from collections.abc import Callable
import math
from typing import Any

import tensorflow as tf

from nat_tf import computation
from nat_tf import layout
from nat_tf import operations
from nat_tf import shared_cell
from nat_tf import spaces
from nat_tf import stages


class ConvNorm(tf.keras.layers.Layer):
  """Convolution, batch norm without scale, offset or moving statistics.

  Args:
    channels: channels of the output.
    convolution: the convolution, of any number of channels.
  """

  def __init__(self, channels, convolution, **kwargs):
    super().__init__(**kwargs)
    self._channels = channels
    self._stride = convolution.stride
    self._chain = operations.Chain((convolution, stages.Normalize()))

  def build(self, input_shape):
    """Makes the kernel; see Keras's layer."""
    shape = self._chain.kernel_shapes(input_shape[-1], self._channels)[0]
    self.kernel = self.add_weight('kernel', shape, initializer='he_normal')
    super().build(input_shape)

  def call(self, x):
    """Returns `[batch, height, width, channels]`, or half the size."""
    return self.forward(x)[0]

  def forward(self, x: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Returns the output and what `backward` wants kept."""
    return computation.forward(self._chain, x, [self._kernel()])

  def backward(
    self, x: tf.Tensor, kept: list[tf.Tensor], dy: tf.Tensor
  ) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Returns the gradient of `x` and those of the weights.

    Args:
      x: the input given to `forward`.
      kept: what `forward` returned.
      dy: gradient of the output.
    """
    return self._pull(x, self._kernel(), kept, dy)

  def forward_where(
    self, wanted: tf.Tensor, x: tf.Tensor
  ) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """As `forward`, or zeros of the same shapes where it is not wanted.

    Args:
      wanted: bool scalar.
      x: input.
    """
    kernel = self._kernel()
    batch, height, width, _ = x.shape
    size = (-(-height // self._stride), -(-width // self._stride))

    def zeros():
      y = tf.zeros([batch, *size, self._channels])
      return y, [y, tf.zeros([2, self._channels])]

    return tf.cond(
      wanted, lambda: computation.forward(self._chain, x, [kernel]), zeros
    )

  def forward_or(
    self, known: tf.Tensor, wanted: tf.Tensor, x: tf.Tensor
  ) -> tf.Tensor:
    """Returns the output where it is wanted, else what is known.

    Args:
      known: of the output's shape.
      wanted: bool scalar.
      x: input.
    """
    kernel = self._kernel()
    return tf.cond(
      wanted,
      lambda: computation.forward(self._chain, x, [kernel])[0],
      lambda: known,
    )

  def backward_where(
    self,
    wanted: tf.Tensor,
    x: tf.Tensor,
    kept: list[tf.Tensor],
    dy: tf.Tensor,
  ) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """As `backward`, or zeros where the forward pass was not wanted.

    Args:
      wanted: bool scalar.
      x: input.
      kept: what `forward_where` returned.
      dy: gradient of the output.
    """
    kernel = self._kernel()
    return tf.cond(
      wanted,
      lambda: self._pull(x, kernel, kept, dy),
      lambda: (tf.zeros(x.shape), [tf.zeros(kernel.shape)]),
    )

  def _pull(self, x, kernel, kept, dy):
    return computation.backward(self._chain, x, [kernel], kept, dy)

  def _kernel(self):
    # Read outside of any branch: XLA takes no variables into them.
    return tf.convert_to_tensor(self.kernel)


class Weightless(tf.keras.layers.Layer):
  """Prepares the input of a cell that needs no convolution; see `ConvNorm`.

  Args:
    pool: a maximum that it goes through; None to pass it on as it is.
  """

  def __init__(self, pool: layout.Pool | None, **kwargs):
    super().__init__(**kwargs)
    stage = pool and stages.MaxPool(pool.kernel, pool.stride)
    self._chain = operations.Chain((stage,) if stage else ())

  def call(self, x):
    """Returns `[batch, height, width, channels]`, `x` or a part of it."""
    return computation.forward(self._chain, x, [])[0]

  def forward_where(
    self, wanted: tf.Tensor, x: tf.Tensor
  ) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Returns the output, wanted or not; nothing is kept."""
    del wanted
    return self(x), []

  def forward_or(
    self, known: tf.Tensor, wanted: tf.Tensor, x: tf.Tensor
  ) -> tf.Tensor:
    """Returns the output where it is wanted, else what is known."""
    return tf.cond(wanted, lambda: self(x), lambda: known)

  def backward_where(
    self,
    wanted: tf.Tensor,
    x: tf.Tensor,
    kept: list[tf.Tensor],
    dy: tf.Tensor,
  ) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Returns the gradient of `x`; there are no weights."""
    del wanted
    return computation.backward(self._chain, x, [], kept, dy)


class Classifier(tf.keras.layers.Layer):
  """What follows the last cell (`layout.Head`); a tape differentiates it.

  Args:
    config: the network.
  """

  def __init__(self, config: layout.NetworkConfig, **kwargs):
    super().__init__(**kwargs)
    head = config.skeleton.head
    self._config = config
    self._convolution = None
    if head.convolution:
      channels = config.scaled(head.convolution.channels)
      self._convolution = ConvNorm(channels, stages.Conv(1))
    self._hidden = [
      tf.keras.layers.Dense(config.scaled(width), 'relu')
      for width in head.hidden
    ]
    self._dense = tf.keras.layers.Dense(config.classes)

  def build(self, input_shape):
    """Makes all weights; see Keras's layer."""
    widths = layout.features(self._config, input_shape[-1])
    if self._convolution:
      self._convolution.build((None, None, None, widths[0]))
    layers = [*self._hidden, self._dense]
    for layer, width in zip(layers, widths[-len(layers) :]):
      layer.build((None, width))
    super().build(input_shape)

  def call(self, x):
    """Returns logits `[batch, classes]` for the last cell's output."""
    return self.logits(self.features(x))

  def logits(self, features: tf.Tensor) -> tf.Tensor:
    """Returns logits `[batch, classes]` for what `features` returned."""
    return self._dense(features)

  def features(self, x: tf.Tensor) -> tf.Tensor:
    """Returns what the last layer reads, `[batch, features]`.

    Args:
      x: the last cell's output.
    """
    head = self._config.skeleton.head
    x = computation.apply(stages.Normalize(), x) if head.norm else x
    x = tf.nn.relu(x) if head.activates else x
    if self._convolution:
      x = tf.nn.relu6(self._convolution(x))
    if head.pool:
      x = computation.apply(
        stages.MaxPool(head.pool.kernel, head.pool.stride), x
      )
    if head.flattens:
      x = tf.reshape(x, [x.shape[0] or -1, math.prod(x.shape[1:])])
    else:
      x = tf.reduce_mean(x, axis=[1, 2])
    for layer in self._hidden:
      x = layer(x)
    return x


class SharedCell(tf.keras.layers.Layer):
  """A cell with the kernels of every operation on every edge.

  Args:
    space: the search space.
    place: where in the network the cell stands.
    programs: the compiled passes that cells share, by key; one that is missing
      is made.
  """

  def __init__(
    self,
    space: spaces.Space,
    place: layout.CellPlace,
    programs: dict[Any, shared_cell.CellProgram],
    **kwargs,
  ):
    super().__init__(**kwargs)
    self.index = shared_cell.KernelIndex(space, place)
    spans = self.index.spans
    key = shared_cell.CellProgram.key(space, place, spans)
    if key not in programs:
      programs[key] = shared_cell.CellProgram(space, place, spans)
    self._program = programs[key]

  def build(self, input_shape):
    """Makes the bank of kernels; see Keras's layer."""
    deviations = self.index.deviations[:, None]
    shape = (self.index.rows, self.index.columns)

    def initializer(shape, dtype=None):
      return tf.random.normal(shape, dtype=dtype) * deviations

    self.bank = self.add_weight('bank', shape, initializer=initializer)
    super().build(input_shape)

  def recall(
    self,
    missing: tf.Tensor,
    inputs: list[tf.Tensor],
    path: shared_cell.Path,
    fresh: tf.Tensor,
    output: tf.Tensor,
    edges: list[tf.Tensor],
    activation: Callable[[tf.Tensor], tf.Tensor],
  ) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Computes what is not known yet.

    Args:
      missing: bool scalar, whether the output has to be computed.
      inputs: the prepared inputs.
      path: the cell's part of an architecture.
      fresh: `[edges]` bool, which edges have to be computed for it.
      output: what was computed last.
      edges: for every slot that is used what it has computed last.
      activation: of the output.

    Returns:
      The output, and what every such slot has computed last now.
    """
    kernels = tf.gather(self.bank, self.index(path))

    def compute():
      y, computed = self._program.recall(kernels, inputs, path, fresh, edges)
      return activation(y), computed

    return tf.cond(missing, compute, lambda: (output, edges))

  def remembers(self, path: shared_cell.Path, fresh: tf.Tensor) -> tf.Tensor:
    """Returns which edges `recall` puts into its memory, `[edges]` bool."""
    return self._program.remembers(path, fresh)

  def pullback(self, inputs: list[tf.Tensor], path: shared_cell.Path):
    """Returns the output and the function that maps its gradient backwards.

    The bank's gradient is `tf.IndexedSlices` over the rows on the path, so that
    nothing else moves.
    """
    rows = self.index(path)
    kernels = tf.gather(self.bank, rows)
    output, computed, kept = self._program.forward(kernels, inputs, path)

    def pull(doutput):
      dkernels, dinputs = self._program.backward(
        kernels, inputs, path, computed, kept, doutput
      )
      return dinputs, tf.IndexedSlices(dkernels, rows)

    return output, pull
