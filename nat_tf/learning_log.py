"""What a search measured, epoch by epoch: event files, a table, a picture."""

from __future__ import annotations

import time

import matplotlib.figure
import numpy as np
import tensorflow as tf

from nat_tf import algorithm
from nat_tf import atomic_file
from nat_tf import epoch_table
from nat_tf import workdir as workdir_lib

FILE = 'learning.csv'
_COLUMNS = (
  'epoch',
  'weights_loss',
  'weights_accuracy',
  'policy_reward',
  'policy_entropy',
  'policy_baseline',
  'policy_loss',
  'policy_gradient_norm',
  'images_per_second',
  'seconds',
)


class LearningLog:
  """Averages every epoch's metrics and writes them down.

  Args:
    workdir: gets TensorBoard's event files, `learning.csv` and `learning.png`.
    done: epochs of an earlier run that are kept.
  """

  def __init__(self, workdir: workdir_lib.Workdir, done: int):
    self._workdir = workdir
    self._writer = tf.summary.create_file_writer(workdir.events)
    self._table = epoch_table.EpochTable(workdir, FILE, _COLUMNS, done)
    self._begin(done + 1)

  def __call__(self, progress: algorithm.Progress):
    """Takes in one step."""
    self._images += progress.images
    for name, value in progress.metrics.items():
      column = f'{progress.phase}_{name}'
      self._values.setdefault(column, []).append(float(value))
    if progress.ends_epoch:
      self._end()
      self._begin(progress.epoch + 1)

  @property
  def seconds(self) -> float:
    """Seconds that the epochs so far took."""
    return self._table.seconds

  def close(self):
    """Draws the picture and ends the event file."""
    self._writer.close()
    if self._table.rows:
      _draw(self._table, self._workdir.file('learning.png'))

  def _begin(self, epoch: int):
    self._epoch = epoch
    self._images = 0
    self._values: dict[str, list[float]] = {}
    self._started = time.monotonic()

  def _end(self):
    seconds = time.monotonic() - self._started
    row = {name: float(np.mean(v)) for name, v in self._values.items()}
    row['images_per_second'] = self._images / seconds
    row['seconds'] = seconds
    with self._writer.as_default(step=self._epoch):
      for name, value in row.items():
        tf.summary.scalar(name.replace('_', '/', 1), value)
    self._writer.flush()
    self._table.add({'epoch': self._epoch, **row})


def _draw(table: epoch_table.EpochTable, path: str):
  """Draws loss, mean reward and entropy over the epochs."""
  figure = matplotlib.figure.Figure(figsize=(12, 3.2), layout='constrained')
  panels = figure.subplots(1, 3)
  for axes, (column, title) in zip(
    panels,
    (
      ('weights_loss', 'loss of random architectures'),
      ('policy_reward', 'mean reward of the policy'),
      ('policy_entropy', 'entropy of the policy, nats'),
    ),
  ):
    # Before the policy starts, its columns are empty.
    epochs, known = table.column(column)
    values = np.array(known)
    axes.plot(epochs, values, color='#9bb7cf', linewidth=1)
    window = max(1, len(values) // 10)
    smooth = [
      values[max(0, i - window) : i + 1].mean() for i in range(len(values))
    ]
    axes.plot(epochs, smooth, color='#1f4e79', linewidth=2)
    axes.set(title=title, xlabel='epoch')
    axes.grid(alpha=0.3)
  panels[1].axhline(0, color='#808080', linewidth=1, linestyle='--')
  with atomic_file.replacing(path) as temporary:
    figure.savefig(temporary, dpi=110, metadata={'Software': None})
