"""Tests of nat_tf.environment."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf
from tf_agents.environments import py_environment
from tf_agents.environments import utils
from tf_agents.specs import tensor_spec
from tf_agents.trajectories import time_step as ts
from tf_agents.utils import nest_utils

from nat_tf import environment
from nat_tf import sampling
from nat_tf import spaces
from nat_tf import transitions

#   0 --conv--> 2 --skip--> 3      Vertex 3 reads vertex 2 twice, once through
#   1 --null--> 2 --conv--> 3      a convolution; the edge 1 -> 2 is null.
_TOY = spaces.Space(
  name='toy',
  cells=('normal',),
  inputs=2,
  targets=(2, 2, 3, 3, 4),
  operations=('conv_3x3', 'skip', 'null'),
  sizes=(2, 3),
  loose_ends=(False, False),
)
_CONV, _SKIP, _NULL = range(3)
_BETA = spaces.Encoding(
  operations=np.array([[[_CONV, _NULL, _SKIP, _CONV, _NULL]]], np.int32),
  sources=np.array([[[0, 1, 2, 2, 0]]], np.int32),
  present=np.array([[[True, True, True, True, False]]]),
  concat=np.array([[[True, True, False]]]),
)
_NAT = transitions.allowed('nat', _TOY.operations)


def _saved_convolutions(beta, alpha):
  """A reward that can be counted by hand: convolutions that are gone."""

  def count(encoding):
    return tf.reduce_sum(
      tf.cast(encoding.operations == _CONV, tf.float32), axis=[1, 2]
    )

  return count(beta) - count(alpha)


def _toy_environment(batch_size=1, reward_fn=_saved_convolutions):
  return environment.TransformationEnvironment(
    _TOY, sampling.PoolSampler(_BETA), reward_fn, _NAT, batch_size
  )


def _micro_environment(seed=0, batch_size=4, name='nat++'):
  allowed = transitions.allowed(name, spaces.MICRO.operations)

  def reward_fn(beta, alpha):
    changed = beta.operations != alpha.operations
    return tf.reduce_mean(tf.cast(changed, tf.float32), axis=[1, 2])

  return environment.TransformationEnvironment(
    spaces.MICRO,
    sampling.RandomSampler(spaces.MICRO),
    reward_fn,
    allowed,
    batch_size,
    seed,
  )


class _PyAdapter(py_environment.PyEnvironment):
  """Makes a TFEnvironment a Python one, which TF-Agents' validation wants."""

  def __init__(self, wrapped):
    # The wrapped environment resets by itself after a last step.
    super().__init__(handle_auto_reset=False)
    self._wrapped = wrapped

  batched = True

  @property
  def batch_size(self):
    return self._wrapped.batch_size

  def observation_spec(self):
    return tensor_spec.to_array_spec(self._wrapped.observation_spec())

  def action_spec(self):
    return tensor_spec.to_array_spec(self._wrapped.action_spec())

  def _reset(self):
    return self._numpy(self._wrapped.reset())

  def _step(self, action):
    return self._numpy(self._wrapped.step(tf.constant(action)))

  def _numpy(self, time_step):
    return tf.nest.map_structure(lambda tensor: tensor.numpy(), time_step)


class ObserveTest(tf.test.TestCase):
  def _observe(self):
    return environment.observe(
      _TOY, _NAT, spaces.Encoding(*map(tf.constant, _BETA))
    )

  def test_adjacency_is_target_by_source_without_null_and_absent_edges(self):
    expected = np.zeros([5, 5])
    expected[2, 0] = 1  # 1 -> 2 is null.
    expected[3, 2] = 1  # Two edges, one entry; the slot of vertex 4 is absent.
    self.assertAllEqual(self._observe()['adjacency'][0, 0], expected)

  def test_mask_is_exact(self):
    self.assertAllEqual(
      self._observe()['mask'][0, 0],
      [
        [True, True, True],  # Convolution: stays, skip, null.
        [False, True, True],  # Null: skip, stays.
        [False, True, True],  # Skip: stays, null.
        [True, True, True],
        [False, False, True],  # Not present: nothing but null.
      ],
    )

  def test_the_encoding_is_part_of_it(self):
    observation = self._observe()
    for name, array in _BETA._asdict().items():
      self.assertAllEqual(observation[name], array)

  def test_mask_and_adjacency_against_a_naive_reference(self):
    time_step = _micro_environment(batch_size=16).reset()
    seen = {k: v.numpy() for k, v in time_step.observation.items()}
    space = spaces.MICRO
    allowed = transitions.allowed('nat++', space.operations)
    null = space.index('null')
    adjacency = np.zeros_like(seen['adjacency'])
    for b, c, e in np.ndindex(seen['operations'].shape):
      operation = seen['operations'][b, c, e]
      if seen['present'][b, c, e]:
        expected = allowed[operation]
      else:
        expected = np.arange(len(space.operations)) == null
      np.testing.assert_array_equal(seen['mask'][b, c, e], expected)
      if seen['present'][b, c, e] and operation != null:
        adjacency[b, c, space.targets[e], seen['sources'][b, c, e]] = 1
    np.testing.assert_array_equal(seen['adjacency'], adjacency)


