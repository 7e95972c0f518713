"""Charts for an HTML page: SVG whose values can be read with mouse or keys.

A chart is a figure of the page: the drawing, a legend, and below it all values
as a table, for those who cannot see it or want to copy them. What the page's
script needs (`report_assets`) stands in `data-stops`: places in the drawing and
what to say of each. Series differ by colour, and by dashes or markers. Plain
geometry: nothing is drawn by matplotlib, which only chooses the ticks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
import dataclasses
import json
import math

import matplotlib.ticker

from nat_tf.html_tree import Element
from nat_tf.html_tree import add
from nat_tf.html_tree import element

# Units of the drawing: CSS pixels where there is room.
_WIDTH, _HEIGHT = 480, 280
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 14, 12, 42
_MARGIN = 0.06
# A letter's width, and how far above or below a level its name stands.
_LETTER, _ABOVE, _BELOW = 6.3, 5, 14
# From a line of text to the next.
_LINE = 14
_TICKS = 5

# More can neither be told apart nor are they worth their bytes.
_MOST_POINTS = 400
_MOST_DOTS = 1_200
# So few that each point of a line is marked.
_FEW = 30

# Around (0, 0), one for each look; see `report_assets` for colours and dashes.
_MARKERS = (
  'M-3.5,0a3.5,3.5 0 1,0 7,0a3.5,3.5 0 1,0 -7,0z',
  'M-3.2,-3.2h6.4v6.4h-6.4z',
  'M0,-4.4L4.4,0L0,4.4L-4.4,0z',
  'M-4,3.2L0,-4L4,3.2z',
  'M-4,-3.2L0,4L4,-3.2z',
  'M-4,-1.4h2.6v-2.6h2.8v2.6h2.6v2.8h-2.6v2.6h-2.8v-2.6h-2.6z',
)

Point = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Series:
  """What a chart shows of one thing.

  Attributes:
    name: for legend and table; equal names have one entry.
    points: x and y.
    kind: `line`, `steps` (a line that keeps its height until the next point) or
      `dots`.
    look: number of colour, dashes and marker; None for faint and grey.
    faint: whether it stands back behind the others.
    told: whether its values are told; else another series says the same.
    labels: what to say of each point beside its values; empty for nothing.
    band: for every point how far a band about it reaches, up and down.
    marks: what stands beside each point; empty for nothing.
  """

  name: str
  points: Sequence[Point]
  kind: str = 'line'
  look: int | None = 0
  faint: bool = False
  told: bool = True
  labels: Sequence[str] = ()
  band: Sequence[float] = ()
  marks: Sequence[str] = ()


@dataclasses.dataclass(frozen=True)
class Chart:
  """A chart.

  Attributes:
    title: what it shows.
    x: name of the horizontal axis, with its unit.
    y: name of the vertical axis, with its unit.
    series: what is shown; later ones lie over earlier ones.
    shared: whether x is the same for all series, as epochs are: then values are
      told of all of them at once.
    levels: names and heights of horizontal lines.
    caption: what else one should know.
    whole: whether x takes whole numbers only.
  """

  title: str
  x: str
  y: str
  series: Sequence[Series]
  shared: bool = False
  levels: Sequence[tuple[str, float]] = ()
  caption: str = ''
  whole: bool = False

  @property
  def empty(self) -> bool:
    """Whether there is no finite point to show."""
    points = (point for one in self.series for point in one.points)
    return not any(all(map(math.isfinite, point)) for point in points)


def figure(chart: Chart) -> Element:
  """Returns a chart as a `figure` element.

  Args:
    chart: one that is not `empty`.
  """
  series = [_thinned(one) for one in chart.series]
  chart = dataclasses.replace(chart, series=series)
  stops = _stops(chart, _Scale.of(chart))
  caption = element('figcaption', element('strong', chart.title))
  if chart.caption:
    add(caption, f' {chart.caption}')
  return element(
    'figure',
    caption,
    element(
      'div',
      _svg(chart),
      element('div', class_='tip', role='status', hidden=True),
      class_='chart',
      data_stops=json.dumps(stops, separators=(',', ':')),
      data_shared='true' if chart.shared else 'false',
      data_size=f'{_WIDTH} {_HEIGHT}',
    ),
    _legend(chart),
    element('details', element('summary', 'Values as a table'), _table(chart)),
  )


@dataclasses.dataclass(frozen=True)
class _Scale:
  """From values to places of the drawing."""

  x_ends: Point
  y_ends: Point

  @classmethod
  def of(cls, chart: Chart) -> _Scale:
    points = [point for one in chart.series for point in one.points]
    heights = [y for _, y in points] + [y for _, y in chart.levels]
    for one in chart.series:
      for (_, y), reach in zip(one.points, one.band):
        heights += [y - reach, y + reach]
    return cls(_ends([x for x, _ in points]), _ends(heights))

  def x(self, value: float) -> float:
    low, high = self.x_ends
    share = (value - low) / (high - low)
    return round(_LEFT + share * (_WIDTH - _LEFT - _RIGHT), 1)

  def y(self, value: float) -> float:
    low, high = self.y_ends
    share = (value - low) / (high - low)
    return round(_HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM), 1)


def _ends(values: list[float]) -> Point:
  low, high = min(values), max(values)
  margin = _MARGIN * (high - low) or abs(high) / 10 or 1.0
  return low - margin, high + margin


def _svg(chart: Chart) -> Element:
  scale = _Scale.of(chart)
  svg = element(
    'svg',
    viewBox=f'0 0 {_WIDTH} {_HEIGHT}',
    role='img',
    tabindex='0',
    aria_label=f'{chart.title}: {chart.y} by {chart.x}. {_summary(chart)} '
    'Arrow keys read the values.',
  )
  add(svg, *_axes(chart, scale))
  right = _WIDTH - _RIGHT
  for _, height in chart.levels:
    y = scale.y(height)
    add(svg, _line('level', _LEFT, y, right, y))
  for one in chart.series:
    add(svg, *_drawn(one, scale))
  add(svg, *_level_names(chart, scale))
  for one in chart.series:
    for number, (mark, (x, y)) in enumerate(zip(one.marks, one.points)):
      # In turns, so that the marks of two close points do not meet.
      aside, down, anchor = ((-7, -4, 'end'), (7, 13, 'start'))[number % 2]
      add(svg, _text(mark, scale.x(x) + aside, scale.y(y) + down, anchor))
  add(svg, element('path', class_='cross'))
  return svg


def _level_names(chart: Chart, scale: _Scale) -> Iterable[Element]:
  """Yields levels' names at the end, and on the side, where most room is."""
  right = _WIDTH - _RIGHT
  taken: list[tuple[Point, float]] = []
  for name, height in chart.levels:
    y, width = scale.y(height), _LETTER * len(name)
    others = [scale.y(other) for _, other in chart.levels if other != height]
    best, most = (right, y - _ABOVE, 'end', right - width), -math.inf
    for x, anchor, first in (
      (right, 'end', right - width),
      (_LEFT + _ABOVE, 'start', _LEFT),
    ):
      for baseline in (y - _ABOVE, y + _BELOW):
        inside = _TOP + _ABOVE < baseline < _HEIGHT - _BOTTOM
        ends, middle = (first, first + width), baseline - 4
        room = min(
          _room(chart, scale, ends, middle),
          *(abs(other - middle) for other in others),
          *(_apart(ends, middle, *one) for one in taken),
          float(_HEIGHT),
        )
        if inside and room > most:
          best, most = (x, baseline, anchor, first), room
    x, baseline, anchor, first = best
    taken.append(((first, first + width), baseline - 4))
    yield _text(name, x, baseline, anchor)


