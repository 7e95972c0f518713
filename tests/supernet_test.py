"""The super network against the same architectures built one by one."""

from __future__ import annotations

import dataclasses
import functools

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from nat_tf import enumeration
from nat_tf import layout
from nat_tf import nasbench201
from nat_tf import path_optimizer
from nat_tf import sampling
from nat_tf import skeletons
from nat_tf import spaces
from nat_tf import static_network
from nat_tf import supernet
from nat_tf import zoo
from tests import plain_graphs
from tests import small_search

_IMAGES = (6, 9, 9, 3)  # Odd, so that halving rounds up.
_CLASSES = 5

# images -> stem -> normal -> reduction -> reduction -> normal -> classifier
_CONFIG = layout.NetworkConfig(
  4, 4, _IMAGES[1:3], _IMAGES[3], _CLASSES, skeletons.CELLS
)

# Four operations cover every kind of branch: several kernels, one kernel, none
# but a chain, the identity, nothing. The full vocabulary is tested once.
_FEW = ('sep_conv_3x3', 'conv_1x1', 'max_pool_3x3', 'skip', 'null')


def setUpModule():
  plain_graphs.use()


def _space(base: spaces.Space, operations=_FEW) -> spaces.Space:
  return spaces.Space(
    base.name,
    base.cells,
    base.inputs,
    base.targets,
    operations,
    base.sizes,
    base.loose_ends,
  )


def _batch(seed=0):
  rng = np.random.default_rng(seed)
  images = tf.constant(rng.normal(size=_IMAGES), tf.float32)
  return images, tf.constant(rng.integers(0, _CLASSES, _IMAGES[0]), tf.int32)


def _row(encodings, i):
  return spaces.Encoding(*(x[i] for x in encodings))


def _tensors(space, count, seed=3):
  return sampling.RandomSampler(space)(count, tf.constant([seed, 0]))


