"""A comparison as a table on the terminal, JSON, Markdown and a picture."""

from __future__ import annotations

from collections.abc import Sequence
import contextlib
import json
from typing import Any

import matplotlib.axes
import matplotlib.figure

from nat_tf import architecture_json
from nat_tf import comparison
from nat_tf import description
from nat_tf import part_latency
from nat_tf import report
from nat_tf import report_curves
from nat_tf import report_drawings
from nat_tf import text_table
from nat_tf import workdir as workdir_lib
from nat_tf.architecture import ArchitectureError
from nat_tf.chart import Chart
from nat_tf.chart import Series
from nat_tf.comparison import Contender
from nat_tf.comparison import Results
from nat_tf.html_tree import Element
from nat_tf.html_tree import element
from nat_tf.report import Section

SUMMARY, MARKDOWN, PICTURE = 'summary.json', 'comparison.md', 'comparison.png'

_FILES = (
  (SUMMARY, 'the numbers'),
  (MARKDOWN, 'the table as a document'),
  (PICTURE, 'accuracy against multiply-adds'),
  ('config.json', 'the settings that all trainings share'),
)
# Looks of a chart's series; architectures that are drawn.
_LOOKS, _MOST_DRAWINGS = 6, 8

# Told apart by the colour-blind, and by lightness in grey (Okabe and Ito).
_COLORS = ('#000000', '#d55e00', '#0072b2', '#cc79a7', '#009e73', '#e69f00')
_MARKERS = 'osD^vP'
# Least distance of architectures, as a share of the picture's width: room for a
# number above each, and no more, as they are moved for it.
_APART = 0.035
_MARKS = (
  'small: trainings; large: mean and standard deviation\n'
  'marks are moved sideways where they would overlap; costs are in the legend'
)


def write(results: Results, workdir: workdir_lib.Workdir):
  """Writes `summary.json`, `comparison.md` and `comparison.png`.

  Args:
    results: what is known, of one training at least.
    workdir: of the comparison.

  Raises:
    WorkdirError: a file cannot be written.
  """
  workdir.write_json(SUMMARY, summary(results))
  workdir.write_text(MARKDOWN, markdown(results))
  with workdir.replacing(PICTURE) as temporary:
    draw(results, temporary)


def of_comparison(
  results: Results, curves: dict[str, str], command: str
) -> report.Report:
  """Returns the comparison as a page.

  Args:
    results: what is known, of one training at least.
    curves: paths of `training.csv` by label.
    command: what makes all this again.
  """
  labels = [one.label for one in results.contenders]
  by_epoch = report_curves.held_out(
    {
      label: report_curves.read(path)
      for label, path in curves.items()
      if label in labels
    }
  )
  return report.Report(
    'comparison',
    f'{labels[0]} and {_counted(len(labels) - 1, "other")}',
    f'{_heading(results)}: {len(results.runs)} trainings of '
    f'{len(labels) * len(results.seeds)} finished.',
    _tiles(results),
    [
      Section('Result', [report.table(_rows(results), _notes(results))]),
      Section('Accuracy and cost', [report.charts([chart(results), by_epoch])]),
      Section('The architectures', _drawings(results)),
    ],
    ', '.join(map(str, results.seeds)),
    command,
    results.recipe,
    _FILES,
  )


def chart(results: Results) -> Chart:
  """Returns accuracy against multiply-adds, for a report."""
  series = []
  for number, one in enumerate(results.contenders):
    own = results.spread(one.label)
    if own is None:
      continue
    madds = results.summary(one.label)['madds'] / 1e6
    found = results.accuracies(one.label)
    series.append(
      Series(
        one.label,
        [(madds, 100 * value) for value in found.values()],
        'dots',
        number % _LOOKS,
        faint=True,
        labels=[f'{one.label}, seed {seed}' for seed in found],
      )
    )
    series.append(
      Series(
        one.label,
        [(madds, 100 * own.mean)],
        'dots',
        number % _LOOKS,
        labels=[f'{one.label}, mean'],
        band=[100 * (own.deviation or 0.0)],
      )
    )
  return Chart(
    'Accuracy by cost',
    'multiply-adds, million',
    f'{_judged(results)} accuracy, %',
    series,
    caption='Faint: trainings; bars: mean and standard deviation.',
  )


def _tiles(results: Results) -> list[tuple[str, str]]:
  """Returns what came of the best one but the first."""
  first, *others = (one.label for one in results.contenders)
  found = [
    (difference.mean, label)
    for label in others
    if (difference := results.difference(label)) is not None
  ]
  own = results.spread(first)
  tiles = [(f'{_shown(own, 1)} %', first)] if own else []
  if found:
    mean, label = max(found)
    tiles.append((f'{100 * mean:+.1f} points', f'{label} against {first}'))
  return tiles


