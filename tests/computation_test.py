"""Tests of nat_tf.computation."""

from __future__ import annotations

from collections.abc import Callable

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from nat_tf import computation
from nat_tf import stages

_EVEN = (2, 6, 4, 4)
_ODD = (2, 5, 7, 4)
_CHANNELS = 4

_STAGES = {
  'relu': stages.Relu(),
  'normalize': stages.Normalize(),
  'conv_1': stages.Conv(1),
  'conv_3_strided': stages.Conv(3, 2),
  'row_3': stages.LineConv(3, stages.Axis.WIDTH),
  'row_7_strided': stages.LineConv(7, stages.Axis.WIDTH, 2),
  'column_7_strided': stages.LineConv(7, stages.Axis.HEIGHT, 2),
  'depthwise_3': stages.DepthwiseConv(3),
  'depthwise_7': stages.DepthwiseConv(7),
  'depthwise_5_strided': stages.DepthwiseConv(5, 2),
  'depthwise_3_dilated': stages.DepthwiseConv(3, 1, 2),
  'depthwise_3_dilated_strided': stages.DepthwiseConv(3, 2, 2),
  'factorized_reduction': stages.FactorizedReduction(),
  'max_pool_2': stages.MaxPool(2),
  'max_pool_3': stages.MaxPool(3),
  'max_pool_5_strided': stages.MaxPool(5, 2),
  'avg_pool_2': stages.AvgPool(2),
  'avg_pool_3': stages.AvgPool(3),
  'avg_pool_5_strided': stages.AvgPool(5, 2),
}


def _random(*shape: int, seed: int = 0) -> np.ndarray:
  return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def _kernel(stage: stages.Stage, seed: int = 1) -> np.ndarray | None:
  shape = stage.kernel_shape(_CHANNELS, _CHANNELS)
  return None if shape is None else _random(*shape, seed=seed)


