"""What a training measured, epoch by epoch: a table and a picture."""

from __future__ import annotations

import re
import time
from typing import Any

import matplotlib.figure
import tensorflow as tf

from nat_tf import atomic_file
from nat_tf import epoch_table
from nat_tf import workdir as workdir_lib

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
_DARK, _LIGHT = '#1f4e79', '#d98e32'


class TrainingLog(tf.keras.callbacks.Callback):
  """Writes `training.csv` after every epoch and `training.png` in the end.

  Args:
    workdir: gets the files.
    done: epochs of an earlier run that are kept.
    steps: of an epoch.
    batch_size: images a step.

  Attributes:
    table: what is in `training.csv`.
  """

  def __init__(
    self, workdir: workdir_lib.Workdir, done: int, steps: int, batch_size: int
  ):
    super().__init__()
    self._supports_tf_logs = True
    self._workdir = workdir
    self._steps = steps
    self._batch_size = batch_size
    self._compiled = False
    self.table = epoch_table.EpochTable(workdir, 'training.csv', _COLUMNS, done)

  def on_epoch_begin(self, epoch: int, logs: Any = None):
    """Takes the time."""
    self._begun = self._first = time.monotonic()
    self._timed = self._steps

  def on_train_batch_end(self, batch: int, logs: Any = None):
    """Takes the time; the first step compiles and is no measure of speed."""
    self._last = time.monotonic()
    if not self._compiled and self._steps > 1:
      self._first = self._last
      self._timed -= 1
    self._compiled = True

  def on_epoch_end(self, epoch: int, logs: Any = None):
    """Adds a row; `logs` get speed and learning rate, too."""
    images = self._timed * self._batch_size
    logs['images_per_second'] = images / (self._last - self._first)
    logs['learning_rate'] = float(self.model.optimizer.learning_rate)
    row = {name: float(logs[name]) for name in _COLUMNS if name in logs}
    # Keras calls it by the output where there are two.
    row['accuracy'] = float(
      next(logs[x] for x in logs if re.search(r'(^|logits_)accuracy$', x))
    )
    row['seconds'] = time.monotonic() - self._begun
    self.table.add({'epoch': epoch + 1, **row})

  def draw(self):
    """Draws losses and accuracies over the epochs."""
    figure = matplotlib.figure.Figure(figsize=(9, 3.4), layout='constrained')
    for axes, name in zip(figure.subplots(1, 2), ('loss', 'accuracy')):
      for column, label, colour, style in (
        (name, 'training', _LIGHT, '--'),
        (f'validation_{name}', 'held out', _DARK, '-'),
      ):
        axes.plot(
          *self.table.column(column),
          color=colour,
          linestyle=style,
          label=label,
        )
      axes.set(title=name, xlabel='epoch')
      axes.grid(alpha=0.3)
      axes.legend(frameon=False)
    with atomic_file.replacing(self._workdir.file('training.png')) as temporary:
      figure.savefig(temporary, dpi=110, metadata={'Software': None})
