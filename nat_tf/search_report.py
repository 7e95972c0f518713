"""A search, or what it makes of an architecture, as a page."""

from __future__ import annotations

from nat_tf import pareto_report
from nat_tf import report
from nat_tf import report_curves
from nat_tf import report_drawings
from nat_tf import result
from nat_tf.pareto import Front
from nat_tf.report import Report
from nat_tf.report import Section
from nat_tf.search_config import SearchConfig
from nat_tf.transformer import Transformation

_SEARCH_FILES = (
  ('transformed.json', 'the architecture'),
  ('transformed.svg', 'its drawing'),
  ('transformed.png', 'its drawing'),
  ('summary.json', 'the numbers'),
  ('learning.csv', 'what was measured epoch by epoch'),
  ('learning.png', 'curves'),
  ('ranking.html', 'the search against networks trained for real'),
  ('config.json', 'the settings'),
  ('checkpoints', 'what was learned'),
  ('events', 'for TensorBoard'),
)
_PARETO_FILES = (
  ('pareto.json', 'the front with all its architectures'),
  ('pareto.png', 'its picture'),
)


def of_search(
  transformation: Transformation,
  name: str,
  config: SearchConfig,
  learning: str,
  command: str,
  devices: int = 1,
) -> Report:
  """Returns the report of a search.

  Args:
    transformation: what became of the architecture.
    name: what to call it.
    config: of the search.
    learning: path of `learning.csv`.
    command: what makes all this again.
    devices: that it computed on.
  """
  return Report(
    'search',
    f'{name}, transformed on {config.dataset}',
    _lead(transformation),
    _tiles(transformation),
    [*_sections(transformation, name), _curves(learning)],
    str(config.seed),
    command,
    config,
    _SEARCH_FILES,
    config.resolved(devices),
  )


def of_transformation(
  transformation: Transformation,
  name: str,
  learning: str,
  command: str,
  seed: int,
  config: SearchConfig,
) -> Report:
  """Returns the report of one more transformation.

  Args:
    transformation: what became of the architecture.
    name: what to call it.
    learning: path of `learning.csv` of the search that learned this.
    command: what makes all this again.
    seed: of the samples.
    config: of the search.
  """
  return Report(
    'transformation',
    f'{name}, transformed',
    _lead(transformation),
    _tiles(transformation),
    [*_sections(transformation, name), _curves(learning)],
    str(seed),
    command,
    config,
    _SEARCH_FILES[:3],
    config.resolved(),
  )


def of_front(
  front: Front,
  name: str,
  learning: str,
  command: str,
  seed: int,
  config: SearchConfig,
) -> Report:
  """Returns the report of a Pareto front.

  Args:
    front: what the architecture can become.
    name: what to call it.
    learning: path of `learning.csv` of the search that learned this.
    command: what makes all this again.
    seed: of the samples.
    config: of the search.
  """
  heads, *rows = pareto_report.rows(front, name)
  best = front.points[-1]
  drawings = report_drawings.section(
    front.source.architecture, best.architecture, front.basis.network
  )
  return Report(
    'Pareto front',
    f'What {name} can become',
    f'{len(front.points)} architectures are worth their multiply-adds, of '
    f'{len(front.contenders)} that were measured.',
    [],
    [
      Section('The front', [report.charts([pareto_report.chart(front, name)])]),
      Section(
        'Its points', [report.table([heads, *rows], pareto_report.notes(front))]
      ),
      Section(f'Point {len(front.points)}, the best', drawings.body),
      _curves(learning),
    ],
    str(seed),
    command,
    config,
    _PARETO_FILES,
    config.resolved(),
  )


def _lead(transformation: Transformation) -> str:
  """Says what came out."""
  text = result.verdict(transformation)
  return f'{text[0].upper()}{text[1:]}.'


def _tiles(transformation: Transformation) -> list[tuple[str, str]]:
  names = [
    name.replace('accuracy*', 'accuracy with shared weights').rstrip('*')
    for name in result.headings(transformation.source)
  ]
  return list(zip(result.changes(transformation), names))


def _sections(transformation: Transformation, name: str) -> list[Section]:
  source, transformed = transformation.source, transformation.transformed
  notes = result.comparison_notes(transformation)
  return [
    Section('Result', [report.table(result.rows(transformation, name), notes)]),
    report_drawings.section(
      source.architecture,
      transformed.architecture,
      transformation.basis.network,
    ),
  ]


def _curves(learning: str) -> Section:
  charts = report_curves.learning(report_curves.read(learning))
  return Section('How it learned', [report.charts(charts)])
