"""Tests of nat_tf.operations."""

from __future__ import annotations

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from nat_tf import computation
from nat_tf import layout
from nat_tf import operations
from nat_tf import vocabulary

_SHAPE = (2, 5, 6, 4)  # One side odd, one even.
_CHANNELS = _SHAPE[-1]
_NAMES = tuple(o.name for o in vocabulary.ALL if o.name != 'null')


def _random(*shape: int, seed: int = 0) -> tf.Tensor:
  values = np.random.default_rng(seed).normal(size=shape)
  return tf.constant(values, tf.float32)


def _kernels(chain: operations.Chain) -> list[tf.Tensor]:
  shapes = chain.kernel_shapes(_CHANNELS, _CHANNELS)
  return [_random(*shape, seed=i + 1) for i, shape in enumerate(shapes)]


def _norm(x: tf.Tensor) -> tf.Tensor:
  mean, variance = tf.nn.moments(x, [0, 1, 2])
  return (x - mean) / tf.sqrt(variance + 1e-5)


def _separable(x, depthwise, pointwise, stride):
  """ReLU, depthwise, pointwise, norm, by TensorFlow's own operation."""
  strides = [1, stride, stride, 1]
  y = tf.nn.separable_conv2d(
    tf.nn.relu(x), depthwise[..., None], pointwise, strides, 'SAME'
  )
  return _norm(y)


