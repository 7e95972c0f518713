"""Tests the separation of classes by a naive reference and closed forms."""

import itertools
from unittest import mock

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from nat_tf import separation


def _separation(features, labels, classes, weights=None):
  weights = np.ones(len(labels)) if weights is None else weights
  return separation.separation(
    tf.constant(features, tf.float32),
    tf.one_hot(labels, classes),
    tf.constant(weights, tf.float32),
  ).numpy()


def _naive(features, labels, classes):
  """The definition, by an inverse."""
  features = features - features.mean(0)
  between = np.zeros([features.shape[1]] * 2)
  for label in labels:
    mean = features[labels == label].mean(0)
    between += np.outer(mean, mean)
  total = features.T @ features
  size = np.trace(total)
  shrunk = total / size + separation.SHRINKAGE * np.eye(len(total))
  share = np.trace(np.linalg.inv(shrunk) @ between / size)
  return share * (1 / (classes - 1) + separation.SHRINKAGE)


class SeparationTest(tf.test.TestCase, parameterized.TestCase):
  @parameterized.parameters(
    # features of one channel, labels, the share between classes
    ([0, 0, 1, 1], [0, 0, 1, 1], 1.0),  # All of it.
    ([0, 1, 0, 1], [0, 0, 1, 1], 0.0),  # Means are equal.
    ([0, 2, 2, 4], [0, 0, 1, 1], 0.5),  # Means 1 and 3; within each +-1.
    ([0, 2, 2, 4], [1, 1, 1, 1], 0.0),  # One class.
    ([7, 7, 7, 7], [0, 0, 1, 1], 0.0),  # No variance at all.
  )
  def test_one_channel_two_classes(self, features, labels, expected):
    features = np.array(features, np.float32)[:, np.newaxis]
    self.assertAllClose(_separation(features, labels, 2), expected)

  def test_one_where_classes_are_points_equally_far_apart(self):
    labels = np.repeat(np.arange(10), 7)
    points = np.random.default_rng(0).normal(size=[10, 16])
    corners = np.linalg.qr(points.T)[0].T  # Orthogonal, of length 1.
    self.assertAllClose(_separation(3 * corners[labels] + 5, labels, 10), 1.0)
    # Farther apart some of them, and it is less; so it is without some.
    few = labels < 5
    found = _separation(corners[labels[few]], labels[few], 10)
    self.assertLess(found, 0.9)
    corners[0] *= 2
    self.assertLess(_separation(corners[labels], labels, 10), 0.99)

  def test_a_direction_that_dominates_counts_for_less(self):
    # Channel 0 says the class, channel 1 nothing; they are uncorrelated.
    #
    #   class   0  0  1  1
    #   0       0  0  1  1   times a
    #   1       0  1  0  1   times b
    labels = [0, 0, 1, 1]
    says, nothing = np.array([[0, 0, 1, 1], [0, 1, 0, 1]], float)
    for a, b in [(1, 1), (3, 1), (1, 3)]:
      features = np.stack([a * says, b * nothing], axis=1)
      share = a**2 / (a**2 + b**2)
      expected = 1.5 * share / (share + 0.5)
      self.assertAllClose(_separation(features, labels, 2), expected)

  def test_against_a_naive_reference(self):
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=[20, 4]) + 3, rng.integers(0, 3, 20)
    weights = (np.arange(20) < 15).astype(float)
    expected = _naive(features[:15], labels[:15], 3)
    found = _separation(features, labels, 3, weights)
    self.assertAllClose(found, expected, rtol=1e-5)
    # Neither unit nor place of the features matters, and no filler does.
    found = _separation(10 * features - 5, labels, 3, weights)
    self.assertAllClose(found, expected, rtol=1e-4)
    features[15:] = 100
    found = _separation(features, labels, 3, weights)
    self.assertAllClose(found, expected, rtol=1e-4)

  @parameterized.parameters(3, 30)
  def test_an_example_counts_as_often_as_its_weight_says(self, channels):
    rng = np.random.default_rng(3)
    features, labels = rng.normal(size=[12, channels]), np.arange(12) % 4
    times = rng.integers(1, 4, 12)
    expected = _naive(
      np.repeat(features, times, 0), np.repeat(labels, times), 4
    )
    found = _separation(features, labels, 4, times)
    self.assertAllClose(found, expected, rtol=1e-5)

  def test_with_much_shrinkage_the_ratio_of_traces(self):
    rng = np.random.default_rng(4)
    features, labels = rng.normal(size=[9, 2]), np.repeat([0, 1, 2], 3)
    means = features.reshape([3, 3, 2]).mean(1) - features.mean(0)
    expected = 3 * (means**2).sum() / ((features - features.mean(0)) ** 2).sum()
    with mock.patch.object(separation, 'SHRINKAGE', 1e4):
      found = _separation(features, labels, 3)
    self.assertAllClose(found, expected, rtol=1e-3)

  def test_one_class_is_not_separated(self):
    features = np.random.default_rng(5).normal(size=[6, 2])
    self.assertAllClose(_separation(features, [0] * 6, 1), 0)

  def test_more_channels_than_examples(self):
    rng = np.random.default_rng(1)
    features, labels = rng.normal(size=[8, 50]), np.arange(8) % 3
    expected = _naive(features, labels, 3)
    self.assertAllClose(_separation(features, labels, 3), expected, rtol=1e-5)

  def test_what_rounding_leaves_separates_nothing(self):
    # The mean of 100 times 0.1 is not quite 0.1.
    features = np.full([100, 16], 0.1) + np.arange(16)
    self.assertEqual(_separation(features, np.arange(100) % 3, 3), 0)

  def test_what_chance_gives(self):
    # The mean over all 90 ways to give three classes to six examples, two each.
    features = np.random.default_rng(2).normal(size=[6, 3])
    ways = sorted(set(itertools.permutations([0, 0, 1, 1, 2, 2])))
    found = np.mean([_separation(features, way, 3) for way in ways])
    shares = np.linalg.eigvalsh(np.cov(features.T))
    shares /= shares.sum()
    r = separation.SHRINKAGE
    between = 2 / 5  # (classes - 1) / (examples - 1) of all variance.
    expected = between * (shares / (shares + r)).sum() * (1 / 2 + r)
    self.assertAllClose(found, expected, rtol=1e-5)
    self.assertLess(found, (2 + 1 / r) / 5)


if __name__ == '__main__':
  tf.test.main()
