"""A comparison of policies as a table on the terminal, JSON and a picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import matplotlib.figure
import numpy as np

from nat_tf import atomic_file
from nat_tf import policy_study
from nat_tf import report
from nat_tf import text_table
from nat_tf.chart import Chart
from nat_tf.chart import Series
from nat_tf.policy_study import Bounds
from nat_tf.policy_study import Outcome
from nat_tf.report import Section
from nat_tf.tabular_config import TabularConfig

_FILES = (
  ('summary.json', 'the numbers'),
  ('captured_gain.png', 'captured gain against time'),
  ('events', 'for TensorBoard'),
  ('config.json', 'the settings'),
)
# Looks of a chart's series.
_LOOKS = 6
_GAINS = ('argmax', 'sample', 'best_of_10')
_HEADINGS = ('most probable', 'one sample', 'best of 10', 'training')
_MARKERS = 'osD^vP'
_COLORS = ('#1f4e79', '#c55a11', '#548235', '#7f7f7f', '#7030a0', '#bf9000')


def table(outcomes: dict[str, list[Outcome]], bounds: list[Bounds]) -> str:
  """Returns captured gains as an aligned table.

  Args:
    outcomes: by policy, one for every seed.
    bounds: one for every seed.
  """
  return '\n'.join([*text_table.aligned(rows(outcomes, bounds)), _ends(bounds)])


def rows(
  outcomes: dict[str, list[Outcome]], bounds: list[Bounds]
) -> list[tuple[str, ...]]:
  """Returns the rows of the table, the heading first; see `table`."""
  found: list[tuple[str, ...]] = [('captured gain, %', *_HEADINGS)]
  for name, ones in outcomes.items():
    gains = (_shown([getattr(one, gain) for one in ones]) for gain in _GAINS)
    found.append((name, *gains, _shown([one.seconds for one in ones]) + ' s'))
  for k in policy_study.RANDOM_EVALUATIONS:
    gain = _shown([bound.random[k] for bound in bounds])
    found.append((f'random search, {k}', '', '', gain, ''))
  found.append(('oracle', '', '', '100.0', ''))
  return found


def _ends(bounds: list[Bounds]) -> str:
  beta = _shown([bound.beta for bound in bounds])
  oracle = _shown([bound.oracle for bound in bounds])
  return f'test accuracy, %: input {beta}, oracle {oracle}'


def of_study(
  outcomes: dict[str, list[Outcome]],
  bounds: list[Bounds],
  dataset: str,
  config: TabularConfig,
  command: str,
) -> report.Report:
  """Returns the comparison as a page.

  Args:
    outcomes: by policy, one for every seed.
    bounds: one for every seed.
    dataset: of the table.
    config: of the comparison.
    command: what makes all this again.
  """
  gains = {
    name: float(np.mean([one.argmax for one in ones]))
    for name, ones in outcomes.items()
  }
  best = max(gains, key=lambda name: gains[name])
  return report.Report(
    'comparison of policies',
    f'{len(outcomes)} policies on NAS-Bench-201, {dataset}',
    f'{best} captures most of what can be gained on cells that it never '
    'learned from.',
    [
      (f'{gain:.1f} %', f'captured gain, {name}')
      for name, gain in gains.items()
    ],
    [
      Section(
        'Result', [report.table(rows(outcomes, bounds), [_ends(bounds)])]
      ),
      Section('How they learned', [report.charts([chart(outcomes, bounds)])]),
    ],
    ', '.join(map(str, config.seed_list())),
    command,
    config,
    _FILES,
  )


def chart(outcomes: dict[str, list[Outcome]], bounds: list[Bounds]) -> Chart:
  """Returns captured gain against time, for a report; see `draw`."""
  series: list[Series] = []
  for name, ones in outcomes.items():
    if len(ones[0].curve) < 2:
      continue
    seconds, gain, deviation = _curve(ones)
    points = list(zip(seconds.tolist(), gain.tolist()))
    look = len(series) % _LOOKS
    series.append(Series(name, points, look=look, band=deviation.tolist()))
  levels = [
    (
      f'random search, {k}',
      float(np.mean([bound.random[k] for bound in bounds])),
    )
    for k in policy_study.RANDOM_EVALUATIONS
  ]
  return Chart(
    'Captured gain of the most probable cell',
    'seconds of training',
    'captured gain, %',
    series,
    levels=levels,
    caption='Mean over the seeds; bands: standard deviation.',
  )


def _curve(ones: list[Outcome]) -> tuple[np.ndarray, ...]:
  """Returns seconds, gain, and the gain's deviation, `[points]` each."""
  # [seeds, points, (seconds, gain)]
  curves = np.array([one.curve for one in ones])
  seconds, gain = curves.mean(axis=0).T
  return seconds, gain, curves[..., 1].std(axis=0)


