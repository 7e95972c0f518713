"""Transforming an architecture as a one-step decision process.

The state is an input architecture, the action one operation for every edge, the
reward what the change was worth; then the episode ends (method, section 1).
Everything runs inside the graph, a batch of architectures at a time.
"""

from __future__ import annotations

from typing import Callable

import numpy as np
import tensorflow as tf
from tf_agents.environments import tf_environment
from tf_agents.specs import tensor_spec
from tf_agents.trajectories import time_step as ts

from nat_tf import sampling
from nat_tf import spaces

# (beta, alpha) -> `[batch]` float32: what it was worth to turn the
# architectures beta into alpha.
RewardFn = Callable[[spaces.Encoding, spaces.Encoding], tf.Tensor]

# What a policy sees: see `observe`.
Observation = dict[str, tf.Tensor]


def observation_spec(space: spaces.Space) -> dict[str, tf.TypeSpec]:
  """Returns the spec of `observe`'s result, without the batch dimension.

  Args:
    space: the space of the observed architectures.
  """
  slots = (len(space.cells), space.edges)
  vertices = (len(space.cells), space.vertices, space.vertices)
  categories = len(space.operations)
  bounded = tensor_spec.BoundedTensorSpec
  return {
    'operations': bounded(slots, tf.int32, 0, categories - 1, 'operations'),
    'sources': bounded(slots, tf.int32, 0, space.vertices - 1, 'sources'),
    'present': tf.TensorSpec(slots, tf.bool, 'present'),
    'concat': tf.TensorSpec(
      (len(space.cells), space.intermediates), tf.bool, 'concat'
    ),
    'adjacency': bounded(vertices, tf.float32, 0.0, 1.0, 'adjacency'),
    'mask': tf.TensorSpec((*slots, categories), tf.bool, 'mask'),
  }


def observe(
  space: spaces.Space, allowed: np.ndarray, encoding: spaces.Encoding
) -> Observation:
  """Returns what a policy sees of architectures.

  Args:
    space: the space of the architectures.
    allowed: bool `[from, to]`, which operation may become which.
    encoding: the architectures, tensors with leading dimensions `[...]`.

  Returns:
    A dictionary: the four arrays of the encoding (see `spaces.Encoding`), and
      adjacency: `[..., cells, vertices, vertices]` float32, indexed by target,
        then source, so that `adjacency @ x` brings every vertex what it reads.
        0 or 1, not normalised, no self-loops. A null edge carries nothing and
        is left out; where it would come from still stands in `sources`.
      mask: `[..., cells, edges, operations]` bool, what an edge may become. A
        slot that is not present can only stay null.
  """
  observation = {
    name: tf.convert_to_tensor(array)
    for name, array in encoding._asdict().items()
  }
  observation['adjacency'] = _adjacency(space, encoding)
  only_null = np.arange(len(space.operations)) == space.index('null')
  observation['mask'] = tf.where(
    tf.convert_to_tensor(encoding.present)[..., tf.newaxis],
    tf.gather(tf.constant(allowed, tf.bool), encoding.operations),
    tf.constant(only_null),
  )
  return observation


def _adjacency(space: spaces.Space, encoding: spaces.Encoding) -> tf.Tensor:
  carries = encoding.present & (encoding.operations != space.index('null'))
  sources = tf.one_hot(encoding.sources, space.vertices)
  sources *= tf.cast(carries, tf.float32)[..., tf.newaxis]
  targets = tf.one_hot(space.targets, space.vertices)
  # Two edges may join the same two vertices: still one.
  return tf.minimum(tf.einsum('et,...es->...ts', targets, sources), 1.0)


def apply(
  beta: spaces.Encoding, mask: tf.Tensor, action: tf.Tensor
) -> spaces.Encoding:
  """Returns the architectures that an action makes.

  Args:
    beta: architectures, tensors with leading dimensions `[...]`.
    mask: `[..., cells, edges, operations]` bool, what an edge may become.
    action: `[..., cells, edges]` int32, the operation each edge should become.
      Where that is forbidden, or no operation at all, the edge stays as it is:
      no policy can break the rules.

  Returns:
    The architectures `alpha`, on the same graphs.
  """
  chosen = tf.one_hot(action, mask.shape[-1], True, False, dtype=tf.bool)
  permitted = tf.reduce_any(chosen & mask, axis=-1)
  operations = tf.where(permitted, tf.cast(action, tf.int32), beta.operations)
  return beta._replace(operations=operations)


