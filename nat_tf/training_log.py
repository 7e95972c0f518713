"""What a training measured, epoch by epoch: a table and a picture."""

from __future__ import annotations

import os
import time
from typing import Any

import matplotlib.figure
import tensorflow as tf

from nat_tf import epoch_axis
from nat_tf import epoch_table
from nat_tf import event_file
from nat_tf import gradient_norm
from nat_tf import training_callbacks
from nat_tf import workdir as workdir_lib

# Not all that is measured: trainings from before, which may be gone on with,
# have tables of these columns.
_COLUMNS = (
  'epoch',
  'loss',
  'accuracy',
  'validation_loss',
  'validation_accuracy',
  'learning_rate',
  'images_per_second',
  'seconds',
)
# In event files; the parts of the data have the same tags.
_TAGS = {
  'loss': 'network/loss',
  'accuracy': 'network/accuracy',
  'learning_rate': 'network/learning_rate',
  gradient_norm.NAME: 'network/gradient_norm',
  'images_per_second': 'speed/images_per_second',
  'seconds': 'speed/epoch_seconds',
}
# Of the layer that gives the network's own logits.
_LOGITS = 'head/logits'
_DARK, _LIGHT = '#1f4e79', '#d98e32'


class TrainingLog(training_callbacks.Callback):
  """Writes `training.csv`, event files, and in the end `training.png`.

  Losses in training hold what is asked of training alone (smoothed labels, drop
  path, cutout), but not the auxiliary head's.

  Args:
    workdir: gets the files.
    done: steps of an earlier run that are kept.
    steps: of an epoch.
    batch_size: images a step.
    seconds: that an earlier run spent on the epoch that it did not finish.

  Attributes:
    table: what is in `training.csv`.
  """

  def __init__(
    self,
    workdir: workdir_lib.Workdir,
    done: int,
    steps: int,
    batch_size: int,
    seconds: float = 0.0,
  ):
    super().__init__()
    self._workdir = workdir
    self._steps = steps
    self._batch_size = batch_size
    self._compiled = False
    self._earlier = seconds
    self._done, self._skipped = divmod(done, steps)
    self.table = epoch_table.EpochTable(
      workdir, 'training.csv', _COLUMNS, self._done
    )

  def on_train_begin(self, logs: Any = None):
    """Begins the event files."""
    self._events = {
      part: event_file.EventFile(
        os.path.join(self._workdir.events, part), self._done + 1
      )
      for part in ('training', 'held_out')
    }

  def on_epoch_begin(self, epoch: int, logs: Any = None):
    """Takes the time."""
    self._first = time.monotonic()
    self._begun = self._first - self._earlier
    self._timed = self._steps - self._skipped
    self._earlier, self._skipped = 0.0, 0

  def on_train_batch_end(self, batch: int, logs: Any = None):
    """Takes the time; the first step compiles and is no measure of speed."""
    self._last = time.monotonic()
    if not self._compiled and self._timed > 1:
      self._first = self._last
      self._timed -= 1
    self._compiled = True

  def on_epoch_end(self, epoch: int, logs: Any = None):
    """Adds a row; `logs` get speed and learning rate, too."""
    images = self._timed * self._batch_size
    logs['images_per_second'] = images / (self._last - self._first)
    logs['learning_rate'] = float(
      tf.convert_to_tensor(self.model.optimizer.learning_rate)
    )
    names = (*_COLUMNS, gradient_norm.NAME)
    row = {name: float(logs[name]) for name in names if name in logs}
    for name in ('loss', 'accuracy'):
      # With an auxiliary head Keras tells the outputs' own by these names.
      if (own := f'{_LOGITS}_{name}') in logs:
        row[name] = float(logs[own])
    row['seconds'] = self.seconds()
    known = {name: x for name, x in row.items() if name in _COLUMNS}
    self.table.add({'epoch': epoch + 1, **known})
    self._summarize(epoch + 1, row)

  def on_train_end(self, logs: Any = None):
    """Ends the event files."""
    for events in self._events.values():
      events.close()

  def seconds(self) -> float:
    """Returns the seconds that the epoch that runs took so far."""
    return time.monotonic() - self._begun

  def _summarize(self, epoch: int, row: dict[str, float]):
    """Writes event files, one for each part of the data."""
    parts: dict[str, dict[str, float]] = {'training': {}, 'held_out': {}}
    for name, value in row.items():
      held_out = name.startswith('validation_')
      part = parts['held_out' if held_out else 'training']
      part[_TAGS[name.removeprefix('validation_')]] = value
    for name, scalars in parts.items():
      self._events[name].add(epoch, scalars)

  def draw(self):
    """Draws losses and accuracies over the epochs."""
    figure = matplotlib.figure.Figure(figsize=(9, 3.4), layout='constrained')
    for axes, name, unit, scale in zip(
      figure.subplots(1, 2), ('loss', 'accuracy'), ('nats', '%'), (1, 100)
    ):
      for column, label, colour, style in (
        (name, 'training', _LIGHT, '--'),
        (f'validation_{name}', 'held out', _DARK, '-'),
      ):
        epochs, values = self.table.column(column)
        axes.plot(
          epochs,
          [scale * value for value in values],
          color=colour,
          linestyle=style,
          label=label,
        )
      axes.set(title=name, ylabel=f'{name}, {unit}')
      epoch_axis.name(axes)
      axes.grid(alpha=0.3)
      axes.legend(frameon=False)
    with self._workdir.replacing('training.png') as temporary:
      figure.savefig(temporary, dpi=110, metadata={'Software': None})
