"""Tests of nat_tf.pareto_report."""

from __future__ import annotations

import dataclasses
import json
import os

from absl.testing import absltest
import numpy as np

from nat_tf import architecture_json
from nat_tf import description
from nat_tf import pareto_report
from nat_tf import result
from nat_tf import zoo
from nat_tf.cost import Cost
from nat_tf.pareto import Front
from nat_tf.transformer import Basis
from nat_tf.transformer import Measured

_SOURCE = Measured(zoo.load('darts'), Cost(3_350_000, 528_000_000), 0.814)
# Five edges differ.
_POINT = Measured(zoo.load('nat_darts'), Cost(2_680_000, 424_200_000), 0.836)
_WORSE = Measured(zoo.load('nat_darts'), Cost(2_690_000, 425_000_000), 0.5)
_BASIS = Basis(description.network_config('cells', 'cifar10'), 287, 3)
_FRONT = Front(_SOURCE, [_POINT], [_SOURCE, _POINT, _WORSE], _BASIS)


class ReportTest(absltest.TestCase):
  def test_table(self):
    self.assertEqual(
      pareto_report.table(_FRONT, 'darts'),
      """\
               parameters  multiply-adds  accuracy*  changed edges
input (darts)      3.35 M        528.0 M     81.4 %
point 1            2.68 M        424.2 M     83.6 %              5
costs of 20 cells, 36 channels, images of 32x32x3, 10 classes
* with the shared weights, on 287 held-out images (one is 0.35 points)
of 3 architectures that were measured, no other is as good for its multiply-adds
1 points, fewer than 8: no more were found""",
    )

  def test_enough_points_need_no_excuse(self):
    front = Front(_SOURCE, [_POINT] * 8, [_SOURCE], _BASIS)
    self.assertNotIn('fewer than', pareto_report.table(front, 'darts'))

  def test_files(self):
    folder = os.path.join(self.create_tempdir().full_path, 'out')
    pareto_report.write(_FRONT, 'darts', folder)
    self.assertCountEqual(os.listdir(folder), ['pareto.json', 'pareto.png'])
    with open(os.path.join(folder, 'pareto.png'), 'rb') as file:
      self.assertEqual(file.read(8), b'\x89PNG\r\n\x1a\n')
    with open(os.path.join(folder, 'pareto.json'), encoding='utf-8') as file:
      facts = json.load(file)
    self.assertEqual(facts['input']['params'], 3_350_000)
    self.assertEqual(facts['contenders'], 3)
    (point,) = facts['points']
    architecture = point.pop('architecture')
    self.assertEqual(
      architecture_json.from_json(json.dumps(architecture)),
      _POINT.architecture,
    )
    self.assertEqual(
      point,
      {
        'name': 'darts, point 1',
        'params': 2_680_000,
        'madds': 424_200_000,
        'accuracy': 0.836,
        'changes': 5,
      },
    )

  def test_refuses_a_file_as_folder(self):
    path = self.create_tempfile().full_path
    with self.assertRaisesRegex(result.OutputError, '^cannot write to '):
      pareto_report.write(_FRONT, 'darts', path)


class ChartTest(absltest.TestCase):
  def test_points_have_the_numbers_of_the_table(self):
    chart = pareto_report.chart(_FRONT, 'darts')
    measured, front, source = chart.series
    self.assertLen(measured.points, 3)
    self.assertFalse(measured.told)
    np.testing.assert_allclose(front.points, [(424.2, 83.6)])
    self.assertEqual(front.labels, ['point 1, 5 edges changed'])
    self.assertEqual(front.marks, ['1'])
    np.testing.assert_allclose(source.points, [(528.0, 81.4)])
    self.assertEqual(chart.y, 'accuracy, %')

  def test_of_separation(self):
    source, point = (
      dataclasses.replace(one, separation=separation)
      for one, separation in ((_SOURCE, 0.25), (_POINT, 0.375))
    )
    separated = Front(source, [point], [source, point], _BASIS)
    chart = pareto_report.chart(separated, 'darts')
    np.testing.assert_allclose(chart.series[1].points, [(424.2, 0.375)])
    self.assertEqual(chart.y, 'separation')
    self.assertIn(
      'no other separates the classes as well for its multiply-adds',
      pareto_report.table(separated, 'darts'),
    )
    folder = self.create_tempdir().full_path
    pareto_report.write(separated, 'darts', folder)
    with open(os.path.join(folder, 'pareto.json'), encoding='utf-8') as file:
      (found,) = json.load(file)['points']
    self.assertEqual(found['separation'], 0.375)
    self.assertTrue(os.path.exists(os.path.join(folder, 'pareto.png')))


if __name__ == '__main__':
  absltest.main()