def _drawings(results: Results) -> list[Element | None]:
  """Returns the cells of each, beside the first one's where they compare."""
  first, *others = results.contenders
  drawn: list[Element | None] = []
  for number, one in enumerate(results.contenders[:_MOST_DRAWINGS]):
    drawn.append(element('h3', one.label))
    drawn.append(_drawing(one, first if number else None, f'cells{number}'))
  if len(others) >= _MOST_DRAWINGS:
    drawn.append(element('p', 'The others are left out.', class_='note'))
  return drawn


def _drawing(own: Contender, first: Contender | None, name: str) -> Element:
  if first is not None:
    with contextlib.suppress(ArchitectureError):
      return report_drawings.compared(
        first.architecture,
        own.architecture,
        (first.label, own.label),
        name,
      )
  return report_drawings.one_of_several(own.architecture, name)


def _counted(count: int, noun: str) -> str:
  return f'{count} {noun}' if count == 1 else f'{count} {noun}s'


def summary(results: Results) -> dict[str, Any]:
  """Returns the numbers for `summary.json`.

  Returns:
    baseline: label of what all are compared with.
    judged_by: which accuracy of a training counts, `test_accuracy` where the
      data set has a test split.
    seeds, recipe: of all trainings.
    device: what latencies were measured on; null where they were not.
    finished, trainings: how many trainings are done, and how many there are.
    failures: `label` and `seed` of trainings that could not go on, and `why`.
    architectures: of each label, params, madds; latency_seconds by batch size;
      accuracy with `mean`, `std` (the sample's) and every one `by_seed`, 0 to
      1; difference from the baseline with `mean`, `confidence`, the ends of the
      interval `low` and `high`, and the number of `seeds` that both have;
      seconds of training by seed; and `architecture`, which has the form of
      `transformed.json`. What is not known yet is null.
  """
  return {
    'baseline': results.contenders[0].label,
    'judged_by': results.judged_by,
    'seeds': list(results.seeds),
    'recipe': results.recipe.common(),
    'device': part_latency.device() if results.latencies else None,
    'finished': len(results.runs),
    'failures': [
      {'label': label, 'seed': seed, 'why': why}
      for (label, seed), why in results.failures.items()
    ],
    'trainings': len(results.contenders) * len(results.seeds),
    'architectures': [
      _facts(results, one.label)
      | {
        'architecture': json.loads(architecture_json.to_json(one.architecture))
      }
      for one in results.contenders
    ],
  }


def table(results: Results) -> str:
  """Returns the comparison as an aligned table with notes below."""
  return '\n'.join([*text_table.aligned(_rows(results)), *_notes(results)])


def markdown(results: Results) -> str:
  """Returns the comparison as a Markdown document."""
  by_seed = [('accuracy, %', *(f'seed {seed}' for seed in results.seeds))]
  for one in results.contenders:
    found = results.accuracies(one.label)
    numbers = (_percent(found.get(seed)) for seed in results.seeds)
    by_seed.append((one.label, *numbers))
  changes = [f'--{k}={v}' for k, v in results.recipe.changes().items()]
  recipe = f'`{" ".join(changes)}`' if changes else 'all defaults'
  return '\n'.join(
    [
      f'# {_heading(results)}',
      '',
      *text_table.markdown(_rows(results)),
      '',
      *(f'* {note}' for note in _notes(results)),
      f'* settings other than the defaults: {recipe}',
      '',
      f'![accuracy against multiply-adds]({PICTURE})',
      '',
      *text_table.markdown(by_seed),
      '',
    ]
  )


