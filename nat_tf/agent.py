"""Learning a policy: TF-Agents' REINFORCE with the paper's constants.

The gradient (method, section 4), over one action for each of B architectures:

  1/B sum_i [ grad log pi(alpha_i | beta_i) (R(alpha_i | beta_i) - b)
              + lambda grad H(pi(. | beta_i)) ]

Source: Williams, Simple statistical gradient-following algorithms for
connectionist reinforcement learning, Machine Learning 8, 1992; constants from
Guo et al., NAT, NeurIPS 2019.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Literal, NamedTuple

import numpy as np
import tensorflow as tf
from tf_agents.agents import tf_agent
from tf_agents.agents.reinforce import reinforce_agent
from tf_agents.trajectories import policy_step
from tf_agents.trajectories import trajectory
from tf_agents.utils import common

from nat_tf import environment as environment_lib
from nat_tf import policy as policy_lib
from nat_tf import spaces


@dataclasses.dataclass(frozen=True)
class Schedule:
  """A number that depends on how many steps the policy has been trained.

  Attributes:
    start: its value at first.
    end: its value after `steps` and from then on; None: it never changes.
    steps: how long it takes from one to the other.
    shape: `linear`, or `cosine` (half a period, flat at both ends).

  Raises:
    ValueError: on construction, when it has an end but no steps to get there.
  """

  start: float
  end: float | None = None
  steps: int = 0
  shape: Literal['linear', 'cosine'] = 'linear'

  def __post_init__(self):
    if self.end is not None and self.steps < 1:
      raise ValueError(
        f'a schedule from {self.start} to {self.end} needs 1 step or more; got '
        f'{self.steps}'
      )
    if self.shape not in ('linear', 'cosine'):
      raise ValueError(f'unknown shape of a schedule: {self.shape!r}')

  def __call__(self, step: tf.Tensor) -> tf.Tensor:
    """Returns the value after `step` steps, a float32 scalar."""
    if self.end is None:
      return tf.constant(self.start, tf.float32)
    done = tf.minimum(tf.cast(step, tf.float32) / self.steps, 1.0)
    if self.shape == 'cosine':
      done = (1.0 - tf.cos(math.pi * done)) / 2.0
    return self.start + (self.end - self.start) * done


@dataclasses.dataclass(frozen=True)
class AgentConfig:
  """How a policy is trained; the defaults are the paper's (method, section 4).

  At the paper's constant rate, a policy that has found a noise-free optimum
  leaves it again: Adam's second moment shrinks with the gradients until a rare
  bad sample is a leap. Let the rate fall to 0 over the run. An entropy weight
  that starts high and falls keeps it from settling too early.

  Attributes:
    learning_rate: Adam's rate.
    beta_1: decay of Adam's first moment.
    beta_2: decay of Adam's second moment.
    epsilon: keeps Adam from dividing by 0; PyTorch's default.
    weight_decay: times the weight is added to its gradient, as PyTorch's Adam
      does it (the L2 penalty, not AdamW's).
    gradient_clipping: largest norm of all gradients together; None: no limit.
    entropy: weight of the policy's entropy beside the reward, lambda.
    baseline_decay: of the moving average of the reward.

  Raises:
    ValueError: on construction, when a number is out of its range.
  """

  learning_rate: Schedule = Schedule(3e-4)
  beta_1: float = 0.5
  beta_2: float = 0.999
  epsilon: float = 1e-8
  weight_decay: float = 5e-4
  gradient_clipping: float | None = None
  entropy: Schedule = Schedule(0.003)
  baseline_decay: float = 0.99

  def __post_init__(self):
    for name in ('beta_1', 'beta_2', 'baseline_decay'):
      value = getattr(self, name)
      if not 0.0 <= value < 1.0:
        raise ValueError(f'{name} must be at least 0 and below 1; got {value}')
    if self.weight_decay < 0.0:
      raise ValueError(
        f'weight_decay must not be negative; got {self.weight_decay}'
      )


class _Rate(tf.keras.optimizers.schedules.LearningRateSchedule):
  """A schedule as Keras wants it."""

  def __init__(self, schedule: Schedule):
    self._schedule = schedule

  def __call__(self, step: tf.Tensor) -> tf.Tensor:
    return self._schedule(step)


class Adam(tf.keras.optimizers.Adam):
  """Adam whose weight decay is part of the gradient, as in PyTorch.

  Keras's own `weight_decay` is AdamW's, which moves a weight by rate x decay x
  weight. Here Adam's normalisation acts on the decay as well, so that a weight
  without gradient moves by about the rate: another method.

  Attributes:
    gradient_norm: norm of the last gradients, before clipping and decay.
  """

  def __init__(self, config: AgentConfig):
    super().__init__(
      _Rate(config.learning_rate),
      beta_1=config.beta_1,
      beta_2=config.beta_2,
      epsilon=config.epsilon,
      global_clipnorm=config.gradient_clipping,
      jit_compile=False,  # It is part of a larger graph already.
    )
    self._coupled_decay = config.weight_decay
    self.gradient_norm = tf.Variable(0.0, False, name='gradient_norm')

  def apply_gradients(self, grads_and_vars: Any, **kwargs: Any) -> tf.Variable:
    """Applies gradients and remembers their norm; see Keras's optimizer."""
    grads_and_vars = list(grads_and_vars)
    self.gradient_norm.assign(tf.linalg.global_norm(next(zip(*grads_and_vars))))
    return super().apply_gradients(grads_and_vars, **kwargs)

  def update_step(self, gradient: Any, variable: tf.Variable) -> None:
    """Updates one variable, after clipping; see Keras's optimizer."""
    gradient = tf.convert_to_tensor(gradient)
    super().update_step(gradient + self._coupled_decay * variable, variable)


class Agent(reinforce_agent.ReinforceAgent):
  """REINFORCE with a moving-average baseline and an entropy schedule.

  The baseline follows the mean *reward*. It is subtracted as it was before the
  batch, so that it does not depend on the batch's actions and the gradient
  has no bias. Only at the very first step, when there is no average yet, it is
  the mean of that batch.

  Attributes:
    baseline: float32 scalar variable, the moving average `b`.
  """

  def __init__(
    self,
    environment: environment_lib.TransformationEnvironment,
    actor: policy_lib.PolicyNetwork,
    config: AgentConfig,
  ):
    """Makes an agent.

    Args:
      environment: gives the specs.
      actor: the policy to train.
      config: how.
    """
    baseline = tf.Variable(0.0, False, name='baseline')
    super().__init__(
      environment.time_step_spec(),
      environment.action_spec(),
      actor,
      Adam(config),
      advantage_fn=lambda returns, _: returns - baseline,
      # TF-Agents normalises returns unless told otherwise, and then a batch's
      # mean would take the baseline's place.
      normalize_returns=False,
      train_step_counter=tf.Variable(0, False, dtype=tf.int64, name='steps'),
      name='agent',
    )
    self._config = config
    self.baseline = baseline
    self._optimizer.build(actor.trainable_variables)

  @property
  def gradient_norm(self) -> tf.Variable:
    """Norm of the last gradients, before clipping and weight decay."""
    return self._optimizer.gradient_norm

  def entropy_regularization_loss(
    self, actions_distribution: Any, weights: tf.Tensor | None = None
  ) -> tf.Tensor:
    """Returns minus lambda times the mean entropy of the valid steps.

    TF-Agents divides by all steps, so that the boundary steps between episodes
    of one step, which a driver records, would halve lambda.

    Args:
      actions_distribution: batched as `[batch, time]`.
      weights: `[batch, time]`, 0 where a step does not count.
    """
    entropy = common.entropy(actions_distribution, self.action_spec)
    if weights is None:
      weights = tf.ones_like(entropy)
    mean = tf.reduce_sum(entropy * weights) / tf.reduce_sum(weights)
    return -self._config.entropy(self.train_step_counter) * mean

  def _train(
    self, experience: trajectory.Trajectory, weights: tf.Tensor | None = None
  ) -> tf_agent.LossInfo:
    valid = tf.cast(~experience.is_boundary(), tf.float32)
    reward = tf.reduce_sum(experience.reward * valid) / tf.reduce_sum(valid)
    first = tf.equal(self.train_step_counter, 0)
    self.baseline.assign(tf.where(first, reward, self.baseline))
    weights = valid if weights is None else weights * valid
    loss = super()._train(experience, weights)
    decay = self._config.baseline_decay
    self.baseline.assign(decay * self.baseline + (1.0 - decay) * reward)
    return loss


class Metrics(NamedTuple):
  """What happened in policy steps, float32 scalars.

  Attributes:
    reward: mean over the batch.
    entropy: of the policy, summed over edges, mean over the batch.
    loss: what was minimised.
    gradient_norm: before clipping and weight decay.
    baseline: after the step.
  """

  reward: tf.Tensor
  entropy: tf.Tensor
  loss: tf.Tensor
  gradient_norm: tf.Tensor
  baseline: tf.Tensor


class Learner(tf.Module):
  """Trains a policy in an environment, wholly inside the graph.

  All its variables (weights, optimizer, baseline, counters, the environment's
  state) are saved by `tf.train.Checkpoint(learner=...)`; random draws derive
  from the seed and the counters, so that a resumed run goes on exactly.

  Attributes:
    agent: the TF-Agents agent.
    actor: the policy network.
  """

  def __init__(
    self,
    environment: environment_lib.TransformationEnvironment,
    actor: policy_lib.PolicyNetwork,
    config: AgentConfig | None = None,
    seed: int = 0,
  ):
    """Makes a learner; trains nothing yet.

    Args:
      environment: where the policy acts; only this learner may step it.
      actor: the policy to train.
      config: how; the paper's way where None.
      seed: of the sampled actions.
    """
    super().__init__(name='learner')
    self._environment = environment
    self._environment_state = environment.state
    self._seed = seed
    self.actor = actor
    self.agent = Agent(environment, actor, config or AgentConfig())

  def step(self) -> Metrics:
    """Collects a batch of one-step episodes and trains on it once."""
    time_step = self._environment.reset()
    # Not `collect_policy.action`: it draws from an operation with a state of
    # its own, which no checkpoint holds.
    actions = self.agent.collect_policy.distribution(time_step).action
    seed = tf.random.fold_in(
      tf.constant([self._seed, 1]),
      tf.cast(self.agent.train_step_counter, tf.int32),
    )
    action = actions.sample(seed=seed)
    experience = trajectory.from_transition(
      time_step,
      policy_step.PolicyStep(action),
      self._environment.step(action),
    )
    # One step of time, `[batch, 1, ...]`; REINFORCE needs no boundary step.
    experience = tf.nest.map_structure(
      lambda tensor: tensor[:, tf.newaxis], experience
    )
    loss = self.agent.train(experience).loss
    entropy = common.entropy(actions, self.agent.action_spec)
    return Metrics(
      reward=tf.reduce_mean(experience.reward),
      entropy=tf.reduce_mean(entropy),
      loss=loss,
      gradient_norm=self.agent.gradient_norm.read_value(),
      baseline=self.agent.baseline.read_value(),
    )

  @tf.function(
    autograph=False, input_signature=[tf.TensorSpec([], tf.int32, 'steps')]
  )
  def run(self, steps: tf.Tensor) -> Metrics:
    """Takes several steps in one call of the graph.

    Args:
      steps: how many, 1 or more; another number does not retrace.

    Returns:
      Means over the steps, but the baseline as it is after the last.
    """

    def body(taken: tf.Tensor, sums: Metrics) -> tuple[tf.Tensor, Metrics]:
      return taken + 1, tf.nest.map_structure(tf.add, sums, self.step())

    zeros = Metrics(*(tf.zeros([]) for _ in Metrics._fields))
    _, sums = tf.while_loop(
      lambda taken, _: taken < steps, body, (tf.constant(0), zeros)
    )
    means = tf.nest.map_structure(
      lambda total: total / tf.cast(steps, tf.float32), sums
    )
    return means._replace(baseline=self.agent.baseline.read_value())


def transform(
  actor: policy_lib.PolicyNetwork,
  allowed: np.ndarray,
  beta: spaces.Encoding,
  samples: int,
  seed: tf.Tensor,
) -> spaces.Encoding:
  """Transforms architectures: the likeliest way and sampled ways.

  Args:
    actor: a policy.
    allowed: bool `[from, to]`, which operation may become which.
    beta: architectures of the actor's space, leading dimension `[batch]`.
    samples: how many to sample from `pi(. | beta)`, 0 or more.
    seed: int32 tensor `[2]`, of the samples.

  Returns:
    Candidates with leading dimensions `[batch, 1 + samples]`; the first one
    takes the most probable operation for every edge (the paper's Maximum-GCN).
    Samples may repeat.
  """
  observation = environment_lib.observe(actor.space, allowed, beta)
  actions, _ = actor(observation)
  candidates = actions.mode()[tf.newaxis]
  if samples:
    drawn = actions.sample(samples, seed=seed)
    candidates = tf.concat([candidates, drawn], axis=0)
  repeated = spaces.Encoding(
    *(tf.repeat(array[:, tf.newaxis], 1 + samples, axis=1) for array in beta)
  )
  return repeated._replace(operations=tf.transpose(candidates, [1, 0, 2, 3]))
