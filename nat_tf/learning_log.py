"""What a search measured, epoch by epoch: event files, a table, a picture."""

from __future__ import annotations

from collections.abc import Callable
import time

import matplotlib.figure
import numpy as np

from nat_tf import algorithm
from nat_tf import checkpoints
from nat_tf import epoch_axis
from nat_tf import epoch_table
from nat_tf import event_file
from nat_tf import workdir as workdir_lib

FILE = 'learning.csv'
# Not all that is measured: older searches, which may be gone on with, have
# tables of these columns.
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
# So few that each epoch is marked: a single one makes no line.
_FEW = 30
# In event files; what is of a phase is of its group.
_TAGS = {
  'images_per_second': 'speed/images_per_second',
  'seconds': 'speed/epoch_seconds',
}

# Writes to event files what is to be seen after an epoch.
AfterEpoch = Callable[[event_file.EventFile, int], None]


class LearningLog:
  """Averages every epoch's metrics and writes them down.

  Args:
    workdir: gets TensorBoard's event files, `learning.csv` and `learning.png`.
    done: epochs of an earlier run that are kept.
    notes: what that run had of the next one, as `notes` gave it.
    after_epoch: writes more; None for nothing.

  Attributes:
    events: the event file.
  """

  def __init__(
    self,
    workdir: workdir_lib.Workdir,
    done: int,
    notes: checkpoints.Notes | None = None,
    after_epoch: AfterEpoch | None = None,
  ):
    self._workdir = workdir
    self._after_epoch = after_epoch
    self._table = epoch_table.EpochTable(workdir, FILE, _COLUMNS, done)
    self.events = event_file.EventFile(workdir.events, done + 1)
    self._begin(done + 1)
    if notes:
      self._sums.update(notes['sums'])
      self._counts.update(notes['counts'])
      self._images = notes['images']
      self._started -= notes['seconds']

  def __call__(self, progress: algorithm.Progress):
    """Takes in one step."""
    self._images += progress.images
    for name, value in progress.metrics.items():
      column = f'{progress.phase}_{name}'
      self._sums[column] = self._sums.get(column, 0.0) + float(value)
      self._counts[column] = self._counts.get(column, 0) + 1
    if progress.ends_epoch:
      self._end()
      self._begin(progress.epoch + 1)

  def notes(self) -> checkpoints.Notes:
    """Returns what is known of the epoch that runs, for JSON."""
    return {
      'sums': dict(self._sums),
      'counts': dict(self._counts),
      'images': self._images,
      'seconds': time.monotonic() - self._started,
    }

  @property
  def seconds(self) -> float:
    """Seconds that all epochs so far took, the one that runs included."""
    return self._table.seconds + time.monotonic() - self._started

  def close(self):
    """Draws the picture and ends the event file."""
    self.events.close()
    if self._table.rows:
      with self._workdir.replacing('learning.png') as temporary:
        figure(self._table).savefig(
          temporary, dpi=110, metadata={'Software': None}
        )

  def _begin(self, epoch: int):
    self._epoch = epoch
    self._images = 0
    self._sums: dict[str, float] = {}
    self._counts: dict[str, int] = {}
    self._started = time.monotonic()

  def _end(self):
    seconds = time.monotonic() - self._started
    row = {name: x / self._counts[name] for name, x in self._sums.items()}
    row['images_per_second'] = self._images / seconds
    row['seconds'] = seconds
    self.events.add(
      self._epoch,
      {_TAGS.get(k, k.replace('_', '/', 1)): x for k, x in row.items()},
    )
    if self._after_epoch is not None:
      self._after_epoch(self.events, self._epoch)
    known = {name: x for name, x in row.items() if name in _COLUMNS}
    self._table.add({'epoch': self._epoch, **known})


def figure(table: epoch_table.EpochTable) -> matplotlib.figure.Figure:
  """Returns loss, mean reward and entropy over the epochs, for `learning.png`.

  Args:
    table: of a search.
  """
  drawn = matplotlib.figure.Figure(figsize=(12, 3.5), layout='constrained')
  panels = drawn.subplots(1, 3)
  for axes, (column, title, unit, scale) in zip(
    panels,
    (
      ('weights_loss', 'Loss of random architectures', 'loss, nats', 1),
      (
        'policy_reward',
        'Mean reward of the policy',
        'mean reward, hundredths',
        100,
      ),
      ('policy_entropy', 'Entropy of the policy', 'entropy, nats', 1),
    ),
  ):
    # Before the policy starts, its columns are empty.
    epochs, known = table.column(column)
    values = scale * np.array(known)
    marker = 'o' if len(values) <= _FEW else ''
    axes.plot(
      epochs,
      values,
      color='#9bb7cf',
      linewidth=1,
      marker=marker,
      markersize=3,
      label='each epoch',
    )
    window = max(1, len(values) // 10)
    smooth = [
      values[max(0, i - window) : i + 1].mean() for i in range(len(values))
    ]
    axes.plot(epochs, smooth, color='#1f4e79', linewidth=2, label='moving mean')
    axes.set(title=title, ylabel=unit)
    epoch_axis.name(axes)
    axes.grid(alpha=0.3)
  panels[1].axhline(
    0,
    color='#808080',
    linewidth=1,
    linestyle='--',
    label='no better than the input',
  )
  # Of all panels at once: the one in the middle has every kind of line.
  drawn.legend(
    *panels[1].get_legend_handles_labels(),
    loc='outside lower center',
    ncols=3,
    frameon=False,
  )
  return drawn
