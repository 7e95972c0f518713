"""Tests of nat_tf.folding."""

from __future__ import annotations

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from nat_tf import cost
from nat_tf import final_network
from nat_tf import folding
from nat_tf import layout
from nat_tf import skeletons
from nat_tf import training_network
from nat_tf import zoo
from nat_tf.architecture import Architecture
from nat_tf.architecture import Cell
from nat_tf.architecture import Edge

_layers = tf.keras.layers


def _config(architecture: Architecture, side=8) -> layout.NetworkConfig:
  skeleton = skeletons.load(architecture.network)
  return layout.NetworkConfig(3, 4, (side, side), 3, 5, skeleton)


def _scatter(model: tf.keras.Model):
  """Gives batch norms what they could have learned."""
  generator = np.random.default_rng(0)
  for norm in _norms(model):
    for weight, (low, high) in (
      (norm.gamma, (0.5, 1.5)),
      (norm.beta, (-0.5, 0.5)),
      (norm.moving_mean, (-0.5, 0.5)),
      (norm.moving_variance, (0.5, 2)),
    ):
      if weight is not None:
        weight.assign(generator.uniform(low, high, weight.shape))


def _norms(model: tf.keras.Model) -> list[tf.keras.layers.Layer]:
  return [x for x in model.layers if isinstance(x, _layers.BatchNormalization)]


