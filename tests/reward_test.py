"""Tests of nat_tf.reward: against single forward passes of the network."""

from __future__ import annotations

from unittest import mock

import numpy as np
import tensorflow as tf

from nat_tf import layout
from nat_tf import reward
from nat_tf import sampling
from nat_tf import scoring
from nat_tf import skeletons
from nat_tf import spaces
from nat_tf import supernet

_BATCH = 8
_CLASSES = 3
_ARCHITECTURES = 4

# Two intermediate vertices with two incoming edges each, in both cells.
_SPACE = spaces.Space(
  name='small',
  cells=spaces.DARTS.cells,
  inputs=2,
  targets=(2, 2, 3, 3),
  operations=('conv_1x1', 'max_pool_3x3', 'skip', 'null'),
  sizes=(2,),
  loose_ends=(False,),
)
_CONFIG = layout.NetworkConfig(2, 2, (8, 8), 1, _CLASSES, skeletons.CELLS)


def _batches(count, seed=0):
  """Returns arrays `[count, batch, ...]`: images and labels."""
  rng = np.random.default_rng(seed)
  images = rng.normal(size=[count, _BATCH, 8, 8, 1]).astype(np.float32)
  return images, rng.integers(0, _CLASSES, [count, _BATCH], np.int32)


def _drawn(seed):
  sampler = sampling.RandomSampler(_SPACE)
  return sampler(_ARCHITECTURES, tf.constant([seed, 0]))


class RewardTestCase(tf.test.TestCase):
  """One network with initial weights; its answers differ by architecture."""

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    tf.keras.utils.set_random_seed(1)
    cls.network = supernet.SuperNetwork(_SPACE, _CONFIG)

  def right(self, images, labels, encodings):
    """Returns `[architectures, batch]`, which answers are right, naively."""
    rows = [
      spaces.Encoding(*(x[i] for x in encodings)) for i in range(_ARCHITECTURES)
    ]
    logits = np.stack([self.network(images, row).numpy() for row in rows])
    return logits.argmax(-1) == labels


class SharedWeightRewardTest(RewardTestCase):
  def _gain(self, images, labels, beta, alpha):
    after = self.right(images, labels, alpha).mean(-1)
    return after - self.right(images, labels, beta).mean(-1)

  def test_is_the_gain_on_the_batch_of_the_block(self):
    #            block 0   block 1   block 2
    # batches   [0 .. 7]  [8 .. 15] [16 .. 23]   each for beta and alpha alike
    images, labels = _batches(3)
    beta, alpha = _drawn(1), _drawn(2)
    rewards = reward.SharedWeightReward([self.network])
    expected = [
      self._gain(*batch, beta, alpha) for batch in zip(images, labels)
    ]
    for batch, gain in zip(zip(images, labels), expected):
      with rewards.measured_on(*map(tf.constant, batch)):
        self.assertAllClose(rewards(beta, alpha), gain)
    # So that neither another batch nor the other sign could pass.
    self.assertNotAllClose(expected[0], expected[1])
    self.assertNotAllClose(expected[1], expected[2])
    self.assertNotAllClose(expected[0], np.zeros(_ARCHITECTURES))

  def test_gains_separation_where_asked(self):
    (images,), (labels,) = _batches(1)
    beta, alpha = _drawn(1), _drawn(2)
    rewards = reward.SharedWeightReward([self.network], gained='separation')
    ones = tf.ones([_BATCH])
    scores = [
      scoring.score(self.network, tf.constant(images), labels, rows, ones)
      for rows in (beta, alpha)
    ]
    with rewards.measured_on(tf.constant(images), tf.constant(labels)):
      found = rewards(beta, alpha)
    self.assertAllClose(found, scores[1].separation - scores[0].separation)
    self.assertGreater(np.abs(found).max(), 0.01)

  def test_is_measured_in_the_network_of_the_block(self):
    # block    network    weights
    #   0         1       other ones
    #   1         0       the class's
    (images,), (labels,) = _batches(1)
    beta, alpha = _drawn(1), _drawn(2)
    tf.keras.utils.set_random_seed(2)
    other = supernet.SuperNetwork(_SPACE, _CONFIG)
    rewards = reward.SharedWeightReward([self.network, other])
    expected = [
      reward.SharedWeightReward([one]) for one in (self.network, other)
    ]
    batch = tf.constant(images), tf.constant(labels)
    found = {}
    for place in (1, 0):
      with rewards.measured_on(*batch, place):
        found[place] = rewards(beta, alpha).numpy()
      with expected[place].measured_on(*batch):
        self.assertAllEqual(found[place], expected[place](beta, alpha))
    self.assertNotAllClose(found[0], found[1])

  def test_is_exactly_zero_without_a_change(self):
    images, labels = _batches(1)
    rewards = reward.SharedWeightReward([self.network])
    for seed in (1, 2):
      with rewards.measured_on(tf.constant(images[0]), tf.constant(labels[0])):
        self.assertAllEqual(
          rewards(_drawn(seed), _drawn(seed)), np.zeros(_ARCHITECTURES)
        )

  def test_needs_images(self):
    rewards = reward.SharedWeightReward([self.network])
    with rewards.measured_on(*map(tf.constant, (np.ones(1), np.ones(1)))):
      pass
    with self.assertRaisesRegex(ValueError, 'measured_on'):
      rewards(_drawn(1), _drawn(2))