def draw(results: Results, path: str):
  """Draws accuracy against multiply-adds.

  Every training is a dot; a line joins dots of the same seed. Beside the dots
  stands their mean with their standard deviation. Architectures that cost
  nearly the same stand side by side; the legend has the numbers.

  Args:
    results: what is known, of one training at least.
    path: the picture to write.
  """
  known = [
    one.label for one in results.contenders if results.accuracies(one.label)
  ]
  madds = [results.summary(label)['madds'] / 1e6 for label in known]
  figure = matplotlib.figure.Figure(figsize=(7.5, 5), layout='constrained')
  axes = figure.subplots()
  span = max(1.1 * (max(madds) - min(madds)), 0.1 * max(madds))
  gap = _APART * 1.2 * span
  places = dict(zip(known, _apart(madds, gap)))
  middle = (min(places.values()) + max(places.values())) / 2
  axes.set_xlim(middle - 0.6 * span, middle + 0.6 * span)
  for seed in results.seeds:
    dots = sorted(
      (places[label] - gap / 5, 100 * found[seed])
      for label in known
      if seed in (found := results.accuracies(label))
    )
    axes.plot(*zip(*dots), color='#b5b5b5', lw=0.8, zorder=1)
  for number, one in enumerate(results.contenders):
    _draw_one(axes, results, number, places.get(one.label, 0.0), gap / 5)
  axes.plot([], [], color='#b5b5b5', lw=0.8, label='the same seed')
  axes.set(
    title=_heading(results),
    xlabel='multiply-adds of the network, million',
    ylabel=f'{_judged(results)} accuracy, %',
  )
  # Below the axis and its name.
  axes.annotate(
    _MARKS,
    (0.5, 0),
    (0, -36),
    'axes fraction',
    'offset points',
    ha='center',
    va='top',
    fontsize=8,
    color='#4d4d4d',
  )
  axes.margins(y=0.12)
  axes.grid(alpha=0.3)
  # Outside, and by number in the picture: no label can lie upon another.
  figure.legend(loc='outside lower center', ncols=2, frameon=False, fontsize=8)
  figure.savefig(path, dpi=110, metadata={'Software': None})


def _draw_one(
  axes: matplotlib.axes.Axes,
  results: Results,
  number: int,
  x: float,
  aside: float,
):
  """Draws an architecture's dots, their mean and their deviation.

  Args:
    axes: where.
    results: what is known.
    number: of the architecture, from 0.
    x: its place.
    aside: how far left of it the dots stand, and right of it the mean.
  """
  label = results.contenders[number].label
  own = results.spread(label)
  if own is None:
    return
  color = _COLORS[number % len(_COLORS)]
  marker = _MARKERS[number % len(_MARKERS)]
  values = [100 * value for value in results.accuracies(label).values()]
  axes.scatter(
    [x - aside] * len(values), values, 22, color, marker, alpha=0.8, lw=0
  )
  mean, deviation = 100 * own.mean, 100 * (own.deviation or 0.0)
  madds = results.summary(label)['madds'] / 1e6
  axes.errorbar(
    x + aside,
    mean,
    deviation,
    color=color,
    marker=marker,
    ms=8,
    mfc='w',
    capsize=3,
    # A pair of dollars would make a formula.
    label=f'{number + 1}  {label}: {madds:,.2f} M, {_shown(own, 1)} %'.replace(
      '$', r'\$'
    ),
  )
  axes.annotate(
    str(number + 1),
    (x, max(*values, mean + deviation)),
    (0, 7),
    textcoords='offset points',
    ha='center',
    color=color,
    fontweight='bold',
  )


def _apart(values: Sequence[float], least: float) -> list[float]:
  """Moves numbers no farther than it takes to part them.

  Numbers that are too close become a row about their common middle; rows that
  meet become one.

  Args:
    values: any numbers.
    least: distance that they have at least from one another in the result.

  Returns:
    The numbers moved, in the order of `values`.
  """
  order = sorted(range(len(values)), key=lambda i: values[i])
  rows: list[list[int]] = []

  def ends(row: list[int]) -> tuple[float, float]:
    middle = sum(values[i] for i in row) / len(row)
    half = least * (len(row) - 1) / 2
    return middle - half, middle + half

  for i in order:
    rows.append([i])
    while len(rows) > 1 and ends(rows[-1])[0] < ends(rows[-2])[1] + least:
      rows[-2:] = [rows[-2] + rows[-1]]
  moved = [0.0] * len(values)
  for row in rows:
    for place, i in enumerate(row):
      moved[i] = ends(row)[0] + least * place
  return moved


def _facts(results: Results, label: str) -> dict[str, Any]:
  """Returns what is known of an architecture, for `summary.json`."""
  run, spread = results.summary(label), results.spread(label)
  seconds = results.latencies.get(label)
  difference = results.difference(label)
  return {
    'label': label,
    'params': run.get('params'),
    'madds': run.get('madds'),
    'latency_seconds': seconds
    and {str(b): one for b, one in zip(description.BATCHES, seconds)},
    'accuracy': spread
    and {
      'mean': spread.mean,
      'std': spread.deviation,
      'by_seed': {str(k): v for k, v in results.accuracies(label).items()},
    },
    'difference': difference
    and {
      'mean': difference.mean,
      'confidence': comparison.CONFIDENCE,
      'low': difference.interval and difference.interval[0],
      'high': difference.interval and difference.interval[1],
      'seeds': difference.seeds,
    },
    'seconds': {
      str(seed): results.runs[label, seed]['seconds']
      for seed in results.accuracies(label)
    },
  }


