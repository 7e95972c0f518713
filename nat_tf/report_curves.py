"""What was measured epoch by epoch, as charts of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import csv
import itertools

from nat_tf.chart import Chart
from nat_tf.chart import Point
from nat_tf.chart import Series

Rows = Sequence[dict]


def read(path: str) -> list[dict]:
  """Reads a file of `epoch_table`; none where it is not there."""
  try:
    with open(path, encoding='utf-8', newline='') as file:
      return list(csv.DictReader(file))
  except FileNotFoundError:
    return []


def learning(rows: Rows) -> list[Chart]:
  """Returns the curves of a search.

  Args:
    rows: of `learning.csv`.
  """
  return [
    _smoothed(
      rows, 'weights_loss', 'Loss of random architectures', 'loss, nats'
    ),
    _smoothed(
      rows,
      'weights_accuracy',
      'Accuracy of random architectures',
      'accuracy, %',
      'On the batches that train them.',
      scale=100,
    ),
    _smoothed(
      rows,
      'policy_reward',
      'Mean reward of the policy',
      'reward, hundredths',
      'Above 0 it makes architectures better.',
      scale=100,
      levels=[('no better than the input', 0.0)],
    ),
    _smoothed(
      rows,
      'policy_entropy',
      'Entropy of the policy',
      'entropy, nats',
      'It falls as the policy makes up its mind.',
    ),
  ]


def training(rows: Rows) -> list[Chart]:
  """Returns the curves of a training.

  Args:
    rows: of `training.csv`.
  """
  charts = [
    Chart(
      title,
      'epoch',
      unit,
      [
        Series('training', _column(rows, column, scale), look=1),
        Series('held out', _column(rows, f'validation_{column}', scale)),
      ],
      shared=True,
      whole=True,
    )
    for column, title, unit, scale in (
      ('accuracy', 'Accuracy', 'accuracy, %', 100),
      ('loss', 'Loss', 'loss, nats', 1),
    )
  ]
  rates = _column(rows, 'learning_rate')
  rate = Series('learning rate', rates)
  return [
    *charts,
    Chart(
      'Learning rate',
      'epoch',
      'learning rate',
      [rate],
      shared=True,
      whole=True,
    ),
  ]


def held_out(trainings: Mapping[str, Rows]) -> Chart:
  """Returns how the accuracies of several trainings grew.

  Args:
    trainings: rows of `training.csv` by name.
  """
  series = [
    Series(name, _column(rows, 'validation_accuracy', 100), look=number % 6)
    for number, (name, rows) in enumerate(trainings.items())
  ]
  return Chart(
    'Accuracy by epoch',
    'epoch',
    'held-out accuracy, %',
    series,
    shared=True,
    whole=True,
    caption='Of the first seed.',
  )


def _smoothed(
  rows: Rows,
  column: str,
  title: str,
  y: str,
  caption: str = '',
  scale: float = 1,
  levels: Sequence[tuple[str, float]] = (),
) -> Chart:
  points = _column(rows, column, scale)
  window = max(1, len(points) // 10)
  sums = [0.0, *itertools.accumulate(y for _, y in points)]
  means = []
  for i, (x, _) in enumerate(points):
    first = max(0, i - window)
    means.append((x, (sums[i + 1] - sums[first]) / (i + 1 - first)))
  return Chart(
    title,
    'epoch',
    y,
    [
      Series('each epoch', points, look=None, faint=True),
      Series('moving mean', means),
    ],
    shared=True,
    whole=True,
    caption=caption,
    levels=levels,
  )


def _column(rows: Rows, name: str, scale: float = 1) -> list[Point]:
  """Returns epochs and values where a column is not empty."""
  return [
    (int(row['epoch']), scale * float(row[name]))
    for row in rows
    if row.get(name) not in (None, '')
  ]
