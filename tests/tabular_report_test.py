"""Tests of nat_tf.tabular_report."""

from __future__ import annotations

import math

from absl.testing import absltest
from matplotlib.backends.backend_agg import FigureCanvasAgg
import matplotlib.image
import numpy as np

from nat_tf import report
from nat_tf import tabular_report
from nat_tf.policy_study import Bounds
from nat_tf.policy_study import Outcome
from nat_tf.tabular_config import TabularConfig

_OUTCOMES = {
  'edges': [
    Outcome(99.0, 98.0, 99.5, 30.0, [(0.0, -100.0), (30.0, 99.0)]),
    Outcome(97.0, 96.0, 98.5, 34.0, [(0.0, -90.0), (34.0, 97.0)]),
  ],
  'random': [Outcome(-90.0, -95.0, 80.0, 0.0, [(0.0, -90.0)])] * 2,
}
_BOUNDS = [
  Bounds(75.0, 86.0, {10: 80.0, 100: 98.0}),
  Bounds(76.0, 86.0, {10: 82.0, 100: 99.0}),
]


class SummaryTest(absltest.TestCase):
  def test_numbers(self):
    summary = tabular_report.summary(_OUTCOMES, _BOUNDS)
    self.assertEqual(
      summary['policies']['edges'],
      {
        'argmax': {'mean': 98.0, 'std': 1.0},
        'sample': {'mean': 97.0, 'std': 1.0},
        'best_of_10': {'mean': 99.0, 'std': 0.5},
        'seconds': {'mean': 32.0, 'std': 2.0},
      },
    )
    self.assertEqual(list(summary['policies']), ['edges', 'random'])
    self.assertEqual(summary['random'], {'10': 81.0, '100': 98.5})
    self.assertEqual(summary['random_std'], {'10': 1.0, '100': 0.5})
    self.assertEqual((summary['beta'], summary['beta_std']), (75.5, 0.5))
    self.assertEqual((summary['oracle'], summary['oracle_std']), (86.0, 0.0))

  def test_one_seed_has_no_deviation(self):
    ones = {name: some[:1] for name, some in _OUTCOMES.items()}
    summary = tabular_report.summary(ones, _BOUNDS[:1])
    self.assertEqual(
      summary['policies']['edges']['argmax'], {'mean': 99.0, 'std': 0.0}
    )
    self.assertFalse(math.isnan(summary['beta_std']))


class TableTest(absltest.TestCase):
  def test_lines(self):
    self.assertEqual(
      tabular_report.table(_OUTCOMES, _BOUNDS).splitlines(),
      [
        'captured gain, %    most probable   one sample  best of 10'
        '      training',
        'edges                  98.0 ± 1.0   97.0 ± 1.0  99.0 ± 0.5'
        '  32.0 ± 2.0 s',
        'random                -90.0 ± 0.0  -95.0 ± 0.0  80.0 ± 0.0'
        '   0.0 ± 0.0 s',
        'random search, 10                               81.0 ± 1.0',
        'random search, 100                              98.5 ± 0.5',
        'oracle                                               100.0',
        'test accuracy, %: input 75.5 ± 0.5, oracle 86.0 ± 0.0',
      ],
    )


class DrawTest(absltest.TestCase):
  def test_is_a_picture_that_shows_something(self):
    path = f'{self.create_tempdir().full_path}/gain.png'
    tabular_report.draw(_OUTCOMES, _BOUNDS, path)
    image = matplotlib.image.imread(path)
    self.assertGreater(image.shape[1], 600)
    self.assertGreater(image.std(), 0.02)

  def test_the_legend_is_beside_the_curves_in_their_order(self):
    outcomes = {
      'gcn': [Outcome(90.0, 0.0, 0.0, 9.0, [(0.0, 0.0), (9.0, 90.0)])]
    }
    drawn = tabular_report.figure(outcomes | _OUTCOMES, _BOUNDS)
    canvas = FigureCanvasAgg(drawn)
    canvas.draw()
    (legend,), (axes,) = drawn.legends, drawn.axes
    self.assertFalse(legend.get_window_extent().overlaps(axes.bbox))
    self.assertEqual(
      [' '.join(text.get_text().split()) for text in legend.get_texts()],
      [
        'oracle: 100.0 %',
        'random search, 100 evaluations: 98.5 %',
        'edges: 98.0 %',
        'gcn: 90.0 %',
        'random search, 10 evaluations: 81.0 %',
      ],
    )
    # Random cells lose 90 %: that is not in view, and not in the legend.
    self.assertEqual(
      axes.get_xlabel().split('\n'),
      [
        'seconds of training',
        'bands: mean ± standard deviation over the seeds',
        'below 0 %: random: -90.0 %',
      ],
    )
    first, second = (line for line in axes.lines if line.get_marker() != 'None')
    self.assertNotEqual(first.get_marker(), second.get_marker())

  def test_what_does_not_learn_is_a_level(self):
    outcomes = {
      'edges': _OUTCOMES['edges'][:1],
      'random': [Outcome(66.0, 0.0, 0.0, 0.0, [(0.0, 66.0)])],
    }
    drawn = tabular_report.figure(outcomes, _BOUNDS[:1])
    (axes,), (legend,) = drawn.axes, drawn.legends
    self.assertIn(
      'random: 66.0 %', [text.get_text() for text in legend.get_texts()]
    )
    (line,) = (
      one for one in axes.lines if one.get_label().startswith('random:')
    )
    self.assertEqual(set(line.get_ydata()), {66.0})
    self.assertEqual(line.get_linestyle(), '-.')
    # One seed has no bands.
    self.assertEqual(axes.get_xlabel(), 'seconds of training')


class ReportTest(absltest.TestCase):
  def test_page_holds_table_and_curves(self):
    made = tabular_report.of_study(
      _OUTCOMES, _BOUNDS, 'cifar10', TabularConfig(seeds=2, seed=5), 'command'
    )
    self.assertEqual(made.seed, '5, 6')
    self.assertIn(('98.0 %', 'captured gain, edges'), made.tiles)
    self.assertStartsWith(made.lead, 'edges captures most')
    text = report.page(made, self.create_tempdir().full_path)
    self.assertIn('98.0 ± 1.0', text)

  def test_chart_has_curves_of_those_that_learn_and_levels_of_others(self):
    chart = tabular_report.chart(_OUTCOMES, _BOUNDS)
    self.assertEqual([one.name for one in chart.series], ['edges'])
    (series,) = chart.series
    curves = np.array([one.curve for one in _OUTCOMES['edges']])
    np.testing.assert_allclose(series.points, curves.mean(axis=0))
    np.testing.assert_allclose(series.band, curves[..., 1].std(axis=0))
    self.assertEqual(
      chart.levels,
      [
        ('random, which does not learn', -90.0),
        ('random search, 10', 81.0),
        ('random search, 100', 98.5),
      ],
    )


if __name__ == '__main__':
  absltest.main()
