"""What the operations of the vocabulary compute, and what they cost.

An operation is a chain of stages (method, section 3). The same chains serve the
super network, final networks and the analytic cost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
import dataclasses
import functools
import math

import tensorflow as tf

from nat_tf import stages as stages_lib
from nat_tf import vocabulary
from nat_tf.stages import Axis
from nat_tf.stages import Keeps
from nat_tf.stages import Stage
from nat_tf.vocabulary import Type


@dataclasses.dataclass(frozen=True)
class Chain:
  """An operation at one stride, as the stages it is made of.

  Attributes:
    stages: in the order of computation; empty for the identity.
  """

  stages: tuple[Stage, ...]

  @property
  def kept_kinds(self) -> list[Keeps]:
    """What the forward pass keeps for the backward pass, in its order."""
    kinds = [stage.keeps for stage in self.stages]
    return [kind for kind in kinds if kind is not Keeps.NOTHING]

  def kernel_shapes(self, channels: int) -> list[tuple[int, ...]]:
    """Shapes of the kernels, for `channels` in and out."""
    shapes = [stage.kernel_shape(channels) for stage in self.stages]
    return [shape for shape in shapes if shape is not None]

  def fans_in(self, channels: int) -> list[int]:
    """Numbers of inputs of one output, a kernel each."""
    fans = [stage.fan_in(channels) for stage in self.stages]
    return [fan for fan in fans if fan]

  def parameters(self, channels: int) -> int:
    """Weights of the convolutions, batch norm not included."""
    return sum(math.prod(shape) for shape in self.kernel_shapes(channels))

  def madds(self, channels: int, size: tuple[int, int]) -> int:
    """Multiply-adds of the convolutions for one image.

    Args:
      channels: channels in and out.
      size: height and width of the input.
    """
    total = 0
    for stage in self.stages:
      size = stage.output_size(size)
      total += math.prod(size) * stage.madds(channels)
    return total

  def norms(self) -> int:
    """How many batch norms the chain holds."""
    return sum(isinstance(s, stages_lib.Normalize) for s in self.stages)

  def forward(
    self, x: tf.Tensor, kernels: Sequence[tf.Tensor]
  ) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Returns the output and what `backward` wants kept, stage by stage."""
    kernels = list(kernels)
    kept = []
    for stage in self.stages:
      x, wanted = stage.forward(x, self._kernel(stage, kernels))
      if wanted is not None:
        kept.append(wanted)
    return x, kept

  def backward(
    self,
    x: tf.Tensor,
    kernels: Sequence[tf.Tensor],
    kept: Sequence[tf.Tensor],
    dy: tf.Tensor,
  ) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Returns the gradients of input and kernels.

    Args:
      x: the input given to `forward`.
      kernels: the kernels given to `forward`.
      kept: what `forward` returned.
      dy: gradient of the output.
    """
    kernels, kept = list(kernels), list(kept)
    pulls = []
    for stage in self.stages:
      kernel = self._kernel(stage, kernels)
      keeps = stage.keeps is not Keeps.NOTHING
      x, pull = stage.pullback(x, kernel, kept.pop(0) if keeps else None)
      pulls.append(pull)
    gradients: list[tf.Tensor] = []
    for pull in reversed(pulls):
      dy, dkernel = pull(dy)
      if dkernel is not None:
        gradients.insert(0, dkernel)
    return dy, gradients

  @staticmethod
  def _kernel(stage: Stage, kernels: list[tf.Tensor]) -> tf.Tensor | None:
    # Whether a stage has a kernel does not depend on the channels.
    return kernels.pop(0) if stage.kernel_shape(2) is not None else None


@functools.cache
def chain(name: str, stride: int, shared: bool) -> Chain | None:
  """Returns the chain of an operation; None for null, which computes nothing.

  Args:
    name: a name of the vocabulary.
    stride: 1, or 2 on the edges from a reduction cell's inputs.
    shared: whether it is for the super network, where pooling is followed by
      batch norm so that its scale matches the other operations' (method,
      section 3).

  Raises:
    UnknownOperationError: no operation is called so.
  """
  operation = vocabulary.operation(name)
  if operation.type is Type.NULL:
    return None
  return Chain(_BUILDERS[operation.type](operation.kernel, stride, shared))


def learns(name: str) -> bool:
  """Returns whether an operation has weights, where nothing is strided.

  Args:
    name: a name of the vocabulary.

  Raises:
    UnknownOperationError: no operation is called so.
  """
  one = chain(name, 1, shared=True)
  return one is not None and bool(one.parameters(1))


def _conv(kernel, stride, shared):
  del shared
  return (
    stages_lib.Relu(),
    stages_lib.Conv(kernel, stride),
    stages_lib.Normalize(),
  )


def _line_conv(kernel, stride, shared):
  # As in the code of DARTS, PNASNet and NAT; NAO's has a norm and a ReLU
  # between the two.
  del shared
  return (
    stages_lib.Relu(),
    stages_lib.LineConv(kernel, Axis.WIDTH, stride),
    stages_lib.LineConv(kernel, Axis.HEIGHT, stride),
    stages_lib.Normalize(),
  )


def _sep_conv(kernel, stride, shared):
  return (
    *_dil_conv(kernel, stride, shared, dilation=1),
    *_dil_conv(kernel, 1, shared, dilation=1),
  )


def _dil_conv(kernel, stride, shared, dilation=2):
  del shared
  return (
    stages_lib.Relu(),
    stages_lib.DepthwiseConv(kernel, stride, dilation),
    stages_lib.Conv(1),
    stages_lib.Normalize(),
  )


def _max_pool(kernel, stride, shared):
  return _pool(stages_lib.MaxPool(kernel, stride), shared)


def _avg_pool(kernel, stride, shared):
  return _pool(stages_lib.AvgPool(kernel, stride), shared)


def _pool(pool, shared):
  return (pool, stages_lib.Normalize()) if shared else (pool,)


def _skip(kernel, stride, shared):
  del kernel, shared
  if stride == 1:
    return ()
  return (
    stages_lib.Relu(),
    stages_lib.FactorizedReduction(),
    stages_lib.Normalize(),
  )


_BUILDERS: dict[Type, Callable[[int, int, bool], tuple[Stage, ...]]] = {
  Type.CONV: _conv,
  Type.LINE_CONV: _line_conv,
  Type.SEP_CONV: _sep_conv,
  Type.DIL_CONV: _dil_conv,
  Type.MAX_POOL: _max_pool,
  Type.AVG_POOL: _avg_pool,
  Type.SKIP: _skip,
}
