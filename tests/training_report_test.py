"""Tests of nat_tf.training_report."""

from __future__ import annotations

import os

from absl.testing import absltest

from nat_tf import description
from nat_tf import report
from nat_tf import training_report
from nat_tf import zoo
from nat_tf.train_config import TrainConfig

_SUMMARY = {
  'params': 272_474,
  'madds': 40_551_040,
  'validation_accuracy': 0.75,
  'test_accuracy': 0.875,
  'seconds': 150.0,
}


class TrainingReportTest(absltest.TestCase):
  def _made(self, **changes) -> report.Report:
    return training_report.of_training(
      'resnet20',
      {**_SUMMARY, **changes},
      TrainConfig(architecture='resnet20', epochs=4, seed=9),
      zoo.load('resnet20'),
      description.network_config('resnet20', 'cifar10'),
      360,
      os.path.join(self.create_tempdir().full_path, 'training.csv'),
      'the command',
    )

  def test_says_what_came_out(self):
    made = self._made()
    self.assertEqual(made.tiles[0], ('87.50 %', 'test accuracy'))
    self.assertEqual(
      made.tiles[1:], [('272 k', 'parameters'), ('41 M', 'multiply-adds')]
    )
    self.assertEqual(made.lead, '4 epochs from scratch, in 2 minutes.')
    self.assertEqual(made.seed, '9')
    text = report.page(made, self.create_tempdir().full_path)
    self.assertIn('<td>272,474</td>', text)
    for note in (
      'costs of 9 cells, 16 channels, images of 32x32x3, 10 classes',
      'held out: on 360 held-out images (one is 0.28 points)',
    ):
      self.assertIn(f'<p class="note">{note}</p>', text)
    self.assertEqual(text.count('class="drawing"'), 2)

  def test_without_a_test_split(self):
    made = self._made(test_accuracy=None)
    self.assertEqual(made.tiles[0], ('75.00 %', 'held-out accuracy'))

  def test_a_small_network_is_not_nothing(self):
    made = self._made(params=11_170, madds=222_976)
    self.assertEqual(
      made.tiles[1:], [('11 k', 'parameters'), ('223 k', 'multiply-adds')]
    )

  def test_times(self):
    for seconds, words in (
      (1.2, '1 seconds'),
      (119, '119 seconds'),
      (7_100, '118 minutes'),
      (36_000, '10.0 hours'),
    ):
      self.assertEndsWith(self._made(seconds=seconds).lead, f'in {words}.')


if __name__ == '__main__':
  absltest.main()
