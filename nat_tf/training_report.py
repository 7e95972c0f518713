"""A training as a page."""

from __future__ import annotations

from typing import Any

from nat_tf import report
from nat_tf import report_curves
from nat_tf import report_drawings
from nat_tf import text_table
from nat_tf.architecture import Architecture
from nat_tf.layout import NetworkConfig
from nat_tf.report import Report
from nat_tf.report import Section
from nat_tf.train_config import TrainConfig

_FILES = (
  ('model.keras', 'the trained network'),
  ('preprocessing.json', 'what images go through before it'),
  ('architecture.json', 'what it is made of'),
  ('summary.json', 'the numbers'),
  ('training.csv', 'what was measured epoch by epoch'),
  ('training.png', 'curves'),
  ('config.json', 'the settings'),
  ('checkpoints', 'to go on from'),
  ('events', 'for TensorBoard'),
)


def rows(name: str, summary: dict[str, Any]) -> list[tuple[str, ...]]:
  """Returns the rows of the table, the heading first.

  Args:
    name: what to call the architecture.
    summary: what `summary.json` holds.
  """
  return [
    ('', 'parameters', 'multiply-adds', 'held out', 'test'),
    (
      name,
      f'{summary["params"]:,}',
      f'{summary["madds"]:,}',
      _percent(summary['validation_accuracy']),
      _percent(summary['test_accuracy']),
    ),
  ]


def notes(network: NetworkConfig, images: int) -> list[str]:
  """Returns what to write below the table, a line each.

  Args:
    network: its size.
    images: how many were held out.
  """
  lines = [f'costs of {network.text()}']
  # A description that was written by hand may know of none.
  if images:
    lines.append(f'held out: on {text_table.held_out(images)}')
  return lines


def of_training(
  name: str,
  summary: dict[str, Any],
  config: TrainConfig,
  architecture: Architecture,
  network: NetworkConfig,
  images: int,
  curves: str,
  command: str,
) -> Report:
  """Returns the report of a training.

  Args:
    name: what to call the architecture.
    summary: what `summary.json` holds.
    config: of the training.
    architecture: what was trained.
    network: its size.
    images: how many were held out.
    curves: path of `training.csv`.
    command: what makes all this again.
  """
  accuracy, split = summary['test_accuracy'], 'test'
  if accuracy is None:
    accuracy, split = summary['validation_accuracy'], 'held-out'
  charts = report_curves.training(report_curves.read(curves))
  return Report(
    'training',
    f'{name}, trained on {config.dataset}',
    f'{config.epochs} epochs from scratch, in {_time(summary["seconds"])}.',
    [
      (_percent(accuracy), f'{split} accuracy'),
      (text_table.short(summary['params']), 'parameters'),
      (text_table.short(summary['madds']), 'multiply-adds'),
    ],
    [
      Section(
        'Result', [report.table(rows(name, summary), notes(network, images))]
      ),
      Section('How it learned', [report.charts(charts)]),
      report_drawings.section(architecture, None, network),
    ],
    str(config.seed),
    command,
    config,
    _FILES,
  )


def _percent(accuracy: float | None) -> str:
  return '-' if accuracy is None else f'{100 * accuracy:.2f} %'


def _time(seconds: float) -> str:
  if seconds < 120:
    return f'{seconds:.0f} seconds'
  minutes = seconds / 60
  return (
    f'{minutes:.0f} minutes' if minutes < 120 else f'{minutes / 60:.1f} hours'
  )
