"""Tests of nat_tf.report_curves."""

from __future__ import annotations

import os

from absl.testing import absltest

from nat_tf import report_curves

_LEARNING = """\
epoch,weights_loss,weights_accuracy,policy_reward,policy_entropy,seconds
1,2.5,0.1,,,1.0
2,1.5,0.3,-0.25,15.0,1.0
3,0.5,0.5,0.75,14.0,1.0
"""


class LearningTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.path = os.path.join(self.create_tempdir().full_path, 'learning.csv')
    with open(self.path, 'w', encoding='utf-8') as file:
      file.write(_LEARNING)

  def test_curves_are_those_of_the_file(self):
    charts = report_curves.learning(report_curves.read(self.path))
    loss, accuracy, reward, entropy = (one.series for one in charts)
    self.assertEqual(loss[0].points, [(1, 2.5), (2, 1.5), (3, 0.5)])
    self.assertEqual(
      [one.y for one in charts],
      [
        'loss, nats',
        'accuracy, %',
        'reward, hundredths',
        'entropy, nats',
      ],
    )
    # The mean of an epoch and the one before it.
    self.assertEqual(loss[1].points, [(1, 2.5), (2, 2.0), (3, 1.0)])
    self.assertEqual(accuracy[0].points, [(1, 10.0), (2, 30.0), (3, 50.0)])
    # Before the policy starts, its columns are empty.
    self.assertEqual(reward[0].points, [(2, -25.0), (3, 75.0)])
    self.assertEqual(entropy[1].points, [(2, 15.0), (3, 14.5)])

  def test_a_missing_file_has_no_rows(self):
    self.assertEmpty(report_curves.read(self.path + 'x'))
    self.assertEmpty(report_curves.learning([])[0].series[0].points)

  def test_held_out_curves_of_several(self):
    rows = [{'epoch': '1', 'validation_accuracy': '0.5'}]
    chart = report_curves.held_out({'a': rows, 'b': []})
    self.assertEqual(
      [(one.name, list(one.points)) for one in chart.series],
      [('a', [(1, 50.0)]), ('b', [])],
    )

  def test_training(self):
    rows = [
      {
        'epoch': '1',
        'loss': '2',
        'validation_loss': '3',
        'accuracy': '0.5',
        'validation_accuracy': '0.25',
        'learning_rate': '0.1',
      }
    ]
    accuracy, loss, rate = report_curves.training(rows)
    self.assertEqual(
      [list(one.points) for one in (*accuracy.series, *loss.series)],
      [[(1, 50.0)], [(1, 25.0)], [(1, 2.0)], [(1, 3.0)]],
    )
    self.assertEqual(
      [one.y for one in (accuracy, loss, rate)],
      ['accuracy, %', 'loss, nats', 'learning rate'],
    )
    self.assertEqual(rate.series[0].points, [(1, 0.1)])


if __name__ == '__main__':
  absltest.main()
