"""Learning a policy: TF-Agents' REINFORCE with the paper's constants.

The gradient (method, section 4), over n actions for each of m architectures:

  1/mn sum_ij [ grad log pi(alpha_ij | beta_i) (R(alpha_ij | beta_i) - b)
                + lambda grad H(pi(. | beta_i)) ]

In the paper b is a moving average of all rewards. With n of 2 or more it can
also be the mean reward of the other actions on the same architecture. That one
knows how good the architecture was, which no average over architectures does.

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

from nat_tf import affordable
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
    samples: actions for every architecture, n.
    baseline: `average`, the moving average of the reward; or `others`, for
      every action the mean reward of the n - 1 others on its architecture.
    normalize: whether each advantage is divided by the spread of its
      architecture's rewards plus `noise` times the spread of all rewards of the
      first batch. The optimum stays where it is, for every architecture sees
      all its advantages change by one factor; but differences among good
      transformations weigh as much as those between good and useless ones, and
      `entropy` means the same whatever the reward's unit.
    noise: see `normalize`; spreads below this share count as noise.

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
  samples: int = 1
  baseline: Literal['average', 'others'] = 'average'
  normalize: bool = False
  noise: float = 0.02

  def __post_init__(self):
    for name in ('beta_1', 'beta_2', 'baseline_decay'):
      value = getattr(self, name)
      if not 0.0 <= value < 1.0:
        raise ValueError(f'{name} must be at least 0 and below 1; got {value}')
    if self.weight_decay < 0.0:
      raise ValueError(
        f'weight_decay must not be negative; got {self.weight_decay}'
      )
    if self.baseline not in ('average', 'others'):
      raise ValueError(f'unknown baseline {self.baseline!r}')
    if self.samples < 1 or (self.samples < 2 and self._compares):
      least = 2 if self._compares else 1
      raise ValueError(f'samples must be {least} or more; got {self.samples}')
    if self.noise <= 0.0:
      raise ValueError(f'noise must be above 0; got {self.noise}')

  @property
  def _compares(self) -> bool:
    """Whether actions on one architecture are compared with one another."""
    return self.baseline == 'others' or self.normalize


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
    if not grads_and_vars:  # A policy of chance has nothing to learn.
      return self.iterations
    self.gradient_norm.assign(tf.linalg.global_norm(next(zip(*grads_and_vars))))
    return super().apply_gradients(grads_and_vars, **kwargs)

  def update_step(self, gradient: Any, variable: tf.Variable) -> None:
    """Updates one variable, after clipping; see Keras's optimizer."""
    gradient = tf.convert_to_tensor(gradient)
    super().update_step(gradient + self._coupled_decay * variable, variable)


