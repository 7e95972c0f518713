"""Tests of nat_tf.final_network."""

from __future__ import annotations

import dataclasses
import os

from absl.testing import parameterized
import numpy as np
import tensorflow as tf
from tensorflow.python.framework import convert_to_constants

from nat_tf import computation
from nat_tf import cost
from nat_tf import final_network
from nat_tf import layout
from nat_tf import operations
from nat_tf import sampling
from nat_tf import skeletons
from nat_tf import spaces
from nat_tf import stages
from nat_tf import vocabulary
from nat_tf import zoo
from nat_tf.architecture import Architecture
from nat_tf.architecture import ArchitectureError
from nat_tf.architecture import Cell
from nat_tf.architecture import Edge

_HAND_MADE = tuple(
  name for name in zoo.names() if zoo.load(name).network == name
)


def _config(
  network: str, form='cifar10', cells=0, channels=0, side=0, classes=0
) -> layout.NetworkConfig:
  """The published size of a network, unless told otherwise."""
  skeleton = skeletons.load(network, form)
  small = form == 'cifar10'
  usual = skeleton.base if skeleton.blocks else (36 if small else 48)
  return layout.NetworkConfig(
    cells or skeleton.cells or 1,
    channels or usual,
    (side or (32 if small else 224),) * 2,
    3,
    classes or (10 if small else 1000),
    skeleton,
  )


def _random(space: spaces.Space, count: int) -> list[Architecture]:
  drawn = sampling.RandomSampler(space)(count, tf.constant([5, 0]))
  return [
    space.decode(spaces.Encoding(*(x[i] for x in drawn))) for i in range(count)
  ]


def _trainable(model: tf.keras.Model) -> int:
  return sum(int(np.prod(w.shape)) for w in model.trainable_weights)


def _madds(model: tf.keras.Model) -> float:
  """Multiply-adds of a compiled forward pass, by TensorFlow's profiler."""
  spec = tf.TensorSpec((1, *model.input_shape[1:]))
  concrete = tf.function(
    lambda images: model(images, training=False)
  ).get_concrete_function(spec)
  graph = convert_to_constants.convert_variables_to_constants_v2(concrete).graph
  profiler = tf.compat.v1.profiler
  options = (
    profiler.ProfileOptionBuilder(
      profiler.ProfileOptionBuilder.float_operation()
    )
    .with_empty_output()
    .with_accounted_types(['Conv2D', 'DepthwiseConv2dNative', 'MatMul'])
    .build()
  )
  # It counts a multiplication and an addition.
  return profiler.profile(graph, options=options).total_float_ops / 2


