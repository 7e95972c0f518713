"""What happens between the epochs of Keras's `fit`."""

from __future__ import annotations

from collections.abc import Callable
import math
from typing import Any

import tensorflow as tf

from nat_tf import evaluation
from nat_tf import input_error


class TrainingError(input_error.InputError):
  """A training cannot go on; the message says why."""


class Callback(tf.keras.callbacks.Callback):
  """A callback that does not make the device wait for every step."""

  def __init__(self):
    super().__init__()
    self._supports_tf_logs = True


class DropPath(Callback):
  """Raises the probability of drop path evenly from epoch to epoch.

  Args:
    probability: in force; a scalar variable.
    last: what it is in the last epoch; in the first it is 0.
    epochs: of the whole training.
  """

  def __init__(self, probability: tf.Variable, last: float, epochs: int):
    super().__init__()
    self._probability = probability
    self._last = last
    self._epochs = epochs

  def on_epoch_begin(self, epoch: int, logs: Any = None):
    """Sets the epoch's."""
    self._probability.assign(self._last * epoch / max(1, self._epochs - 1))


class Averaging(Callback):
  """Lets the moving average of the weights forget its first values.

  They are the initial weights, which a decay d keeps for 1 / (1 - d) steps and
  more. The decay of step t is at most (1 + t) / (10 + t), as that of
  TensorFlow's moving average.

  Args:
    decay: in force; a scalar variable.
    last: what it becomes; 0 for no average.
    step: how many steps were taken before.
  """

  def __init__(self, decay: tf.Variable, last: float, step: int):
    super().__init__()
    self._decay = decay
    self._last = last
    self._step = step
    self._now = 0.0

  def on_train_batch_begin(self, batch: int, logs: Any = None):
    """Sets the step's."""
    if self._now < self._last:
      self._now = min(self._last, (1 + self._step) / (10 + self._step))
      self._decay.assign(self._now)
    self._step += 1


class Judge(Callback):
  """Adds to an epoch's logs how the network does on held-out images.

  Args:
    score: judges the network.

  Raises:
    TrainingError: in an epoch's end, the loss is no number any more.
  """

  def __init__(self, score: Callable[[], evaluation.Score]):
    super().__init__()
    self._score = score

  def on_epoch_end(self, epoch: int, logs: Any = None):
    """See above."""
    if not math.isfinite(logs['loss']):
      raise TrainingError(
        f'the loss is {float(logs["loss"])} in epoch {epoch + 1}: the training '
        'diverged; try a lower --learning_rate or --clip_norm'
      )
    for name, value in self._score()._asdict().items():
      logs[f'validation_{name}'] = value


class Checkpoints(Callback):
  """Writes a checkpoint after every epoch, numbered from 1.

  Args:
    manager: keeps them.
  """

  def __init__(self, manager: tf.train.CheckpointManager):
    super().__init__()
    self._manager = manager

  def on_epoch_end(self, epoch: int, logs: Any = None):
    """See above."""
    self._manager.save(checkpoint_number=epoch + 1)
