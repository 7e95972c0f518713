"""What happens between the steps and epochs of Keras's `fit`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
import contextlib
import logging
from typing import Any

import numpy as np
import tensorflow as tf

from nat_tf import checkpoints
from nat_tf import divergence
from nat_tf import evaluation

# Of a line that Keras logs where a machine is busy; no user can follow it.
_ADVICE = 'is slow compared to the batch time'


@contextlib.contextmanager
def without_advice() -> Iterator[None]:
  """Silences what Keras advises on the time that callbacks take."""

  def other(record: logging.LogRecord) -> bool:
    return _ADVICE not in record.getMessage()

  logger = tf.get_logger()
  logger.addFilter(other)
  try:
    yield
  finally:
    logger.removeFilter(other)


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
    check: called before; raises what forbids to go on.
  """

  def __init__(
    self, score: Callable[[], evaluation.Score], check: Callable[[], None]
  ):
    super().__init__()
    self._score = score
    self._check = check

  def on_epoch_end(self, epoch: int, logs: Any = None):
    """See above."""
    self._check()
    for name, value in self._score()._asdict().items():
      logs[f'validation_{name}'] = value


class GoingOn(Callback):
  """Lets `fit` begin within an epoch, as it does for Keras's BackupAndRestore.

  What the metrics had summed up joins what they sum up of the first step.

  Args:
    step: how many steps were taken before.
    steps: of an epoch.
    sums: what `metric_sums` gave then; empty at an epoch's begin.
  """

  def __init__(self, step: int, steps: int, sums: Sequence[Sequence[float]]):
    super().__init__()
    self._place = divmod(step, steps)
    self._sums = sums

  def on_train_begin(self, logs: Any = None):
    """Takes the place of what Keras would ask where to begin."""
    self.model._training_state = self

  def on_train_end(self, logs: Any = None):
    """Leaves the place."""
    self.model._training_state = None

  def maybe_load_initial_counters_from_ckpt(
    self, steps: int, epoch: int, mode: str
  ) -> tuple[int, int]:
    """Returns epoch and step, both from 0; Keras calls this once."""
    return self._place

  def on_train_batch_end(self, batch: int, logs: Any = None):
    """Adds up, once; before the first step there are no metrics."""
    if self._sums:
      variables = [x for metric in self.model.metrics for x in metric.variables]
      for variable, before in zip(variables, self._sums):
        sums = np.asarray(before, variable.dtype.as_numpy_dtype)
        variable.assign(variable.numpy() + sums)
      self._sums = ()


def metric_sums(model: tf.keras.Model) -> list[Any]:
  """Returns what metrics have summed up of the epoch that runs, for JSON."""
  return [
    variable.numpy().tolist()
    for metric in model.metrics
    for variable in metric.variables
  ]


class Divergence(Callback):
  """Shows every step's mean loss of the epoch to a watch.

  Args:
    watch: takes it in.
    steps: of an epoch.
  """

  def __init__(self, watch: divergence.Watch, steps: int):
    super().__init__()
    self._watch = watch
    self._steps = steps

  def on_epoch_begin(self, epoch: int, logs: Any = None):
    """Knows how many steps were before."""
    self._before = epoch * self._steps

  def on_train_batch_end(self, batch: int, logs: Any = None):
    """See above."""
    self._watch.see(self._before + batch + 1, logs['loss'])


class Checkpoints(Callback):
  """Has checkpoints written between steps; to come after all others.

  Args:
    kept: writes them.
    steps: of an epoch.
  """

  def __init__(self, kept: checkpoints.Checkpoints, steps: int):
    super().__init__()
    self._kept = kept
    self._steps = steps

  def on_epoch_begin(self, epoch: int, logs: Any = None):
    """Knows how many steps were before."""
    self._before = epoch * self._steps

  def on_train_batch_end(self, batch: int, logs: Any = None):
    """See above; an epoch's last step ends with it, judged and logged.

    Nor before that one: with a single step left `GoingOn` would come too late
    for what `fit` reports of the epoch.
    """
    taken = batch + 1
    if taken < self._steps:
      whole = taken < self._steps - 1
      self._kept.after_step(self._before + taken, keeps=whole)

  def on_epoch_end(self, epoch: int, logs: Any = None):
    """See above."""
    taken = self._before + self._steps
    if epoch + 1 == self.params['epochs']:
      self._kept.finish(taken)
    self._kept.after_step(taken)
