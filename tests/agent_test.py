"""Tests of nat_tf.agent."""

from __future__ import annotations

import dataclasses
import itertools
import math

from absl.testing import parameterized
import numpy as np
import tensorflow as tf
from tf_agents.agents import tf_agent
from tf_agents.drivers import dynamic_step_driver
from tf_agents.replay_buffers import tf_uniform_replay_buffer
from tf_agents.trajectories import policy_step
from tf_agents.trajectories import trajectory

from nat_tf import agent
from nat_tf import environment
from nat_tf import plan_mixture
from nat_tf import policy
from nat_tf import policy_gcn
from nat_tf import policy_model
from nat_tf import sampling
from nat_tf import spaces
from nat_tf import transitions

# 0 --conv--> 1 --conv--> 2: two edges, three operations, everything allowed, so
# nine transformations in all.
_CHAIN = spaces.Space(
  name='chain',
  cells=('normal',),
  inputs=1,
  targets=(1, 2),
  operations=('conv_3x3', 'skip', 'null'),
  sizes=(2,),
  loose_ends=(False,),
  graphs=(spaces.Graph.full((0, 1), (1, 2), 3),),
)
_BETA = spaces.Encoding(
  np.zeros([1, 1, 2], np.int32),
  np.array([[[0, 1]]], np.int32),
  np.ones([1, 1, 2], bool),
  np.ones([1, 1, 2], bool),
)
_NAT = transitions.allowed('nat', _CHAIN.operations)
# What every transformation is worth: no structure that could hide an error.
_WORTH = np.array([[0.3, -0.2, 0.9], [1.0, 0.1, -0.7], [0.4, 0.8, -0.5]])
_LOGITS = np.array([[0.2, -0.4, 0.5], [1.0, 0.3, -0.8]], np.float32)


class _TableModel(policy_model.Model):
  """Logits that are weights: their gradients can be written down."""

  def __init__(self):
    super().__init__(_CHAIN, None, seed=0)
    self.logits = self.weight('logits', [2, 3])
    self.logits.assign(_LOGITS)

  def call(self, observation, space, training=False):
    batch = tf.shape(observation['operations'])[0]
    return tf.tile(self.logits[tf.newaxis, tf.newaxis], [batch, 1, 1, 1])


def _worth(beta, alpha):
  del beta
  return tf.gather_nd(tf.constant(_WORTH, tf.float32), alpha.operations[:, 0])


def _chain_environment(batch_size, reward_fn=_worth):
  return environment.TransformationEnvironment(
    _CHAIN, sampling.PoolSampler(_BETA), reward_fn, _NAT, batch_size
  )


def _table_learner(config, batch_size=64, reward_fn=_worth, seed=0):
  actor = policy.PolicyNetwork(_CHAIN, _TableModel())
  actor.create_variables()
  env = _chain_environment(batch_size, reward_fn)
  return agent.Learner(env, actor, config, seed), env


def _config(**changes):
  """Without weight decay and entropy, unless a test asks for them."""
  quiet = {'weight_decay': 0.0, 'entropy': agent.Schedule(0.0)}
  return agent.AgentConfig(**{**quiet, **changes})


def _softmax(logits):
  e = np.exp(logits.astype(np.float64))
  return e / e.sum(axis=-1, keepdims=True)


def _experience(env, actions):
  """Takes given actions, one an episode; `[batch, 1, ...]`."""
  time_step = env.reset()
  experience = trajectory.from_transition(
    time_step, policy_step.PolicyStep(actions), env.step(actions)
  )
  return tf.nest.map_structure(lambda x: x[:, tf.newaxis], experience)


