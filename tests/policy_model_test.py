"""Tests of nat_tf.policy_model."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from nat_tf import policy_model


class MaskedCategoricalTest(tf.test.TestCase):
  def setUp(self):
    super().setUp()
    generator = np.random.default_rng(1)
    self.logits = generator.normal(size=[3, 2, 4, 5]).astype(np.float32)
    # Far apart, and far below what is forbidden in size.
    self.logits[0] *= 1e4
    self.mask = generator.random([3, 2, 4, 5]) < 0.5
    self.mask[..., 0] = True
    # One slot may only be one thing.
    self.mask[1, 1, 2] = [False, False, True, False, False]
    self.distribution = policy_model.masked_categorical(
      tf.constant(self.logits), tf.constant(self.mask)
    )
    # The closed form, in float64.
    e = np.where(self.mask, self.logits.astype(np.float64), -np.inf)
    e = np.exp(e - e.max(-1, keepdims=True))
    self.probabilities = e / e.sum(-1, keepdims=True)

  def test_forbidden_operations_have_probability_exactly_0(self):
    actual = self.distribution.distribution.probs_parameter().numpy()
    self.assertTrue((actual[~self.mask] == 0).all())
    self.assertAllClose(actual, self.probabilities)

  def test_shapes(self):
    self.assertEqual(self.distribution.batch_shape, [3])
    self.assertEqual(self.distribution.event_shape, [2, 4])
    self.assertEqual(self.distribution.dtype, tf.int32)

  def test_entropy_is_the_sum_over_edges(self):
    p = self.probabilities
    expected = -(p * np.log(np.where(p > 0, p, 1))).sum(axis=(1, 2, 3))
    self.assertAllClose(self.distribution.entropy(), expected)

  def test_log_probability_is_the_sum_over_edges(self):
    action = self.distribution.sample(seed=[1, 2]).numpy()
    chosen = np.take_along_axis(self.probabilities, action[..., None], -1)
    self.assertAllClose(
      self.distribution.log_prob(action), np.log(chosen).sum(axis=(1, 2, 3))
    )

  def test_samples_and_mode_are_allowed(self):
    drawn = self.distribution.sample(200, seed=[3, 4]).numpy()
    mask = np.broadcast_to(self.mask, [200, *self.mask.shape])
    self.assertTrue(np.take_along_axis(mask, drawn[..., None], -1).all())
    self.assertAllEqual(self.distribution.mode(), self.probabilities.argmax(-1))

  def test_gradients_are_finite_and_nothing_reaches_forbidden_logits(self):
    logits = tf.Variable(self.logits)
    action = self.distribution.sample(seed=[1, 2])
    with tf.GradientTape() as tape:
      distribution = policy_model.masked_categorical(logits, self.mask)
      total = distribution.log_prob(action) + distribution.entropy()
    gradient = tape.gradient(total, logits).numpy()
    self.assertTrue(np.isfinite(gradient).all())
    self.assertTrue((gradient[~self.mask] == 0).all())
    self.assertTrue((gradient[1][self.mask[1]] != 0).any())

  def test_an_edge_without_choice_adds_nothing(self):
    mask = tf.constant([[[[False, True, False]]]])
    one = policy_model.masked_categorical(
      tf.constant([[[[7.0, -3.0, 5.0]]]]), mask
    )
    self.assertAllEqual(one.entropy(), [0])
    self.assertAllEqual(one.log_prob([[[1]]]), [0])


if __name__ == '__main__':
  tf.test.main()