class _Naive:
  """The network as the stages compute it, with a Keras model's kernels.

  Batch norm by the batch's own statistics, as a new model in training. Every
  edge that is not null is computed; one that the model leaves out gives NaN, so
  that it shows where it was wanted.
  """

  def __init__(self, model: tf.keras.Model):
    self._kernels = {}
    for layer in model.layers:
      if layer.weights and not layer.name.endswith(('norm', 'norm_2')):
        self._kernels[layer.name] = layer.weights

  def __call__(self, architecture, config, images):
    skeleton, x, outputs = config.skeleton, images, []
    for i, (one, _) in enumerate(layout.stem(config)):
      chain = self._conv_norm(stages.Conv(one.kernel, one.stride))
      x = self._run(chain, f'stem_{i}', x, one.channels)
      x = tf.nn.relu(x) if skeleton.activates_stem else x
      outputs.append(x)
    outputs = [outputs[i] for i in skeleton.stem_outputs]
    for number, place in enumerate(layout.places(config)):
      x = self._cell(f'cell_{number}', place, config, architecture, outputs)
      if skeleton.activates and number < len(layout.places(config)) - 1:
        x = tf.nn.relu(x)
      outputs = [*outputs[1:], x]
    return self._head(config, outputs[-1])

  def _cell(self, scope, place, config, architecture, outputs):
    cell, vertices, count = config.cell(place, architecture), [], {}
    for i, x in enumerate(outputs):
      if place.prepares:
        halves = i == 0 and place.halve_first
        chain = self._conv_norm(
          stages.FactorizedReduction() if halves else stages.Conv(1)
        )
        x = self._run(chain, f'{scope}/input_{i}', x, place.channels)
      elif place.pool:
        x = tf.nn.max_pool2d(x, place.pool.kernel, place.pool.stride, 'SAME')
      vertices.append(x)
    batch = outputs[0].shape[0]
    for v in cell.intermediates:
      x = tf.zeros([batch, *place.size(v), place.width(v)])
      for edge in (edge for edge in cell.edges if edge.target == v):
        joins = place.edge(edge.source, v)
        chain = operations.on(edge.operation, joins, shared=False)
        if chain is not None:
          name = f'{scope}/edge_{edge.source}_{v}_{edge.operation}'
          count[name] = count.get(name, 0) + 1
          name += f'_{count[name]}' if count[name] > 1 else ''
          x += self._run(chain, name, vertices[edge.source], joins.outputs)
      vertices.append(x)
    return tf.concat([vertices[v] for v in cell.concat], axis=-1)

  def _head(self, config, x):
    head = config.skeleton.head
    x = computation.apply(stages.Normalize(), x) if head.norm else x
    x = tf.nn.relu(x) if head.activates else x
    if head.convolution:
      channels = config.scaled(head.convolution.channels)
      chain = self._conv_norm(stages.Conv(1))
      x = tf.nn.relu6(self._run(chain, 'head', x, channels))
    if head.pool:
      x = tf.nn.max_pool2d(x, head.pool.kernel, head.pool.stride, 'SAME')
    if head.flattens:
      x = tf.reshape(x, [x.shape[0], -1])
    else:
      x = tf.reduce_mean(x, [1, 2])
    names = [f'head/dense{suffix}' for suffix in ('', '_2')]
    for name in names[: len(head.hidden)]:
      kernel, bias = self._kernels[name]
      x = tf.nn.relu(x @ kernel + bias)
    kernel, bias = self._kernels['head/logits']
    return x @ kernel + bias

  def _conv_norm(self, convolution):
    return operations.Chain((convolution, stages.Normalize()))

  def _run(self, chain, scope, x, outputs):
    shapes = chain.kernel_shapes(x.shape[-1], outputs)
    if shapes == [] or self._of(scope, ''):
      return computation.forward(
        chain, x, self._kernels_of(chain, scope, shapes)
      )[0]
    size = x.shape[1:3]
    for stage in chain.stages:
      size = stage.output_size(size)
    return tf.fill([x.shape[0], *size, outputs], np.nan)

  def _of(self, scope, kind):
    return [
      self._kernels[name]
      for name in sorted(self._kernels, key=lambda name: (len(name), name))
      if name.startswith(f'{scope}/{kind}')
    ]

  def _kernels_of(self, chain, scope, shapes):
    depthwise, dense = self._of(scope, 'depthwise'), self._of(scope, 'conv')
    result = []
    for stage in chain.stages:
      if isinstance(stage, stages.FactorizedReduction):
        (even,), (odd,) = self._of(scope, 'conv_even') + self._of(
          scope, 'conv_odd'
        )
        result.append(tf.concat([even, odd], axis=-1))
      elif stage.kernel_shape(2, 2) is not None:
        one = isinstance(stage, stages.DepthwiseConv)
        result.append((depthwise if one else dense).pop(0)[0])
    return [tf.reshape(one, shape) for one, shape in zip(result, shapes)]