class GradientTest(tf.test.TestCase, parameterized.TestCase):
  @parameterized.parameters(0.0, 0.7)
  def test_expected_gradient_against_enumeration(self, baseline):
    """All nine actions, each weighted by its probability."""
    learner, env = _table_learner(_config(entropy=agent.Schedule(0.05)), 9)
    learner.agent.baseline.assign(baseline)
    actions = list(itertools.product(range(3), repeat=2))
    experience = _experience(env, tf.constant(actions)[:, tf.newaxis])
    first, second = _softmax(_LOGITS)
    probabilities = np.array([first[a] * second[b] for a, b in actions])
    weights = tf.constant(9 * probabilities[:, np.newaxis], tf.float32)
    with tf.GradientTape() as tape:
      loss = learner.agent.total_loss(experience, experience.reward, weights)
    logits = learner.actor.model.logits
    gradient = -tape.gradient(loss.loss, logits)
    # Closed form: d E[R] / d z_i = p_i (E[R | i] - E[R]), and
    # d H / d z_i = -p_i (log p_i + H), for each edge by itself.
    mean = first @ _WORTH @ second
    given = np.stack([_WORTH @ second, first @ _WORTH])
    p = np.stack([first, second])
    entropy = -(p * np.log(p)).sum(axis=-1, keepdims=True)
    expected = p * (given - mean) - 0.05 * p * (np.log(p) + entropy)
    self.assertAllClose(gradient, expected, atol=1e-6)

  def test_sampled_gradient_against_its_closed_form(self):
    learner, env = _table_learner(_config(), 16)
    learner.agent.baseline.assign(0.25)
    actions = np.random.default_rng(0).integers(0, 3, [16, 1, 2])
    experience = _experience(env, tf.constant(actions, tf.int32))
    with tf.GradientTape() as tape:
      loss = learner.agent.total_loss(experience, experience.reward, None)
    gradient = tape.gradient(loss.loss, learner.actor.model.logits)
    p = _softmax(_LOGITS)
    expected = np.zeros([2, 3])
    for (action,) in actions:
      advantage = _WORTH[tuple(action)] - 0.25
      expected -= advantage * (np.eye(3)[action] - p) / 16
    self.assertAllClose(gradient, expected, atol=1e-6)

  def test_boundary_steps_of_a_driver_change_nothing(self):
    config = _config(entropy=agent.Schedule(0.05), weight_decay=5e-4)
    results = []
    for with_boundary in (False, True):
      learner, env = _table_learner(config, 4)
      action = tf.constant([[[0, 1]], [[2, 2]], [[1, 0]], [[1, 1]]])
      experience = _experience(env, action)
      if with_boundary:
        boundary = trajectory.from_transition(
          env.current_time_step(),
          policy_step.PolicyStep(action),
          env.step(action),
        )
        boundary = tf.nest.map_structure(lambda x: x[:, tf.newaxis], boundary)
        again = _experience(env, action)
        experience = tf.nest.map_structure(
          lambda *x: tf.concat(x, axis=1), experience, boundary, again
        )
      for _ in range(3):
        loss = learner.agent.train(experience).loss
      results.append((loss, learner.agent.baseline, learner.actor.weights))
    tf.nest.map_structure(self.assertAllClose, *results)

  def test_works_with_tf_agents_own_driver_and_replay_buffer(self):
    learner, env = _table_learner(_config(), 4)
    buffer = tf_uniform_replay_buffer.TFUniformReplayBuffer(
      learner.agent.collect_data_spec, batch_size=4, max_length=2
    )
    driver = dynamic_step_driver.DynamicStepDriver(
      env,
      learner.agent.collect_policy,
      observers=[buffer.add_batch],
      num_steps=4,
    )
    driver.run(env.reset())
    experience = buffer.gather_all()
    self.assertAllEqual(experience.is_last(), [[True]] * 4)
    self.assertTrue(np.isfinite(learner.agent.train(experience).loss))


