"""The primitive steps that operations are made of: their shapes and costs.

What they compute stands in `computation`.
"""

from __future__ import annotations

import dataclasses
import enum
import math


class Keeps(enum.Enum):
  """What of a stage's forward pass its backward pass wants."""

  NOTHING = enum.auto()
  OUTPUT = enum.auto()
  STATISTICS = enum.auto()  # `[2, channels]`, see `Normalize`.


class Axis(enum.Enum):
  """Which dimension of a map a line lies along."""

  HEIGHT = enum.auto()
  WIDTH = enum.auto()


# Of all batch norms.
EPSILON = 1e-5


class Stage:
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


@dataclasses.dataclass(frozen=True)
class Relu(Stage):
  """Rectified linear unit."""


@dataclasses.dataclass(frozen=True)
class Relu6(Stage):
  """Rectified linear unit that ends at 6."""


@dataclasses.dataclass(frozen=True)
class Normalize(Stage):
  """Batch norm by the batch's own statistics, without scale and offset.

  Method, section 3: shared weights see every architecture's statistics, so a
  moving average would be no one's. What is kept are the two vectors that the
  gradient asks for.
  """

  keeps = Keeps.STATISTICS


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


@dataclasses.dataclass(frozen=True)
class MaxPool(Stage):
  """Maximum over a window.

  Its output is not kept: oneDNN's gradient, 3 to 5 times faster than Eigen's,
  is chosen only where TensorFlow sees the forward pass in the same graph.
  """

  kernel: int
  stride: int = 1


@dataclasses.dataclass(frozen=True)
class AvgPool(Stage):
  """Mean over a window; padding does not count."""

  kernel: int
  stride: int = 1
  keeps = Keeps.OUTPUT


@dataclasses.dataclass(frozen=True)
class Subsample(Stage):
  """Leaves pixels out.

  Attributes:
    stride: one of so many stays, in height and in width.
  """

  stride: int


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
