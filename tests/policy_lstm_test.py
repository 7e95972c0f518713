"""Tests of nat_tf.policy_lstm and of nat_tf.policy_random."""

from __future__ import annotations

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from nat_tf import agent
from nat_tf import environment
from nat_tf import policy
from nat_tf import policy_lstm
from nat_tf import sampling
from nat_tf import spaces
from nat_tf import transitions

_ONE_WAY = policy_lstm.LstmConfig(embedding=4, hidden=5, bidirectional=False)
_BOTH_WAYS = policy_lstm.LstmConfig(embedding=4, hidden=5, layers=2)


def _observe(space, encoding=None):
  if encoding is None:
    encoding = sampling.RandomSampler(space)(5, [0, 0])
  allowed = transitions.allowed('nat', space.operations)
  return environment.observe(space, allowed, encoding)


def _randomized(space, config):
  actor = policy.create('lstm', space, config)
  generator = np.random.default_rng(0)
  for variable in actor.trainable_variables:
    variable.assign(generator.normal(size=variable.shape))
  return actor


def _sigmoid(x):
  return 1 / (1 + np.exp(-x))


def _naive(model, space, observation):
  """One layer, forwards, by the formulas of the LSTM."""
  w = {v.name.split('model/')[-1][:-2]: v.numpy() for v in model.weights}
  # Keras puts the cell's name between: keep the last word.
  lstm = {k.rsplit('/', 1)[-1]: v for k, v in w.items() if 'forwards_0' in k}
  seen = {key: value.numpy() for key, value in observation.items()}
  logits = np.zeros(seen['mask'].shape)
  for b, c in np.ndindex(logits.shape[:2]):
    state = memory = np.zeros(model.config.hidden)
    for e in range(space.edges):
      if seen['present'][b, c, e]:
        kind = min(seen['sources'][b, c, e], space.inputs)
        word = w['operation_embeddings'][seen['operations'][b, c, e]]
        word = word + w['source_embeddings'][kind]
        gates = word @ lstm['kernel'] + state @ lstm['recurrent_kernel']
        i, f, g, o = np.split(gates + lstm['bias'], 4)
        memory = _sigmoid(f) * memory + _sigmoid(i) * np.tanh(g)
        state = _sigmoid(o) * np.tanh(memory)
      logits[b, c, e] = state @ w['head/kernel'] + w['head/bias']
  return logits


class LstmTest(tf.test.TestCase, parameterized.TestCase):
  @parameterized.parameters(spaces.MICRO, spaces.NASBENCH201)
  def test_logits_against_a_naive_reference(self, space):
    actor = _randomized(space, _ONE_WAY)
    observation = _observe(space)
    self.assertAllClose(
      actor.model(observation, space=space),
      _naive(actor.model, space, observation),
      rtol=1e-3,
      atol=1e-3,
    )

  def test_both_ways_every_decision_sees_all_edges(self):
    space = spaces.NASBENCH201
    encoding = sampling.RandomSampler(space)(1, [1, 1])
    changed = encoding.operations.numpy()
    changed[0, 0, 5] = (changed[0, 0, 5] + 1) % 5
    other = encoding._replace(operations=changed)
    for config, sees in ((_ONE_WAY, False), (_BOTH_WAYS, True)):
      actor = _randomized(space, config)
      first, second = (
        actor.model(_observe(space, e), space=space)[0, 0, 0]
        for e in (encoding, other)
      )
      self.assertEqual(not np.array_equal(first, second), sees)

  def test_one_set_of_weights_serves_every_size(self):
    actor = _randomized(spaces.MICRO, _BOTH_WAYS)
    encoding = sampling.RandomSampler(spaces.DARTS)(6, [5, 6])
    architectures = [
      spaces.DARTS.decode(spaces.Encoding(*(x.numpy() for x in row)))
      for row in zip(*encoding)
    ]
    union = spaces.stack([spaces.MICRO.encode(a) for a in architectures])
    other = actor.for_space(spaces.DARTS)
    self.assertAllClose(
      actor.model(_observe(spaces.MICRO, union), space=spaces.MICRO)[:, :, :8],
      other.model(_observe(spaces.DARTS, encoding), space=spaces.DARTS),
      rtol=1e-3,
      atol=1e-4,
    )

  def test_every_weight_has_a_gradient(self):
    actor = _randomized(spaces.MICRO, _BOTH_WAYS)
    with tf.GradientTape() as tape:
      distribution, _ = actor(_observe(spaces.MICRO))
      entropy = tf.reduce_mean(distribution.entropy())
    for gradient in tape.gradient(entropy, actor.trainable_variables):
      gradient = tf.convert_to_tensor(gradient).numpy()
      self.assertTrue(np.isfinite(gradient).all())
      self.assertTrue((gradient != 0).any())


class RandomTest(tf.test.TestCase):
  def test_allowed_operations_are_equally_likely(self):
    actor = policy.create('random', spaces.MICRO)
    observation = _observe(spaces.MICRO)
    distribution, _ = actor(observation)
    mask = observation['mask'].numpy()
    self.assertAllClose(
      distribution.distribution.probs_parameter(),
      mask / mask.sum(axis=-1, keepdims=True),
    )

  def test_can_be_trained_to_no_effect(self):
    space = spaces.DARTS
    env = environment.TransformationEnvironment(
      space,
      sampling.RandomSampler(space),
      lambda beta, alpha: tf.ones([4]),
      transitions.allowed('nat', space.operations),
      4,
    )
    actor = policy.create('random', space)
    learner = agent.Learner(env, actor)
    metrics = learner.run(2)
    self.assertEmpty(actor.trainable_variables)
    self.assertAllEqual(metrics.reward, 1)


if __name__ == '__main__':
  tf.test.main()