class FoldTest(tf.test.TestCase, parameterized.TestCase):
  def _check(self, model: tf.keras.Model) -> tf.keras.Model:
    """Folds a model and checks that the result computes the same."""
    _scatter(model)
    images = tf.random.stateless_normal([16, *model.input_shape[1:]], [1, 2])
    before = [w.numpy() for w in model.weights]
    wanted = model(images, training=False)
    folded = folding.fold(model)
    for one, other in zip(
      tf.nest.flatten(folded(images, training=False)), tf.nest.flatten(wanted)
    ):
      scale = np.std(other)
      self.assertGreater(scale, 0)
      self.assertAllClose(one / scale, other / scale, rtol=0, atol=1e-4)
    with self.subTest('the model is as it was'):
      for weight, value in zip(model.weights, before):
        self.assertAllEqual(weight, value)
    return folded

  # With the channels that go through batch norm: in ResNet-20 the stem's and
  # those of six convolutions a stage, in VGG-16 those of all. None where just
  # the model says how many there are.
  @parameterized.parameters(
    ('resnet20', 4 + 6 * (4 + 8 + 16)),
    ('vgg16', 2 * 4 + 2 * 8 + 3 * 16 + 3 * 32 + 3 * 32),
    ('mobilenetv2', None),
    ('darts', None),
    ('nasnet_a', None),
  )
  def test_leaves_no_batch_norm(self, name, channels):
    architecture = zoo.load(name)
    config = _config(architecture, side=32 if name == 'vgg16' else 8)
    model = final_network.build(architecture, config)
    counted = sum(norm.gamma.shape[0] for norm in _norms(model))
    self.assertGreater(counted, 0)
    folded = self._check(model)
    self.assertEmpty(_norms(folded))
    # A bias instead of a scale and an offset, and no moving statistics.
    self.assertEqual(
      folded.count_params(),
      cost.network(architecture, config).params - (channels or counted),
    )
    self.assertEqual(
      [x.name for x in folded.layers if x.name.endswith('norm')], []
    )

  def test_shrinks_reductions_by_two_convolutions(self):
    # Two reductions with a strided skip, and the halving of an input.
    architecture = zoo.load('resblock')
    model = final_network.build(architecture, _config(architecture, side=9))
    names = [x.name for x in model.layers if x.name.endswith('/conv_odd')]
    self.assertNotEmpty(names)
    folded = self._check(model)
    self.assertEmpty(_norms(folded))
    for name in names:
      self.assertTrue(folded.get_layer(name).use_bias)

  def test_keeps_what_reads_no_convolution(self):
    cell = Cell(1, 2, (Edge(0, 1, 'conv_3x3'), Edge(0, 1, 'skip')), (1,))
    architecture = Architecture((('normal', cell),), 'nasbench201')
    model = final_network.build(architecture, _config(architecture))
    # The head's reads a sum.
    self.assertEqual(
      [norm.name for norm in _norms(self._check(model))], ['head/norm']
    )

  def test_folds_layers_that_other_models_call_too(self):
    architecture = zoo.load('darts')
    trainee = training_network.build(
      architecture, _config(architecture), True, True
    )
    folded = self._check(trainee.inference)
    self.assertEmpty(_norms(folded))
    self.assertEmpty(_norms(self._check(trainee.model)))

  def test_survives_saving(self):
    architecture = zoo.load('resblock')
    model = final_network.build(architecture, _config(architecture))
    folded = self._check(model)
    path = f'{self.create_tempdir().full_path}/model.keras'
    folded.save(path)
    images = tf.random.stateless_normal([4, 8, 8, 3], [3, 4])
    loaded = tf.keras.models.load_model(path)
    self.assertAllEqual(loaded(images), folded(images))

  def test_keeps_a_lower_precision(self):
    self.addCleanup(tf.keras.mixed_precision.set_global_policy, 'float32')
    tf.keras.mixed_precision.set_global_policy('mixed_bfloat16')
    architecture = zoo.load('resblock')
    model = final_network.build(architecture, _config(architecture))
    tf.keras.mixed_precision.set_global_policy('float32')
    folded = folding.fold(model)
    stem = folded.get_layer('stem_0/conv')
    self.assertEqual(stem.compute_dtype, 'bfloat16')
    self.assertEqual(stem.bias.dtype, tf.float32)

  @parameterized.named_parameters(
    ('depthwise', lambda x: _layers.DepthwiseConv2D(3, use_bias=False)(x), 0),
    (
      'depthwise_that_multiplies',
      lambda x: _layers.DepthwiseConv2D(
        3, depth_multiplier=2, use_bias=False, padding='same'
      )(x),
      0,
    ),
    ('groups', lambda x: _layers.Conv2D(6, 3, groups=3, use_bias=False)(x), 0),
    ('biased', lambda x: _layers.Conv2D(4, 3, use_bias=True)(x), 1),
    ('squared', lambda x: _layers.Conv2D(4, 3, use_bias=False)(x) ** 2, 1),
    (
      'active',
      lambda x: _layers.Conv2D(4, 3, activation='relu', use_bias=False)(x),
      1,
    ),
    (
      'of_another_kind',
      lambda x: _layers.Conv2DTranspose(4, 3, use_bias=False)(x),
      1,
    ),
    (
      'concatenated_along_rows',
      lambda x: _layers.Concatenate(1)(
        [_layers.Conv2D(4, 1, use_bias=False)(x) for _ in range(2)]
      ),
      1,
    ),
    (
      'concatenated_with_others',
      lambda x: _layers.Concatenate()(
        [_layers.Conv2D(4, 1, use_bias=False)(x), x]
      ),
      1,
    ),
  )
  def test_folds_just_what_is_a_linear_convolution(self, layer, left):
    images = tf.keras.Input((8, 8, 3))
    y = _layers.BatchNormalization()(layer(images))
    self.assertLen(_norms(self._check(tf.keras.Model(images, y))), left)

  @parameterized.parameters((True, False), (False, True), (False, False))
  def test_folds_without_scale_or_offset(self, scale, center):
    images = tf.keras.Input((8, 8, 3))
    y = _layers.Conv2D(4, 3, use_bias=False)(images)
    y = _layers.BatchNormalization(scale=scale, center=center)(y)
    self.assertEmpty(_norms(self._check(tf.keras.Model(images, y))))

  def test_keeps_what_others_read_or_is_called_twice(self):
    images = tf.keras.Input((8, 8, 3))
    convolution = _layers.Conv2D(3, 3, use_bias=False, padding='same')
    norm = _layers.BatchNormalization()
    once = convolution(images)
    with self.subTest('a convolution that two layers read'):
      y = _layers.Add()([norm(once), once])
      self.assertLen(_norms(self._check(tf.keras.Model(images, y))), 1)
    with self.subTest('a convolution that is an output'):
      model = tf.keras.Model(images, [norm(once), once])
      self.assertLen(_norms(self._check(model)), 1)
    with self.subTest('a convolution that is called twice'):
      model = tf.keras.Model(images, norm(convolution(once)))
      self.assertLen(_norms(self._check(model)), 1)
    with self.subTest('a norm that is called twice'):
      other = _layers.Conv2D(3, 3, use_bias=False)
      model = tf.keras.Model(images, norm(other(norm(once))))
      self.assertLen(_norms(self._check(model)), 1)
    with self.subTest('the same halves twice'):
      twice = _layers.Concatenate()([once, once])
      model = tf.keras.Model(images, _layers.BatchNormalization()(twice))
      self.assertLen(_norms(self._check(model)), 1)


if __name__ == '__main__':
  tf.test.main()