class SuperNetworkTest(tf.test.TestCase, parameterized.TestCase):
  def _check(self, space, count, config=_CONFIG):
    tf.keras.utils.set_random_seed(1)
    network = supernet.SuperNetwork(space, config)
    images, labels = _batch()
    step = tf.function(network.loss_and_gradients, autograph=False)
    drawn = _tensors(space, count)
    for i in range(count):
      architecture = space.decode(_row(drawn, i))
      scores, gradients = step(images, labels, _row(drawn, i))
      loss, expected = _static_gradients(network, architecture, images, labels)
      self.assertAllClose(scores.loss, loss, rtol=1e-4, atol=1e-5)
      scale = max(float(tf.linalg.global_norm(expected)), 1.0)
      for variable, mine, theirs in zip(
        network.trainable_variables, gradients, expected
      ):
        if isinstance(mine, tf.IndexedSlices):
          mine = _dense(mine, variable)
        # Relative to every variable's own gradient, not only to the largest.
        self.assertLessEqual(
          float(tf.norm(mine - theirs)),
          1e-4 * float(tf.norm(theirs)) + 1e-6 * scale,
          msg=f'{variable.name} of {architecture}',
        )
    self.assertEqual(step.experimental_get_tracing_count(), 1)

  @parameterized.parameters('darts', 'enas', 'micro')
  def test_equals_static_networks(self, name):
    self._check(_space(spaces.SPACES[name]), 6)

  def test_equals_static_networks_of_one_kind_of_cell_with_one_input(self):
    space = spaces.NASBENCH201
    config = dataclasses.replace(_CONFIG, skeleton=space.skeleton)
    self._check(space, 6, config)

  def test_equals_static_networks_around_a_cell_unlike_the_reduction(self):
    space = spaces.around(
      'one',
      nasbench201.from_text(
        '|nor_conv_1x1~0|+|none~0|skip_connect~1|+|none~0|none~1|none~2|'
      ),
      'nat',
    )
    config = dataclasses.replace(_CONFIG, skeleton=space.skeleton)
    self._check(space, 3, config)

  def test_equals_static_networks_with_all_operations(self):
    self._check(spaces.DARTS, 8)

  # A network for one architecture: every block has its own graph, widths and
  # stride; the stem may have several convolutions, pooling stands between.
  @parameterized.parameters(
    ('resnet20', 'cifar10', 'nat++'),
    ('resnet50', 'imagenet', 'nat'),
    ('vgg16', 'imagenet', 'nat'),
    ('mobilenetv2', 'cifar10', 'nat'),
    ('darts', 'imagenet', 'nat'),
    ('naonet', 'cifar10', 'nat'),
  )
  def test_equals_static_networks_around_one(self, name, form, rules):
    architecture = zoo.load(name)
    space = spaces.around(name, architecture, rules)
    skeleton = skeletons.load(architecture.network, form)
    config = dataclasses.replace(_CONFIG, skeleton=skeleton)
    self._check(space, 2, config)

  def test_equals_itself_compiled_by_xla(self):
    # XLA needs long for every edge, and both kinds of cell have all of these.
    network = supernet.SuperNetwork(
      small_search.space((2, 3), _FEW),
      layout.NetworkConfig(2, 4, (8, 8), 3, _CLASSES, skeletons.CELLS),
    )
    rng = np.random.default_rng(0)
    images = tf.constant(rng.normal(size=[4, 8, 8, 3]), tf.float32)
    labels = tf.constant([0, 1, 2, 3])
    plain, compiled = (
      tf.function(
        functools.partial(_flat_gradients, network),
        autograph=False,
        jit_compile=jit,
      )
      for jit in (False, True)
    )
    drawn = _tensors(network.space, 4)
    for i in range(4):
      expected = plain(images, labels, _row(drawn, i))
      self.assertAllClose(
        compiled(images, labels, _row(drawn, i)),
        expected,
        rtol=1e-4,
        atol=1e-4,
      )

  def test_moves_nothing_that_is_not_on_the_path(self):
    # Two steps, so that momentum and decay would move what the first one did.
    network = supernet.SuperNetwork(_space(spaces.DARTS), _CONFIG)
    optimizer = path_optimizer.PathSGD(0.1, momentum=0.9, decay=0.1)
    optimizer.build(network.trainable_variables)
    images, labels = _batch()
    drawn = _tensors(network.space, 2)
    count = 0
    for i in range(2):
      before = [np.array(cell.bank) for cell in network.shared_cells]
      _, gradients = network.loss_and_gradients(images, labels, _row(drawn, i))
      optimizer.apply_gradients(zip(gradients, network.trainable_variables))
      for cell, plan, bank in zip(
        network.shared_cells, network.plans(_row(drawn, i)), before
      ):
        on_path = np.unique(cell.index(plan.path))
        moved = np.flatnonzero(np.any(cell.bank.numpy() != bank, axis=-1))
        self.assertContainsSubset(moved, on_path)
        count += len(moved)
    self.assertGreater(count, 0)

  def test_takes_the_weights_of_a_network_of_fewer_cells(self):
    # weights    normal 0 | reduction 1 | normal 2 | reduction 3 | normal 4
    # taken by   normal 0, 0 | reduction 1 | 2, 2 | reduction 3 | normal 4, 4
    space = spaces.NASBENCH201
    few, many = (
      dataclasses.replace(_CONFIG, cells=n, skeleton=skeletons.NASBENCH201)
      for n in (5, 8)
    )
    network = supernet.SuperNetwork(space, few)
    deeper = supernet.SuperNetwork(space, many, network)
    copy = supernet.SuperNetwork(space, many)
    self._copy(network, copy, [0, 0, 1, 2, 2, 3, 4, 4])
    images, _ = _batch()
    drawn = _tensors(space, 3)
    for i in range(3):
      expected = copy(images, _row(drawn, i))
      self.assertAllClose(deeper(images, _row(drawn, i)), expected)
      self.assertNotAllClose(network(images, _row(drawn, i)), expected)
    # They are the same weights, not copies of them.
    cell = network.shared_cells[2]
    cell.bank.assign(2 * cell.bank[::-1])
    row = spaces.Encoding(*map(tf.constant, self._convolutions(space)))
    before = copy(images, row)
    self.assertNotAllClose(deeper(images, row), before)
    self._copy(network, copy, [0, 0, 1, 2, 2, 3, 4, 4])
    self.assertAllClose(deeper(images, row), copy(images, row))

  def _copy(self, network, other, cells):
    """Gives a network the weights of another one's cells, by number."""
    self.assertLen(cells, len(other.shared_cells))
    for mine, number in zip(other.shared_cells, cells):
      mine.bank.assign(network.shared_cells[number].bank)
    for name in ('stem', 'classifier'):
      layers = [tf.nest.flatten(getattr(x, name)) for x in (other, network)]
      for mine, theirs in zip(*layers):
        mine.set_weights(theirs.get_weights())

  def _convolutions(self, space):
    operations = np.full([1, space.edges], space.index('conv_3x3'))
    code = int(np.sum(operations * enumeration.place_values(space)))
    return enumeration.encode(space, np.array(code))

  def test_takes_the_cells_of_a_stage_in_their_order(self):
    # weights    normal 0, 1 | reduction 2 | 3, 4 | reduction 5 | 6, 7
    # taken by   normal 0, 0, 1 | 2 | 3, 3, 4 | 5 | normal 6, 6, 7
    config = dataclasses.replace(_CONFIG, skeleton=skeletons.NASBENCH201)
    few, many = (dataclasses.replace(config, cells=n) for n in (8, 11))
    network = supernet.SuperNetwork(spaces.NASBENCH201, few)
    deeper = supernet.SuperNetwork(spaces.NASBENCH201, many, network)
    found = [network.shared_cells.index(x) for x in deeper.shared_cells]
    self.assertEqual(found, [0, 0, 1, 2, 3, 3, 4, 5, 6, 6, 7])
    self.assertLen(deeper.trainable_variables, len(network.trainable_variables))

  def test_what_repeats_cells_only_scores(self):
    config = dataclasses.replace(
      _CONFIG, cells=5, skeleton=skeletons.NASBENCH201
    )
    network = supernet.SuperNetwork(spaces.NASBENCH201, config)
    deeper = supernet.SuperNetwork(
      spaces.NASBENCH201, dataclasses.replace(config, cells=8), network
    )
    row = _row(_tensors(spaces.NASBENCH201, 1), 0)
    with self.assertRaisesRegex(ValueError, 'can only score'):
      deeper.loss_and_gradients(*_batch(), row)

  def test_takes_no_weights_for_a_place_that_has_none(self):
    for skeleton, cells, more in (
      (skeletons.NASBENCH201, 2, 5),  # No second reduction.
      (skeletons.CELLS, 4, 7),  # Every cell prepares what it reads.
    ):
      config = dataclasses.replace(_CONFIG, cells=cells, skeleton=skeleton)
      space = {1: spaces.NASBENCH201, 2: _space(spaces.DARTS)}[
        skeleton.cell_inputs
      ]
      network = supernet.SuperNetwork(space, config)
      with self.assertRaisesRegex(ValueError, 'no weights for the cell'):
        supernet.SuperNetwork(
          space, dataclasses.replace(config, cells=more), network
        )

  def test_initialisation_follows_the_seed(self):
    space = _space(spaces.DARTS)
    weights = []
    for seed in (1, 1, 2):
      tf.keras.utils.set_random_seed(seed)
      network = supernet.SuperNetwork(space, _CONFIG)
      weights.append(network.trainable_variables)
    self.assertAllEqual(weights[0][0], weights[1][0])
    self.assertAllEqual(weights[0][-1], weights[1][-1])
    self.assertNotAllEqual(weights[0][0], weights[2][0])

  def test_checkpoint_round_trip(self):
    space = _space(spaces.DARTS)
    first = supernet.SuperNetwork(space, _CONFIG)
    path = tf.train.Checkpoint(network=first).save(self.get_temp_dir() + '/c')
    second = supernet.SuperNetwork(space, _CONFIG)
    tf.train.Checkpoint(network=second).restore(path).assert_consumed()
    for a, b in zip(first.trainable_variables, second.trainable_variables):
      self.assertAllEqual(a, b)


