"""What a ranking study found: a table on the terminal, JSON and a picture."""

from __future__ import annotations

from typing import Any

import matplotlib.figure
import numpy as np

from nat_tf import atomic_file
from nat_tf import enumeration
from nat_tf import report
from nat_tf import text_table
from nat_tf.chart import Chart
from nat_tf.chart import Series
from nat_tf.ranking_study import Gain
from nat_tf.ranking_study import Ranking
from nat_tf.report import Section
from nat_tf.spaces import Space

# Beside the search's own report.
PAGE = 'ranking.html'
_FILES = (
  ('summary.json', 'the numbers'),
  ('ranking.png', 'both rankings'),
  ('report.html', 'the search itself'),
  ('config.json', 'the settings of the search'),
)
_MISJUDGED = (
  'how many places of a hundred an operation makes them rank a cell too high '
  '(+) or too low (-), by least squares on the operations of all edges'
)
_BLUE, _ORANGE = '#1f4e79', '#c55a11'
# Names of `RankingStudy.gains`, and their headings.
GAINS = ('argmax', 'best_of_10')
_HEADINGS = ('most probable', 'best of 10')


def summary(
  space: Space,
  reward: str,
  ranking: Ranking,
  gains: list[Gain],
  beta: np.ndarray,
  oracle: np.ndarray,
) -> dict[str, Any]:
  """Returns the numbers for `summary.json`.

  Args:
    space: of the architectures.
    reward: of the search.
    ranking: of random architectures.
    gains: of the most probable transformations and of the best of 10.
    beta: `[inputs]` test accuracy of the inputs, 0 to 1.
    oracle: `[inputs]` that of the best they may become.

  Returns:
    kendall, spearman: of all random architectures.
    top_quarter: the same of the quarter with the highest test accuracy.
    reward: by which; see `SearchConfig`.
    by_accuracy, by_madds: the same three by accuracy with shared weights, and
      if what costs more multiply-adds were better.
    architectures: number of random architectures.
    misjudged: for every edge, `0 to 1`, by operation; see `Ranking.misjudged`.
    captured_gain, improved, costlier: for `argmax` and `best_of_10`; see
      `Gain`.
    test: mean test accuracies in percent, those of `beta` and `oracle` as well.
    inputs: number of inputs.
  """
  named = dict(zip(GAINS, gains))
  return {
    **_correlations(ranking),
    'reward': reward,
    'by_accuracy': _correlations(ranking.by_accuracy()),
    'by_madds': _correlations(ranking.by_madds()),
    'architectures': len(ranking.test),
    'misjudged': _misjudged(space, ranking),
    'captured_gain': {name: one.captured for name, one in named.items()},
    'improved': {name: one.improved for name, one in named.items()},
    'costlier': {name: one.costlier for name, one in named.items()},
    'test': {
      'beta': float(100 * beta.mean()),
      **{name: float(100 * one.test.mean()) for name, one in named.items()},
      'oracle': float(100 * oracle.mean()),
    },
    'inputs': len(beta),
  }


def table(facts: dict[str, Any]) -> str:
  """Returns the numbers as aligned tables.

  Args:
    facts: what `summary` returned.
  """
  first, second, ends = rows(facts)
  return '\n'.join(
    [*text_table.aligned(first), '', *text_table.aligned(second), ends]
  )


def rows(
  facts: dict[str, Any],
) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]], str]:
  """Returns the rows of both tables, the headings first, and a note.

  Args:
    facts: what `summary` returned.
  """
  test = facts['test']
  everything = f'{facts["architectures"]} random architectures'
  ways = {
    facts['reward']: facts,
    'accuracy': facts['by_accuracy'],
    'multiply-adds alone': facts['by_madds'],
  }
  first: list[tuple[str, ...]] = [
    ('shared weights against training', "Kendall's tau", "Spearman's rho"),
    *(
      (name, f'{found["kendall"]:.3f}', f'{found["spearman"]:.3f}')
      for way, of_all in ways.items()
      for name, found in (
        (f'{everything}, by {way}', of_all),
        (f'the best quarter of them, by {way}', of_all['top_quarter']),
      )
    ),
  ]
  second: list[tuple[str, ...]] = [
    (f'{facts["inputs"]} held-out inputs', *_HEADINGS),
    _row('captured gain', '{:.1f} %', facts['captured_gain']),
    _row('improved, where a point can be', '{:.1f} %', facts['improved']),
    _row('costlier than the input', '{}', facts['costlier']),
    _row('mean test accuracy', '{:.2f} %', test),
  ]
  ends = f'inputs {test["beta"]:.2f} %, oracle {test["oracle"]:.2f} %'
  return first, second, ends