class SamplesTest(tf.test.TestCase, parameterized.TestCase):
  """Several actions on one architecture.

  Two rows, of three actions each:

    row 0: rewards 0.3, -0.2, 0.9     row 1: rewards 1.0, 0.1, -0.7
  """

  actions = ([[0, 0], [0, 1], [0, 2]], [[1, 0], [1, 1], [1, 2]])
  rewards = _WORTH[:2]

  def _loss_and_gradient(self, config):
    actor = policy.PolicyNetwork(_CHAIN, _TableModel())
    actor.create_variables()
    env = _chain_environment(6)
    learner = agent.Learner(env, actor, config)
    learner.agent.baseline.assign(0.25)
    if learner.agent.spread is not None:
      learner.agent.spread.assign(2.0)
    action = tf.reshape(tf.constant(self.actions), [6, 1, 2])
    experience = tf.nest.map_structure(
      lambda x: tf.reshape(x, [2, 3, *x.shape[2:]]), _experience(env, action)
    )
    with tf.GradientTape() as tape:
      loss = learner.agent.total_loss(experience, experience.reward, None)
    return loss.loss, tape.gradient(loss.loss, actor.model.logits)

  def _expected(self, advantages):
    p = _softmax(_LOGITS)
    gradient = np.zeros([2, 3])
    for row, values in zip(self.actions, advantages):
      for action, advantage in zip(row, values):
        gradient -= advantage * (np.eye(3)[action] - p) / 6
    return gradient

  def test_the_moving_average_serves_all(self):
    _, gradient = self._loss_and_gradient(_config(samples=3))
    self.assertAllClose(gradient, self._expected(self.rewards - 0.25))

  def test_others_are_the_baseline(self):
    _, gradient = self._loss_and_gradient(_config(samples=3, baseline='others'))
    others = [
      [np.mean(np.delete(row, i)) for i in range(3)] for row in self.rewards
    ]
    self.assertAllClose(gradient, self._expected(self.rewards - others))

  @parameterized.parameters('average', 'others')
  def test_advantages_are_divided_by_the_spread(self, baseline):
    config = _config(samples=3, baseline=baseline, normalize=True, noise=0.05)
    _, gradient = self._loss_and_gradient(config)
    if baseline == 'others':
      means = self.rewards.mean(axis=1, keepdims=True)
      advantages = 1.5 * (self.rewards - means)
    else:
      advantages = self.rewards - 0.25
    # The spread of all rewards was set to 2.
    advantages /= self.rewards.std(axis=1, keepdims=True) + 0.05 * 2.0
    self.assertAllClose(gradient, self._expected(advantages))

  def test_the_first_batch_decides_the_spread(self):
    config = _config(baseline='others', normalize=True, samples=4)
    actor = policy.PolicyNetwork(_CHAIN, _TableModel())
    actor.create_variables()
    seen = []

    def reward_fn(beta, alpha):
      del beta
      seen.append(tf.gather_nd(_WORTH, alpha.operations[:, 0]))
      return tf.cast(seen[-1], tf.float32)

    env = _chain_environment(8, reward_fn)
    learner = agent.Learner(env, actor, config)
    for _ in range(2):
      learner.step()
    self.assertAllClose(learner.agent.spread, np.std(seen[0]))
    self.assertNotAllClose(np.std(seen[0]), np.std(seen[1]))

  def test_equal_rewards_teach_nothing(self):
    config = _config(baseline='others', normalize=True, samples=4)
    actor = policy.PolicyNetwork(_CHAIN, _TableModel())
    actor.create_variables()
    env = _chain_environment(8, lambda beta, alpha: tf.ones([8]))
    learner = agent.Learner(env, actor, config)
    metrics = learner.run(2)
    self.assertAllEqual(metrics.gradient_norm, 0)
    self.assertAllClose(actor.model.logits, _LOGITS)

  def test_rewards_stay_with_their_actions(self):
    # The reward tells which action of which architecture was taken.
    space = dataclasses.replace(_CHAIN, name='pool')
    pool = spaces.Encoding(*(np.repeat(array, 2, axis=0) for array in _BETA))
    pool.operations[1] = 1
    env = environment.TransformationEnvironment(
      space,
      sampling.Repeated(sampling.PoolSampler(pool), 3),
      lambda beta, alpha: tf.cast(
        100 * beta.operations[:, 0, 0]
        + 10 * alpha.operations[:, 0, 0]
        + alpha.operations[:, 0, 1],
        tf.float32,
      ),
      _NAT,
      12,
    )
    actor = policy.create('gcn', space)
    learner = agent.Learner(env, actor, _config(samples=3))
    seen = []
    learner.agent.train = lambda experience: (
      seen.append(experience) or tf_agent.LossInfo(tf.zeros([]), None)
    )
    learner.step()
    (experience,) = seen
    self.assertEqual(experience.action.shape, [4, 3, 1, 2])
    before = experience.observation['operations'].numpy()
    self.assertAllEqual(before, np.repeat(before[:, :1], 3, axis=1))
    self.assertNotAllEqual(before[0], before[-1] - before[0])
    after = experience.action.numpy()[:, :, 0]
    expected = 100 * before[:, :, 0, 0] + after @ [10, 1]
    self.assertAllEqual(experience.reward, expected)

  @parameterized.parameters(
    ({'samples': 0}, 'samples must be 1 or more; got 0'),
    ({'baseline': 'others'}, 'samples must be 2 or more; got 1'),
    ({'normalize': True}, 'samples must be 2 or more; got 1'),
    ({'baseline': 'best', 'samples': 2}, "unknown baseline 'best'"),
    ({'noise': 0.0}, 'noise must be above 0'),
  )
  def test_wrong_configurations_are_refused(self, changes, words):
    with self.assertRaisesRegex(ValueError, words):
      agent.AgentConfig(**changes)

  def test_a_batch_that_does_not_fit_is_refused(self):
    with self.assertRaisesRegex(ValueError, 'batch of 8 does not hold every'):
      _table_learner(_config(samples=3), 8)


