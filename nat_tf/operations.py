"""What the operations of the vocabulary are made of, and what they cost.

An operation is a chain of stages (method, section 3). The same chains serve the
super network, final networks and the analytic cost; `computation` runs them.
"""

from __future__ import annotations

from collections.abc import Callable
import dataclasses
import functools
import math

from nat_tf import stages as stages_lib
from nat_tf import vocabulary
from nat_tf.layout import EdgePlace
from nat_tf.layout import Shortcut
from nat_tf.stages import Axis
from nat_tf.stages import Keeps
from nat_tf.stages import Stage
from nat_tf.vocabulary import Operation
from nat_tf.vocabulary import Type


@dataclasses.dataclass(frozen=True)
class Chain:
  """An operation at one stride, as the stages it is made of.

  Attributes:
    stages: in the order of computation; empty for the identity.
  """

  stages: tuple[Stage, ...]

  def flow(self, inputs: int, outputs: int) -> list[tuple[Stage, int, int]]:
    """Returns every stage with the channels that it gets and gives.

    Args:
      inputs: channels of the operation's input.
      outputs: channels of its result.
    """
    result, channels = [], inputs
    for stage in self.stages:
      after = stage.width(channels, outputs)
      result.append((stage, channels, after))
      channels = after
    return result

  def kernel_shapes(self, inputs: int, outputs: int) -> list[tuple[int, ...]]:
    """Shapes of the kernels."""
    flow = self.flow(inputs, outputs)
    shapes = [stage.kernel_shape(*widths) for stage, *widths in flow]
    return [shape for shape in shapes if shape is not None]

  def fans_in(self, inputs: int, outputs: int) -> list[int]:
    """Numbers of inputs of one output, a kernel each."""
    flow = self.flow(inputs, outputs)
    fans = [stage.fan_in(before) for stage, before, _ in flow]
    return [fan for fan in fans if fan]

  def parameters(self, inputs: int, outputs: int) -> int:
    """Weights of the convolutions, batch norm not included."""
    return sum(
      math.prod(shape) for shape in self.kernel_shapes(inputs, outputs)
    )

  def madds(self, inputs: int, outputs: int, size: tuple[int, int]) -> int:
    """Multiply-adds of the convolutions for one image.

    Args:
      inputs: channels of the input.
      outputs: channels of the result.
      size: height and width of the input.
    """
    total = 0
    for stage, *widths in self.flow(inputs, outputs):
      size = stage.output_size(size)
      total += math.prod(size) * stage.madds(*widths)
    return total

  def kept_shapes(
    self, inputs: int, outputs: int, size: tuple[int, int]
  ) -> list[tuple[int, ...]]:
    """Shapes of what the forward pass keeps, in its order.

    Args:
      inputs: channels of the input.
      outputs: channels of the result.
      size: height and width of the input.

    Returns:
      `(height, width, channels)` for maps, the batch left out; `(2, channels)`
      for statistics.
    """
    shapes: list[tuple[int, ...]] = []
    for stage, _, after in self.flow(inputs, outputs):
      size = stage.output_size(size)
      if stage.keeps is Keeps.OUTPUT:
        shapes.append((*size, after))
      elif stage.keeps is Keeps.STATISTICS:
        shapes.append((2, after))
    return shapes

  def normalized(self, inputs: int, outputs: int) -> int:
    """Channels that go through batch norms, all of them together."""
    return sum(
      before
      for stage, before, _ in self.flow(inputs, outputs)
      if isinstance(stage, stages_lib.Normalize)
    )


