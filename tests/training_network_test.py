"""Tests of nat_tf.training_network."""

from __future__ import annotations

import dataclasses

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from nat_tf import cost
from nat_tf import final_network
from nat_tf import layout
from nat_tf import skeletons
from nat_tf import training_network
from nat_tf import vocabulary
from nat_tf import zoo
from nat_tf.architecture import Architecture
from nat_tf.architecture import ArchitectureError
from nat_tf.architecture import Cell
from nat_tf.architecture import Edge

_CLASSES = 5


def _config(
  network='cells', cells=3, side=8, form='cifar10'
) -> layout.NetworkConfig:
  skeleton = skeletons.load(network, form)
  return layout.NetworkConfig(cells, 4, (side, side), 3, _CLASSES, skeleton)


def _cells(*edges: Edge, concat=(3,)) -> Architecture:
  """Two computed vertices, the same edges in both cells."""
  cell = Cell(2, 4, edges, concat)
  return Architecture.of(normal=cell, reduction=cell)


# Between it and the input is always the identity.
_AROUND = _cells(Edge(0, 2, 'skip'), Edge(1, 2, 'conv_1x1'), Edge(2, 3, 'skip'))


def _images(count=4, side=8) -> tf.Tensor:
  return tf.random.stateless_normal([count, side, side, 3], [1, 2])


def _dropped(trainee: training_network.Trainee) -> list[str]:
  """Names of the edges that may be left out."""
  return [
    layer.name.removesuffix('/drop_path')
    for layer in trainee.model.layers
    if isinstance(layer, training_network.DropPath)
  ]


def _sizes(weights: list[tf.Variable]) -> int:
  return sum(int(np.prod(w.shape)) for w in weights)


def _step(trainee: training_network.Trainee, images: tf.Tensor) -> np.ndarray:
  """Trains a step; returns what it changes in the weights of inference."""
  outputs = len(trainee.model.outputs)
  trainee.model.compile(
    tf.keras.optimizers.SGD(0.1),
    [tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)] * outputs,
  )
  weights = trainee.inference.trainable_weights
  before = [w.numpy().ravel() for w in weights]
  labels = tf.range(images.shape[0]) % _CLASSES
  # Where float16 overflows, a step is left out and losses scaled by less.
  for _ in range(10):
    trainee.model.train_on_batch(images, [labels] * outputs)
    change = [w.numpy().ravel() - old for w, old in zip(weights, before)]
    if any(np.any(one) for one in change):
      break
  return np.concatenate(change)


class BuildTest(tf.test.TestCase, parameterized.TestCase):
  @parameterized.parameters('darts', 'nat_resblock', 'resnet20', 'mobilenetv2')
  def test_inference_has_what_is_counted_and_nothing_for_training(self, name):
    architecture = zoo.load(name)
    config = _config(architecture.network)
    trainee = training_network.build(architecture, config, True, True)
    self.assertEqual(
      _sizes(trainee.inference.trainable_weights),
      cost.network(architecture, config).params,
    )
    alone = final_network.build(architecture, config)
    self.assertEqual(
      [layer.name for layer in trainee.inference.layers],
      [layer.name for layer in alone.layers],
    )

  @parameterized.parameters(
    (False, False), (False, True), (True, False), (True, True)
  )
  def test_both_models_have_the_same_weights(self, drop_path, auxiliary):
    trainee = training_network.build(_AROUND, _config(), drop_path, auxiliary)
    of_model = {id(w): w.name for w in trainee.model.weights}
    of_inference = {id(w) for w in trainee.inference.weights}
    self.assertNotEmpty(of_inference)
    others = {of_model[i] for i in of_model if i not in of_inference}
    self.assertLessEqual(of_inference, set(of_model))
    self.assertEqual(bool(others), auxiliary)
    self.assertTrue(all(name.startswith('auxiliary/') for name in others))
    self.assertNotIn(id(trainee.drop_path), of_model)

  @parameterized.parameters('darts', 'resnet20')
  def test_models_agree_outside_of_training(self, name):
    architecture = zoo.load(name)
    trainee = training_network.build(
      architecture, _config(architecture.network), True, True
    )
    trainee.drop_path.assign(0.9)
    self.assertNotEmpty(_dropped(trainee))
    logits, _ = trainee.model(_images(), training=False)
    self.assertAllEqual(logits, trainee.inference(_images(), training=False))

  def test_what_serves_training_leaves_the_first_weights_as_they_are(self):
    tf.keras.utils.set_random_seed(3)
    alone = final_network.build(_AROUND, _config())
    tf.keras.utils.set_random_seed(3)
    trainee = training_network.build(_AROUND, _config(), True, True)
    for one, other in zip(alone.weights, trainee.inference.weights):
      self.assertAllEqual(one, other)

  def test_everything_learns(self):
    trainee = training_network.build(zoo.load('darts'), _config(), True, True)
    trainee.drop_path.assign(0.2)
    with tf.GradientTape() as tape:
      outputs = trainee.model(_images(), training=True)
      loss = sum(tf.reduce_sum(x**2) for x in outputs)
    gradients = tape.gradient(loss, trainee.model.trainable_weights)
    for weight, gradient in zip(trainee.model.trainable_weights, gradients):
      self.assertIsNotNone(gradient, weight.name)


