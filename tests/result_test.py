"""Tests of nat_tf.result."""

from __future__ import annotations

import dataclasses
import os
from xml.etree import ElementTree

from absl.testing import absltest

from nat_tf import architecture_json
from nat_tf import description
from nat_tf import result
from nat_tf import zoo
from nat_tf.architecture import Architecture
from nat_tf.cost import Cost
from nat_tf.transformer import Basis
from nat_tf.transformer import Measured
from nat_tf.transformer import Transformation


def _measured(name: str, params: int, madds: int, accuracy: float) -> Measured:
  return Measured(zoo.load(name), Cost(params, madds), accuracy)


# Five edges differ.
_DARTS = _measured('darts', 3_350_000, 528_000_000, 0.814)
_NAT_DARTS = _measured('nat_darts', 2_680_000, 424_200_000, 0.836)
_BASIS = Basis(description.network_config('cells', 'cifar10'), 287, 12)


class TableTest(absltest.TestCase):
  def test_text(self):
    # 2.68 / 3.35 - 1 = -20.0 %; 424.2 / 528 - 1 = -19.7 %; 83.6 - 81.4 = 2.2.
    self.assertEqual(
      result.table(Transformation(_DARTS, _NAT_DARTS, _BASIS), 'darts'),
      """\
               parameters  multiply-adds    accuracy*
input (darts)      3.35 M        528.0 M       81.4 %
transformed        2.68 M        424.2 M       83.6 %
change            -20.0 %        -19.7 %  +2.2 points
costs of 20 cells, 36 channels, images of 32x32x3, 10 classes
* with the shared weights, on 287 held-out images (one is 0.35 points)
the best of 12 architectures by these same images; 5 edges changed""",
    )

  def test_separation_decided(self):
    source = dataclasses.replace(_DARTS, separation=0.55)
    transformed = dataclasses.replace(
      _NAT_DARTS, accuracy=0.8, separation=0.5625
    )
    self.assertEqual(
      result.table(Transformation(source, transformed, _BASIS), 'darts'),
      """\
               parameters  multiply-adds    accuracy*  separation*
input (darts)      3.35 M        528.0 M       81.4 %        0.550
transformed        2.68 M        424.2 M       80.0 %        0.562
change            -20.0 %        -19.7 %  -1.4 points       +0.012
costs of 20 cells, 36 channels, images of 32x32x3, 10 classes
* with the shared weights, on 287 held-out images (one is 0.35 points)
the best of 12 architectures by separation on these images; 5 edges changed""",
    )

  def test_the_policy_decided_beside_the_score(self):
    basis = dataclasses.replace(_BASIS, prior=True)
    worse = dataclasses.replace(_NAT_DARTS, accuracy=_DARTS.accuracy - 0.01)
    text = result.table(Transformation(_DARTS, worse, basis), 'darts')
    self.assertIn('change            -20.0 %        -19.7 %  -1.0 points', text)
    self.assertEndsWith(
      text,
      'the best of 12 architectures by these same images and what the policy '
      'prefers; 5 edges changed',
    )
    text = result.table(Transformation(_DARTS, _DARTS, basis), 'darts')
    self.assertEndsWith(
      text, '; no candidate was preferred: the architecture stays as it is'
    )

  def test_several_networks_scored(self):
    basis = dataclasses.replace(_BASIS, scored=(5, 8))
    self.assertIn(
      '* with the shared weights, the mean of networks of 5 and 8 cells, on '
      '287 held-out images (one is 0.35 points)',
      result.table(Transformation(_DARTS, _NAT_DARTS, basis), 'darts'),
    )

  def test_a_long_name_keeps_the_columns_aligned(self):
    text = result.table(Transformation(_DARTS, _NAT_DARTS, _BASIS), 'x' * 39)
    lines = text.split('\n')[:4]
    self.assertLen({len(line) for line in lines}, 1)
    self.assertIn(f'input ({"x" * 39})  ', lines[1])

  def test_one_edge(self):
    cell = _DARTS.architecture['normal']
    names = ['skip', *(edge.operation for edge in cell.edges[1:])]
    changed = Architecture.of(
      normal=cell.with_operations(names),
      reduction=_DARTS.architecture['reduction'],
    )
    transformed = Measured(changed, Cost(3_000_000, 500_000_000), 0.9)
    self.assertEndsWith(
      result.table(Transformation(_DARTS, transformed, _BASIS), 'darts'),
      'by these same images; 1 edge changed',
    )

  def test_nothing_better_was_found(self):
    text = result.table(Transformation(_DARTS, _DARTS, _BASIS), 'darts')
    self.assertEndsWith(
      text, '; no candidate was better: the architecture stays as it is'
    )
    self.assertEqual(
      text.split('\n')[3].split(), 'change +0.0 % +0.0 % +0.0 points'.split()
    )

  def test_time_is_named_an_estimate(self):
    before = dataclasses.replace(_DARTS, latency_ms=20.0)
    after = dataclasses.replace(_NAT_DARTS, latency_ms=15.0)
    self.assertEqual(
      result.table(Transformation(before, after, _BASIS), 'darts'),
      """\
               parameters  multiply-adds    accuracy*  latency**
input (darts)      3.35 M        528.0 M       81.4 %   20.00 ms
transformed        2.68 M        424.2 M       83.6 %   15.00 ms
change            -20.0 %        -19.7 %  +2.2 points    -25.0 %
costs of 20 cells, 36 channels, images of 32x32x3, 10 classes
** an estimate for this device: the input's whole time, and its parts'
* with the shared weights, on 287 held-out images (one is 0.35 points)
the best of 12 architectures by these same images; 5 edges changed""",
    )


class WriteTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.parent = self.create_tempdir().full_path
    self.folder = os.path.join(self.parent, 'out', 'transformed')

  def test_writes_three_files(self):
    result.write(
      Transformation(_DARTS, _NAT_DARTS, _BASIS), 'darts', self.folder
    )
    files = {
      name: os.path.join(self.folder, f'transformed.{name}')
      for name in ('json', 'png', 'svg')
    }
    self.assertCountEqual(
      os.listdir(self.folder), [f'transformed.{name}' for name in files]
    )
    self.assertEqual(
      architecture_json.load(files['json']), zoo.load('nat_darts')
    )
    with open(files['png'], 'rb') as file:
      self.assertEqual(file.read(8), b'\x89PNG\r\n\x1a\n')
    drawing = ElementTree.parse(files['svg']).getroot()
    self.assertEqual(drawing.tag, '{http://www.w3.org/2000/svg}svg')

  def test_refuses_a_file_as_folder(self):
    path = os.path.join(self.parent, 'out')
    with open(path, 'wb'):
      pass
    with self.assertRaises(result.OutputError) as caught:
      result.write(Transformation(_DARTS, _NAT_DARTS, _BASIS), 'darts', path)
    self.assertEqual(
      str(caught.exception), f'cannot write to {path}: File exists'
    )

  def test_refuses_a_folder_below_a_file(self):
    with open(os.path.join(self.parent, 'out'), 'wb'):
      pass
    with self.assertRaisesRegex(
      result.OutputError, f'^cannot write to {self.folder}: Not a directory$'
    ):
      result.write(
        Transformation(_DARTS, _NAT_DARTS, _BASIS), 'darts', self.folder
      )

  def test_refuses_to_replace_a_directory(self):
    os.makedirs(os.path.join(self.folder, 'transformed.png'))
    with self.assertRaisesRegex(
      result.OutputError, f'^cannot write to {self.folder}: Is a directory$'
    ):
      result.write(
        Transformation(_DARTS, _NAT_DARTS, _BASIS), 'darts', self.folder
      )


if __name__ == '__main__':
  absltest.main()