def _starts(size: int, window: int, stride: int) -> list[int]:
  """Returns where windows begin: little padding, the smaller half before."""
  outputs = -(-size // stride)
  padding = max((outputs - 1) * stride + window - size, 0)
  return [i * stride - padding // 2 for i in range(outputs)]


def _slide(x: np.ndarray, window, stride, reduce: Callable):
  """Slides a window over a map, pixel by pixel.

  Args:
    x: `[batch, height, width, channels]`.
    window: side of the window in pixels, or its height and width.
    stride: of the windows, or down and across.
    reduce: makes `[batch, channels]` of the window's pixels inside the map, as
      a list of row and column in the window and `[batch, channels]`.
  """
  _, height, width, _ = x.shape
  high, wide = np.broadcast_to(window, 2)
  down, across = np.broadcast_to(stride, 2)
  rows = []
  for top in _starts(height, high, down):
    row = []
    for left in _starts(width, wide, across):
      taps = [
        (i, j, x[:, top + i, left + j])
        for i in range(high)
        for j in range(wide)
        if 0 <= top + i < height and 0 <= left + j < width
      ]
      row.append(reduce(taps))
    rows.append(row)
  return np.array(rows).transpose(2, 0, 1, 3)


class ForwardTest(tf.test.TestCase, parameterized.TestCase):
  def test_relu(self):
    x = _random(*_ODD)
    self.assertAllEqual(computation.apply(stages.Relu(), x), np.maximum(x, 0))

  def test_normalize_uses_the_batch_and_every_pixel(self):
    x = 3 + 2 * _random(*_ODD)
    mean, variance = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
    self.assertAllClose(
      computation.apply(stages.Normalize(), x),
      (x - mean) / np.sqrt(variance + 1e-5),
      atol=1e-5,
    )

  def test_normalize_of_a_constant_map_is_zero(self):
    # Channels that no operation reaches: variance 0 must not give NaN.
    y = computation.apply(stages.Normalize(), tf.fill(_ODD, 7.0))
    self.assertAllEqual(y, tf.zeros(_ODD))

  @parameterized.product(shape=(_EVEN, _ODD), window=(1, 3, 5), stride=(1, 2))
  def test_conv(self, shape, window, stride):
    x = _random(*shape)
    kernel = _random(window, window, _CHANNELS, _CHANNELS, seed=1)
    self.assertAllClose(
      computation.apply(stages.Conv(window, stride), x, kernel),
      _slide(
        x,
        window,
        stride,
        lambda taps: sum(p @ kernel[i, j] for i, j, p in taps),
      ),
      atol=1e-4,
    )

  @parameterized.product(
    shape=(_EVEN, _ODD), axis=tuple(stages.Axis), window=(3, 7), stride=(1, 2)
  )
  def test_line_conv(self, shape, axis, window, stride):
    across = axis is stages.Axis.WIDTH
    windows, strides = ((1, n) if across else (n, 1) for n in (window, stride))
    x = _random(*shape)
    kernel = _random(*windows, _CHANNELS, _CHANNELS, seed=1)
    self.assertAllClose(
      computation.apply(stages.LineConv(window, axis, stride), x, kernel),
      _slide(
        x,
        windows,
        strides,
        lambda taps: sum(p @ kernel[i, j] for i, j, p in taps),
      ),
      atol=1e-4,
    )

  @parameterized.product(shape=(_EVEN, _ODD), window=(3, 5, 7), stride=(1, 2))
  def test_depthwise_conv(self, shape, window, stride):
    x, kernel = _random(*shape), _random(window, window, _CHANNELS, seed=1)
    self.assertAllClose(
      computation.apply(stages.DepthwiseConv(window, stride), x, kernel),
      _slide(
        x,
        window,
        stride,
        lambda taps: sum(p * kernel[i, j] for i, j, p in taps),
      ),
      atol=1e-5,
    )

  # A dilated window of 3 is one of 5 with holes, centred on every pixel or,
  # with a stride of 2, on every second one:
  #   k . k . k
  #   . . . . .
  #   k . k . k
  #   . . . . .
  #   k . k . k
  @parameterized.product(shape=(_EVEN, _ODD), window=(3, 5), stride=(1, 2))
  def test_dilated_depthwise_conv(self, shape, window, stride):
    x, kernel = _random(*shape), _random(window, window, _CHANNELS, seed=1)
    side = 2 * window - 1
    holes = np.zeros((side, side, _CHANNELS), np.float32)
    holes[::2, ::2] = kernel
    everywhere = _slide(
      x, side, 1, lambda taps: sum(p * holes[i, j] for i, j, p in taps)
    )
    self.assertAllClose(
      computation.apply(
        stages.DepthwiseConv(window, stride, dilation=2), x, kernel
      ),
      everywhere[:, ::stride, ::stride],
      atol=1e-5,
    )

  @parameterized.product(shape=(_EVEN, _ODD), window=(2, 3, 5), stride=(1, 2))
  def test_max_pool(self, shape, window, stride):
    x = _random(*shape) - 5  # All negative: padding by zeros would win.
    self.assertAllEqual(
      computation.apply(stages.MaxPool(window, stride), x),
      _slide(
        x, window, stride, lambda taps: np.max([p for *_, p in taps], axis=0)
      ),
    )

  @parameterized.product(shape=(_EVEN, _ODD), window=(2, 3, 5), stride=(1, 2))
  def test_avg_pool_does_not_count_padding(self, shape, window, stride):
    x = _random(*shape)
    self.assertAllClose(
      computation.apply(stages.AvgPool(window, stride), x),
      _slide(
        x, window, stride, lambda taps: np.mean([p for *_, p in taps], axis=0)
      ),
      atol=1e-5,
    )

  # Which pixels the two halves of the outputs read, of a 5x5 map; the right
  # half's last row and column lie outside and count as zeros:
  #   L . L . L
  #   . R . R .
  #   L . L . L
  #   . R . R .
  #   L . L . L
  @parameterized.parameters(
    ((2, 6, 4, 4), 6),
    ((2, 5, 7, 4), 6),
    ((2, 5, 4, 4), 2),
    ((1, 1, 1, 4), 2),
  )
  def test_factorized_reduction(self, shape, outputs):
    x, kernel = _random(*shape), _random(shape[-1], outputs, seed=1)
    batch, height, width, _ = shape
    y = np.zeros((batch, -(-height // 2), -(-width // 2), outputs), np.float32)
    half = outputs // 2
    for i in range(y.shape[1]):
      for j in range(y.shape[2]):
        y[:, i, j, :half] = x[:, 2 * i, 2 * j] @ kernel[:, :half]
        if 2 * i + 1 < height and 2 * j + 1 < width:
          y[:, i, j, half:] = x[:, 2 * i + 1, 2 * j + 1] @ kernel[:, half:]
    got = computation.apply(stages.FactorizedReduction(), x, kernel)
    self.assertAllClose(got, y, rtol=1e-5, atol=1e-5)


class SizeTest(parameterized.TestCase):
  @parameterized.named_parameters(_STAGES.items())
  def test_output_size_is_that_of_the_output(self, stage):
    y = computation.apply(stage, tf.constant(_random(*_ODD)), _kernel(stage))
    self.assertEqual(stage.output_size(_ODD[1:3]), tuple(y.shape[1:3]))


class PullbackTest(tf.test.TestCase, parameterized.TestCase):
  def _check(self, stage, x):
    x, kernel = tf.constant(x), _kernel(stage)
    sources = [x] if kernel is None else [x, tf.constant(kernel)]
    with tf.GradientTape() as tape:
      tape.watch(sources)
      y = computation.apply(stage, *sources)
    dy = _random(*y.shape, seed=2)
    expected = tape.gradient(y, sources, output_gradients=tf.constant(dy))
    kernel_tensor = None if kernel is None else sources[1]
    _, kept = computation.stage_forward(stage, x, kernel_tensor)
    self.assertEqual(kept is None, stage.keeps is stages.Keeps.NOTHING)
    got, pull = computation.pullback(stage, x, kernel_tensor, kept)
    dx, dkernel = pull(tf.constant(dy))
    self.assertAllEqual(got, y)
    self.assertAllClose(dx, expected[0], rtol=1e-5, atol=1e-5)
    if kernel is None:
      self.assertIsNone(dkernel)
    else:
      self.assertAllClose(dkernel, expected[1], rtol=1e-5, atol=1e-5)

  @parameterized.named_parameters(_STAGES.items())
  def test_equals_the_tape_on_an_even_map(self, stage):
    self._check(stage, _random(*_EVEN))

  @parameterized.named_parameters(_STAGES.items())
  def test_equals_the_tape_on_an_odd_map(self, stage):
    self._check(stage, _random(*_ODD))

  @parameterized.parameters(1, 2)
  def test_max_pool_treats_ties_as_the_tape_does(self, stride):
    # After a ReLU most pixels of a window are equal.
    x = np.maximum(np.round(_random(*_ODD)), 0)
    self._check(stages.MaxPool(3, stride), x)

  @parameterized.parameters(stages.AvgPool(3), stages.AvgPool(5, 2))
  def test_returns_the_kept_output_itself(self, stage):
    x = tf.constant(_random(*_ODD))
    y = computation.apply(stage, x)
    self.assertIs(computation.pullback(stage, x, None, y)[0], y)


if __name__ == '__main__':
  tf.test.main()
