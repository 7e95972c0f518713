"""A comparison of policies as a table on the terminal, JSON and a picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import matplotlib.axes
import matplotlib.figure
import matplotlib.lines
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
  gains = {name: _gain(ones) for name, ones in outcomes.items()}
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
  series = []
  for number, (name, ones) in enumerate(outcomes.items()):
    if not _learned(ones):
      continue
    seconds, gain, deviation = _curve(ones)
    points = list(zip(seconds.tolist(), gain.tolist()))
    look = number % _LOOKS
    series.append(Series(name, points, look=look, band=deviation.tolist()))
  levels = [
    (f'{name}, which does not learn', _gain(ones))
    for name, ones in outcomes.items()
    if not _learned(ones)
  ]
  levels += [
    (f'random search, {k}', _searched(bounds, k))
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


def _learned(ones: list[Outcome]) -> bool:
  """Whether a policy has a curve; chance has a single point."""
  return len(ones[0].curve) > 1


def _gain(ones: list[Outcome]) -> float:
  """Returns the captured gain of the most probable cell."""
  return float(np.mean([one.argmax for one in ones]))


def _searched(bounds: list[Bounds], evaluations: int) -> float:
  """Returns what random search captures."""
  return float(np.mean([bound.random[evaluations] for bound in bounds]))


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

  The legend says what each line ends at; a note says what lies below the
  picture, which begins at 0 %.

  Args:
    outcomes: by policy, one for every seed.
    bounds: one for every seed.
  """
  drawn = matplotlib.figure.Figure(figsize=(9.5, 4.5), layout='constrained')
  axes = drawn.subplots()
  lines = [
    _draw_one(axes, name, ones, i)
    for i, (name, ones) in enumerate(outcomes.items())
  ]
  levels = [
    (f'random search,\n{k} evaluations', _searched(bounds, k), style)
    for k, style in zip(policy_study.RANDOM_EVALUATIONS, ('--', ':'))
  ]
  for name, level, style in [*levels, ('oracle', 100.0, '-')]:
    label = f'{name}: {level:.1f} %'
    line = axes.axhline(level, color='#404040', ls=style, lw=1, label=label)
    lines.append(_Drawn(line, level, level))
  seen = [one for one in lines if one.top >= 0]
  below = [str(one.line.get_label()) for one in lines if one.top < 0]
  notes = ['seconds of training']
  if len(bounds) > 1:
    notes.append('bands: mean ± standard deviation over the seeds')
  if below:
    notes.append(f'below 0 %: {"; ".join(below)}'.replace('\n', ' '))
  axes.set(
    xlabel='\n'.join(notes),
    ylabel='captured gain of the most probable cell, %',
    ylim=(0, 103),
  )
  axes.grid(alpha=0.3)
  # Beside the curves, which it would hide, and from top to bottom as they end.
  seen.sort(key=lambda one: -one.end)
  drawn.legend(
    handles=[one.line for one in seen],
    loc='outside right center',
    frameon=False,
    fontsize=9,
    labelspacing=0.9,
  )
  return drawn


class _Drawn(NamedTuple):
  """A line of the picture.

  Attributes:
    line: with its label.
    end: height that it ends at.
    top: greatest height.
  """

  line: matplotlib.lines.Line2D
  end: float
  top: float


def _draw_one(
  axes: matplotlib.axes.Axes, name: str, ones: list[Outcome], number: int
) -> _Drawn:
  """Draws a policy's curve and its band, or its level where it learns nothing.

  Args:
    axes: where.
    name: of the policy.
    ones: its outcomes, one for every seed.
    number: of the policy, from 0.
  """
  color = _COLORS[number % len(_COLORS)]
  end = _gain(ones)
  label = f'{name}: {end:.1f} %'
  if not _learned(ones):
    line = axes.axhline(end, color=color, ls='-.', label=label)
    return _Drawn(line, end, end)
  seconds, gain, deviation = _curve(ones)
  marker = _MARKERS[number % len(_MARKERS)]
  (line,) = axes.plot(
    seconds, gain, color=color, label=label, marker=marker, ms=4
  )
  axes.fill_between(
    seconds, gain - deviation, gain + deviation, color=color, alpha=0.2, lw=0
  )
  return _Drawn(line, end, float((gain + deviation).max()))


def _mean_and_std(values: list[float]) -> dict[str, float]:
  return {'mean': float(np.mean(values)), 'std': float(np.std(values))}


def _shown(values: list[float]) -> str:
  return f'{np.mean(values):.1f} ± {np.std(values):.1f}'
