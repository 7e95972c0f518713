"""Tests of nat_tf.chart."""

from __future__ import annotations

import itertools
import json
import re

from absl.testing import absltest
from absl.testing import parameterized

from nat_tf import chart
from nat_tf.chart import Chart
from nat_tf.chart import Series

_LINES = Chart(
  'Loss',
  'epoch',
  'loss',
  [
    Series('training', [(1, 2.0), (2, 1.0)], look=1),
    Series('held out', [(2, 1.5), (3, 0.5)]),
  ],
  shared=True,
  whole=True,
)


def _stops(drawn) -> list:
  return json.loads(drawn.find('.//div[@class="chart"]').get('data-stops'))


def _rows(drawn) -> list[list[str]]:
  rows = drawn.findall('.//details//tr')
  return [[cell.text or '' for cell in row] for row in rows]


def _places(drawn, style: str) -> list[tuple[float, float]]:
  """Where the points of lines of a style are."""
  return [
    tuple(map(float, pair))
    for path in drawn.findall('.//div[@class="chart"]//path')
    if path.get('class') == style
    for pair in re.findall(r'([\d.]+),([\d.]+)', path.get('d'))
  ]


class FigureTest(parameterized.TestCase):
  def test_values_of_all_series_are_told_at_once(self):
    stops = _stops(chart.figure(_LINES))
    self.assertEqual(
      [text for _, _, text in stops],
      [
        'epoch 1\ntraining 2',
        'epoch 2\ntraining 1\nheld out 1.5',
        'epoch 3\nheld out 0.5',
      ],
    )
    xs = [x for x, _, _ in stops]
    # Equal steps, and a value is lower on the page the smaller it is.
    self.assertAlmostEqual(xs[1] - xs[0], xs[2] - xs[1], delta=0.11)
    self.assertLess(stops[0][1][0], stops[1][1][0])

  def test_stops_are_where_the_lines_are(self):
    drawn = chart.figure(_LINES)
    stops = _stops(drawn)
    self.assertEqual(
      _places(drawn, 'line look1'),
      [(stops[0][0], stops[0][1][0]), (stops[1][0], stops[1][1][0])],
    )
    self.assertEqual(
      _places(drawn, 'line look0'),
      [(stops[1][0], stops[1][1][1]), (stops[2][0], stops[2][1][0])],
    )

  def test_the_table_holds_the_values(self):
    self.assertEqual(
      _rows(chart.figure(_LINES)),
      [
        ['epoch', 'training', 'held out'],
        ['1', '2', ''],
        ['2', '1', '1.5'],
        ['3', '', '0.5'],
      ],
    )

  def test_dots_are_told_one_by_one(self):
    front = Series('front', [(3, 5.0), (1, 4.0)], 'steps', labels=['a', 'b'])
    cloud = Series('all', [(2, 2.0)], 'dots', None, told=False)
    drawn = chart.figure(Chart('t', 'cost', 'gain', [cloud, front]))
    self.assertEqual(
      [text for _, _, text in _stops(drawn)],
      ['b\ncost: 1\ngain: 4', 'a\ncost: 3\ngain: 5'],
    )

  def test_a_band_is_drawn_and_told(self):
    one = Series('mean', [(0, 1.0), (1, 2.0)], band=[0.5, 0.25])
    drawn = chart.figure(Chart('t', 'x', 'y', [one]))
    self.assertLen(_places(drawn, 'band look0'), 4)
    self.assertEndsWith(_stops(drawn)[0][2], 'y: 1 ± 0.5')

  def test_everything_is_inside(self):
    one = Series('a', [(0, -1e9), (1e-9, 1e9)], band=[1e8, 1e8])
    drawn = chart.figure(Chart('t', 'x', 'y', [one], levels=[('l', 2e9)]))
    for style in ('line look0', 'band look0', 'level', 'grid'):
      self.assertNotEmpty(_places(drawn, style))
      for x, y in _places(drawn, style):
        self.assertBetween(x, 0, 480)
        self.assertBetween(y, 0, 280)

  @parameterized.parameters(
    # Where the line ends, the name stands at the other end.
    ([(0, -3.0), (9, -3.0), (10, 0.1)], 'start', True),
    ([(0, 0.1), (1, 3.0), (10, 3.0)], 'end', False),
    # Below what is everywhere above.
    ([(0, 0.3), (10, 0.3)], 'end', False),
  )
  def test_the_name_of_a_level_keeps_off_the_lines(self, points, anchor, above):
    lines = [Series('a', points), Series('b', [(0, -9.0), (0, 9.0)], 'dots')]
    drawn = chart.figure(Chart('t', 'x', 'y', lines, levels=[('naught', 0)]))
    (name,) = (
      one for one in drawn.findall('.//svg/text') if one.text == 'naught'
    )
    (_, level), *_ = _places(drawn, 'level')
    self.assertEqual(name.get('text-anchor'), anchor)
    self.assertEqual(float(name.get('y')) < level, above)

  def test_names_of_near_levels_keep_off_one_another(self):
    levels = [('the first level', 50.0), ('another one', 52.0), ('c', 51.0)]
    # Beginning and end of the upper half are taken by the line.
    one = Series('a', [(0, -400.0), (9, -300.0), (10, 100.0)])
    drawn = chart.figure(Chart('t', 'x', 'y', [one], levels=levels))
    places = {
      text.text: (text.get('text-anchor'), float(text.get('y')))
      for text in drawn.findall('.//svg/text')
      if text.text in dict(levels)
    }
    self.assertLen(places, 3)
    for (side, y), (other, there) in itertools.combinations(places.values(), 2):
      self.assertTrue(side != other or abs(y - there) >= 14, places)

  def test_marks_stand_beside_their_points_in_turns(self):
    one = Series('a', [(0, 1.0), (1, 2.0)], 'steps', marks=['p', 'q'])
    drawn = chart.figure(Chart('t', 'x', 'y', [one]))
    for mark, side, (x, (y,), _) in zip('pq', (-1, 1), _stops(drawn)):
      (text,) = (t for t in drawn.findall('.//svg/text') if t.text == mark)
      aside = side * (float(text.get('x')) - x)
      down = side * (float(text.get('y')) - y)
      self.assertBetween(aside, 4, 15)
      self.assertBetween(down, 3, 15)

  def test_series_differ_in_more_than_colour(self):
    many = [Series(str(i), [(i, 1.0)], 'dots', look=i) for i in range(6)]
    drawn = chart.figure(Chart('t', 'x', 'y', many))
    markers = {
      path.get('d')
      for path in drawn.findall('.//div[@class="chart"]//path')
      if path.get('class').startswith('dot')
    }
    self.assertLen(markers, 6)

  @parameterized.parameters(('Gain', ['edges']), ('Gain of Edges', []))
  def test_one_series_is_named_unless_the_title_does(self, title, names):
    one = Series('edges', [(0, 1.0), (1, 2.0)])
    drawn = chart.figure(Chart(title, 'x', 'y', [one]))
    entries = drawn.findall('.//ul[@class="legend"]/li')
    self.assertEqual([item[0].tail.strip() for item in entries], names)

  def test_several_series_are_always_named(self):
    both = [Series(name, [(0, 1.0), (1, 2.0)]) for name in ('a', 'b')]
    drawn = chart.figure(Chart('Accuracy by cost', 'x', 'y', both))
    self.assertLen(drawn.findall('.//ul[@class="legend"]/li'), 2)

  @parameterized.parameters(1, 2, 10_001)
  def test_many_points_are_thinned_to_means(self, count):
    one = Series('a', [(i, float(i % 2)) for i in range(count)])
    drawn = chart.figure(Chart('t', 'x', 'y', [one], shared=True))
    stops = _stops(drawn)
    self.assertLessEqual(len(stops), 400)
    self.assertEqual(stops[-1][2].split('\n')[0], f'x {count - 1}')

  def test_a_thinned_line_keeps_its_mean(self):
    one = Series('a', [(i, float(i % 2)) for i in range(8_000)])
    drawn = chart.figure(Chart('t', 'x', 'y', [one], shared=True))
    self.assertEqual({row[1] for row in _rows(drawn)[1:]}, {'0.5'})

  def test_what_is_no_number_is_left_out(self):
    one = Series('a', [(1, float('nan')), (2, 1.0), (3, float('inf'))])
    self.assertLen(_stops(chart.figure(Chart('t', 'x', 'y', [one]))), 1)

  def test_knows_when_there_is_nothing_to_show(self):
    one = Series('a', [(1, float('nan'))])
    self.assertTrue(Chart('t', 'x', 'y', [one, Series('b', [])]).empty)
    self.assertFalse(_LINES.empty)

  def test_says_in_words_what_is_to_be_seen(self):
    svg = chart.figure(_LINES).find('.//svg')
    self.assertEqual(
      svg.get('aria-label'),
      'Loss: loss by epoch. training from 1 to 2; held out from 0.5 to 1.5. '
      'Arrow keys read the values.',
    )
    self.assertEqual((svg.get('role'), svg.get('tabindex')), ('img', '0'))


class TableTest(absltest.TestCase):
  def test_heads_say_what_they_head(self):
    made = chart.table(['', 'a'], [['r', '1']])
    heads = [(cell.text, cell.get('scope')) for cell in made.iter('th')]
    self.assertEqual(heads, [('a', 'col'), ('r', 'row')])


if __name__ == '__main__':
  absltest.main()