class DropPathTest(tf.test.TestCase, parameterized.TestCase):
  @parameterized.parameters('float32', 'float16', 'bfloat16')
  def test_leaves_images_out_as_often_as_told(self, dtype):
    tf.keras.utils.set_random_seed(0)
    probability = tf.Variable(0.002, trainable=False)
    layer = training_network.DropPath(
      probability, tf.random.Generator.from_seed(1), dtype=dtype
    )
    count = 20_000
    x = tf.ones([count, 2, 3, 4], dtype)
    for p in (0.002, 0.3):
      probability.assign(p)
      y = tf.cast(layer(x, training=True), tf.float32).numpy()
      kept = y[:, 0, 0, 0] > 0
      # A map goes or stays as a whole.
      wanted = np.where(kept, float(tf.cast(1 / (1 - p), dtype)), 0)
      self.assertAllEqual(
        y, np.broadcast_to(wanted[:, None, None, None], y.shape)
      )
      deviation = np.sqrt(count * p * (1 - p))
      self.assertAllClose(np.sum(~kept), count * p, atol=4 * deviation)
    self.assertAllEqual(layer(x, training=False), x)
    self.assertEmpty(layer.weights)

  def test_a_loaded_one_drops_nothing(self):
    layer = training_network.DropPath(
      tf.Variable(0.9), tf.random.Generator.from_seed(1), name='drop'
    )
    loaded = training_network.DropPath.from_config(layer.get_config())
    self.assertEqual(loaded.name, 'drop')
    self.assertAllEqual(loaded(_images(), training=True), _images())

  def test_stands_on_what_is_not_the_identity(self):
    architecture = _cells(
      Edge(0, 2, 'skip'),
      Edge(1, 2, 'max_pool_3x3'),
      Edge(1, 3, 'sep_conv_3x3'),
      Edge(1, 3, 'sep_conv_3x3'),
      Edge(2, 3, 'skip'),
      concat=(2, 3),
    )
    # A normal cell, and a reduction, in which a skip has to halve the size.
    trainee = training_network.build(
      architecture, _config(cells=2), True, False
    )
    self.assertCountEqual(
      _dropped(trainee),
      [
        'cell_0/edge_1_2_max_pool_3x3',
        'cell_0/edge_1_3_sep_conv_3x3',
        'cell_0/edge_1_3_sep_conv_3x3_2',
        'cell_1/edge_0_2_skip',
        'cell_1/edge_1_2_max_pool_3x3',
        'cell_1/edge_1_3_sep_conv_3x3',
        'cell_1/edge_1_3_sep_conv_3x3_2',
      ],
    )

  @parameterized.parameters(
    # Six of the normal cell's edges are no skips, and the poolings of two
    # reductions.
    ('darts', 6 + 2 * 5),
    # Both convolutions of nine blocks, around which shortcuts lead.
    ('resnet20', 18),
    # Of 17 blocks, the seven that begin a stage have no shortcut.
    ('mobilenetv2', 10),
    # Everything passes through every convolution.
    ('vgg16', 0),
  )
  def test_stands_where_something_is_left_without(self, name, count):
    architecture = zoo.load(name)
    config = _config(architecture.network, side=32)
    trainee = training_network.build(architecture, config, True, False)
    self.assertLen(_dropped(trainee), count)

  def test_equals_the_network_without_what_is_dropped(self):
    trainee = training_network.build(_AROUND, _config(cells=1), True, False)
    without = final_network.build(
      _cells(Edge(0, 2, 'skip'), Edge(1, 2, 'null'), Edge(2, 3, 'skip')),
      _config(cells=1),
    )
    for layer in without.layers:
      weights = trainee.inference.get_layer(layer.name).get_weights()
      layer.set_weights(weights)
    images = _images(32)
    trainee.drop_path.assign(0.5)
    # Batch norm by its moving statistics, so that an image is for itself.
    for layer in trainee.model.layers:
      layer.trainable = False
    half = trainee.model(images, training=True)
    whole = trainee.inference(images)
    dropped = np.all(np.isclose(half, without(images), atol=1e-5), axis=-1)
    self.assertBetween(np.sum(dropped), 4, 28)
    self.assertAllInRange(np.abs(half - whole)[~dropped].max(-1), 1e-4, np.inf)

  def test_equal_seeds_train_equally(self):
    def trained(seed: int) -> np.ndarray:
      tf.keras.utils.set_random_seed(seed)
      trainee = training_network.build(
        _AROUND, _config(cells=1), True, False, seed
      )
      trainee.drop_path.assign(0.5)
      for weight in trainee.inference.trainable_weights:
        # The same beginning for all, so that only what is dropped differs.
        weight.assign(tf.random.stateless_normal(weight.shape, [1, 2]))
      return _step(trainee, _images())

    first = trained(5)
    self.assertAllEqual(trained(5), first)
    self.assertNotAllClose(trained(6), first)