def _apart(ends: Point, y: float, others: Point, other: float) -> float:
  """Returns how far a text's middle is from another's edge; below 0 if in it.

  Args:
    ends: of the text, from left to right.
    y: of its middle.
    others: ends of the other one.
    other: its middle.
  """
  if ends[1] < others[0] or others[1] < ends[0]:
    return float(_HEIGHT)
  return abs(y - other) - _LINE


def _room(chart: Chart, scale: _Scale, ends: Point, y: float) -> float:
  """Returns how near anything drawn comes to a height between two ends."""
  nearest = float(_HEIGHT)
  for one in chart.series:
    places = [(scale.x(x), scale.y(height)) for x, height in one.points]
    ways = list(zip(places, places[1:]))
    if one.kind == 'dots' or not ways:
      ways = [(place, place) for place in places]
    for (x1, y1), (x2, y2) in ways:
      low, high = max(min(x1, x2), ends[0]), min(max(x1, x2), ends[1])
      if low > high:
        continue
      slope = (y2 - y1) / (x2 - x1) if x2 != x1 else 0.0
      lower, upper = sorted(y1 + slope * (x - x1) for x in (low, high))
      nearest = min(nearest, max(lower - y, y - upper, 0.0))
  return nearest


def _summary(chart: Chart) -> str:
  """Says in words what is to be seen."""
  names: dict[str, list[float]] = {}
  for one in chart.series:
    if one.told:
      names.setdefault(one.name, []).extend(y for _, y in one.points)
  parts = []
  for name, values in names.items():
    if values:
      low, high = min(values), max(values)
      parts.append(f'{name} from {low:.4g} to {high:.4g}')
  return f'{"; ".join(parts)}.'