class _PlansModel(policy_model.Model):
  """Two plans whose logits are weights."""

  def __init__(self):
    super().__init__(_CHAIN, None, seed=0)
    self.plans = self.weight('plans', [2])
    self.logits = self.weight('logits', [2, 2, 3])
    self.plans.assign([0.3, -0.4])
    self.logits.assign(np.stack([_LOGITS, -0.5 * _LOGITS[::-1]]))

  @property
  def exact_entropy(self):
    return False

  def call(self, observation, space, training=False):
    batch = tf.shape(observation['operations'])[0]
    return (
      tf.tile(self.plans[tf.newaxis], [batch, 1]),
      tf.tile(self.logits[tf.newaxis, :, tf.newaxis], [batch, 1, 1, 1, 1]),
    )

  def decide(self, logits, mask):
    return plan_mixture.PlanMixture(*logits, mask)


class EstimatedEntropyTest(tf.test.TestCase):
  def _learner(self, config, batch_size):
    actor = policy.PolicyNetwork(_CHAIN, _PlansModel())
    actor.create_variables()
    env = _chain_environment(batch_size)
    return agent.Learner(env, actor, config), env

  def test_expected_gradient_against_enumeration(self):
    """All nine actions, each weighted by its probability."""
    learner, env = self._learner(_config(entropy=agent.Schedule(0.3)), 9)
    actions = tf.constant(list(itertools.product(range(3), repeat=2)))
    experience = _experience(env, actions[:, tf.newaxis])
    variables = learner.actor.trainable_variables

    def distribution():
      logits = learner.actor.model({'operations': tf.zeros([1, 1, 2])}, _CHAIN)
      mask = tf.ones([1, 1, 2, 3], tf.bool)
      return learner.actor.model.decide(logits, mask)

    logs = distribution().log_prob(actions[:, tf.newaxis, tf.newaxis])
    weights = 9 * tf.exp(logs)
    with tf.GradientTape() as tape:
      loss = learner.agent.total_loss(experience, experience.reward, weights)
    actual = tape.gradient(loss.loss, variables)
    # What is wanted, differentiated as it stands: E[R] + lambda H.
    with tf.GradientTape() as tape:
      logs = distribution().log_prob(actions[:, tf.newaxis, tf.newaxis])[:, 0]
      p = tf.exp(logs)
      worth = tf.gather_nd(tf.constant(_WORTH, tf.float32), actions)
      wanted = tf.reduce_sum(p * worth) - 0.3 * tf.reduce_sum(p * logs)
    for a, b in zip(actual, tape.gradient(wanted, variables)):
      self.assertAllClose(-a, b, atol=1e-6)
      self.assertNotAllClose(a, tf.zeros_like(a))

  def test_the_entropy_that_is_reported_is_the_mixtures(self):
    learner, _ = self._learner(_config(samples=4), 40_000)
    p = np.zeros([3, 3])
    plans = _softmax(learner.actor.model.plans.numpy())
    for plan, (a, b) in zip(
      plans, _softmax(learner.actor.model.logits.numpy())
    ):
      p += plan * np.outer(a, b)
    expected = -(p * np.log(p)).sum()
    self.assertAllClose(learner.step().entropy, expected, atol=0.01)

  def test_entropy_alone_makes_all_actions_equally_likely(self):
    config = _config(
      samples=4,
      baseline='others',
      entropy=agent.Schedule(1.0),
      learning_rate=agent.Schedule(0.02, 0.0, 400, 'cosine'),
    )
    actor = policy.PolicyNetwork(_CHAIN, _PlansModel())
    actor.create_variables()
    env = _chain_environment(256, lambda beta, alpha: tf.zeros([256]))
    learner = agent.Learner(env, actor, config)
    learner.run(400)
    self.assertAllClose(learner.step().entropy, math.log(9), atol=0.01)