class BuildTest(tf.test.TestCase, parameterized.TestCase):
  def _check_parameters(self, architecture, config):
    model = final_network.build(architecture, config)
    total = cost.network(architecture, config)
    self.assertEqual(_trainable(model), total.params)
    return model

  # Three cells are a normal one and two reductions, so that of every place a
  # cell can stand in there is one.
  @parameterized.parameters(*zoo.names())
  def test_trains_and_computes_what_is_counted(self, name):
    architecture = zoo.load(name)
    config = _config(architecture.network, cells=0 if name in _HAND_MADE else 3)
    model = self._check_parameters(architecture, config)
    total = cost.network(architecture, config)
    self.assertAllClose(_madds(model), total.madds, rtol=0.01)

  @parameterized.parameters(*_HAND_MADE)
  def test_trains_what_is_counted_in_large_networks(self, name):
    self._check_parameters(zoo.load(name), _config(name, 'imagenet'))

  @parameterized.parameters(
    ('darts', 'cifar10', 0, 3_349_342), ('resblock', 'imagenet', 4, None)
  )
  def test_trains_what_is_counted_at_full_size(self, name, form, cells, params):
    config = _config('cells', form, cells)
    model = self._check_parameters(zoo.load(name), config)
    if params:
      self.assertEqual(_trainable(model), params)
    with self.subTest('moving statistics come on top'):
      moving = sum(int(np.prod(w.shape)) for w in model.non_trainable_weights)
      self.assertGreater(moving, 0)
      self.assertEqual(model.count_params(), _trainable(model) + moving)

  @parameterized.parameters(('nat++_darts', 3), ('resnet18', 0))
  def test_large_networks_compute_what_is_counted(self, name, cells):
    architecture = zoo.load(name)
    config = _config(architecture.network, 'imagenet', cells)
    model = final_network.build(architecture, config)
    total = cost.network(architecture, config)
    self.assertAllClose(_madds(model), total.madds, rtol=0.01)

  @parameterized.parameters(
    (spaces.MICRO, 4, 5),
    (spaces.NASBENCH201, 3, 6),
    (spaces.around('s', zoo.load('resnet20'), 'nat++'), 0, 2),
    (spaces.around('s', zoo.load('resnet50'), 'nat'), 0, 1),
    (spaces.around('s', zoo.load('vgg16'), 'nat++'), 0, 2),
    (spaces.around('s', zoo.load('mobilenetv2'), 'nat++'), 0, 1),
  )
  def test_random_architectures_equal_a_naive_evaluation(
    self, space, cells, count
  ):
    config = _config(space.network, 'cifar10', cells, 4, 9, 5)
    images = tf.random.stateless_normal([4, 9, 9, 3], [1, 2])
    for architecture in _random(space, count):
      model = self._check_parameters(architecture, config)
      naive = _Naive(model)(architecture, config, images)
      # What float32 leaves of zeros, batch norm of few pixels makes large.
      self.assertAllClose(model(images, training=True), naive, 2e-3, 2e-3)

  @parameterized.parameters(*(o.name for o in vocabulary.ALL))
  def test_every_operation_equals_its_stages(self, name):
    cell = Cell(2, 3, (Edge(0, 2, name), Edge(1, 2, name)), (2,))
    architecture = Architecture.of(normal=cell, reduction=cell)
    # Of odd sides and with a first input that has to be halved.
    config = _config('cells', 'imagenet', 3, 4, 33, 5)
    images = tf.random.stateless_normal([4, 33, 33, 3], [1, 2])
    model = self._check_parameters(architecture, config)
    naive = _Naive(model)(architecture, config, images)
    self.assertAllClose(model(images, training=True), naive, 2e-3, 2e-3)

  def test_twins_have_weights_of_their_own(self):
    twins = (Edge(1, 2, 'conv_1x1'), Edge(1, 2, 'conv_1x1'))
    cell = Cell(2, 3, twins, (2,))
    config = _config('cells', cells=1, channels=4, side=8)
    architecture = Architecture.of(normal=cell, reduction=cell)
    model = final_network.build(architecture, config)
    names = [layer.name for layer in model.layers]
    self.assertContainsSubset(
      [
        'cell_0/edge_1_2_conv_1x1/conv',
        'cell_0/edge_1_2_conv_1x1_2/conv',
        'cell_0/vertex_2',
        'head/logits',
      ],
      names,
    )

  def test_a_network_of_nothing_gives_its_bias(self):
    cell = Cell(2, 3, (Edge(0, 2, 'null'),), (2,))
    architecture = Architecture.of(normal=cell, reduction=cell)
    config = _config('cells', cells=4, channels=4, side=8)
    model = self._check_parameters(architecture, config)
    self.assertAllEqual(model(tf.ones([2, 8, 8, 3])), tf.zeros([2, 10]))

  def test_survives_saving(self):
    architecture = zoo.load('nat_resblock')
    config = _config('cells', cells=3, channels=4, side=9)
    path = os.path.join(self.create_tempdir().full_path, 'model.keras')
    model = final_network.build(architecture, config)
    model.save(path)
    images = tf.random.stateless_normal([2, 9, 9, 3], [1, 2])
    loaded = tf.keras.models.load_model(path)
    self.assertAllEqual(loaded(images), model(images))

  def test_trains(self):
    tf.keras.utils.set_random_seed(0)
    config = _config('resnet20', channels=4, side=8, classes=2)
    model = final_network.build(zoo.load('resnet20'), config)
    model.compile(
      'sgd', tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    images = tf.random.stateless_normal([8, 8, 8, 3], [1, 2])
    history = model.fit(images, tf.range(8) % 2, epochs=8, verbose=0)
    losses = history.history['loss']
    self.assertLess(losses[-1], 0.7 * losses[0])

  def test_refuses_what_does_not_fit(self):
    with self.assertRaisesRegex(ArchitectureError, 'a resnet20 network has'):
      final_network.build(zoo.load('darts'), _config('resnet20'))


class PartsTest(tf.test.TestCase, parameterized.TestCase):
  @parameterized.parameters(
    ('nat_darts', 'imagenet', 4),
    ('resblock', 'cifar10', 4),
    ('mobilenetv2', 'cifar10', 0),
    ('vgg16', 'cifar10', 0),
  )
  def test_each_costs_its_part(self, name, form, cells):
    architecture = zoo.load(name)
    config = _config(architecture.network, form, cells, side=64)
    parts = final_network.parts(architecture, config)
    costs = cost.parts(architecture, config)
    self.assertEqual(
      [(part.name, _trainable(part.model)) for part in parts],
      [(name, one.params) for name, one in costs],
    )

  def test_equal_ones_have_equal_keys(self):
    # N N N N R N N N R N N N
    config = _config('cells', cells=12, channels=4)
    parts = final_network.parts(zoo.load('nat_resblock'), config)
    keys = [part.key for part in parts[1:-1]]
    # The first two read the stem, those after a reduction halve an input, and
    # the last has no ReLU.
    self.assertEqual(keys[2], keys[3])
    self.assertEqual(keys[6], keys[7])
    self.assertLen(set(keys), 10)

  def test_names_make_no_difference(self):
    config = _config('resnet20', channels=4)
    parts = final_network.parts(zoo.load('resnet20'), config)
    keys = [part.key for part in parts[1:-1]]
    # Three stages; the first has no strided block, the last cell has no ReLU.
    self.assertLen(set(keys), 6)

  def test_what_nobody_reads_has_no_model(self):
    cell = Cell(2, 3, (Edge(0, 2, 'skip'), Edge(1, 2, 'null')), (2,))
    architecture = Architecture.of(normal=cell, reduction=cell)
    config = dataclasses.replace(_config('cells', cells=4), channels=4)
    parts = final_network.parts(architecture, config)
    self.assertEqual(
      [part.model is None for part in parts],
      [False, True, False, True, False, False],
    )


if __name__ == '__main__':
  tf.test.main()