def _static_gradients(network, architecture, images, labels):
  """Returns loss and gradients of the architecture built by itself.

  The gradients are in the order of the super network's trainable variables and
  of their shapes: zero where the architecture has no kernel.
  """
  static = static_network.StaticNetwork(network, architecture)
  with tf.GradientTape() as tape:
    loss = tf.reduce_mean(
      tf.nn.sparse_softmax_cross_entropy_with_logits(labels, static(images))
    )
  own = static.own_variables
  gradients = tape.gradient(
    loss, own, unconnected_gradients=tf.UnconnectedGradients.ZERO
  )
  by_reference = dict(zip((v.ref() for v in own), gradients))
  expected = {v.ref(): np.zeros(v.shape) for v in network.trainable_variables}
  for kernel in static.kernels:
    block = by_reference.pop(kernel.variable.ref())
    rows = tf.reshape(block, [-1, kernel.bank.shape[1]])
    expected[kernel.bank.ref()][kernel.rows] += rows.numpy()
  expected.update(by_reference)
  return loss, [
    tf.cast(expected[v.ref()], tf.float32) for v in network.trainable_variables
  ]


class MeasureTest(tf.test.TestCase):
  def test_closed_forms(self):
    # Two examples of class 0 and one of class 1; the fourth is a filler.
    #
    #   logits   0 0   0 log 3   0 log 3   9 0
    #   label    0     0         1         1
    three = np.log(3.0)
    scores = supernet.measure(
      tf.constant([[1.0], [1.0], [3.0], [9.0]]),
      tf.constant([[0, 0], [0, three], [0, three], [9, 0]], tf.float32),
      tf.constant([0, 0, 1, 1]),
      tf.constant([1.0, 1.0, 1.0, 0.0]),
    )
    losses = [np.log(2), np.log(4), np.log(4 / 3)]
    self.assertAllClose(scores.loss, np.mean(losses))
    self.assertAllClose(scores.accuracy, 2 / 3)
    self.assertAllClose(scores.separation, 1.0)


def _flat_gradients(network, images, labels, architecture):
  scores, gradients = network.loss_and_gradients(images, labels, architecture)
  return [
    scores.loss,
    scores.accuracy,
    *(g.values if isinstance(g, tf.IndexedSlices) else g for g in gradients),
  ]


def _dense(slices, variable):
  return tf.math.unsorted_segment_sum(
    slices.values, slices.indices, variable.shape[0]
  )


if __name__ == '__main__':
  tf.test.main()