def summary(
  outcomes: dict[str, list[Outcome]], bounds: list[Bounds]
) -> dict[str, Any]:
  """Returns the numbers for `summary.json`.

  Args:
    outcomes: by policy, one for every seed.
    bounds: one for every seed.

  Returns:
    policies: by name, captured gain in percent of `argmax`, `sample` and
      `best_of_10`, and training time `seconds`, each as `mean` and `std` over
      the seeds (the population's, 0 for a single seed).
    random: captured gain in percent of random search, mean over the seeds, by
      number of evaluations.
    beta, oracle: test accuracy in percent, mean over the seeds.
    random_std, beta_std, oracle_std: their standard deviations.
  """
  policies = {
    name: {
      gain: _mean_and_std([getattr(one, gain) for one in ones])
      for gain in (*_GAINS, 'seconds')
    }
    for name, ones in outcomes.items()
  }

  def searches(reduce: Callable) -> dict[str, float]:
    return {
      str(k): float(reduce([bound.random[k] for bound in bounds]))
      for k in policy_study.RANDOM_EVALUATIONS
    }

  betas = [bound.beta for bound in bounds]
  oracles = [bound.oracle for bound in bounds]
  return {
    'policies': policies,
    'random': searches(np.mean),
    'beta': float(np.mean(betas)),
    'oracle': float(np.mean(oracles)),
    'random_std': searches(np.std),
    'beta_std': float(np.std(betas)),
    'oracle_std': float(np.std(oracles)),
  }


def draw(
  outcomes: dict[str, list[Outcome]], bounds: list[Bounds], path: str
) -> None:
  """Writes `figure` to a file, wholly or not at all."""
  drawn = figure(outcomes, bounds)
  with atomic_file.replacing(path) as temporary:
    drawn.savefig(temporary, dpi=110, metadata={'Software': None})


def figure(
  outcomes: dict[str, list[Outcome]], bounds: list[Bounds]
) -> matplotlib.figure.Figure:
  """Draws captured gain of the most probable transformation against time.

  The legend says what each line ends at.

  Args:
    outcomes: by policy, one for every seed.
    bounds: one for every seed.
  """
  drawn = matplotlib.figure.Figure(figsize=(9.5, 4.5), layout='constrained')
  axes = drawn.subplots()
  # What each line ends at, and the line.
  ends: list[tuple[float, Any]] = []
  for i, (name, ones) in enumerate(outcomes.items()):
    if len(ones[0].curve) < 2:
      continue  # Chance does not learn; the lines below stand for it.
    seconds, gain, deviation = _curve(ones)
    color = _COLORS[i % len(_COLORS)]
    marker = _MARKERS[i % len(_MARKERS)]
    label = f'{name}: {gain[-1]:.1f} %'
    (line,) = axes.plot(
      seconds, gain, color=color, label=label, marker=marker, ms=4
    )
    ends.append((gain[-1], line))
    axes.fill_between(
      seconds, gain - deviation, gain + deviation, color=color, alpha=0.2, lw=0
    )
  for k, style in zip(policy_study.RANDOM_EVALUATIONS, ('--', ':')):
    level = float(np.mean([bound.random[k] for bound in bounds]))
    label = f'random search,\n{k} evaluations: {level:.1f} %'
    line = axes.axhline(level, color='#404040', ls=style, lw=1, label=label)
    ends.append((level, line))
  line = axes.axhline(100, color='#404040', lw=1, label='oracle: 100 %')
  ends.append((100.0, line))
  axes.set(
    xlabel='seconds of training',
    ylabel='captured gain of the most probable cell, %',
    ylim=(0, 103),
  )
  axes.grid(alpha=0.3)
  # Beside the curves, which it would hide, and from top to bottom as they end.
  ends.sort(key=lambda end: -end[0])
  drawn.legend(
    handles=[line for _, line in ends],
    loc='outside right center',
    frameon=False,
    fontsize=9,
    labelspacing=0.9,
  )
  return drawn


def _mean_and_std(values: list[float]) -> dict[str, float]:
  return {'mean': float(np.mean(values)), 'std': float(np.std(values))}


def _shown(values: list[float]) -> str:
  return f'{np.mean(values):.1f} ± {np.std(values):.1f}'