class AuxiliaryTest(tf.test.TestCase, parameterized.TestCase):
  def _build(self, architecture, config) -> tf.keras.Model:
    return training_network.build(architecture, config, False, True).model

  @parameterized.parameters(
    # On 32x32 images the maps are 8x8, as in DARTS; on 224x224 ones 7x7.
    ('cells', 'cifar10', 32, 4),
    ('cells', 'imagenet', 224, 4),
    ('resnet20', 'cifar10', 32, 4),
    # Of the 16x16 maps it takes the mean over several windows.
    ('resnet20', 'cifar10', 64, 4),
    # The maps are 2x2 and 1x1.
    ('cells', 'cifar10', 8, 1),
    ('cells', 'cifar10', 4, 1),
  )
  def test_has_as_many_weights_as_in_darts(self, network, form, side, window):
    architecture = zoo.load('darts' if network == 'cells' else network)
    config = _config(network, 3, side, form)
    model = self._build(architecture, config)
    # Both have doubled their channels twice; a cell concatenates four vertices.
    channels = 4 * 4 * (4 if network == 'cells' else 1)
    head = (channels * 128 + 2 * 128) + (window * 128 * 768 + 2 * 768)
    self.assertEqual(
      _sizes(model.trainable_weights),
      cost.network(architecture, config).params + head + (768 + 1) * _CLASSES,
    )

  @parameterized.parameters((8, 3), (7, 2))
  def test_equals_a_naive_evaluation(self, side, stride):
    skip = _cells(Edge(0, 2, 'skip'), Edge(2, 3, 'skip'))
    model = self._build(skip, _config(cells=1, side=side))
    images = _images(6, side)
    weights = {
      layer.name.removeprefix('auxiliary/'): layer.get_weights()
      for layer in model.layers
    }
    x = tf.keras.Model(model.input, model.get_layer('auxiliary/relu').input)
    x = tf.nn.relu(x(images, training=True)).numpy()
    # 5x5 windows, of which there are two along each side.
    places = [[0, stride], [0, stride]]
    x = np.stack(
      [
        [x[:, i : i + 5, j : j + 5].mean((1, 2)) for j in places[1]]
        for i in places[0]
      ]
    )

    def normed(x):
      axes = tuple(range(x.ndim - 1))
      return np.maximum((x - x.mean(axes)) / np.sqrt(x.var(axes) + 1e-5), 0)

    x = normed(x @ weights['conv_0'][0][0, 0])
    x = normed(np.einsum('ijbc,ijcd->bd', x, weights['conv_1'][0]))
    kernel, bias = weights['logits']
    _, logits = model(images, training=True)
    self.assertAllClose(logits, x @ kernel + bias, 1e-3, 1e-3)

  def test_reads_the_cell_at_two_thirds(self):
    def read(architecture, config):
      layer = self._build(architecture, config).get_layer('auxiliary/relu')
      return layer.inbound_nodes[0].inbound_layers.name

    self.assertEqual(read(_AROUND, _config(cells=20)), 'cell_13/relu')
    self.assertEqual(read(_AROUND, _config(cells=14)), 'cell_9/relu')
    # The seventh of nine blocks.
    resnet = zoo.load('resnet20'), _config('resnet20')
    self.assertEqual(read(*resnet), 'cell_6/relu')
    with self.subTest('where it is not read, one before stands in'):
      # Every cell reads but the last but one: those with even numbers are out.
      every_other = _cells(Edge(0, 2, 'skip'), Edge(2, 3, 'skip'))
      self.assertEqual(read(every_other, _config(cells=4)), 'cell_1/relu')

  def test_says_why_there_is_none(self):
    nothing = _cells(Edge(0, 2, 'null'), Edge(2, 3, 'null'))
    with self.assertRaisesRegex(ArchitectureError, 'reads cell 2 or one befor'):
      self._build(nothing, _config(cells=4))

  @parameterized.parameters(*range(2, 13))
  def test_stands_on_maps_of_any_size(self, side):
    skip = _cells(Edge(0, 2, 'skip'), Edge(2, 3, 'skip'))
    model = self._build(skip, _config(cells=1, side=side))
    self.assertEqual(model.output_shape[1], (None, _CLASSES))


