"""Tests of nat_tf.plan_mixture."""

from __future__ import annotations

import itertools

import numpy as np
import tensorflow as tf

from nat_tf import plan_mixture

# Two architectures, three plans, one cell of two edges, three operations.
_SHAPE = (2, 3, 1, 2, 3)
_MASK = np.array(
  [[[[True, True, True], [True, False, True]]]] * 2, bool
).reshape(2, 1, 2, 3)
_EVENTS = list(itertools.product(range(3), repeat=2))


def _softmax(logits):
  e = np.exp(logits - logits.max(-1, keepdims=True))
  return e / e.sum(-1, keepdims=True)


class PlanMixtureTest(tf.test.TestCase):
  def setUp(self):
    super().setUp()
    generator = np.random.default_rng(0)
    self.plan_logits = generator.normal(size=[2, 3]).astype(np.float32)
    self.logits = 2 * generator.normal(size=_SHAPE).astype(np.float32)
    self.mixture = plan_mixture.PlanMixture(
      tf.constant(self.plan_logits), tf.constant(self.logits), _MASK
    )
    # The closed form, in float64: `[batch, events]`.
    plans = _softmax(self.plan_logits.astype(np.float64))
    masked = np.where(_MASK[:, np.newaxis], self.logits, -np.inf)
    edges = _softmax(masked.astype(np.float64))[:, :, 0]
    self.given = np.stack(
      [edges[:, :, 0, a] * edges[:, :, 1, b] for a, b in _EVENTS], axis=-1
    )
    self.probabilities = np.einsum('bk,bke->be', plans, self.given)
    self.plans = plans

  def test_shapes(self):
    self.assertEqual(self.mixture.batch_shape, [2])
    self.assertEqual(self.mixture.event_shape, [1, 2])
    self.assertEqual(self.mixture.dtype, tf.int32)
    self.assertEqual(self.mixture.sample(4, seed=[1, 2]).shape, [4, 2, 1, 2])

  def test_log_probability_against_enumeration(self):
    events = np.array(_EVENTS)[:, np.newaxis, np.newaxis].repeat(2, axis=1)
    logs = self.mixture.log_prob(tf.constant(events, tf.int32))
    self.assertAllClose(tf.exp(logs), self.probabilities.T)
    self.assertAllClose(self.probabilities.sum(axis=-1), [1, 1])

  def test_forbidden_operations_have_probability_exactly_0(self):
    logs = self.mixture.log_prob(tf.constant([[[0, 1]], [[2, 1]]]))
    self.assertAllEqual(tf.exp(logs), [0, 0])

  def test_samples_follow_the_probabilities(self):
    count = 20_000
    drawn = self.mixture.sample(count, seed=[3, 4]).numpy()[:, :, 0]
    for b in range(2):
      codes = drawn[:, b] @ [3, 1]
      shares = np.bincount(codes, minlength=9) / count
      # Five standard errors.
      error = 5 * np.sqrt(self.probabilities[b] / count)
      self.assertAllLessEqual(np.abs(shares - self.probabilities[b]) - error, 0)

  def test_edges_are_not_independent(self):
    # Plan 0: both edges 0; plan 1: both edges 2.
    logits = np.full([2, 1, 2, 3], -20.0, np.float32)
    logits[0, ..., 0] = logits[1, ..., 2] = 20.0
    both = plan_mixture.PlanMixture(
      tf.zeros([2]), tf.constant(logits), tf.ones([1, 2, 3], tf.bool)
    )
    drawn = both.sample(200, seed=[5, 6]).numpy()[:, 0]
    self.assertAllEqual(drawn[:, 0], drawn[:, 1])
    self.assertAllEqual(np.unique(drawn), [0, 2])
    self.assertAllClose(both.log_prob([[0, 0]]), np.log(0.5))

  def test_mode_is_the_likeliest_of_the_likeliest_plan(self):
    for b, mode in enumerate(self.mixture.mode().numpy()[:, 0]):
      plan = self.plans[b].argmax()
      self.assertEqual(tuple(mode), _EVENTS[self.given[b, plan].argmax()])

  def test_gradients_against_differences(self):
    action = tf.constant([[[0, 2]], [[1, 0]]])
    weights = [tf.Variable(self.plan_logits), tf.Variable(self.logits)]

    def total(plan_logits, logits):
      mixture = plan_mixture.PlanMixture(plan_logits, logits, _MASK)
      return tf.reduce_sum(mixture.log_prob(action))

    theoretical, numerical = tf.test.compute_gradient(total, weights, 1e-2)
    for a, b in zip(theoretical, numerical):
      self.assertAllClose(a, b, atol=2e-3)
      self.assertTrue((a != 0).any())

  def test_leading_dimensions_broadcast(self):
    actions = self.mixture.sample(5, seed=[7, 8])
    expected = self.mixture.log_prob(actions)
    timed = plan_mixture.PlanMixture(
      tf.constant(self.plan_logits)[:, tf.newaxis],
      tf.constant(self.logits)[:, tf.newaxis],
      tf.constant(_MASK)[:, tf.newaxis],
    )
    self.assertEqual(timed.batch_shape, [2, 1])
    self.assertEqual(timed.mode().shape, [2, 1, 1, 2])
    logs = timed.log_prob(tf.transpose(actions, [1, 0, 2, 3]))
    self.assertAllClose(tf.transpose(logs), expected)


if __name__ == '__main__':
  tf.test.main()