class TransformationEnvironmentTest(tf.test.TestCase):
  def test_passes_the_validation_of_tf_agents(self):
    utils.validate_py_environment(
      _PyAdapter(_micro_environment(batch_size=3)), episodes=30
    )

  def test_time_steps_match_their_specs(self):
    env = _micro_environment()
    for time_step in (
      env.current_time_step(),
      env.reset(),
      env.step(tf.zeros([4, 2, 10], tf.int32)),
    ):
      self.assertTrue(
        nest_utils.is_batched_nested_tensors(time_step, env.time_step_spec())
      )
      tf.nest.map_structure(
        lambda tensor, spec: self.assertEqual(tensor.shape[1:], spec.shape),
        time_step,
        env.time_step_spec(),
      )

  def test_an_episode_is_one_step_and_the_step_after_it_resets(self):
    env = _toy_environment(batch_size=2)
    action = tf.fill([2, 1, 5], _NULL)
    first = env.reset()
    last = env.step(action)
    again = env.step(action)
    self.assertAllEqual(first.step_type, [ts.StepType.FIRST] * 2)
    self.assertAllEqual(first.reward, [0, 0])
    self.assertAllEqual(first.discount, [1, 1])
    self.assertAllEqual(last.step_type, [ts.StepType.LAST] * 2)
    self.assertAllEqual(last.discount, [0, 0])
    self.assertAllEqual(again.step_type, [ts.StepType.FIRST] * 2)
    self.assertAllEqual(again.reward, [0, 0])
    self.assertAllEqual(
      again.observation['operations'], np.repeat(_BETA.operations, 2, axis=0)
    )

  def test_the_first_step_without_a_reset_ignores_its_action(self):
    env = _toy_environment()
    time_step = env.step(tf.fill([1, 1, 5], _NULL))
    self.assertAllEqual(time_step.is_first(), [True])
    self.assertAllEqual(time_step.observation['operations'], _BETA.operations)

  def test_current_time_step_changes_nothing(self):
    env = _micro_environment()
    for act in (env.reset, lambda: env.step(tf.zeros([4, 2, 10], tf.int32))):
      expected = act()
      tf.nest.map_structure(
        self.assertAllEqual, env.current_time_step(), expected
      )

  def test_rewards_are_exact(self):
    env = _toy_environment(batch_size=2)
    env.reset()
    action = np.repeat(_BETA.operations, 2, axis=0)
    action[0, 0, 0] = _SKIP
    action[1, 0, [0, 3]] = _NULL
    time_step = env.step(tf.constant(action))
    self.assertAllEqual(time_step.reward, [1, 2])
    self.assertAllEqual(time_step.observation['operations'], action)

  def test_forbidden_operations_leave_their_edge_as_it_is(self):
    env = _toy_environment()
    env.reset()
    #         allowed  forbidden  forbidden  unknown  absent
    action = [_SKIP, _CONV, _CONV, 7, _SKIP]
    time_step = env.step(tf.constant([[action]]))
    self.assertAllEqual(
      time_step.observation['operations'],
      [[[_SKIP, _NULL, _SKIP, _CONV, _NULL]]],
    )
    self.assertAllEqual(time_step.reward, [1])

  def test_the_reward_sees_both_architectures(self):
    seen = []

    def reward_fn(beta, alpha):
      seen.append((beta, alpha))
      return tf.zeros([1])

    env = _toy_environment(reward_fn=reward_fn)
    env.reset()
    env.step(tf.fill([1, 1, 5], _SKIP))
    ((beta, alpha),) = seen
    for before, after, expected in zip(beta, alpha, _BETA):
      self.assertAllEqual(before, expected)
      if expected is not _BETA.operations:
        self.assertAllEqual(after, expected)
    self.assertAllEqual(
      alpha.operations, [[[_SKIP, _SKIP, _SKIP, _SKIP, _NULL]]]
    )

  def test_a_reward_of_the_wrong_shape_is_refused(self):
    env = _toy_environment(reward_fn=lambda beta, alpha: tf.zeros([1, 1]))
    env.reset()
    with self.assertRaisesRegex(ValueError, 'Shape must be rank 1'):
      tf.function(env.step)(tf.fill([1, 1, 5], _SKIP))

  def test_runs_whole_inside_one_graph_without_host_calls(self):
    env = _micro_environment()

    @tf.function(autograph=False)
    def episode():
      env.reset()
      return env.step(tf.fill([4, 2, 10], spaces.MICRO.index('null')))

    self.assertAllEqual(episode().is_last(), [True] * 4)
    definition = episode.get_concrete_function().graph.as_graph_def()
    nodes = [n.op for n in definition.node]
    nodes += [n.op for f in definition.library.function for n in f.node_def]
    self.assertEmpty([op for op in nodes if 'PyFunc' in op])

  def test_draws_differ_and_reproduce(self):
    first, second, other = (_micro_environment(seed) for seed in (7, 7, 8))
    sequences = [
      [env.reset().observation['operations'].numpy() for _ in range(3)]
      for env in (first, second, other)
    ]
    self.assertAllEqual(sequences[0], sequences[1])
    self.assertNotAllEqual(sequences[0], sequences[2])
    self.assertNotAllEqual(sequences[0][0], sequences[0][1])

  def test_a_restored_environment_goes_on_where_it_was(self):
    env = _micro_environment()
    env.reset()
    path = tf.train.Checkpoint(state=env.state).write(
      self.create_tempfile().full_path
    )
    expected = [env.current_time_step(), env.reset(), env.reset()]
    other = _micro_environment()
    tf.train.Checkpoint(state=other.state).read(path).assert_consumed()
    actual = [other.current_time_step(), other.reset(), other.reset()]
    tf.nest.map_structure(self.assertAllEqual, actual, expected)

  def test_rules_that_do_not_fit_are_refused(self):
    space = dataclasses.replace(_TOY, operations=('skip', 'null'))
    with self.assertRaisesRegex(ValueError, 'must be 2 x 2'):
      environment.TransformationEnvironment(
        space, sampling.RandomSampler(space), _saved_convolutions, _NAT, 1
      )
    with self.assertRaisesRegex(ValueError, 'batch_size must be 1 or more'):
      _toy_environment(batch_size=0)


if __name__ == '__main__':
  tf.test.main()