class BaselineTest(tf.test.TestCase):
  def test_follows_the_reward_exactly(self):
    rewards = np.array([0.5, 1.0, -2.0, 0.25, 3.0])
    draws = tf.Variable(0)

    def reward_fn(beta, alpha):
      del beta
      reward = tf.gather(tf.constant(rewards, tf.float32), draws)
      draws.assign_add(1)
      return tf.fill(alpha.operations.shape[:1], reward)

    learner, _ = _table_learner(
      _config(baseline_decay=0.9), 8, reward_fn=reward_fn
    )
    expected = rewards[0]
    for reward in rewards:
      metrics = learner.run(1)
      expected = 0.9 * expected + 0.1 * reward
      self.assertAllClose(metrics.reward, reward)
      self.assertAllClose(metrics.baseline, expected)
      self.assertAllClose(learner.agent.baseline, expected)

  def test_is_subtracted_as_it_was_before_the_batch(self):
    learner, env = _table_learner(_config(baseline_decay=0.5), 2)
    action = tf.constant([[[0, 1]], [[2, 0]]])
    rewards = np.array([_WORTH[0, 1], _WORTH[2, 0]])

    def expected_loss(baseline):
      p = _softmax(learner.actor.model.logits.numpy())
      logs = np.log([p[0, 0] * p[1, 1], p[0, 2] * p[1, 0]])
      return -np.mean(logs * (rewards - baseline))

    # At first there is no average yet: the batch's own mean.
    for baseline in (rewards.mean(), rewards.mean()):
      expected = expected_loss(baseline)
      loss = learner.agent.train(_experience(env, action)).loss
      self.assertAllClose(loss, expected)
    learner.agent.baseline.assign(2.0)
    expected = expected_loss(2.0)
    loss = learner.agent.train(_experience(env, action)).loss
    self.assertAllClose(loss, expected)
    self.assertAllClose(
      learner.agent.baseline, 0.5 * 2.0 + 0.5 * rewards.mean()
    )