@functools.cache
def chain(
  name: str,
  stride: int,
  shared: bool,
  shortcut: Shortcut = Shortcut.FACTORIZED,
  outputs: int | None = None,
) -> Chain | None:
  """Returns the chain of an operation; None for null, which computes nothing.

  Args:
    name: a name of the vocabulary.
    stride: 1, or 2 on an edge that halves the size.
    shared: whether it is for the super network, where pooling is followed by
      batch norm so that its scale matches the other operations' (method,
      section 3).
    shortcut: what a skip is that halves the size.
    outputs: channels of the result; may be None where all vertices have as
      many. Where shortcuts are padded, all operations without weights fill what
      is missing with zeros.

  Raises:
    UnknownOperationError: no operation is called so.
  """
  operation = vocabulary.operation(name)
  if operation.type is Type.NULL:
    return None
  pads_to = outputs if shortcut is Shortcut.PADDED else None
  if operation.type is Type.SKIP:
    return Chain(_skip(stride, shortcut, pads_to))
  if operation.type in (Type.MAX_POOL, Type.AVG_POOL):
    return Chain(_pool(operation, stride, shared, pads_to))
  return Chain(_BUILDERS[operation.type](operation, stride))


def on(name: str, place: EdgePlace, shared: bool) -> Chain | None:
  """Returns the chain of an operation on an edge; see `chain`.

  Args:
    name: a name of the vocabulary.
    place: what the edge joins.
    shared: whether it is for the super network.
  """
  return chain(name, place.stride, shared, place.shortcut, place.outputs)


def learns(name: str) -> bool:
  """Returns whether an operation has weights, where nothing is strided.

  Args:
    name: a name of the vocabulary.

  Raises:
    UnknownOperationError: no operation is called so.
  """
  one = chain(name, 1, shared=True)
  return one is not None and bool(one.parameters(1, 1))


def _conv(operation, stride):
  return (
    stages_lib.Relu(),
    stages_lib.Conv(operation.kernel, stride),
    stages_lib.Normalize(),
  )


def _line_conv(operation, stride):
  # As in the code of DARTS, PNASNet and NAT; NAO's has a norm and a ReLU
  # between the two.
  return (
    stages_lib.Relu(),
    stages_lib.LineConv(operation.kernel, Axis.WIDTH, stride),
    stages_lib.LineConv(operation.kernel, Axis.HEIGHT, stride),
    stages_lib.Normalize(),
  )


def _sep_conv(operation, stride):
  return (
    *_dil_conv(operation, stride, dilation=1),
    *_dil_conv(operation, 1, dilation=1),
  )


def _dil_conv(operation, stride, dilation=2):
  return (
    stages_lib.Relu(),
    stages_lib.DepthwiseConv(operation.kernel, stride, dilation),
    stages_lib.Conv(1),
    stages_lib.Normalize(),
  )


def _inverted_residual(operation, stride):
  """Sandler et al., MobileNetV2, CVPR 2018: wide inside, linear outside."""
  expansion = (
    stages_lib.Conv(1, expansion=operation.expansion),
    stages_lib.Normalize(),
    stages_lib.Relu6(),
  )
  return (
    *(expansion if operation.expansion > 1 else ()),
    stages_lib.DepthwiseConv(operation.kernel, stride),
    stages_lib.Normalize(),
    stages_lib.Relu6(),
    stages_lib.Conv(1),
    stages_lib.Normalize(),
  )


def _pool(operation, stride, shared, pads_to):
  pools = {
    Type.MAX_POOL: stages_lib.MaxPool,
    Type.AVG_POOL: stages_lib.AvgPool,
  }
  return (
    pools[operation.type](operation.kernel, stride),
    *((stages_lib.Normalize(),) if shared else ()),
    *_widen(pads_to),
  )


def _skip(stride, shortcut, pads_to):
  if stride == 1:
    return _widen(pads_to)
  if shortcut is Shortcut.PADDED:
    return (stages_lib.Subsample(stride), *_widen(pads_to))
  if shortcut is Shortcut.POOLED:
    return (stages_lib.AvgPool(stride, stride), stages_lib.Conv(1))
  return (
    stages_lib.Relu(),
    stages_lib.FactorizedReduction(),
    stages_lib.Normalize(),
  )


def _widen(pads_to):
  return () if pads_to is None else (stages_lib.Widen(pads_to),)


_BUILDERS: dict[Type, Callable[[Operation, int], tuple[Stage, ...]]] = {
  Type.CONV: _conv,
  Type.LINE_CONV: _line_conv,
  Type.SEP_CONV: _sep_conv,
  Type.DIL_CONV: _dil_conv,
  Type.INVERTED_RESIDUAL: _inverted_residual,
}
