"""Tests of nat_tf.description."""

from __future__ import annotations

import json
import os
import pathlib
import types

from absl.testing import absltest
from absl.testing import parameterized

from nat_tf import activation_memory
from nat_tf import cost
from nat_tf import description
from nat_tf import layout
from nat_tf import skeletons
from nat_tf import zoo
from nat_tf.architecture import ArchitectureError


def _describe(name: str, latencies=None, **size) -> description.Description:
  architecture = zoo.load(name)
  config = description.network_config(architecture.network, 'cifar10', **size)
  return description.describe(name, architecture, config, latencies)


class NetworkConfigTest(parameterized.TestCase):
  # Cells, channels, side, classes.
  @parameterized.parameters(
    ('cells', 'cifar10', (20, 36, 32, 10)),
    ('cells', 'imagenet', (14, 48, 224, 1000)),
    ('nasbench201', 'cifar10', (17, 16, 32, 10)),
    ('resnet20', 'cifar10', (9, 16, 32, 10)),
    ('mobilenetv2', 'imagenet', (17, 32, 224, 1000)),
  )
  def test_usual_sizes(self, network, form, expected):
    cells, channels, side, classes = expected
    self.assertEqual(
      description.network_config(network, form),
      layout.NetworkConfig(
        cells,
        channels,
        (side, side),
        3,
        classes,
        skeletons.load(network, form),
      ),
    )

  def test_takes_other_sizes(self):
    config = description.network_config('cells', 'cifar10', 8, 16, 64, 100)
    self.assertEqual(
      (config.cells, config.channels, config.image_size, config.classes),
      (8, 16, (64, 64), 100),
    )

  @parameterized.parameters(
    ('cells', {'channels': 3}, 'channels is 3; it must be an even number'),
    ('cells', {'cells': 0}, 'cells is 0; it must be 1 or more'),
    ('resnet20', {'cells': 9}, 'a resnet20 network has 9 cells of its own'),
  )
  def test_refuses(self, network, size, message):
    with self.assertRaisesRegex(description.DescriptionError, message):
      description.network_config(network, 'cifar10', **size)


class DescriptionTest(parameterized.TestCase):
  @parameterized.parameters('nat_darts', 'resnet20')
  def test_parts_add_up(self, name):
    described = _describe(name)
    architecture = zoo.load(name)
    total, config = described.total, described.config
    self.assertEqual(total.cost, cost.network(architecture, config))
    self.assertEqual(
      total.activation_bytes, activation_memory.network(architecture, config)
    )
    self.assertEqual(
      [row.cell for row in described.parts],
      ['', *(place.kind for place in layout.places(config)), ''],
    )

  # Stem: 9 * 3 * 12 + 2 * 12 parameters, 9 * 3 * 12 multiply-adds at 8x8 and
  # three maps of 12 channels there.
  def test_table(self):
    described = _describe('darts', cells=1, channels=4, image_size=8)
    lines = description.table(described).splitlines()
    self.assertEqual(
      lines[0],
      'darts in a cells network: 1 cell, 4 channels, images of 8x8x3, 10 '
      'classes',
    )
    self.assertEqual(
      lines[1].split(), ['parameters', 'multiply-adds', 'activations']
    )
    self.assertEqual(lines[2].split(), ['stem', '348', '20,736', '0.01', 'MB'])
    self.assertEqual(lines[3].split()[:2], ['cell_0', 'normal'])
    self.assertEqual(lines[5].split()[0], 'total')
    self.assertLen(lines, 7)

  def test_latencies_stand_in_their_columns(self):
    # Not `part_latency.Latencies`: that would load TensorFlow.
    found = types.SimpleNamespace(
      parts=[(0.001, 0.01), (0.002, 0.02), (0.003, 0.03)],
      network=(0.007, 0.0655),
      device='an abacus',
    )
    described = _describe('darts', found, cells=1, channels=4, image_size=8)
    lines = description.table(described).splitlines()
    self.assertEndsWith(lines[1], 'batch of 1  batch of 64')
    self.assertEndsWith(lines[3], '2.00 ms     20.00 ms')
    self.assertEndsWith(lines[5], '7.00 ms     65.50 ms')
    self.assertIn('forward pass, an abacus; ', lines[-1])
    values = json.loads(description.to_json(described))
    self.assertEqual(values['device'], 'an abacus')
    self.assertEqual(values['latency_seconds'], {'1': 0.007, '64': 0.0655})
    self.assertEqual(
      values['parts'][2]['latency_seconds'], {'1': 0.003, '64': 0.03}
    )

  def test_json(self):
    described = _describe('darts', cells=2, channels=4, image_size=8)
    values = json.loads(description.to_json(described))
    parts = values.pop('parts')
    self.assertEqual(
      values,
      {
        'architecture': 'darts',
        'network': 'cells',
        'cells': 2,
        'channels': 4,
        'image': [8, 8, 3],
        'classes': 10,
        'device': None,
        'params': described.total.cost.params,
        'madds': described.total.cost.madds,
        'activation_bytes': described.total.activation_bytes,
        'latency_seconds': None,
      },
    )
    self.assertEqual(
      [(part['name'], part['cell']) for part in parts],
      [
        ('stem', None),
        ('cell_0', 'normal'),
        ('cell_1', 'reduction'),
        ('head', None),
      ],
    )
    self.assertEqual(sum(part['madds'] for part in parts), values['madds'])

  def test_refuses_what_does_not_fit(self):
    config = description.network_config('resnet20', 'cifar10')
    with self.assertRaisesRegex(ArchitectureError, 'a resnet20 network has'):
      description.describe('darts', zoo.load('darts'), config)

  def test_draws(self):
    folder = os.path.join(self.create_tempdir().full_path, 'a', 'b')
    config = description.network_config('cells', 'cifar10')
    description.draw('darts', zoo.load('darts'), config, folder)
    self.assertCountEqual(os.listdir(folder), description.DRAWINGS)
    self.assertLen(description.DRAWINGS, 4)
    plain = os.path.getsize(os.path.join(folder, 'architecture.svg'))

    with self.subTest('with costs'):
      description.draw('darts', zoo.load('darts'), config, folder, True)
      self.assertGreater(
        os.path.getsize(os.path.join(folder, 'architecture.svg')), plain
      )

  def test_says_where_it_cannot_draw(self):
    file = pathlib.Path(self.create_tempfile().full_path)
    config = description.network_config('cells', 'cifar10')
    with self.assertRaisesRegex(
      description.DescriptionError, f'cannot write to {file}'
    ):
      description.draw('darts', zoo.load('darts'), config, str(file))


if __name__ == '__main__':
  absltest.main()