class AdamTest(tf.test.TestCase):
  def _run(self, config, weights, gradients):
    optimizer = agent.Adam(config)
    variables = [tf.Variable(weight, dtype=tf.float32) for weight in weights]
    for step in gradients:
      step = [tf.constant(gradient, tf.float32) for gradient in step]
      optimizer.apply_gradients(zip(step, variables))
    return [variable.numpy() for variable in variables], optimizer

  def _naive(self, config, weights, gradients):
    """Adam with the decay added to the gradient."""
    m = [np.zeros_like(weight) for weight in weights]
    v = [np.zeros_like(weight) for weight in weights]
    weights = [weight.copy() for weight in weights]
    for t, step in enumerate(gradients):
      norm = math.sqrt(sum((g**2).sum() for g in step))
      if config.gradient_clipping is not None:
        step = [g * min(1, config.gradient_clipping / norm) for g in step]
      for i, gradient in enumerate(step):
        gradient = gradient + config.weight_decay * weights[i]
        m[i] = config.beta_1 * m[i] + (1 - config.beta_1) * gradient
        v[i] = config.beta_2 * v[i] + (1 - config.beta_2) * gradient**2
        m_hat = m[i] / (1 - config.beta_1 ** (t + 1))
        v_hat = v[i] / (1 - config.beta_2 ** (t + 1))
        rate = float(config.learning_rate(t))
        weights[i] -= rate * m_hat / (np.sqrt(v_hat) + config.epsilon)
    return weights

  def _check(self, config, seed=0):
    generator = np.random.default_rng(seed)
    weights = [generator.normal(size=[3, 2]), generator.normal(size=[4])]
    gradients = [
      [generator.normal(size=weight.shape) for weight in weights]
      for _ in range(6)
    ]
    actual, _ = self._run(config, weights, gradients)
    expected = self._naive(config, weights, gradients)
    for a, b in zip(actual, expected):
      # Keras computes 1 - beta_2 ** t in float32.
      self.assertAllClose(a, b, rtol=1e-4, atol=1e-4)

  def test_against_a_naive_reference(self):
    self._check(agent.AgentConfig(learning_rate=agent.Schedule(0.1)))

  def test_a_schedule_changes_the_rate(self):
    schedule = agent.Schedule(0.1, 0.0, 5, 'cosine')
    self._check(agent.AgentConfig(learning_rate=schedule, weight_decay=0.3))

  def test_clipping_comes_before_decay(self):
    self._check(agent.AgentConfig(gradient_clipping=0.5, weight_decay=0.3))

  def test_without_gradient_only_decay_moves_a_weight(self):
    weights = [np.array([2.0, -3.0, 0.0])]
    zeros = [[np.zeros(3)]] * 4
    still, _ = self._run(agent.AgentConfig(weight_decay=0.0), weights, zeros)
    self.assertAllEqual(still[0], weights[0])
    config = agent.AgentConfig(learning_rate=agent.Schedule(0.01))
    moved, _ = self._run(config, weights, zeros)
    # Adam normalises the decay: every step is the rate, whatever the size.
    self.assertAllClose(moved[0], [1.96, -2.96, 0.0], atol=1e-3)

  def test_remembers_the_norm_before_clipping(self):
    config = agent.AgentConfig(gradient_clipping=0.1)
    _, optimizer = self._run(config, [np.zeros(2)], [[np.array([3.0, 4.0])]])
    self.assertAllClose(optimizer.gradient_norm, 5.0)

  def test_embedding_gradients_are_dense(self):
    optimizer = agent.Adam(_config(learning_rate=agent.Schedule(0.1)))
    table = tf.Variable([[1.0], [1.0]])
    with tf.GradientTape() as tape:
      loss = tf.reduce_sum(tf.gather(table, [1, 1]))
    optimizer.apply_gradients([(tape.gradient(loss, table), table)])
    self.assertAllClose(table, [[1.0], [0.9]])


class ScheduleTest(tf.test.TestCase):
  def test_constant(self):
    for step in (0, 10**6):
      self.assertAllClose(agent.Schedule(0.3)(tf.constant(step)), 0.3)

  def test_linear(self):
    schedule = agent.Schedule(1.0, 0.2, 8)
    values = [float(schedule(step)) for step in (0, 2, 8, 20)]
    self.assertAllClose(values, [1.0, 0.8, 0.2, 0.2])

  def test_cosine(self):
    schedule = agent.Schedule(1.0, 0.0, 8, 'cosine')
    values = [float(schedule(step)) for step in (0, 2, 4, 8, 20)]
    quarter = (1 + math.sqrt(0.5)) / 2
    self.assertAllClose(values, [1.0, quarter, 0.5, 0.0, 0.0], atol=1e-6)

  def test_an_end_without_steps_is_refused(self):
    with self.assertRaisesRegex(ValueError, 'needs 1 step or more; got 0'):
      agent.Schedule(1.0, 0.0)

  def test_an_unknown_shape_is_refused(self):
    with self.assertRaisesRegex(ValueError, "shape of a schedule: 'cubic'"):
      agent.Schedule(1.0, 0.0, 3, 'cubic')

  def test_numbers_out_of_range_are_refused(self):
    with self.assertRaisesRegex(ValueError, 'baseline_decay must be at least'):
      agent.AgentConfig(baseline_decay=1.0)
    with self.assertRaisesRegex(ValueError, 'weight_decay must not be'):
      agent.AgentConfig(weight_decay=-1.0)

  def test_weighs_the_entropy_step_by_step(self):
    schedule = agent.Schedule(0.4, 0.0, 4)
    learner, _ = _table_learner(
      _config(entropy=schedule), 4, lambda beta, alpha: tf.zeros([4])
    )
    for weight in (0.4, 0.3, 0.2, 0.1, 0.0, 0.0):
      metrics = learner.run(1)
      self.assertAllClose(metrics.loss, -weight * metrics.entropy)


