"""Tests of nat_tf.policy."""

from __future__ import annotations

import tensorflow as tf

from nat_tf import environment
from nat_tf import policy
from nat_tf import policy_gcn
from nat_tf import sampling
from nat_tf import spaces
from nat_tf import transitions

_SMALL = policy_gcn.GcnConfig(embedding=5, width=7, hidden=6)


def _observe(space, count=8, seed=0, name='nat++'):
  encoding = sampling.RandomSampler(space)(count, [seed, 0])
  allowed = transitions.allowed(name, space.operations)
  return environment.observe(space, allowed, encoding)


class CreateTest(tf.test.TestCase):
  def test_weights_depend_on_the_seed_alone(self):
    first, same, other = (
      policy.create('gcn', spaces.DARTS, _SMALL, seed).get_weights()
      for seed in (3, 3, 4)
    )
    for i, weights in enumerate(first):
      self.assertAllEqual(weights, same[i])
      if weights.any():
        self.assertNotAllEqual(weights, other[i])

  def test_at_first_allowed_operations_are_about_equally_likely(self):
    actor = policy.create('gcn', spaces.MICRO)
    observation = _observe(spaces.MICRO)
    distribution, _ = actor(observation)
    choices = tf.reduce_sum(tf.cast(observation['mask'], tf.float32), axis=-1)
    uniform = tf.reduce_sum(tf.math.log(choices), axis=[1, 2])
    self.assertAllClose(distribution.entropy(), uniform, rtol=0.02)

  def test_a_checkpoint_holds_all_weights(self):
    first = policy.create('gcn', spaces.DARTS, _SMALL, seed=1)
    path = tf.train.Checkpoint(actor=first).write(
      self.create_tempfile().full_path
    )
    second = policy.create('gcn', spaces.DARTS, _SMALL, seed=2)
    tf.train.Checkpoint(actor=second).read(path).assert_consumed()
    for a, b in zip(first.get_weights(), second.get_weights()):
      self.assertAllEqual(a, b)

  def test_an_unknown_name_is_refused(self):
    with self.assertRaisesRegex(
      policy.UnknownPolicyError, "unknown policy 'gnc'; known are edges, gcn"
    ):
      policy.create('gnc', spaces.DARTS)

  def test_another_policys_configuration_is_refused(self):
    with self.assertRaisesRegex(TypeError, 'takes a GcnConfig; got a dict'):
      policy.create('gcn', spaces.DARTS, {'hidden': 3})

  def test_a_space_with_other_operations_is_refused(self):
    actor = policy.create('gcn', spaces.DARTS, _SMALL)
    with self.assertRaisesRegex(ValueError, 'policy was made for 2 input'):
      actor.for_space(spaces.NASBENCH201)


if __name__ == '__main__':
  tf.test.main()