def _axes(chart: Chart, scale: _Scale) -> Iterable[Element]:
  bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
  for value in _ticks(scale.x_ends, chart.whole):
    x = scale.x(value)
    yield _line('grid', x, _TOP, x, bottom)
    yield _text(f'{value:g}', x, bottom + 16)
  for value in _ticks(scale.y_ends, False):
    y = scale.y(value)
    yield _line('grid', _LEFT, y, right, y)
    yield _text(f'{value:g}', _LEFT - 6, y + 4, 'end')
  yield _text(chart.x, (_LEFT + right) / 2, _HEIGHT - 6)
  middle = (_TOP + bottom) / 2
  yield element(
    'text',
    chart.y,
    transform=f'translate(13 {middle}) rotate(-90)',
    text_anchor='middle',
  )


def _ticks(ends: Point, whole: bool) -> list[float]:
  locator = matplotlib.ticker.MaxNLocator(
    _TICKS, integer=whole, min_n_ticks=1, steps=[1, 2, 5, 10]
  )
  low, high = ends
  # Adding 0 turns -0.0 into 0.0.
  return [
    float(v) + 0.0 for v in locator.tick_values(low, high) if low <= v <= high
  ]


def _drawn(one: Series, scale: _Scale) -> Iterable[Element]:
  look = f'look{"" if one.look is None else one.look}'
  style = f'{look} faint' if one.faint else look
  places = [(scale.x(x), scale.y(y)) for x, y in one.points]
  if one.band:
    upper = [
      (x, scale.y(y + reach))
      for (x, _), (_, y), reach in zip(places, one.points, one.band)
    ]
    lower = [
      (x, scale.y(y - reach))
      for (x, _), (_, y), reach in zip(places, one.points, one.band)
    ]
    way = f'M{_joined([*upper, *reversed(lower)])}z'
    if one.kind == 'dots':
      pairs = zip(upper, lower)
      way = ''.join(f'M{_joined(pair)}' for pair in pairs)
    kind = 'bar' if one.kind == 'dots' else 'band'
    yield element('path', class_=f'{kind} {look}', d=way)
  if one.kind != 'dots' and len(places) > 1:
    way = f'M{_joined(places)}'
    if one.kind == 'steps':
      steps = (f'H{x}V{y}' for x, y in places[1:])
      way = f'M{_joined(places[:1])}{"".join(steps)}'
    yield element('path', class_=f'line {style}', d=way)
  if _is_marked(one):
    marker = _MARKERS[(one.look or 0) % len(_MARKERS)]
    for x, y in places:
      yield element(
        'path',
        class_=f'dot {style}',
        d=marker,
        transform=f'translate({x} {y})',
      )


def _is_marked(one: Series) -> bool:
  """Whether every point has its marker."""
  return one.kind == 'dots' or (len(one.points) <= _FEW and not one.faint)


def _joined(places: Iterable[Point]) -> str:
  return 'L'.join(f'{x},{y}' for x, y in places)


def _stops(chart: Chart, scale: _Scale) -> list[list]:
  """Returns what can be read, from left to right: `[x, [y, ...], text]`."""
  told = [one for one in chart.series if one.told]
  if not chart.shared:
    found = [
      [scale.x(x), [scale.y(y)], _told(chart, one, i)]
      for one in told
      for i, (x, y) in enumerate(one.points)
    ]
    return sorted(found)
  values = [(one.name, dict(one.points)) for one in told]
  result = []
  for x in sorted({x for _, known in values for x in known}):
    here = [(name, known[x]) for name, known in values if x in known]
    lines = [f'{chart.x} {_number(x)}']
    lines += [f'{name} {_number(y)}' for name, y in here]
    heights = [scale.y(y) for _, y in here]
    result.append([scale.x(x), heights, '\n'.join(lines)])
  return result