class LearnerTest(tf.test.TestCase):
  def _micro(self, seed=0):
    space = spaces.MICRO
    env = environment.TransformationEnvironment(
      space,
      sampling.RandomSampler(space),
      lambda beta, alpha: tf.reduce_mean(
        tf.cast(alpha.operations, tf.float32), axis=[1, 2]
      ),
      transitions.allowed('nat++', space.operations),
      batch_size=4,
      seed=seed,
    )
    config = policy_gcn.GcnConfig(embedding=5, width=7, hidden=6)
    actor = policy.create('gcn', space, config, seed)
    return agent.Learner(env, actor, seed=seed)

  def test_metrics(self):
    learner, _ = _table_learner(_config(), 1000)
    metrics = learner.run(1)
    first, second = p = _softmax(_LOGITS)
    self.assertAllClose(metrics.reward, first @ _WORTH @ second, atol=0.05)
    self.assertAllClose(metrics.entropy, -(p * np.log(p)).sum())
    self.assertGreater(metrics.gradient_norm, 0)

  def test_runs_reproduce_by_seed_in_one_go_or_in_pieces(self):
    first, same, other = (self._micro(seed) for seed in (5, 5, 6))
    metrics = first.run(4)
    steps = [same.run(1), same.run(2), same.run(1)]
    other.run(4)
    for i, weights in enumerate(first.actor.get_weights()):
      self.assertAllEqual(weights, same.actor.get_weights()[i])
      self.assertNotAllEqual(weights, other.actor.get_weights()[i])
    with self.subTest('metrics are means over the steps'):
      for name in ('reward', 'entropy', 'loss', 'gradient_norm'):
        pieces = [getattr(step, name) for step in steps]
        self.assertAllClose(
          getattr(metrics, name), np.average(pieces, weights=[1, 2, 1])
        )
      self.assertAllClose(metrics.baseline, steps[-1].baseline)
    with self.subTest('another number of steps does not retrace'):
      self.assertEqual(same.run.experimental_get_tracing_count(), 1)
      self.assertEqual(same.agent.train_step_counter, 4)

  def test_a_restored_run_goes_on_exactly(self):
    learner = self._micro()
    learner.run(3)
    path = tf.train.Checkpoint(learner=learner).write(
      self.create_tempfile().full_path
    )
    expected = learner.run(3)
    resumed = self._micro(seed=0)
    tf.train.Checkpoint(learner=resumed).read(path).assert_consumed()
    self.assertAllEqual(resumed.run(3), expected)
    for a, b in zip(learner.actor.get_weights(), resumed.actor.get_weights()):
      self.assertAllEqual(a, b)


