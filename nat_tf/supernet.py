"""The shared super network: one set of weights for every architecture.

An architecture is a path through it, given as data (`spaces.Encoding`), so one
compiled step serves all of them (method, section 3).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from nat_tf import layout
from nat_tf import shared_cell
from nat_tf import stages
from nat_tf.layout import NetworkConfig
from nat_tf.spaces import Encoding
from nat_tf.spaces import Space

# Maps a gradient of a layer's output to the gradients of its input, and of its
# weights in their order.
_Pullback = Callable[[tf.Tensor], 'tuple[tf.Tensor, list]']


class Scores(NamedTuple):
  """How well architectures do on one batch.

  Attributes:
    loss: `[architectures]` float32, mean cross-entropy.
    accuracy: `[architectures]` float32, share of right answers, 0 to 1.
  """

  loss: tf.Tensor
  accuracy: tf.Tensor


class ReluConvNorm(tf.keras.layers.Layer):
  """ReLU, convolution, batch norm without scale, offset or moving statistics.

  Args:
    channels: channels of the output.
    kernel: side of the window in pixels.
    halve: whether to halve the size by a factorised reduction instead.
    relu: whether to begin with the ReLU.
  """

  def __init__(self, channels, kernel=1, halve=False, relu=True, **kwargs):
    super().__init__(**kwargs)
    self._channels = channels
    self._window = kernel
    self._halve = halve
    self._relu = relu

  def build(self, input_shape):
    """Makes the kernel; see Keras's layer."""
    shape = (self._window, self._window, input_shape[-1], self._channels)
    self.kernel = self.add_weight('kernel', shape, initializer='he_normal')
    super().build(input_shape)

  def call(self, x):
    """Returns `[batch, height, width, channels]`, or half the size."""
    x = tf.nn.relu(x) if self._relu else x
    if self._halve:
      x = stages.factorized_reduction(x, self.kernel[0, 0])
    else:
      x = tf.nn.conv2d(x, self.kernel, 1, 'SAME')
    return stages.Normalize()(x)

  def pullback(self, x: tf.Tensor) -> tuple[tf.Tensor, _Pullback]:
    """Returns the output and the function that maps its gradient backwards."""
    return _pullback(self, x)


class SharedCell(tf.keras.layers.Layer):
  """A cell with the kernels of every operation on every edge.

  Args:
    space: the search space.
    place: where in the network the cell stands.
    program: the compiled passes, shared by all cells of one stride.
  """

  def __init__(self, space, place, program, **kwargs):
    super().__init__(**kwargs)
    self._index = shared_cell.KernelIndex(space, place)
    self._place = place
    self._program = program

  def build(self, input_shape):
    """Makes the bank of kernels; see Keras's layer."""
    deviations = self._index.deviations[:, None]
    shape = (self._index.rows, self._place.channels)

    def initializer(shape, dtype=None):
      return tf.random.normal(shape, dtype=dtype) * deviations

    self.bank = self.add_weight('bank', shape, initializer=initializer)
    super().build(input_shape)

  def call(self, inputs, path: shared_cell.Path):
    """Returns the cell's output on a path; see `CellProgram`."""
    kernels = tf.gather(self.bank, self._index(path))
    return self._program.forward(kernels, list(inputs), path)[0]

  def pullback(self, inputs: list[tf.Tensor], path: shared_cell.Path):
    """Returns the output and the function that maps its gradient backwards.

    The bank's gradient is `tf.IndexedSlices` over the rows on the path, so that
    nothing else moves.
    """
    rows = self._index(path)
    kernels = tf.gather(self.bank, rows)
    output, computed, kept = self._program.forward(kernels, inputs, path)

    def pull(doutput):
      dkernels, dinputs = self._program.backward(
        kernels, inputs, path, computed, kept, doutput
      )
      values = tf.reshape(dkernels, [-1, dkernels.shape[-1]])
      slices = tf.IndexedSlices(values, tf.reshape(rows, [-1]))
      return dinputs, [slices]

    return output, pull


