"""What stages and chains of them compute, forwards and backwards.

Both are stateless: they take their kernels as arguments, so that the super
network (which gathers kernels from shared weights) and networks that own them
run the same code. All maps are `[batch, height, width, channels]`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
import functools

import tensorflow as tf

from nat_tf import stages as stages_lib
from nat_tf.operations import Chain
from nat_tf.stages import Keeps
from nat_tf.stages import Stage

# Maps a gradient of a stage's output to those of its input and kernel.
Pullback = Callable[[tf.Tensor], 'tuple[tf.Tensor, tf.Tensor | None]']


def forward(
  chain: Chain, x: tf.Tensor, kernels: Sequence[tf.Tensor]
) -> tuple[tf.Tensor, list[tf.Tensor]]:
  """Returns a chain's output and what `backward` wants kept, stage by stage.

  Args:
    chain: the stages.
    x: `[batch, height, width, channels]`.
    kernels: of the shapes `Chain.kernel_shapes`.
  """
  kernels = list(kernels)
  kept = []
  for stage in chain.stages:
    x, wanted = stage_forward(stage, x, _kernel(stage, kernels))
    if wanted is not None:
      kept.append(wanted)
  return x, kept


def backward(
  chain: Chain,
  x: tf.Tensor,
  kernels: Sequence[tf.Tensor],
  kept: Sequence[tf.Tensor],
  dy: tf.Tensor,
) -> tuple[tf.Tensor, list[tf.Tensor]]:
  """Returns the gradients of a chain's input and kernels.

  Args:
    chain: the stages.
    x: the input given to `forward`.
    kernels: the kernels given to `forward`.
    kept: what `forward` returned.
    dy: gradient of the output.
  """
  kernels, kept = list(kernels), list(kept)
  pulls = []
  for stage in chain.stages:
    kernel = _kernel(stage, kernels)
    keeps = stage.keeps is not Keeps.NOTHING
    x, pull = pullback(stage, x, kernel, kept.pop(0) if keeps else None)
    pulls.append(pull)
  gradients: list[tf.Tensor] = []
  for pull in reversed(pulls):
    dy, dkernel = pull(dy)
    if dkernel is not None:
      gradients.insert(0, dkernel)
  return dy, gradients


def _kernel(stage: Stage, kernels: list[tf.Tensor]) -> tf.Tensor | None:
  # Whether a stage has a kernel does not depend on the channels.
  return kernels.pop(0) if stage.kernel_shape(2, 2) is not None else None


@functools.singledispatch
def apply(
  stage: Stage, x: tf.Tensor, kernel: tf.Tensor | None = None
) -> tf.Tensor:
  """Applies a stage.

  Args:
    stage: the stage.
    x: `[batch, height, width, channels]`.
    kernel: of the shape `stage.kernel_shape`; None without one.

  Raises:
    TypeError: nothing is known of such a stage.
  """
  raise TypeError(f'Nothing is known of stages such as {stage}.')


@functools.singledispatch
def stage_forward(
  stage: Stage, x: tf.Tensor, kernel: tf.Tensor | None
) -> tuple[tf.Tensor, tf.Tensor | None]:
  """Returns a stage's output and what the backward pass wants kept."""
  y = apply(stage, x, kernel)
  return y, y if stage.keeps is Keeps.OUTPUT else None


@functools.singledispatch
def pullback(
  stage: Stage,
  x: tf.Tensor,
  kernel: tf.Tensor | None,
  kept: tf.Tensor | None,
) -> tuple[tf.Tensor, Pullback]:
  """Returns a stage's output and the function that maps its gradient backwards.

  Args:
    stage: the stage.
    x: input.
    kernel: kernel, or None.
    kept: what `stage_forward` returned.
  """
  with tf.GradientTape() as tape:
    tape.watch(x)
    if kernel is not None:
      tape.watch(kernel)
    again = apply(stage, x, kernel)

  def pull(dy):
    if kernel is None:
      return tape.gradient(again, x, output_gradients=dy), None
    return tuple(tape.gradient(again, (x, kernel), output_gradients=dy))

  return (kept if stage.keeps is Keeps.OUTPUT else again), pull


