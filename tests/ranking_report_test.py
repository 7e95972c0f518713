"""Tests of nat_tf.ranking_report."""

from __future__ import annotations

from absl.testing import absltest
import matplotlib.image
import numpy as np

from nat_tf import ranking_report
from nat_tf import report
from nat_tf import spaces
from nat_tf.ranking_study import Gain
from nat_tf.ranking_study import Ranking

_SPACE = spaces.NASBENCH201
_RANKING = Ranking(
  np.arange(8),
  np.arange(8) / 10,
  np.array([1, 0, 2, 3, 4, 5, 6, 7]) / 10,
  np.array([0, 1, 2, 3, 4, 5, 7, 6]) * 10**6,
  np.array([2, 1, 0, 3, 4, 5, 6, 7]) / 10,
)
_BETA, _ORACLE = np.array([0.7, 0.8]), np.array([0.9, 0.9])
_GAINS = [
  Gain(50.0, np.array([0.8, 0.85]), 75.0, 0),
  Gain(80.0, np.array([0.85, 0.9]), 100.0, 1),
]


class RankingReportTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.facts = ranking_report.summary(
      _SPACE, 'separation', _RANKING, _GAINS, _BETA, _ORACLE
    )

  def test_numbers(self):
    facts = self.facts
    self.assertAlmostEqual(facts['kendall'], 1 - 2 / 28)
    self.assertAlmostEqual(facts['top_quarter']['kendall'], 1.0)
    self.assertEqual(facts['reward'], 'separation')
    self.assertAlmostEqual(facts['by_accuracy']['kendall'], 1 - 4 / 28)
    self.assertAlmostEqual(facts['by_madds']['kendall'], 1 - 4 / 28)
    self.assertAlmostEqual(facts['by_madds']['top_quarter']['kendall'], -1.0)
    self.assertEqual(facts['captured_gain'], {'argmax': 50, 'best_of_10': 80})
    self.assertEqual(facts['improved'], {'argmax': 75, 'best_of_10': 100})
    self.assertEqual(facts['costlier'], {'argmax': 0, 'best_of_10': 1})
    for name, expected in (
      ('beta', 75),
      ('argmax', 82.5),
      ('best_of_10', 87.5),
      ('oracle', 90),
    ):
      self.assertAlmostEqual(facts['test'][name], expected)
    self.assertEqual((facts['architectures'], facts['inputs']), (8, 2))

  def test_names_edges_and_operations(self):
    found = self.facts['misjudged']
    self.assertEqual(
      list(found), ['0 to 1', '0 to 2', '1 to 2', '0 to 3', '1 to 3', '2 to 3']
    )
    places = _RANKING.misjudged(_SPACE)
    for row, edge in zip(places, found.values()):
      self.assertEqual(list(edge), list(_SPACE.operations))
      np.testing.assert_allclose(list(edge.values()), row)

  def test_table(self):
    lines = ranking_report.table(self.facts).splitlines()
    self.assertEqual(
      [' '.join(line.split()) for line in lines],
      [
        "shared weights against training Kendall's tau Spearman's rho",
        '8 random architectures, by separation 0.929 0.976',
        'the best quarter of them, by separation 1.000 1.000',
        '8 random architectures, by accuracy 0.857 0.929',
        'the best quarter of them, by accuracy 1.000 1.000',
        '8 random architectures, by multiply-adds alone 0.857 0.952',
        'the best quarter of them, by multiply-adds alone -1.000 -1.000',
        '',
        '2 held-out inputs most probable best of 10',
        'captured gain 50.0 % 80.0 %',
        'improved, where a point can be 75.0 % 100.0 %',
        'costlier than the input 0 1',
        'mean test accuracy 82.50 % 87.50 %',
        'inputs 75.00 %, oracle 90.00 %',
      ],
    )
    self.assertLen({len(line) for line in lines[:7]}, 1)

  def test_is_a_picture_that_shows_something(self):
    path = f'{self.create_tempdir().full_path}/ranking.png'
    ranking_report.draw(_RANKING, _GAINS, _BETA, 'accuracy', path)
    image = matplotlib.image.imread(path)
    self.assertGreater(image.shape[1], 600)
    self.assertGreater(image.std(), 0.02)


class ReportTest(absltest.TestCase):
  def test_page_holds_tables_and_all_dots(self):
    facts = ranking_report.summary(
      _SPACE, 'separation', _RANKING, _GAINS, _BETA, _ORACLE
    )
    made = ranking_report.of_ranking(
      facts, _RANKING, _GAINS, _BETA, 3, 'command'
    )
    self.assertEqual(
      made.tiles, [('0.93', "Kendall's tau"), ('50.0 %', 'captured gain')]
    )
    text = report.page(made, self.create_tempdir().full_path)
    self.assertIn('inputs 75.00 %, oracle 90.00 %', text)
    self.assertIn('<th scope="row">0 to 3</th>', text)
    first, second = ranking_report.charts(_RANKING, _GAINS, _BETA, 'separation')
    self.assertEqual(first.x, 'separation with shared weights')
    self.assertLen(first.series[0].points, 8)
    np.testing.assert_allclose(second.series[1].points, [[70, 80], [80, 85]])


if __name__ == '__main__':
  absltest.main()