class SuperNetwork(tf.keras.Model):
  """All architectures of a space in one network with shared weights.

  Args:
    space: the search space.
    config: number of cells, channels, image and classes.
  """

  def __init__(self, space: Space, config: NetworkConfig, **kwargs):
    super().__init__(**kwargs)
    self.space = space
    self.config = config
    places = layout.places(config)
    programs = {
      stride: shared_cell.CellProgram(space, stride)
      for stride in {place.stride for place in places}
    }
    channels = config.stem_multiplier * config.channels
    self._stem = ReluConvNorm(channels, 3, relu=False, name='stem')
    self._preprocess = [
      [
        ReluConvNorm(place.channels, halve=i == 0 and place.halve_first)
        for i in range(space.inputs)
      ]
      for place in places
    ]
    self._shared_cells = [
      SharedCell(space, place, programs[place.stride], name=f'cell_{i}')
      for i, place in enumerate(places)
    ]
    self._kinds = [space.cells.index(place.kind) for place in places]
    self._classifier = tf.keras.layers.Dense(config.classes, name='classifier')
    self._build_layers(places)

  def call(self, images: tf.Tensor, architecture: Encoding) -> tf.Tensor:
    """Returns logits `[batch, classes]`.

    Args:
      images: `[batch, height, width, channels]`.
      architecture: one encoding, without leading dimensions.
    """
    outputs = [self._stem(images)] * self.space.inputs
    for preprocess, cell, kind in self._steps():
      inputs = [layer(x) for layer, x in zip(preprocess, outputs)]
      outputs = [*outputs[1:], cell(inputs, _path(architecture, kind))]
    return self._classifier(tf.reduce_mean(outputs[-1], axis=[1, 2]))

  def score(
    self,
    images: tf.Tensor,
    labels: tf.Tensor,
    architectures: Encoding,
    weights: tf.Tensor | None = None,
  ) -> Scores:
    """Returns how well every architecture does on one batch.

    Args:
      images: `[batch, height, width, channels]`.
      labels: `[batch]` int32.
      architectures: encodings with one leading dimension.
      weights: `[batch]` float32, how much every example counts; None for 1.
    """
    if weights is None:
      weights = tf.ones(labels.shape)

    def one(architecture):
      return _scores(self(images, Encoding(*architecture)), labels, weights)

    return tf.map_fn(
      one,
      architectures,
      fn_output_signature=Scores(tf.float32, tf.float32),
      parallel_iterations=1,
    )

  def loss_and_gradients(
    self, images: tf.Tensor, labels: tf.Tensor, architecture: Encoding
  ) -> tuple[Scores, list]:
    """Returns one architecture's scores and its loss's gradients.

    Args:
      images: `[batch, height, width, channels]`.
      labels: `[batch]` int32.
      architecture: one encoding, without leading dimensions.

    Returns:
      Scores (scalars) and gradients in the order of `trainable_variables`;
      those of the cells' banks are `tf.IndexedSlices`.
    """
    features, pull_cells = self._forward(images, architecture)
    with tf.GradientTape() as tape:
      tape.watch(features)
      logits = self._classifier(tf.reduce_mean(features, axis=[1, 2]))
      scores = _scores(logits, labels, tf.ones(labels.shape))
    weights = self._classifier.trainable_variables
    dfeatures, dweights = tape.gradient(scores.loss, (features, weights))
    gradients = pull_cells(dfeatures)
    gradients.update(_by_reference(weights, dweights))
    return scores, [gradients[v.ref()] for v in self.trainable_variables]

  def _forward(self, images, architecture):
    """Returns the last cell's output and the function that pulls it back.

    The passes are composed by hand: a tape around a switch would differentiate
    every branch of it.
    """
    stem, pull_stem = self._stem.pullback(images)
    outputs, pulls = [stem] * self.space.inputs, []
    for preprocess, cell, kind in self._steps():
      pairs = [layer.pullback(x) for layer, x in zip(preprocess, outputs)]
      inputs = [x for x, _ in pairs]
      output, pull_cell = cell.pullback(inputs, _path(architecture, kind))
      outputs = [*outputs[1:], output]
      pulls.append((preprocess, [pull for _, pull in pairs], cell, pull_cell))

    def pull(doutput):
      gradients: dict = {}
      # Gradients of the last `inputs` outputs, the newest last.
      pending = [None] * (self.space.inputs - 1) + [doutput]
      for layers, pull_inputs, cell, pull_cell in reversed(pulls):
        dinputs, dweights = pull_cell(pending.pop())
        gradients.update(_by_reference(cell.trainable_variables, dweights))
        pending.insert(0, None)
        for i, (layer, pull_input) in enumerate(zip(layers, pull_inputs)):
          dx, dweights = pull_input(dinputs[i])
          gradients.update(_by_reference(layer.trainable_variables, dweights))
          pending[i] = dx if pending[i] is None else pending[i] + dx
      _, dweights = pull_stem(tf.add_n(pending))
      gradients.update(_by_reference(self._stem.trainable_variables, dweights))
      return gradients

    return outputs[-1], pull

  def _steps(self):
    return zip(self._preprocess, self._shared_cells, self._kinds)

  def _build_layers(self, places):
    """Creates all weights now, so that seeds and checkpoints are certain."""
    config = self.config
    self._stem.build((None, *config.image_size, config.image_channels))
    channels = [config.stem_multiplier * config.channels] * self.space.inputs
    for (preprocess, cell, _), place in zip(self._steps(), places):
      for layer, inputs in zip(preprocess, channels):
        layer.build((None, None, None, inputs))
      cell.build(None)
      channels = [*channels[1:], self.space.intermediates * place.channels]
    self._classifier.build((None, channels[-1]))
    self.built = True


def _path(architecture: Encoding, kind: int) -> shared_cell.Path:
  return shared_cell.Path(
    architecture.operations[kind],
    architecture.sources[kind],
    architecture.concat[kind],
  )


def _scores(logits, labels, weights) -> Scores:
  losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
  right = tf.argmax(logits, axis=-1, output_type=labels.dtype) == labels
  right = tf.cast(right, tf.float32)
  count = tf.reduce_sum(weights)
  return Scores(
    tf.reduce_sum(losses * weights) / count,
    tf.reduce_sum(right * weights) / count,
  )


def _pullback(layer: tf.keras.layers.Layer, x: tf.Tensor):
  with tf.GradientTape() as tape:
    tape.watch(x)
    y = layer(x)

  def pull(dy):
    return tape.gradient(y, (x, layer.trainable_variables), output_gradients=dy)

  return y, pull


def _by_reference(variables, gradients) -> dict:
  return {v.ref(): g for v, g in zip(variables, gradients)}