def _told(chart: Chart, one: Series, i: int) -> str:
  x, y = one.points[i]
  lines = [one.labels[i] if one.labels else one.name]
  lines += [f'{chart.x}: {_number(x)}', f'{chart.y}: {_number(y)}']
  if one.band:
    lines[-1] += f' \N{PLUS-MINUS SIGN} {_number(one.band[i])}'
  return '\n'.join(lines)


def _legend(chart: Chart) -> Element | None:
  entries: dict[str, Series] = {}
  for one in chart.series:
    entries.setdefault(one.name, one)
  # Where there is but one, the title may have said what it is.
  named = all(name.lower() in chart.title.lower() for name in entries)
  if len(entries) < 2 and named:
    return None
  items = [
    element('li', _swatch(one), f' {name}') for name, one in entries.items()
  ]
  return element('ul', *items, class_='legend')


def _swatch(one: Series) -> Element:
  look = f'look{"" if one.look is None else one.look}'
  style = f'{look} faint' if one.faint else look
  marker = _MARKERS[(one.look or 0) % len(_MARKERS)]
  parts = []
  if one.kind != 'dots':
    parts.append(_line(f'line {style}', 0, 6, 28, 6))
  if _is_marked(one):
    place = 'translate(14 6)'
    parts.append(
      element('path', class_=f'dot {style}', d=marker, transform=place)
    )
  return _key(*parts)


def _key(*parts: Element) -> Element:
  return element('svg', *parts, viewBox='0 0 28 12', aria_hidden='true')


def _table(chart: Chart) -> Element:
  told = [one for one in chart.series if one.told]
  if chart.shared:
    values = [(one.name, dict(one.points)) for one in told]
    heads = [chart.x, *(name for name, _ in values)]
    rows = [
      [_number(x), *(_number(known.get(x)) for _, known in values)]
      for x in sorted({x for _, known in values for x in known})
    ]
  else:
    heads = ['', chart.x, chart.y]
    rows = [
      [one.labels[i] if one.labels else one.name, _number(x), _number(y)]
      for one in told
      for i, (x, y) in enumerate(one.points)
    ]
  return table(heads, rows)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Element:
  """Returns a table whose first column names the rows.

  Args:
    heads: of the columns.
    rows: cells, as many as there are heads.
  """
  # A corner heads nothing.
  head = element(
    'tr',
    *(
      element('th', text, scope='col') if text else element('td')
      for text in heads
    ),
  )
  body = [
    element(
      'tr',
      element('th', first, scope='row'),
      *(element('td', text) for text in others),
    )
    for first, *others in rows
  ]
  whole = element('table', element('thead', head), element('tbody', *body))
  # Wide tables scroll by themselves; who has no mouse scrolls by keys.
  return element(
    'div',
    whole,
    class_='scroll',
    tabindex='0',
    role='group',
    aria_label='Table',
  )


def _number(value: float | None) -> str:
  if value is None:
    return ''
  return f'{value:.0f}' if value == int(value) else f'{value:.4g}'


def _line(style: str, x1: float, y1: float, x2: float, y2: float) -> Element:
  return element('path', class_=style, d=f'M{x1},{y1}L{x2},{y2}')


def _text(text: str, x: float, y: float, anchor: str = 'middle') -> Element:
  return element('text', text, x=x, y=y, text_anchor=anchor)


def _thinned(one: Series) -> Series:
  """Returns a series with no more points than can be seen.

  Points of a line that follow one another are averaged; of dots some are left
  out.
  """
  finite = [i for i, p in enumerate(one.points) if all(map(math.isfinite, p))]
  if one.kind == 'dots':
    step = -(-len(finite) // _MOST_DOTS) or 1
    groups = [[i] for i in finite[::step]]
  else:
    step = -(-len(finite) // _MOST_POINTS) or 1
    groups = [finite[i : i + step] for i in range(0, len(finite), step)]
  return dataclasses.replace(
    one,
    points=[
      (
        # The last x of those that are averaged: whole where x is.
        one.points[group[-1]][0],
        sum(one.points[i][1] for i in group) / len(group),
      )
      for group in groups
    ],
    labels=[one.labels[group[-1]] for group in groups] if one.labels else (),
    band=[one.band[group[-1]] for group in groups] if one.band else (),
    marks=[one.marks[group[-1]] for group in groups] if one.marks else (),
  )