class ForwardTest(tf.test.TestCase, parameterized.TestCase):
  @parameterized.product(name=_NAMES, stride=(1, 2), shared=(False, True))
  def test_shape(self, name, stride, shared):
    chain = operations.chain(name, stride, shared)
    y, _ = computation.forward(chain, _random(*_SHAPE), _kernels(chain))
    self.assertEqual(y.shape, (2, -(-5 // stride), 6 // stride, _CHANNELS))

  @parameterized.product(window=(1, 3, 5), stride=(1, 2))
  def test_conv_is_relu_conv_norm(self, window, stride):
    chain = operations.chain(f'conv_{window}x{window}', stride, True)
    x, (kernel,) = _random(*_SHAPE), _kernels(chain)
    expected = _norm(tf.nn.conv2d(tf.nn.relu(x), kernel, stride, 'SAME'))
    self.assertAllClose(
      computation.forward(chain, x, [kernel])[0], expected, atol=1e-4
    )

  @parameterized.product(window=(3, 7), stride=(1, 2))
  def test_lines_are_a_row_then_a_column(self, window, stride):
    name = f'conv_{window}x1_1x{window}'
    chain = operations.chain(name, stride, shared=True)
    x, kernels = _random(*_SHAPE), _kernels(chain)
    row, column = kernels
    self.assertEqual(row.shape, (1, window, _CHANNELS, _CHANNELS))
    y = tf.nn.conv2d(tf.nn.relu(x), row, [1, stride], 'SAME')
    y = tf.nn.conv2d(y, column, [stride, 1], 'SAME')
    self.assertAllClose(
      computation.forward(chain, x, kernels)[0], _norm(y), atol=1e-4
    )

  def test_lines_equal_one_convolution_of_their_product(self):
    # A square window whose taps are a column's times a row's, without the norm.
    chain = operations.chain('conv_3x1_1x3', 1, shared=True)
    row, column = _kernels(chain)
    lines = operations.Chain(chain.stages[:-1])
    x = _random(*_SHAPE)
    square = tf.einsum('jab,ibc->ijac', row[0], column[:, 0])
    expected = tf.nn.conv2d(tf.nn.relu(x), square, 1, 'SAME')
    self.assertAllClose(
      computation.forward(lines, x, [row, column])[0],
      expected,
      rtol=1e-4,
      atol=1e-4,
    )

  @parameterized.product(window=(3, 5, 7), stride=(1, 2))
  def test_sep_conv_is_two_separable_convs_the_first_strided(
    self, window, stride
  ):
    chain = operations.chain(f'sep_conv_{window}x{window}', stride, True)
    x, kernels = _random(*_SHAPE), _kernels(chain)
    expected = _separable(
      _separable(x, kernels[0], kernels[1], stride), kernels[2], kernels[3], 1
    )
    self.assertAllClose(
      computation.forward(chain, x, kernels)[0], expected, atol=1e-4
    )

  @parameterized.product(window=(3, 5), stride=(1, 2))
  def test_dil_conv_is_one_separable_conv_of_dilation_2(self, window, stride):
    chain = operations.chain(f'dil_conv_{window}x{window}', stride, True)
    x, (depthwise, pointwise) = _random(*_SHAPE), _kernels(chain)
    y = tf.nn.depthwise_conv2d(
      tf.nn.relu(x),
      depthwise[..., None],
      [1, 1, 1, 1],
      'SAME',
      dilations=[2, 2],
    )[:, ::stride, ::stride]
    expected = _norm(tf.nn.conv2d(y, pointwise, 1, 'SAME'))
    self.assertAllClose(
      computation.forward(chain, x, [depthwise, pointwise])[0],
      expected,
      atol=1e-4,
    )

  @parameterized.product(kind=('max', 'avg'), window=(2, 3, 5), stride=(1, 2))
  def test_pooling_has_a_norm_only_when_shared(self, kind, window, stride):
    name, x = f'{kind}_pool_{window}x{window}', _random(*_SHAPE)
    pool = {'max': tf.nn.max_pool2d, 'avg': tf.nn.avg_pool2d}[kind]
    pooled = pool(x, window, stride, 'SAME')
    final = operations.chain(name, stride, shared=False)
    shared = operations.chain(name, stride, shared=True)
    self.assertAllEqual(computation.forward(final, x, [])[0], pooled)
    self.assertAllClose(
      computation.forward(shared, x, [])[0], _norm(pooled), atol=1e-4
    )
    norms = [one.normalized(3, 3) for one in (final, shared)]
    self.assertEqual(norms, [0, 3])

  def test_skip_is_the_identity(self):
    x = _random(*_SHAPE)
    y, kept = computation.forward(operations.chain('skip', 1, True), x, [])
    self.assertIs(y, x)
    self.assertEmpty(kept)

  def test_strided_skip_reads_even_pixels_then_odd_ones(self):
    chain = operations.chain('skip', 2, True)
    x, (kernel,) = _random(*_SHAPE), _kernels(chain)
    odd = tf.pad(x[:, 1::2, 1::2], [[0, 0], [0, 1], [0, 0], [0, 0]])
    y = tf.concat(
      [
        tf.nn.relu(x[:, ::2, ::2]) @ kernel[:, :2],
        tf.nn.relu(odd) @ kernel[:, 2:],
      ],
      axis=-1,
    )
    self.assertAllClose(
      computation.forward(chain, x, [kernel])[0], _norm(y), atol=1e-4
    )

  def test_pooled_skip_is_a_convolution_of_means(self):
    #   1 2 | 3 4        1.5 3.5
    #   1 2 | 3 4   ->   1.5 3.5   -> times 2 and times 3, no batch norm
    #   1 2 | 3 4
    #   1 2 | 3 4
    chain = operations.chain('skip', 2, True, layout.Shortcut.POOLED, 2)
    x = tf.tile(
      tf.constant([1.0, 2, 3, 4])[tf.newaxis, tf.newaxis, :], [1, 4, 1]
    )
    kernel = tf.reshape(tf.constant([2.0, 3.0]), [1, 1, 1, 2])
    y, _ = computation.forward(chain, x[..., tf.newaxis], [kernel])
    self.assertAllClose(y, [[[[3.0, 4.5], [7.0, 10.5]]] * 2])
    self.assertEmpty(
      operations.chain('skip', 1, True, layout.Shortcut.POOLED, 2).stages
    )

  @parameterized.parameters(1, 2)
  def test_null_computes_nothing(self, stride):
    self.assertIsNone(operations.chain('null', stride, True))

  def test_who_has_weights(self):
    without = {o.name for o in vocabulary.ALL if not operations.learns(o.name)}
    pools = {
      f'{kind}_pool_{k}x{k}' for kind in ('avg', 'max') for k in (2, 3, 5)
    }
    self.assertEqual(without, {*pools, 'skip', 'null'})

  def test_knows_other_spellings(self):
    self.assertEqual(
      operations.chain('nor_conv_3x3', 2, False),
      operations.chain('conv_3x3', 2, False),
    )

  def test_refuses_an_unknown_name(self):
    with self.assertRaisesRegex(
      vocabulary.UnknownOperationError, "unknown operation 'conv_7x7'; did you"
    ):
      operations.chain('conv_7x7', 1, True)


class BackwardTest(tf.test.TestCase, parameterized.TestCase):
  @parameterized.product(name=_NAMES, stride=(1, 2))
  def test_equals_the_tape(self, name, stride):
    chain = operations.chain(name, stride, shared=True)
    x, kernels = _random(*_SHAPE), _kernels(chain)
    with tf.GradientTape() as tape:
      tape.watch([x, *kernels])
      y, kept = computation.forward(chain, x, kernels)
    dy = _random(*y.shape, seed=9)
    expected = tape.gradient(y, [x, *kernels], output_gradients=dy)
    dx, dkernels = computation.backward(chain, x, kernels, kept, dy)
    self.assertLen(dkernels, len(kernels))
    for got, wanted in zip([dx, *dkernels], expected):
      self.assertAllClose(got, wanted, rtol=1e-4, atol=1e-4)

  @parameterized.product(name=_NAMES, stride=(1, 2))
  def test_keeps_what_it_says(self, name, stride):
    chain = operations.chain(name, stride, shared=True)
    _, kept = computation.forward(chain, _random(*_SHAPE), _kernels(chain))
    size = tuple(_SHAPE[1:3])
    self.assertEqual(
      [
        tuple(x.shape)[1:] if x.shape.rank == 4 else tuple(x.shape)
        for x in kept
      ],
      chain.kept_shapes(_CHANNELS, _CHANNELS, size),
    )


class CostTest(parameterized.TestCase):
  @parameterized.parameters(
    ('conv_5x5', 1, [(5, 5, 4, 4)]),
    ('conv_1x1', 2, [(1, 1, 4, 4)]),
    ('conv_7x1_1x7', 2, [(1, 7, 4, 4), (7, 1, 4, 4)]),
    ('sep_conv_7x7', 1, [(7, 7, 4), (1, 1, 4, 4), (7, 7, 4), (1, 1, 4, 4)]),
    ('sep_conv_3x3', 2, [(3, 3, 4), (1, 1, 4, 4), (3, 3, 4), (1, 1, 4, 4)]),
    ('dil_conv_5x5', 1, [(5, 5, 4), (1, 1, 4, 4)]),
    ('max_pool_3x3', 2, []),
    ('max_pool_2x2', 1, []),
    ('avg_pool_5x5', 1, []),
    ('skip', 1, []),
    ('skip', 2, [(4, 4)]),
  )
  def test_kernels(self, name, stride, shapes):
    chain = operations.chain(name, stride, True)
    self.assertEqual(chain.kernel_shapes(4, 4), shapes)
    self.assertEqual(
      chain.fans_in(4, 4), [int(np.prod(shape)) // 4 for shape in shapes]
    )

  @parameterized.parameters(
    ('conv_3x3', 1, 1),
    ('conv_7x1_1x7', 1, 1),
    ('sep_conv_5x5', 2, 2),
    ('dil_conv_3x3', 1, 1),
    ('max_pool_3x3', 0, 0),
    ('skip', 0, 1),
  )
  def test_norms_at_strides_1_and_2(self, name, plain, strided):
    chains = [operations.chain(name, s, shared=False) for s in (1, 2)]
    norms = [chain.normalized(6, 6) for chain in chains]
    self.assertEqual(norms, [6 * plain, 6 * strided])

  # Published for 128 channels and 32x32 maps (NAT++; method, section 2).
  # Multiply-adds of pooling and skip, 3.3, 1.2 and 0.1 M, are additions: ours
  # are those of convolutions alone.
  @parameterized.parameters(
    ('conv_5x5', '409.6 K', '419.4 M'),
    ('conv_3x3', '147.5 K', '151.0 M'),
    ('sep_conv_5x5', '39.2 K', '40.1 M'),
    ('sep_conv_3x3', '35.1 K', '35.9 M'),
    ('dil_conv_5x5', '19.6 K', '20.1 M'),
    ('dil_conv_3x3', '17.5 K', '18.0 M'),
    ('conv_1x1', '16.4 K', '16.8 M'),
    ('max_pool_5x5', '0.0 K', '0.0 M'),
    ('avg_pool_3x3', '0.0 K', '0.0 M'),
    ('skip', '0.0 K', '0.0 M'),
  )
  def test_published(self, name, params, madds):
    chain = operations.chain(name, 1, shared=False)
    self.assertEqual(f'{chain.parameters(128, 128) / 1e3:.1f} K', params)
    self.assertEqual(f'{chain.madds(128, 128, (32, 32)) / 1e6:.1f} M', madds)

  def test_strided_skip_multiplies_all_channels(self):
    # Two 1x1 convolutions, each from 128 channels to half of them.
    chain = operations.chain('skip', 2, shared=False)
    self.assertEqual(chain.parameters(128, 128), 128 * 128)
    self.assertEqual(chain.madds(128, 128, (31, 32)), 128 * 128 * 256)

  def test_strided_lines_halve_the_width_before_the_height(self):
    # 5x6 -> a row of 7 -> 5x3 -> a column of 7 -> 3x3, 4 channels.
    chain = operations.chain('conv_7x1_1x7', 2, shared=False)
    self.assertEqual(chain.parameters(4, 4), 2 * 7 * 4 * 4)
    self.assertEqual(chain.madds(4, 4, (5, 6)), 7 * 4 * 4 * (5 * 3 + 3 * 3))


if __name__ == '__main__':
  tf.test.main()