class TransformTest(tf.test.TestCase):
  def setUp(self):
    super().setUp()
    self.space = spaces.MICRO
    self.allowed = transitions.allowed('nat++', self.space.operations)
    config = policy_gcn.GcnConfig(embedding=5, width=7, hidden=6)
    self.actor = policy.create('gcn', self.space, config)
    self.beta = sampling.RandomSampler(self.space)(3, [1, 1])

  def _transform(self, samples, seed=0):
    return agent.transform(
      self.actor, self.allowed, self.beta, samples, [seed, 0]
    )

  def test_candidates_are_allowed_and_on_the_same_graphs(self):
    candidates = self._transform(20)
    self.assertEqual(candidates.operations.shape, [3, 21, 2, 10])
    before = self.beta.operations.numpy()
    after = candidates.operations.numpy()
    present = self.beta.present.numpy()
    for b, k, c, e in np.ndindex(after.shape):
      if present[b, c, e]:
        self.assertTrue(self.allowed[before[b, c, e], after[b, k, c, e]])
      else:
        self.assertEqual(after[b, k, c, e], self.space.index('null'))
    for name in ('sources', 'present', 'concat'):
      for k in range(21):
        self.assertAllEqual(
          getattr(candidates, name)[:, k], getattr(self.beta, name)
        )

  def test_the_first_candidate_is_the_most_probable(self):
    observation = environment.observe(self.space, self.allowed, self.beta)
    distribution, _ = self.actor(observation)
    candidates = self._transform(30).operations
    self.assertAllEqual(candidates[:, 0], distribution.mode())
    likely = distribution.log_prob(tf.transpose(candidates, [1, 0, 2, 3]))
    self.assertAllLessEqual(likely, tf.reduce_max(likely[0], axis=0))
    self.assertAllGreaterEqual(likely[0] - likely, 0.0)

  def test_samples_may_be_none(self):
    self.assertEqual(self._transform(0).operations.shape, [3, 1, 2, 10])

  def test_log_probabilities_are_those_of_a_distribution(self):
    # All nine transformations of the chain; the second row has a skip and a
    # null, which become no convolution. The last of nine is null, null.
    every = np.array(list(itertools.product(range(3), repeat=2)), np.int32)
    beta = spaces.Encoding(*(np.repeat(x, 2, axis=0) for x in _BETA))
    beta.operations[1] = [[1, 2]]
    operations = tf.constant(np.stack([every[:, np.newaxis]] * 2))
    for name in policy.POLICIES:
      actor = policy.create(name, _CHAIN, seed=3)
      logs = agent.log_probability(actor, _NAT, beta, operations).numpy()
      self.assertAllEqual(logs.shape, [2, 9])
      self.assertAllClose(np.exp(logs).sum(axis=1), [1.0, 1.0])
      forbidden = (every[:, 0] == 0) | (every[:, 1] == 0)
      self.assertAllEqual(np.exp(logs[1, forbidden]), np.zeros(5))
      found = agent.transform(actor, _NAT, beta, 4000, tf.constant([0, 0]))
      drawn = found.operations[:, 1:, 0].numpy() @ [3, 1]
      for row in range(2):
        shares = np.bincount(drawn[row], minlength=9) / 4000
        # Four standard deviations of a share of a half.
        self.assertAllClose(shares, np.exp(logs[row]), atol=4 * 0.5 / 4000**0.5)

  def test_samples_depend_on_the_seed_alone(self):
    first, same, other = (self._transform(5, s).operations for s in (1, 1, 2))
    self.assertAllEqual(first, same)
    self.assertNotAllEqual(first, other)


class LearningTest(tf.test.TestCase):
  """A reward with a known optimum: a fixed rule says what each edge should be.

  Of the operations that compute, every other one should become skip and the
  rest null; skip and null should become one another. Whoever does the same with
  every edge gets about half.

  All vertices read the two inputs only. In a cell where they read one another
  the paper's network cannot follow such a rule, however it is trained: its
  convolution treats a vertex's own operations and its neighbours' alike.
  """

  space = dataclasses.replace(
    spaces.DARTS,
    graphs=(
      spaces.Graph.full((0, 1) * 4, (2, 3, 4, 5), len(spaces.DARTS.operations)),
    )
    * 2,
  )

  def _reward(self, beta, alpha):
    skip, null = self.space.index('skip'), self.space.index('null')
    rule = np.resize([skip, null], len(self.space.operations)).astype(np.int32)
    rule[[skip, null]] = null, skip
    wanted = tf.gather(rule, beta.operations) == alpha.operations
    return tf.reduce_mean(tf.cast(wanted, tf.float32), axis=[1, 2])

  def _score(self, actor, allowed):
    beta = sampling.RandomSampler(self.space)(500, [9, 9])
    alpha = agent.transform(actor, allowed, beta, 0, [0, 0])
    alpha = spaces.Encoding(*(array[:, 0] for array in alpha))
    return float(tf.reduce_mean(self._reward(beta, alpha)))

  def test_finds_the_optimum(self):
    steps = 500
    config = agent.AgentConfig(
      learning_rate=agent.Schedule(3e-4, 0.0, steps, 'cosine'),
      entropy=agent.Schedule(0.03, 0.0, steps * 4 // 5),
    )
    allowed = transitions.allowed('nat', self.space.operations)
    env = environment.TransformationEnvironment(
      self.space,
      sampling.RandomSampler(self.space),
      self._reward,
      allowed,
      batch_size=64,
    )
    actor = policy.create('gcn', self.space)
    learner = agent.Learner(env, actor, config)
    self.assertLess(self._score(actor, allowed), 0.6)
    metrics = learner.run(steps)
    self.assertTrue(np.isfinite(metrics).all())
    self.assertGreater(self._score(actor, allowed), 0.95)


if __name__ == '__main__':
  tf.test.main()
