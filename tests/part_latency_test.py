"""Tests of nat_tf.part_latency."""

from __future__ import annotations

from unittest import mock

from absl.testing import absltest
import tensorflow as tf

from nat_tf import cost
from nat_tf import layout
from nat_tf import part_latency
from nat_tf import skeletons
from nat_tf import zoo


class PartLatencyTest(absltest.TestCase):
  def test_measures_every_part(self):
    config = layout.NetworkConfig(3, 2, (8, 8), 3, 10, skeletons.CELLS)
    architecture = zoo.load('resblock')
    found = part_latency.measure(architecture, config, (1, 2))
    self.assertLen(found.parts, len(cost.parts(architecture, config)))
    for seconds in (*found.parts, found.network):
      self.assertLen(seconds, 2)
      self.assertGreater(min(seconds), 0)
    self.assertEqual(found.device, part_latency.device())

  def test_measures_equal_parts_once(self):
    skeleton = skeletons.load('resnet20')
    config = layout.NetworkConfig(1, 2, (8, 8), 3, 10, skeleton)
    calls, reports = [], []

    def count(model, batch):
      calls.append((model.name, batch))
      return float(len(calls))

    with mock.patch.object(part_latency, 'median_seconds', count):
      found = part_latency.measure(
        zoo.load('resnet20'),
        config,
        (4,),
        lambda done, of: reports.append((done, of)),
      )
    # Blocks 0 to 2 are alike, and blocks 4 and 5; the last has no ReLU.
    parts = ['stem', *(f'cell_{i}' for i in (0, 3, 4, 6, 7, 8)), 'head']
    self.assertEqual(calls, [(one, 4) for one in (*parts, 'resnet20')])
    values = [1, 2, 2, 2, 3, 4, 4, 5, 6, 7, 8]
    self.assertEqual(found.parts, [(float(value),) for value in values])
    self.assertEqual(found.network, (9.0,))
    self.assertEqual(reports, [(done, 9) for done in range(10)])

  def test_models_take_turns(self):
    # Of batch 1 the times are 1 to 6 in turns, of batch 4 they are 7 to 12.
    calls, reports = [], []

    def count(model, batch):
      calls.append((model, batch))
      return float(len(calls))

    with mock.patch.object(part_latency, 'median_seconds', count):
      found = part_latency.in_turns(
        ['a', 'b'], (1, 4), report=lambda *done: reports.append(done)
      )
    self.assertEqual(calls, [('a', 1), ('b', 1)] * 3 + [('a', 4), ('b', 4)] * 3)
    self.assertEqual(found, [(3.0, 9.0), (4.0, 10.0)])
    self.assertEqual(reports, [(done, 12) for done in range(13)])

  def test_a_larger_model_takes_longer(self):
    def model(width):
      x = tf.keras.Input((8, 8, 64))
      y = tf.keras.layers.Conv2D(width, 3)(x)
      return tf.keras.Model(x, y)

    self.assertLess(
      part_latency.median_seconds(model(1), 1),
      part_latency.median_seconds(model(2048), 16),
    )


if __name__ == '__main__':
  absltest.main()
