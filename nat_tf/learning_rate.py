"""Learning rates over the steps of a training."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from nat_tf.train_config import TrainConfig

_schedules: Any = tf.keras.optimizers.schedules


@tf.keras.utils.register_keras_serializable('nat_tf')
class WarmUp(_schedules.LearningRateSchedule):
  """Rises in even steps to where another schedule begins, then follows it.

  Args:
    schedule: what follows.
    steps: how many steps the rise takes, 0 or more.
  """

  def __init__(self, schedule: Any, steps: int):
    super().__init__()
    self._schedule = schedule
    self._steps = steps

  def __call__(self, step):
    """Returns the rate of a step, numbered from 0."""
    step = tf.cast(step, tf.float32)
    share = tf.minimum((step + 1) / (self._steps + 1), 1)
    return share * self._schedule(tf.maximum(step - self._steps, 0))

  def get_config(self):
    """See Keras's schedule."""
    return {
      'schedule': _schedules.serialize(self._schedule),
      'steps': self._steps,
    }

  @classmethod
  def from_config(cls, config):
    """See Keras's schedule."""
    return cls(_schedules.deserialize(config['schedule']), config['steps'])


def schedule(config: TrainConfig, steps: int) -> WarmUp:
  """Returns the rates of a training.

  Args:
    config: how it trains.
    steps: of an epoch.
  """
  warmup = config.warmup_epochs * steps
  rate = config.learning_rate
  falls = {
    'cosine': lambda: _schedules.CosineDecay(
      rate, config.epochs * steps - warmup
    ),
    'exponential': lambda: _schedules.ExponentialDecay(
      rate, steps, config.rate_decay, staircase=True
    ),
    'constant': lambda: _schedules.ExponentialDecay(rate, 1, 1.0),
  }
  return WarmUp(falls[config.schedule](), warmup)
