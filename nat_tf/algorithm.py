"""Algorithm 1 (method, section 4): learn weights and a policy in turns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from nat_tf import agent
from nat_tf import checkpoint_directory
from nat_tf import checkpoints
from nat_tf import data
from nat_tf import divergence
from nat_tf import enumeration
from nat_tf import environment
from nat_tf import operations
from nat_tf import path_optimizer
from nat_tf import reward
from nat_tf import sampling
from nat_tf import shards
from nat_tf import spaces
from nat_tf import strategies
from nat_tf import transitions
from nat_tf import trimming
from nat_tf.search_config import ONE
from nat_tf.transformer import Transformer

# Keeps the architectures of weight steps apart from other uses of the seed.
_WEIGHTS_STREAM = 2
_WEIGHTS_REMEDY = '--weights_learning_rate or --weights_clip_norm'
_POLICY_REMEDY = '--policy_learning_rate'
# TF-Agents looks at its loss itself; and of plans whose logits are no numbers
# TensorFlow draws one that does not exist.
_NO_NUMBERS = 'CheckNumerics', 'is not in [0, '


class Progress(NamedTuple):
  """What a search reports after every step.

  Attributes:
    phase: `weights` or `policy`.
    epoch: number of the epoch, from 1.
    step: steps taken, those of both phases counted.
    steps: steps of the whole search.
    images: images that went through the network in this step.
    metrics: what the step measured, scalars by name.
    ends_epoch: whether it is the epoch's last step.
    next_phase: phase of the step that comes next; empty for none.
    network: which network measured the rewards, by position; 0 for weights.
  """

  phase: str
  epoch: int
  step: int
  steps: int
  images: int
  metrics: dict[str, tf.Tensor]
  ends_epoch: bool = False
  next_phase: str = ''
  network: int = 0


class Search:
  """Teaches a transformer its weights and its policy.

  Args:
    transformer: what learns.
    dataset: what it learns from.
    directory: of the checkpoints; the search goes on from the last one there.
    minutes: from one checkpoint to the next; see `checkpoints.Checkpoints`.

  Raises:
    CheckpointError: no checkpoint can be read, or they are of another version.

  Attributes:
    epoch: the epoch that runs, or the last one that was finished.
    done: steps that were taken before `run`.
    notes: what an earlier `run` noted with the checkpoint that was found.
  """

  def __init__(
    self,
    transformer: Transformer,
    dataset: data.ImageDataset,
    directory: str,
    minutes: float = 10.0,
  ):
    self._config = transformer.config
    self._dataset = dataset
    self._network = transformer.network
    self._paths = self._weights_sampler()
    parts, batch = dataset.info.examples, self._config.batch_size
    self._reward_images = self._config.images_of_rewards()
    self._weights_steps = self._config.weights_steps or max(
      1, parts.weights // batch
    )
    self._policy_steps = self._config.policy_steps or max(
      1, parts.policy // self._reward_images
    )
    found = checkpoint_directory.readable(directory)
    self.done = checkpoint_directory.number(found) if found else 0
    self.epoch, within = self._place(self.done)
    self._strategy = transformer.strategy
    self._batches = iter(
      strategies.share_out(
        self._strategy,
        dataset.weights_batches(
          start=self.epoch * self._weights_steps
          + min(within, self._weights_steps)
        ),
      )
    )
    self._reward_batches = iter(
      strategies.give_each(
        self._strategy,
        dataset.policy_batches(
          self._reward_images, self._policy_steps_of(self.done)
        ),
      )
    )
    self._reward_networks = len(transformer.networks)
    self._rewards = reward.SharedWeightReward(
      transformer.networks, self._strategy, self._config.reward
    )
    self._learner = self._make_learner(transformer)
    self._watch = divergence.Watch()
    with self._strategy.scope():
      self._optimizer = self._make_optimizer()
      self._checkpoints = checkpoints.Checkpoints(
        directory,
        found,
        minutes,
        self._check,
        optimizer=self._optimizer,
        learner=self._learner,
        **transformer.trackables(),
      )
    self.notes = self._checkpoints.notes

  @property
  def steps(self) -> int:
    """Steps of the whole search."""
    return self._taken(self._config.epochs)

  @property
  def ahead(self) -> dict[str, int]:
    """Steps that `run` takes, by phase."""
    policy = self._policy_taken(self._config.epochs) - self._policy_steps_of(
      self.done
    )
    return {'weights': self.steps - self.done - policy, 'policy': policy}

  def _place(self, step: int) -> tuple[int, int]:
    """Returns how many epochs so many steps finish, and steps of the next."""
    warm = self._taken(self._config.warmup)
    if step < warm:
      return divmod(step, self._weights_steps)
    epochs, within = divmod(
      step - warm, self._weights_steps + self._policy_steps
    )
    return self._config.warmup + epochs, within

  def _taken(self, epochs: int) -> int:
    """Returns the steps of so many epochs from the first."""
    return epochs * self._weights_steps + self._policy_taken(epochs)

  def _policy_taken(self, epochs: int) -> int:
    return max(0, epochs - self._config.warmup) * self._policy_steps

  def _policy_steps_of(self, done: int) -> int:
    """Returns how many of so many steps from the first were the policy's."""
    epochs, within = self._place(done)
    return self._policy_taken(epochs) + max(0, within - self._weights_steps)

  def _reward_network(self, step: int) -> int:
    """Returns where the policy step with this number measures its rewards.

    Several networks take turns: the policy learns from the mean of what they
    say, at the price of one.
    """
    return self._policy_steps_of(step - 1) % self._reward_networks

  def run(
    self,
    report: Callable[[Progress], None],
    notes: Callable[[], checkpoints.Notes] = dict,
  ):
    """Learns to the end; writes checkpoints as time goes by, and in the end.

    Args:
      report: is told of every step.
      notes: returns what a checkpoint should hold beside; see `notes`.

    Raises:
      CheckpointError: a checkpoint cannot be written.
      DataError: the data set cannot be read any more.
      DivergenceError: a loss is no number any more.
      stopping.Stopped: the process was told to stop; a checkpoint was written.
    """
    with self._checkpoints.running(notes):
      for step in range(self.done + 1, self.steps + 1):
        with self._dataset.reading():
          progress = self._take(step)
        self._watch.see(step, progress.metrics['loss'])
        if progress.ends_epoch:
          self._check()
        report(progress)
        self._checkpoints.after_step(step)
      self._checkpoints.finish(self.steps)

  def _take(self, step: int) -> Progress:
    """Takes the step with this number, from 1."""
    config = self._config
    finished, within = self._place(step - 1)
    self.epoch = finished + 1
    if within < self._weights_steps:
      metrics = self._weights_step(*next(self._batches))
      return self._progress('weights', within + 1, config.batch_size, metrics)
    transformations = config.policy_batch * config.policy_samples
    images = 2 * transformations * self._reward_images
    network = self._reward_network(step)
    try:
      metrics = self._policy_step(*next(self._reward_batches), network)
    except tf.errors.InvalidArgumentError as error:
      if not any(words in str(error) for words in _NO_NUMBERS):
        raise
      raise self._diverged(
        f'the loss of the policy is no number in step {step}', _POLICY_REMEDY
      ) from None
    return self._progress('policy', within + 1, images, metrics, network)

  def _check(self):
    """Refuses to go on with, or to keep, what is no number.

    Raises:
      DivergenceError: see above.
    """
    fault = self._watch.fault()
    if fault is None:
      learned = (self._network, self._learner)
      variables = [x for part in learned for x in part.variables]
      if divergence.finite([*variables, *self._optimizer.variables]):
        return
      raise self._diverged(
        f'a weight is no number after step {self._watch.seen}', _WEIGHTS_REMEDY
      )
    phase = self._phase(fault.step)
    remedy = _WEIGHTS_REMEDY if phase == 'weights' else _POLICY_REMEDY
    raise self._diverged(
      f'the loss of the {phase} is {fault.loss:g} in step {fault.step}', remedy
    )

  def _diverged(self, what: str, remedy: str) -> divergence.DivergenceError:
    return divergence.DivergenceError(
      f'{what}: the search diverged in epoch {self.epoch}; '
      f'{self._checkpoints.state()}; the same settings would go the same way, '
      f'give a lower {remedy} and a new --workdir'
    )

  def _progress(self, phase, taken, images, metrics, network=0) -> Progress:
    step = self._taken(self.epoch - 1) + taken
    return Progress(
      phase,
      self.epoch,
      step,
      self.steps,
      images,
      metrics,
      step == self._taken(self.epoch),
      self._phase(step + 1) if step < self.steps else '',
      network,
    )

  def _phase(self, step: int) -> str:
    """Returns the phase of the step with this number, from 1."""
    within = self._place(step - 1)[1]
    return 'weights' if within < self._weights_steps else 'policy'

  @tf.function(autograph=False)
  def _weights_step(self, images, labels):
    """One SGD step on the loss of an architecture drawn at random."""
    strategy = self._strategy
    scores = strategy.run(self._replica_weights_step, (images, labels))
    mean = tf.distribute.ReduceOp.MEAN
    return {
      name: strategy.reduce(mean, value, axis=None)
      for name, value in scores.items()
    }

  def _replica_weights_step(self, images, labels):
    """What a replica does of it; all of them draw the same architecture."""
    seed = tf.random.fold_in(
      tf.constant([self._config.seed, _WEIGHTS_STREAM]),
      tf.cast(self._optimizer.iterations, tf.int32),
    )
    drawn = self._paths(1, seed)
    replicas = self._strategy.num_replicas_in_sync
    scores, gradients = shards.loss_and_gradients(
      self._network,
      images,
      labels,
      spaces.Encoding(*(x[0] for x in drawn)),
      max(1, self._config.shards // replicas),
      1 / replicas,
    )
    # Summed here, for their norm before clipping.
    gradients = shards.total(gradients)
    self._optimizer.apply_gradients(
      zip(gradients, self._network.trainable_variables),
      skip_gradients_aggregation=True,
    )
    norm = tf.linalg.global_norm(gradients)
    return {
      'loss': scores.loss,
      'accuracy': scores.accuracy,
      'gradient_norm': norm,
    }

  @tf.function(autograph=False)
  def _policy_step(self, images, labels, network: int):
    """One step of the policy; replicas share nothing but the rewards' work.

    Every network is compiled by itself, for that it is a Python number.
    """
    with self._rewards.measured_on(images, labels, network):
      return self._learner.step()._asdict()

  def _make_optimizer(self) -> path_optimizer.PathSGD:
    rate: Any = self._config.weights_learning_rate
    if self._config.anneal:
      steps = self._config.epochs * self._weights_steps
      rate = tf.keras.optimizers.schedules.CosineDecay(rate, steps)
    optimizer = path_optimizer.PathSGD(
      rate,
      self._config.weights_momentum,
      self._config.weights_decay,
      self._config.weights_clip_norm,
    )
    optimizer.build(self._network.trainable_variables)
    return optimizer

  def _weights_sampler(self) -> sampling.Sampler:
    """Returns where the architectures come from that train the weights.

    What has weights may be drawn more often: it has to be learned, and shared
    by all architectures it learns slowly (docs/ranking.md).
    """
    space, odds = self._config.search_space(), self._config.weights_odds
    if self._config.space == ONE:
      beta = space.encode(self._config.one())
      return sampling.NearbySampler(space, beta, self._config.change_rate())
    if odds == 1:
      return sampling.RandomSampler(space)
    return sampling.RandomSampler(
      space,
      [odds if operations.learns(name) else 1.0 for name in space.operations],
    )

  def _inputs(self) -> sampling.Sampler:
    """Returns where the architectures come from that the policy learns on."""
    space = self._config.search_space()
    if self._config.space == ONE:
      beta = space.encode(self._config.one())
      return sampling.PoolSampler(spaces.stack([beta]))
    if not self._config.held_out:
      return sampling.RandomSampler(space)
    cells = enumeration.encode(space, self._config.learned_codes())
    # It will see most inputs trimmed, and the others as they are.
    both = zip(cells, trimming.trimmed(space, cells))
    return sampling.PoolSampler(
      spaces.Encoding(*(np.concatenate(pair) for pair in both))
    )

  def _make_learner(self, transformer) -> agent.Learner:
    config, space = self._config, transformer.space
    world = environment.TransformationEnvironment(
      space,
      sampling.Repeated(self._inputs(), config.policy_samples),
      self._rewards,
      transitions.allowed(config.transitions, space.operations),
      config.policy_batch * config.policy_samples,
      config.seed,
    )
    schedule = config.agent_config(self._policy_taken(config.epochs))
    return agent.Learner(world, transformer.actor, schedule, config.seed)