class _State(tf.Module):
  """What the environment remembers between calls; saved in checkpoints.

  Attributes:
    draws: how many batches have been drawn; the seed of the next.
    encoding: the architectures that are observed now.
    reward: `[batch]`, what the last action was worth.
    ended: whether an action has been taken since the last draw.
  """

  def __init__(self, space: spaces.Space, batch_size: int):
    super().__init__(name='environment')
    slots = [batch_size, len(space.cells), space.edges]
    concat = [batch_size, len(space.cells), space.intermediates]
    self.draws = tf.Variable(0, False, dtype=tf.int32)
    self.operations = tf.Variable(tf.zeros(slots, tf.int32), False)
    self.sources = tf.Variable(tf.zeros(slots, tf.int32), False)
    self.present = tf.Variable(tf.zeros(slots, tf.bool), False)
    self.concat = tf.Variable(tf.zeros(concat, tf.bool), False)
    self.reward = tf.Variable(tf.zeros([batch_size]), False)
    self.ended = tf.Variable(True, False)

  @property
  def encoding(self) -> spaces.Encoding:
    return spaces.Encoding(
      self.operations.read_value(),
      self.sources.read_value(),
      self.present.read_value(),
      self.concat.read_value(),
    )

  def assign(
    self, encoding: spaces.Encoding, reward: tf.Tensor, ended: bool
  ) -> None:
    self.operations.assign(encoding.operations)
    self.sources.assign(encoding.sources)
    self.present.assign(encoding.present)
    self.concat.assign(encoding.concat)
    self.reward.assign(reward)
    self.ended.assign(ended)


class TransformationEnvironment(tf_environment.TFEnvironment):
  """Batched one-step episodes: architecture in, operations out, reward.

  `reset` draws input architectures `beta`. `step` makes `alpha` of them, ends
  the episode, and returns its reward; the observation is then `alpha`. As
  TF-Agents wants it, a step after the last one resets and ignores its action.

  Attributes:
    state: module with all variables, to put into a checkpoint. An environment
      that is restored goes on with the same draws.
  """

  def __init__(
    self,
    space: spaces.Space,
    sampler: sampling.Sampler,
    reward_fn: RewardFn,
    allowed: np.ndarray,
    batch_size: int,
    seed: int = 0,
  ):
    """Sets the process up; draws nothing yet.

    Args:
      space: the space of the architectures.
      sampler: where input architectures come from.
      reward_fn: what a transformation is worth; runs inside the graph.
      allowed: bool `[from, to]`, which operation may become which.
      batch_size: architectures at a time, 1 or more.
      seed: of the draws.

    Raises:
      ValueError: `allowed` does not fit the space or forbids an operation to
        remain, or the batch size is below 1.
    """
    allowed = np.asarray(allowed, bool)
    categories = len(space.operations)
    square = (categories, categories)
    if allowed.shape != square or not allowed.diagonal().all():
      raise ValueError(
        f'allowed transitions must be {categories} x {categories} and hold the '
        f'diagonal; got the shape {allowed.shape}'
      )
    if batch_size < 1:
      raise ValueError(f'batch_size must be 1 or more; got {batch_size}')
    slots = (len(space.cells), space.edges)
    action_spec = tensor_spec.BoundedTensorSpec(
      slots, tf.int32, 0, categories - 1, 'operations'
    )
    super().__init__(
      ts.time_step_spec(observation_spec(space)), action_spec, batch_size
    )
    self.state = _State(space, batch_size)
    self._space = space
    self._sampler = sampler
    self._reward_fn = reward_fn
    self._allowed = allowed
    self._seed = seed

  @property
  def space(self) -> spaces.Space:
    """The space of the architectures."""
    return self._space

  def _reset(self) -> ts.TimeStep:
    seed = tf.random.fold_in(
      tf.constant([self._seed, 0]), self.state.draws.read_value()
    )
    self.state.draws.assign_add(1)
    beta = self._sampler(self.batch_size, seed)
    self.state.assign(beta, tf.zeros([self.batch_size]), ended=False)
    return self._time_step()

  def _step(self, action: tf.Tensor) -> ts.TimeStep:
    return tf.cond(
      self.state.ended, self._reset, lambda: self._transform(action)
    )

  def _current_time_step(self) -> ts.TimeStep:
    never_reset = tf.equal(self.state.draws, 0)
    return tf.cond(never_reset, self._reset, self._time_step)

  def _transform(self, action: tf.Tensor) -> ts.TimeStep:
    beta = self.state.encoding
    mask = observe(self._space, self._allowed, beta)['mask']
    alpha = apply(beta, mask, action)
    reward = tf.ensure_shape(self._reward_fn(beta, alpha), [self.batch_size])
    self.state.assign(alpha, tf.cast(reward, tf.float32), ended=True)
    return self._time_step()

  def _time_step(self) -> ts.TimeStep:
    ended = self.state.ended.read_value()
    step_type = tf.where(ended, ts.StepType.LAST, ts.StepType.FIRST)
    discount = tf.where(ended, 0.0, 1.0)
    return ts.TimeStep(
      tf.fill([self.batch_size], tf.cast(step_type, tf.int32)),
      self.state.reward.read_value(),
      tf.fill([self.batch_size], discount),
      observe(self._space, self._allowed, self.state.encoding),
    )
