"""The primitive steps that operations are made of, each with its cost.

A stage is stateless: it takes its kernel as an argument, so that the super
network (which gathers kernels from shared weights) and ordinary Keras layers
(which own them) run the same code. All maps are `[batch, height, width,
channels]`.
"""

from __future__ import annotations

import abc
from collections.abc import Callable
import dataclasses
import enum
import math

import tensorflow as tf


class Keeps(enum.Enum):
  """What of a stage's forward pass its backward pass wants."""

  NOTHING = enum.auto()
  OUTPUT = enum.auto()
  STATISTICS = enum.auto()  # `[2, channels]`, see `Normalize`.


class Axis(enum.Enum):
  """Which dimension of a map a line lies along."""

  HEIGHT = enum.auto()
  WIDTH = enum.auto()


# Maps a gradient of a stage's output to those of its input and kernel.
Pullback = Callable[[tf.Tensor], 'tuple[tf.Tensor, tf.Tensor | None]']

# Of all batch norms.
EPSILON = 1e-5


class Stage(abc.ABC):
  """One primitive step of an operation.

  Attributes:
    keeps: what the super network keeps for its backward pass; what is cheap to
      compute again is not kept.
    stride: pixels from one output to the next.
  """

  keeps = Keeps.NOTHING
  stride: int = 1

  @property
  def strides(self) -> tuple[int, int]:
    """The strides along height and width."""
    return (self.stride, self.stride)

  def output_size(self, size: tuple[int, int]) -> tuple[int, int]:
    """Returns height and width of the output for those of the input."""
    height, width = (-(-n // s) for n, s in zip(size, self.strides))
    return (height, width)

  def width(self, inputs: int, outputs: int) -> int:
    """Channels of its result.

    Args:
      inputs: channels that it gets.
      outputs: channels that the whole operation should give.
    """
    del outputs
    return inputs

  def kernel_shape(self, inputs: int, outputs: int) -> tuple[int, ...] | None:
    """Shape of the kernel; None without one.

    Args:
      inputs: channels that it gets.
      outputs: channels of its result.
    """
    del inputs, outputs
    return None

  def fan_in(self, inputs: int) -> int:
    """Number of inputs of one output; 0 without a kernel."""
    del inputs
    return 0

  def madds(self, inputs: int, outputs: int) -> int:
    """Multiply-adds for one position of the output (convolutions only)."""
    shape = self.kernel_shape(inputs, outputs)
    return math.prod(shape) if shape else 0

  @abc.abstractmethod
  def __call__(self, x: tf.Tensor, kernel: tf.Tensor | None) -> tf.Tensor:
    """Applies the stage to `[batch, height, width, channels]`."""

  def forward(
    self, x: tf.Tensor, kernel: tf.Tensor | None
  ) -> tuple[tf.Tensor, tf.Tensor | None]:
    """Returns the output and what the backward pass wants kept."""
    y = self(x, kernel)
    return y, y if self.keeps is Keeps.OUTPUT else None

  def pullback(
    self, x: tf.Tensor, kernel: tf.Tensor | None, kept: tf.Tensor | None
  ) -> tuple[tf.Tensor, Pullback]:
    """Returns the output and the function that maps its gradient backwards.

    Args:
      x: input.
      kernel: kernel, or None.
      kept: what `forward` returned.
    """
    with tf.GradientTape() as tape:
      tape.watch(x)
      if kernel is not None:
        tape.watch(kernel)
      again = self(x, kernel)

    def pull(dy):
      if kernel is None:
        return tape.gradient(again, x, output_gradients=dy), None
      return tuple(tape.gradient(again, (x, kernel), output_gradients=dy))

    return (kept if self.keeps is Keeps.OUTPUT else again), pull


@dataclasses.dataclass(frozen=True)
class Relu(Stage):
  """Rectified linear unit."""

  def __call__(self, x, kernel=None):
    return tf.nn.relu(x)


@dataclasses.dataclass(frozen=True)
class Relu6(Stage):
  """Rectified linear unit that ends at 6."""

  def __call__(self, x, kernel=None):
    return tf.nn.relu6(x)


@dataclasses.dataclass(frozen=True)
class Normalize(Stage):
  """Batch norm by the batch's own statistics, without scale and offset.

  Method, section 3: shared weights see every architecture's statistics, so a
  moving average would be no one's. What is kept are the two vectors that the
  gradient asks for; what they hold is the device's own affair.
  """

  keeps = Keeps.STATISTICS

  def __call__(self, x, kernel=None):
    return self.forward(x, kernel)[0]

  def forward(self, x, kernel=None):
    channels = x.shape[-1]
    nothing = tf.zeros([0])  # It has no moving statistics to begin with.
    # Not the newest version, whose gradient wants a third thing, of a size
    # that differs among devices.
    y, _, _, *statistics = tf.raw_ops.FusedBatchNormV2(
      x=x,
      scale=tf.ones([channels]),
      offset=tf.zeros([channels]),
      mean=nothing,
      variance=nothing,
      epsilon=EPSILON,
    )
    return y, tf.stack(statistics)

  def pullback(self, x, kernel, kept):
    def pull(dy):
      dx, *_ = tf.raw_ops.FusedBatchNormGradV2(
        y_backprop=dy,
        x=x,
        scale=tf.ones([x.shape[-1]]),
        reserve_space_1=kept[0],
        reserve_space_2=kept[1],
        epsilon=EPSILON,
      )
      return dx, None

    return self(x), pull


@dataclasses.dataclass(frozen=True)
class Conv(Stage):
  """Convolution.

  Attributes:
    kernel: side of its window.
    stride: of its window.
    expansion: how many times as wide as its input its result is; 0 for what the
      whole operation should give.
  """

  kernel: int
  stride: int = 1
  expansion: int = 0
  keeps = Keeps.OUTPUT

  def width(self, inputs, outputs):
    return self.expansion * inputs if self.expansion else outputs

  def kernel_shape(self, inputs, outputs):
    return (self.kernel, self.kernel, inputs, outputs)

  def fan_in(self, inputs):
    return self.kernel**2 * inputs

  def __call__(self, x, kernel):
    return tf.nn.conv2d(x, kernel, self.stride, 'SAME')


@dataclasses.dataclass(frozen=True)
class LineConv(Stage):
  """Convolution with a window of one row or one column.

  Attributes:
    kernel: the window's length.
    axis: what it lies along; the stride is along that, too.
  """

  kernel: int
  axis: Axis
  stride: int = 1
  keeps = Keeps.OUTPUT

  @property
  def strides(self):
    return self._along(self.stride)

  def width(self, inputs, outputs):
    return outputs

  def kernel_shape(self, inputs, outputs):
    return (*self._along(self.kernel), inputs, outputs)

  def fan_in(self, inputs):
    return self.kernel * inputs

  def __call__(self, x, kernel):
    return tf.nn.conv2d(x, kernel, self.strides, 'SAME')

  def _along(self, length):
    return (length, 1) if self.axis is Axis.HEIGHT else (1, length)


@dataclasses.dataclass(frozen=True)
class DepthwiseConv(Stage):
  """Convolution of every channel by itself; stride and dilation may combine."""

  kernel: int
  stride: int = 1
  dilation: int = 1
  keeps = Keeps.OUTPUT

  def kernel_shape(self, inputs, outputs):
    return (self.kernel, self.kernel, inputs)

  def fan_in(self, inputs):
    return self.kernel**2

  def __call__(self, x, kernel):
    if self.dilation == self.stride:
      # What is skipped among inputs is skipped among outputs, too.
      x = x[:, :: self.stride, :: self.stride]
      return _depthwise(x, kernel)
    if self.dilation == 1:
      return _depthwise(x, kernel, strides=self.stride)
    if self.stride == 1 and not (
      x.shape[1] % self.dilation or x.shape[2] % self.dilation
    ):
      return _interleaved(x, kernel, self.dilation)
    # TensorFlow refuses a stride together with a dilation; subsampling the
    # undilated-stride result is the same function.
    y = _depthwise(x, kernel, dilation=self.dilation)
    return y[:, :: self.stride, :: self.stride]


def _depthwise(x, kernel, strides=1, dilation=1):
  return tf.nn.depthwise_conv2d(
    x,
    kernel[..., tf.newaxis],
    [1, strides, strides, 1],
    'SAME',
    dilations=[dilation] * 2,
  )


def _interleaved(x, kernel, dilation):
  """Convolves the images of every other pixel, each by itself.

  The same function as with a dilation, for which TensorFlow pads and copies
  more: 5 ms instead of 7 ms for 5x5 at 16x16x40, batch 64, both passes.
  """
  _, height, width, channels = x.shape
  batch = tf.shape(x)[0] if x.shape[0] is None else x.shape[0]
  rows, columns = height // dilation, width // dilation
  apart = [batch, rows, dilation, columns, dilation, channels]
  x = tf.transpose(tf.reshape(x, apart), [2, 4, 0, 1, 3, 5])
  y = _depthwise(tf.reshape(x, [-1, rows, columns, channels]), kernel)
  y = tf.reshape(y, [dilation, dilation, batch, rows, columns, channels])
  return tf.reshape(
    tf.transpose(y, [2, 3, 0, 4, 1, 5]), [-1, height, width, channels]
  )


@dataclasses.dataclass(frozen=True)
class FactorizedReduction(Stage):
  """Halves the size: two 1x1 convolutions on inputs shifted by a pixel.

  Their outputs, half the channels each, are concatenated (method, section 3).
  """

  keeps = Keeps.OUTPUT
  stride = 2

  def width(self, inputs, outputs):
    return outputs

  def kernel_shape(self, inputs, outputs):
    return (inputs, outputs)

  def fan_in(self, inputs):
    return inputs

  def __call__(self, x, kernel):
    return factorized_reduction(x, kernel)


@dataclasses.dataclass(frozen=True)
class MaxPool(Stage):
  """Maximum over a window.

  Its output is not kept: oneDNN's gradient, 3 to 5 times faster than Eigen's,
  is chosen only where TensorFlow sees the forward pass in the same graph.
  """

  kernel: int
  stride: int = 1

  def __call__(self, x, kernel=None):
    return tf.nn.max_pool2d(x, self.kernel, self.stride, 'SAME')


@dataclasses.dataclass(frozen=True)
class AvgPool(Stage):
  """Mean over a window; padding does not count."""

  kernel: int
  stride: int = 1
  keeps = Keeps.OUTPUT

  def __call__(self, x, kernel=None):
    return tf.nn.avg_pool2d(x, self.kernel, self.stride, 'SAME')


@dataclasses.dataclass(frozen=True)
class Subsample(Stage):
  """Leaves pixels out.

  Attributes:
    stride: one of so many stays, in height and in width.
  """

  stride: int

  def __call__(self, x, kernel=None):
    return x[:, :: self.stride, :: self.stride] if self.stride > 1 else x


@dataclasses.dataclass(frozen=True)
class Widen(Stage):
  """Adds channels of zeros, or leaves the last channels out.

  He et al., CVPR 2016, option A: a shortcut without weights.

  Attributes:
    outputs: channels of its result.
  """

  outputs: int

  def width(self, inputs, outputs):
    return self.outputs

  def __call__(self, x, kernel=None):
    more = self.outputs - x.shape[-1]
    if more > 0:
      return tf.pad(x, [[0, 0], [0, 0], [0, 0], [0, more]])
    return x[..., : self.outputs] if more else x


def factorized_reduction(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
  """Halves height and width, to any number of channels.

  Args:
    x: `[batch, height, width, channels_in]`.
    kernel: `[channels_in, channels_out]`; the first half of the outputs reads
      the even pixels, the second half the odd ones.

  Returns:
    `[batch, ceil(height / 2), ceil(width / 2), channels_out]`.
  """
  left, right = tf.split(kernel[tf.newaxis, tf.newaxis], 2, axis=-1)
  shifted = tf.pad(
    x[:, 1:, 1:], [[0, 0], [0, x.shape[1] % 2], [0, x.shape[2] % 2], [0, 0]]
  )
  halves = [
    tf.nn.conv2d(x, left, 2, 'VALID'),
    tf.nn.conv2d(shifted, right, 2, 'VALID'),
  ]
  return tf.concat(halves, axis=-1)