class HeldOutScoresTest(RewardTestCase):
  # 8 + 8 + 3 = 19 examples; the last 5 of the last batch are fillers:
  #
  #   batch 0  1 1 1 1 1 1 1 1
  #   batch 1  1 1 1 1 1 1 1 1
  #   batch 2  1 1 1 0 0 0 0 0

  def setUp(self):
    super().setUp()
    self.images, self.labels = _batches(3, seed=4)
    self.weights = np.ones([3, _BATCH], np.float32)
    self.weights[2, 3:] = 0

  def _measured(self, labels):
    """Measures one by one, and all in a compiled call; both say the same."""
    batches = tf.data.Dataset.from_tensor_slices(
      (self.images, labels, self.weights)
    )
    measure = reward.HeldOutScores([self.network], batches)
    alone = measure(_drawn(5))
    with mock.patch.object(reward, '_FEW', 0):
      self._same(measure(_drawn(5)), alone)
    return alone

  def _same(self, found, expected):
    """Right answers are counted; only the others round differently."""
    self.assertAllClose(found.accuracy, expected.accuracy)
    self.assertAllClose([*found], [*expected], rtol=1e-4)

  def test_reports_every_architecture_once_on_all_batches(self):
    batches = tf.data.Dataset.from_tensor_slices(
      (self.images, self.labels, self.weights)
    )
    measure = reward.HeldOutScores([self.network], batches)
    drawn = spaces.Encoding(*(np.asarray(x) for x in _drawn(5)))
    # Of 12 scores: one by one, four at a time, and 3 and 1 at a time.
    for few, chunk, scores in (
      (100, 64, range(1, 13)),
      (0, 64, (4, 8, 12)),
      (0, 3, (3, 4, 7, 8, 11, 12)),
    ):
      report = mock.Mock()
      with mock.patch.multiple(reward, _FEW=few, _CHUNK=chunk):
        found = measure(drawn, report)
      told = [call.args for call in report.call_args_list]
      self.assertEqual(told, [(0, 4), *((done // 3, 4) for done in scores)])
      self._same(found, self._measured(self.labels))

  def test_is_the_mean_over_examples(self):
    right = np.concatenate(
      [
        self.right(images, labels, _drawn(5))
        for images, labels in zip(self.images, self.labels)
      ],
      axis=-1,
    )
    expected = right[:, :19].mean(-1)
    self.assertAllClose(self._measured(self.labels).accuracy, expected)
    # Neither the mean of all 24 nor that of the batches' means.
    self.assertNotAllClose(right.mean(-1), expected)
    means = [right[:, :8], right[:, 8:16], right[:, 16:19]]
    means = np.mean([part.mean(-1) for part in means], axis=0)
    self.assertNotAllClose(means, expected)

  def test_other_scores_are_the_batches_means_by_examples(self):
    drawn, each = _drawn(5), []
    for batch in zip(self.images, self.labels, self.weights):
      images, labels, weights = map(tf.constant, batch)
      each.append(scoring.score(self.network, images, labels, drawn, weights))
    found = self._measured(self.labels)
    for name in ('loss', 'separation'):
      parts = [getattr(one, name).numpy() for one in each]
      expected = np.average(parts, axis=0, weights=[8, 8, 3])
      self.assertAllClose(getattr(found, name), expected, rtol=1e-4)

  def test_several_networks_count_alike(self):
    batches = tf.data.Dataset.from_tensor_slices(
      (self.images, self.labels, self.weights)
    )
    other = supernet.SuperNetwork(_SPACE, _CONFIG)
    for few in (100, 0):
      with mock.patch.object(reward, '_FEW', few):
        first, second, both = (
          np.array(reward.HeldOutScores(networks, batches)(_drawn(5)))
          for networks in ([self.network], [other], [self.network, other])
        )
      self.assertAllClose(both, (first + second) / 2, rtol=1e-4)
      self.assertNotAllClose(first, second)

  def test_ignores_answers_for_fillers(self):
    other = self.labels.copy()
    other[2, 3:] = (other[2, 3:] + 1) % _CLASSES
    self.assertAllEqual(self._measured(other), self._measured(self.labels))

  def test_gives_the_same_again(self):
    batches = tf.data.Dataset.from_tensor_slices(
      (self.images, self.labels, self.weights)
    )
    measure = reward.HeldOutScores([self.network], batches)
    first = measure(_drawn(5))
    # As NumPy arrays, which is how a transformer passes them.
    arrays = spaces.Encoding(*(x.numpy() for x in _drawn(5)))
    self.assertAllEqual(measure(arrays), first)


if __name__ == '__main__':
  tf.test.main()