def of_ranking(
  facts: dict[str, Any],
  ranking: Ranking,
  gains: list[Gain],
  beta: np.ndarray,
  seed: int,
  command: str,
) -> report.Report:
  """Returns the study as a page.

  Args:
    facts: what `summary` returned.
    ranking: of random architectures.
    gains: of the most probable transformations and of the best of 10.
    beta: `[inputs]` test accuracy of the inputs, 0 to 1.
    seed: of the study.
    command: what makes all this again.
  """
  first, second, ends = rows(facts)
  return report.Report(
    'ranking',
    'A search against networks trained for real',
    f'On {facts["inputs"]} inputs that it never learned from, and '
    f'{facts["architectures"]} random architectures.',
    [
      (f'{facts["kendall"]:.2f}', "Kendall's tau"),
      (f'{facts["captured_gain"]["argmax"]:.1f} %', 'captured gain'),
    ],
    [
      Section('Result', [report.table(first), report.table(second, [ends])]),
      Section(
        'Both rankings',
        [report.charts(charts(ranking, gains, beta, facts['reward']))],
      ),
      Section(
        'What shared weights misjudge',
        [report.table(_misjudged_rows(facts['misjudged']), [_MISJUDGED])],
      ),
    ],
    str(seed),
    command,
    files=_FILES,
  )


def charts(
  ranking: Ranking, gains: list[Gain], beta: np.ndarray, reward: str
) -> list[Chart]:
  """Returns what `draw` shows, for a report."""
  shared, axis = _shared(ranking, reward)
  test = (100 * ranking.test).tolist()
  before, after = (100 * beta).tolist(), (100 * gains[0].test).tolist()
  ends = (min(before), max(after))
  return [
    Chart(
      'Shared weights against training',
      axis,
      'test accuracy, %',
      [Series('random cells', list(zip(shared, test)), 'dots', faint=True)],
    ),
    Chart(
      'What became of the inputs',
      'test accuracy of the input, %',
      'of the most probable transformation, %',
      [
        Series('no change', [(x, x) for x in ends], look=None, told=False),
        Series('inputs', list(zip(before, after)), 'dots', 1, faint=True),
      ],
      caption='Above the line they became better.',
    ),
  ]


def draw(
  ranking: Ranking,
  gains: list[Gain],
  beta: np.ndarray,
  reward: str,
  path: str,
) -> None:
  """Draws both rankings against each other, and what became of the inputs.

  Args:
    ranking: of random architectures.
    gains: of the most probable transformations and of the best of 10.
    beta: `[inputs]` test accuracy of the inputs, 0 to 1.
    reward: of the search.
    path: the picture to write.
  """
  shared, axis = _shared(ranking, reward)
  figure = matplotlib.figure.Figure(figsize=(10, 4.8), layout='constrained')
  left, right = figure.subplots(1, 2)
  left.scatter(shared, 100 * ranking.test, s=10, color=_BLUE, alpha=0.5, lw=0)
  left.set(
    xlabel=axis,
    ylabel='test accuracy, trained for real, %',
    title=f"{len(ranking.test)} random cells: Kendall's tau "
    f'{ranking.kendall:.2f}',
  )
  ends = [100 * beta.min() - 1, 100 * gains[0].test.max() + 1]
  right.plot(ends, ends, color='#404040', lw=1, ls='--')
  right.scatter(
    100 * beta, 100 * gains[0].test, s=10, color=_ORANGE, alpha=0.5, lw=0
  )
  right.annotate(
    'better than the input', (0.03, 0.95), xycoords='axes fraction'
  )
  right.annotate(
    'worse', (0.97, 0.03), xycoords='axes fraction', horizontalalignment='right'
  )
  right.set(
    xlabel='test accuracy of the input, %',
    ylabel='test accuracy of what it becomes, %',
    title=f'{len(beta)} held-out cells: captured gain '
    f'{gains[0].captured:.0f} %',
  )
  for axes in (left, right):
    axes.grid(alpha=0.3)
  with atomic_file.replacing(path) as temporary:
    figure.savefig(temporary, dpi=110, metadata={'Software': None})


def _shared(ranking: Ranking, reward: str) -> tuple[list[float], str]:
  """Returns what shared weights say in its usual unit, and its name."""
  name = f'{reward} with shared weights'
  if reward == 'accuracy':
    return (100 * ranking.shared).tolist(), f'{name}, %'
  return ranking.shared.tolist(), name


def _correlations(ranking: Ranking) -> dict[str, Any]:
  top = ranking.top_quarter()
  return {
    'kendall': ranking.kendall,
    'spearman': ranking.spearman,
    'top_quarter': {'kendall': top.kendall, 'spearman': top.spearman},
  }


def _misjudged(space: Space, ranking: Ranking) -> dict[str, dict[str, float]]:
  """Returns places of a hundred by operation, for every edge's name."""
  sources = enumeration.encode(space, np.array(0)).sources.ravel()
  targets = space.targets * len(space.cells)
  return {
    f'{source} to {target}': dict(zip(space.operations, row.tolist()))
    for source, target, row in zip(sources, targets, ranking.misjudged(space))
  }


def _misjudged_rows(
  facts: dict[str, dict[str, float]],
) -> list[tuple[str, ...]]:
  operations = next(iter(facts.values()))
  return [
    ('edge', *operations),
    *(
      (edge, *(f'{places:+.0f}' for places in row.values()))
      for edge, row in facts.items()
    ),
  ]


def _row(name: str, form: str, values: dict[str, Any]) -> tuple[str, ...]:
  return (name, *(form.format(values[gain]) for gain in GAINS))