class Agent(reinforce_agent.ReinforceAgent):
  """REINFORCE with baselines and an entropy schedule.

  The moving average follows the mean *reward*. It is subtracted as it was
  before the batch, so that it does not depend on the batch's actions and the
  gradient has no bias. Only at the very first step, when there is no average
  yet, it is the mean of that batch.

  Where the configuration asks for several samples, experience must hold in
  every row, `[inputs, samples, ...]`, one episode for each of them, all of the
  same architecture: the policy is then computed once a row.

  Attributes:
    exact_entropy: whether the policy knows its entropy; else the entropy and
      its gradient are estimated from the actions.
    baseline: float32 scalar variable, the moving average of the reward.
    spread: float32 scalar variable, the rewards' standard deviation in the
      first batch, 0 before; None where nothing is normalised.
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
    self._config = config
    self.exact_entropy = actor.model.exact_entropy
    self.baseline = tf.Variable(0.0, False, name='baseline')
    self.spread = None
    if config.normalize:
      self.spread = tf.Variable(0.0, False, name='spread')
    super().__init__(
      environment.time_step_spec(),
      environment.action_spec(),
      actor,
      Adam(config),
      advantage_fn=lambda returns, _: self._advantages(returns),
      # TF-Agents normalises returns unless told otherwise, and then a batch's
      # mean would take the baseline's place.
      normalize_returns=False,
      train_step_counter=tf.Variable(0, False, dtype=tf.int64, name='steps'),
      name='agent',
    )
    self._optimizer.build(actor.trainable_variables)

  @property
  def gradient_norm(self) -> tf.Variable:
    """Norm of the last gradients, before clipping and weight decay."""
    return self._optimizer.gradient_norm

  def total_loss(
    self,
    experience: trajectory.Trajectory,
    returns: tf.Tensor,
    weights: tf.Tensor,
    training: bool = False,
  ) -> tf_agent.LossInfo:
    """Returns the loss; see TF-Agents' agent."""
    if self._config.samples > 1:
      # All episodes of a row see the same: its distribution, `[inputs, 1]`,
      # is broadcast over their actions, `[inputs, samples]`.
      once = tf.nest.map_structure(lambda x: x[:, :1], experience.observation)
      experience = experience.replace(observation=once)
    return super().total_loss(experience, returns, weights, training)

  def _advantages(self, rewards: tf.Tensor) -> tf.Tensor:
    """Returns the rewards `[inputs, samples]` less the baseline, normalised."""
    config = self._config
    if config.baseline == 'others':
      advantages = self._less_others(rewards)
    else:
      advantages = rewards - self.baseline
    if self.spread is None:
      return advantages
    spread = tf.math.reduce_std(rewards, axis=1, keepdims=True)
    return tf.math.divide_no_nan(
      advantages, spread + config.noise * self.spread
    )

  def _less_others(self, values: tf.Tensor) -> tf.Tensor:
    """Subtracts from each of `[inputs, samples]` the mean of the others."""
    # That is n / (n - 1) times the difference to the mean of all.
    scale = self._config.samples / (self._config.samples - 1)
    return scale * (values - tf.reduce_mean(values, axis=1, keepdims=True))

  def policy_gradient_loss(
    self,
    actions_distribution: Any,
    actions: tf.Tensor,
    is_boundary: tf.Tensor,
    returns: tf.Tensor,
    num_episodes: tf.Tensor,
    weights: tf.Tensor | None = None,
  ) -> tf.Tensor:
    """Returns the loss; see TF-Agents' agent.

    Where the entropy has no closed form, its gradient is that of REINFORCE with
    `-log pi` as the reward: E[-log pi grad log pi] = grad H.
    """
    if not self.exact_entropy:
      surprise = -common.log_probability(
        actions_distribution, actions, self.action_spec
      )
      surprise = tf.stop_gradient(surprise)
      if self._config.samples > 1:
        surprise = self._less_others(surprise)
      returns += self._config.entropy(self.train_step_counter) * surprise
    return super().policy_gradient_loss(
      actions_distribution,
      actions,
      is_boundary,
      returns,
      num_episodes,
      weights,
    )

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
    if not self.exact_entropy:
      return tf.zeros([])  # It is part of the policy's gradient.
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
    if self.spread is not None:
      squares = (experience.reward - reward) ** 2 * valid
      variance = tf.reduce_sum(squares) / tf.reduce_sum(valid)
      self.spread.assign(tf.where(first, tf.sqrt(variance), self.spread))
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
      environment: where the policy acts; only this learner may step it. Its
        batch holds every architecture as often as the configuration wants
        samples, side by side (see `sampling.Repeated`).
      actor: the policy to train.
      config: how; the paper's way where None.
      seed: of the sampled actions.

    Raises:
      ValueError: the batch is no multiple of the samples.
    """
    super().__init__(name='learner')
    config = config or AgentConfig()
    if environment.batch_size % config.samples:
      raise ValueError(
        f'a batch of {environment.batch_size} does not hold every architecture '
        f'{config.samples} times'
      )
    self._samples = config.samples
    self._environment = environment
    self._environment_state = environment.state
    self._seed = seed
    self.actor = actor
    self.agent = Agent(environment, actor, config)

  def step(self) -> Metrics:
    """Collects a batch of one-step episodes and trains on it once."""
    time_step = self._environment.reset()
    # Samples of one architecture stand side by side: the policy sees it once.
    seen = tf.nest.map_structure(lambda x: x[:: self._samples], time_step)
    # Not `collect_policy.action`: it draws from an operation with a state of
    # its own, which no checkpoint holds.
    actions = self.agent.collect_policy.distribution(seen).action
    seed = tf.random.fold_in(
      tf.constant([self._seed, 1]),
      tf.cast(self.agent.train_step_counter, tf.int32),
    )
    drawn = actions.sample(self._samples, seed=seed)
    # `[samples, inputs, ...]` to `[inputs * samples, ...]`.
    action = tf.stack(tf.unstack(drawn), axis=1)
    action = tf.reshape(action, [-1, *action.shape[2:]])
    experience = trajectory.from_transition(
      time_step,
      policy_step.PolicyStep(action),
      self._environment.step(action),
    )
    # REINFORCE needs no boundary step: all steps in a row are last ones.
    experience = tf.nest.map_structure(
      lambda x: tf.reshape(x, [-1, self._samples, *x.shape[1:]]), experience
    )
    entropy = self._entropy(actions, drawn)
    loss = self.agent.train(experience).loss
    return Metrics(
      reward=tf.reduce_mean(experience.reward),
      entropy=tf.reduce_mean(entropy),
      loss=loss,
      gradient_norm=self.agent.gradient_norm.read_value(),
      baseline=self.agent.baseline.read_value(),
    )

  def _entropy(self, actions: Any, drawn: tf.Tensor) -> tf.Tensor:
    """Returns the entropy, exact or estimated from the actions drawn."""
    if self.agent.exact_entropy:
      return common.entropy(actions, self.agent.action_spec)
    return -actions.log_prob(drawn)

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
  allowance: affordable.Allowance | None = None,
) -> spaces.Encoding:
  """Transforms architectures: the likeliest way and sampled ways.

  Args:
    actor: a policy.
    allowed: bool `[from, to]`, which operation may become which.
    beta: architectures of the actor's space, leading dimension `[batch]`.
    samples: how many to sample from `pi(. | beta)`, 0 or more.
    seed: int32 tensor `[2]`, of the samples.
    allowance: what operations cost on the edges of `beta` and what may be spent
      on them; no candidate spends more. None: cost does not matter.

  Returns:
    Candidates with leading dimensions `[batch, 1 + samples]`; the first one
    takes the most probable operation for every edge (the paper's Maximum-GCN),
    or, where that costs too much, see `affordable.likeliest`. Samples may
    repeat.
  """
  observation = environment_lib.observe(actor.space, allowed, beta)
  actions, _ = actor(observation)
  if allowance is None:
    candidates = actions.mode()[tf.newaxis]
  else:
    mask = observation['mask']
    candidates = affordable.likeliest(actions, mask, allowance)[tf.newaxis]
  if samples:
    if allowance is None:
      drawn = actions.sample(samples, seed=seed)
    else:
      drawn = affordable.sample(actions, mask, allowance, samples, seed)
    candidates = tf.concat([candidates, drawn], axis=0)
  repeated = spaces.Encoding(
    *(tf.repeat(array[:, tf.newaxis], 1 + samples, axis=1) for array in beta)
  )
  return repeated._replace(operations=tf.transpose(candidates, [1, 0, 2, 3]))


def log_probability(
  actor: policy_lib.PolicyNetwork,
  allowed: np.ndarray,
  beta: spaces.Encoding,
  operations: tf.Tensor,
) -> tf.Tensor:
  """Returns how probable a policy finds transformations, whatever they cost.

  Args:
    actor: a policy.
    allowed: bool `[from, to]`, which operation may become which.
    beta: architectures of the actor's space, leading dimension `[batch]`.
    operations: `[batch, candidates, cells, edges]` int32, what becomes of them.

  Returns:
    `log pi(alpha | beta)` in nats, `[batch, candidates]` float32.
  """
  actions, _ = actor(environment_lib.observe(actor.space, allowed, beta))
  logs = actions.log_prob(tf.transpose(operations, [1, 0, 2, 3]))
  return tf.transpose(logs)