class PrecisionTest(tf.test.TestCase, parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.addCleanup(tf.keras.mixed_precision.set_global_policy, 'float32')

  def _change(self, policy, architecture, config) -> np.ndarray:
    tf.keras.utils.set_random_seed(0)
    tf.keras.mixed_precision.set_global_policy(policy)
    trainee = training_network.build(architecture, config, True, True)
    self.assertTrue(all(x.dtype == tf.float32 for x in trainee.model.outputs))
    if policy != 'float32':
      kind = tf.as_dtype(policy.removeprefix('mixed_'))
      head = trainee.model.get_layer('auxiliary/relu')
      self.assertEqual(head.output.dtype, kind)
    return _step(trainee, _images(16, config.image_size[0]))

  def test_a_step_is_that_of_float32_by_every_operation(self):
    # At both strides, on sides that cannot be halved; and a vertex of zeros.
    edges = [Edge(0, 2, operation.name) for operation in vocabulary.ALL]
    zeros = Edge(1, 3, 'null')
    architecture = _cells(*edges, zeros, concat=(2, 3))
    self._check(architecture, _config(cells=2, side=9))

  def test_a_step_is_that_of_float32_by_shortcuts_that_pad(self):
    config, resnet = _config('resnet20'), zoo.load('resnet20')
    first, *_, last = config.skeleton.blocks[:4]
    skeleton = dataclasses.replace(config.skeleton, blocks=(first, last))
    blocks = tuple((b.name, resnet[b.name]) for b in skeleton.blocks)
    self._check(
      Architecture(blocks, resnet.network),
      dataclasses.replace(config, skeleton=skeleton),
    )

  def _check(self, architecture, config):
    wanted = self._change('float32', architecture, config)
    for policy in ('mixed_bfloat16', 'mixed_float16'):
      change = self._change(policy, architecture, config)
      cosine = wanted @ change / np.linalg.norm(wanted)
      cosine /= np.linalg.norm(change)
      self.assertGreater(cosine, 0.9, policy)


if __name__ == '__main__':
  tf.test.main()