@apply.register
def _(stage: stages_lib.Relu, x, kernel=None):
  return tf.nn.relu(x)


@apply.register
def _(stage: stages_lib.Relu6, x, kernel=None):
  return tf.nn.relu6(x)


@apply.register
def _(stage: stages_lib.Normalize, x, kernel=None):
  return stage_forward(stage, x, None)[0]


@stage_forward.register
def _(stage: stages_lib.Normalize, x, kernel=None):
  channels = x.shape[-1]
  nothing = tf.zeros([0])  # It has no moving statistics to begin with.
  # Not the newest version, whose gradient wants a third thing, of a size that
  # differs among devices. What its two vectors hold is the device's own affair.
  y, _, _, *statistics = tf.raw_ops.FusedBatchNormV2(
    x=x,
    scale=tf.ones([channels]),
    offset=tf.zeros([channels]),
    mean=nothing,
    variance=nothing,
    epsilon=stages_lib.EPSILON,
  )
  return y, tf.stack(statistics)


@pullback.register
def _(stage: stages_lib.Normalize, x, kernel, kept):
  def pull(dy):
    dx, *_ = tf.raw_ops.FusedBatchNormGradV2(
      y_backprop=dy,
      x=x,
      scale=tf.ones([x.shape[-1]]),
      reserve_space_1=kept[0],
      reserve_space_2=kept[1],
      epsilon=stages_lib.EPSILON,
    )
    return dx, None

  return apply(stage, x), pull


@apply.register(stages_lib.Conv)
@apply.register(stages_lib.LineConv)
def _(stage, x, kernel):
  return tf.nn.conv2d(x, kernel, stage.strides, 'SAME')


@apply.register
def _(stage: stages_lib.DepthwiseConv, x, kernel):
  if stage.dilation == stage.stride:
    # What is skipped among inputs is skipped among outputs, too.
    x = x[:, :: stage.stride, :: stage.stride]
    return _depthwise(x, kernel)
  if stage.dilation == 1:
    return _depthwise(x, kernel, strides=stage.stride)
  if stage.stride == 1 and not (
    x.shape[1] % stage.dilation or x.shape[2] % stage.dilation
  ):
    return _interleaved(x, kernel, stage.dilation)
  # TensorFlow refuses a stride together with a dilation; subsampling the
  # undilated-stride result is the same function.
  y = _depthwise(x, kernel, dilation=stage.dilation)
  return y[:, :: stage.stride, :: stage.stride]


@apply.register
def _(stage: stages_lib.FactorizedReduction, x, kernel):
  # The first half of the outputs reads the even pixels, the second half the
  # odd ones.
  left, right = tf.split(kernel[tf.newaxis, tf.newaxis], 2, axis=-1)
  shifted = tf.pad(
    x[:, 1:, 1:], [[0, 0], [0, x.shape[1] % 2], [0, x.shape[2] % 2], [0, 0]]
  )
  halves = [
    tf.nn.conv2d(x, left, 2, 'VALID'),
    tf.nn.conv2d(shifted, right, 2, 'VALID'),
  ]
  return tf.concat(halves, axis=-1)


@apply.register
def _(stage: stages_lib.MaxPool, x, kernel=None):
  return tf.nn.max_pool2d(x, stage.kernel, stage.stride, 'SAME')


@apply.register
def _(stage: stages_lib.AvgPool, x, kernel=None):
  return tf.nn.avg_pool2d(x, stage.kernel, stage.stride, 'SAME')


@apply.register
def _(stage: stages_lib.Subsample, x, kernel=None):
  return x[:, :: stage.stride, :: stage.stride] if stage.stride > 1 else x


@apply.register
def _(stage: stages_lib.Widen, x, kernel=None):
  more = stage.outputs - x.shape[-1]
  if more > 0:
    return tf.pad(x, [[0, 0], [0, 0], [0, 0], [0, more]])
  return x[..., : stage.outputs] if more else x


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