def _rows(results: Results) -> list[tuple[str, ...]]:
  """Returns the table's rows, the heading first."""
  batches = description.BATCHES if results.latencies else ()
  interval = f'{100 * comparison.CONFIDENCE:.0f} % interval'
  rows: list[tuple[str, ...]] = [
    (
      '',
      'parameters',
      'multiply-adds',
      *(f'batch of {batch}' for batch in batches),
      f'{_judged(results)} accuracy, %',
      'difference',
      interval,
    )
  ]
  for one in results.contenders:
    run = results.summary(one.label)
    seconds = results.latencies.get(one.label, (None,) * len(batches))
    rows.append(
      (
        one.label,
        *(f'{run[key]:,}' if run else '-' for key in ('params', 'madds')),
        *('-' if s is None else f'{1e3 * s:.2f} ms' for s in seconds),
        _shown(results.spread(one.label)),
        *_difference(results.difference(one.label)),
      )
    )
  return rows


def _difference(found: comparison.Difference | None) -> tuple[str, str]:
  if found is None:
    return '-', '-'
  if found.interval is None:
    return f'{100 * found.mean:+.2f}', '-'
  low, high = found.interval
  return f'{100 * found.mean:+.2f}', f'{100 * low:+.2f} to {100 * high:+.2f}'


def _notes(results: Results) -> list[str]:
  """Returns what to write below the table, a line each."""
  seeds = ', '.join(map(str, results.seeds))
  over = 'mean ± sample standard deviation over the seeds'
  if len(results.seeds) == 1:
    over = 'of the one seed'
  split = (
    'test split, which is read once a training, after it'
    if results.judged_by == 'test_accuracy'
    else 'held-out training data, as there is no test split; a search chose '
    'its architecture by images that are among them'
  )
  lines = [
    *_sizes(results),
    f'accuracy: on the {split}; {over} {seeds}',
    f'difference: from {results.contenders[0].label} in points, mean over '
    "equal seeds; interval: of this mean, by Student's t",
  ]
  if results.latencies:
    lines.append(
      'batch of ...: median latency of a compiled forward pass in float32, '
      f'measured in turns, {part_latency.device()}'
    )
  lines += _dearer(results)
  lines += [
    f'{label}, seed {seed} failed: {why}'
    for (label, seed), why in results.failures.items()
  ]
  total = len(results.contenders) * len(results.seeds)
  if len(results.runs) + len(results.failures) < total:
    counts = ', '.join(
      f'{one.label} {len(results.accuracies(one.label))}'
      for one in results.contenders
    )
    lines.append(
      f'not finished: {len(results.runs)} of {total} trainings ({counts})'
    )
  return lines


def _sizes(results: Results) -> list[str]:
  """Returns a note on the networks that the costs are of."""
  sizes: dict[str, list[str]] = {}
  for one in results.contenders:
    run = results.summary(one.label)
    # Trainings from before may not say it.
    if 'cells' in run and 'channels' in run:
      cells = _counted(run['cells'], 'cell')
      size = f'{cells}, {run["channels"]} channels'
      sizes.setdefault(size, []).append(one.label)
  if not sizes:
    return []
  if len(sizes) == 1:
    return [f'costs of networks of {next(iter(sizes))}']
  each = (f'{", ".join(labels)}: {size}' for size, labels in sizes.items())
  return [f'costs of {"; ".join(each)}']


def _dearer(results: Results) -> list[str]:
  """Returns a note on each that costs more than the first, at this size."""
  first, *others = (one.label for one in results.contenders)
  base, lines = results.summary(first), []
  for label in others:
    own = results.summary(label)
    more = [
      name
      for name, key in (('parameters', 'params'), ('multiply-adds', 'madds'))
      if base and own and own[key] > base[key]
    ]
    if more:
      lines.append(
        f'{label} has more {" and ".join(more)} than {first} at this size'
      )
  return lines


def _heading(results: Results) -> str:
  recipe, count = results.recipe, len(results.seeds)
  seeds = f'{count} seed' if count == 1 else f'{count} seeds'
  return f'{recipe.dataset}, {recipe.epochs} epochs, {seeds}'


def _judged(results: Results) -> str:
  return 'test' if results.judged_by == 'test_accuracy' else 'held-out'


def _shown(spread: comparison.Spread | None, places: int = 2) -> str:
  if spread is None:
    return '-'
  mean = f'{100 * spread.mean:.{places}f}'
  if spread.deviation is None:
    return mean
  return f'{mean} ± {100 * spread.deviation:.{places}f}'


def _percent(accuracy: float | None) -> str:
  return '-' if accuracy is None else f'{100 * accuracy:.2f}'
