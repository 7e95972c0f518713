"""Tests of nat_tf.latency."""

from __future__ import annotations

import collections

from absl.testing import absltest
import numpy as np

from nat_tf import edge_costs
from nat_tf import latency
from nat_tf import layout
from nat_tf import nasbench201
from nat_tf import skeletons
from nat_tf import spaces
from nat_tf import zoo
from nat_tf.latency import Part
from nat_tf.layout import EdgePlace

# A normal cell, a reduction, a normal cell; then sizes and channels differ.
_CONFIG = layout.NetworkConfig(3, 4, (8, 8), 1, 10, skeletons.CELLS)
_DARTS = zoo.load('darts')
_SPACE = spaces.DARTS
_SLOTS = (2, 8, len(_SPACE.operations))


class _Clock:
  """A part takes as many nanoseconds as its number says."""

  def __init__(self):
    self.seen = collections.Counter()

  def __call__(self, part):
    self.seen[part] += 1
    return {'conv': 1_000, 'dense': 100}.get(part.name, part.joins.inputs)


# What the parts of the DARTS network add up to by that clock.
_SUM = (1 + 2 * 3) * 1_000 + 100 + 8 * 4 + 8 * (8 + 16)


def _takes(nanoseconds):
  return lambda architecture, config: nanoseconds


class PartsLatencyTest(absltest.TestCase):
  def _measure(self, allowed):
    clock = _Clock()
    parts = latency.PartsLatency(clock, _takes(_SUM))
    results = [parts(_DARTS, _SPACE, _CONFIG, allowed) for _ in range(2)]
    self.assertEqual(results[0][0], results[1][0])
    np.testing.assert_array_equal(results[0][1], results[1][1])
    self.assertEqual(set(clock.seen.values()), {1})
    return *results[0], clock.seen

  def test_adds_the_places_of_a_cell(self):
    # Reductions stand at cells 1 and 2 of 3: channels are 4, 8, 16.
    fixed, table, _ = self._measure(np.ones(_SLOTS, bool))
    np.testing.assert_array_equal(table[0], np.full(_SLOTS[1:], 4))
    np.testing.assert_array_equal(table[1], np.full(_SLOTS[1:], 8 + 16))
    # The stem, two convolutions before every cell, and the classifier.
    self.assertEqual(fixed, (1 + 2 * 3) * 1_000 + 100)

  def test_only_what_is_allowed_is_measured(self):
    allowed = np.zeros(_SLOTS, bool)
    skip = _SPACE.index('skip')
    allowed[1, :, skip] = True
    _, table, seen = self._measure(allowed)
    self.assertTrue((table[~allowed] == 0).all())
    parts = {part for part in seen if part.name not in ('conv', 'dense')}
    self.assertEqual(
      parts,
      {
        Part('skip', EdgePlace(8, 8, 2, (8, 8), (4, 4))),
        Part('skip', EdgePlace(8, 8, 1, (4, 4), (4, 4))),
        Part('skip', EdgePlace(16, 16, 2, (4, 4), (2, 2))),
        Part('skip', EdgePlace(16, 16, 1, (2, 2), (2, 2))),
      },
    )

  def test_a_skeletons_own_reduction_is_fixed(self):
    cell = nasbench201.from_text(
      '|none~0|+|none~0|none~1|+|none~0|none~1|none~2|'
    )
    space = spaces.NASBENCH201
    config = layout.NetworkConfig(3, 4, (8, 8), 1, 10, space.skeleton)
    clock = _Clock()
    parts = latency.PartsLatency(clock, _takes(1_160 + 24))
    allowed = np.ones([1, 6, len(space.operations)], bool)
    fixed, table = parts(cell, space, config, allowed)
    np.testing.assert_array_equal(table, np.full(allowed.shape, 4))
    # Stem, and residual blocks: three of their four edges read what is half as
    # wide.
    self.assertEqual(fixed, 1_000 + (3 * 4 + 8) + (3 * 8 + 16) + 100)

  def test_hand_made_networks_have_pools_and_more_dense_layers(self):
    #   stem, 4 pools before the stages, 3 dense layers; the last pool is part
    #   of the head and not timed.
    beta = zoo.load('vgg16')
    space = spaces.around('one', beta, 'nat')
    config = layout.NetworkConfig(
      1, 8, (32, 32), 3, 10, skeletons.load('vgg16', 'imagenet')
    )
    clock = _Clock()
    allowed = np.zeros([5, space.edges, len(space.operations)], bool)
    latency.PartsLatency(clock, _takes(1))(beta, space, config, allowed)
    names = collections.Counter(part.name for part in clock.seen)
    self.assertEqual(names, {'conv': 1, 'max_pool_2x2': 4, 'dense': 3})

  def test_real_times(self):
    # A hundred times the work takes longer on any device.
    small = EdgePlace(4, 4, 1, (8, 8), (8, 8))
    large = EdgePlace(64, 64, 1, (32, 32), (32, 32))
    parts = latency.PartsLatency()
    self.assertLess(
      parts._time(Part('conv_3x3', small)), parts._time(Part('conv_5x5', large))
    )
    self.assertEqual(parts._time(Part('null', small)), 0)
    self.assertEqual(parts._time(Part('skip', small)), 0)
    for part in (
      Part('skip', EdgePlace(4, 4, 2, (9, 8), (5, 4))),
      Part('max_pool_3x3', EdgePlace(4, 4, 2, (8, 8), (4, 4))),
      Part('conv', EdgePlace(3, 6, 2, (8, 8), (4, 4)), 1),
      Part('dense', EdgePlace(16, 10, 1, (1, 1), (1, 1))),
    ):
      self.assertGreaterEqual(parts._time(part), 0)

  def test_the_input_takes_what_its_whole_network_takes(self):
    parts = latency.PartsLatency(_Clock(), _takes(3 * _SUM))
    fixed, table = parts(_DARTS, _SPACE, _CONFIG, np.ones(_SLOTS, bool))
    self.assertEqual(fixed, 3 * 7_100)
    np.testing.assert_array_equal(table[0], np.full(_SLOTS[1:], 3 * 4))

  def test_serves_as_a_third_measure(self):
    parts = latency.PartsLatency(_Clock(), _takes(_SUM))
    costs = edge_costs.measure(_DARTS, _SPACE, _CONFIG, None, parts)
    total = costs.total(_SPACE.encode(_DARTS).operations)
    self.assertEqual(total[edge_costs.NANOSECONDS], 7_100 + 8 * 4 + 8 * 24)


if __name__ == '__main__':
  absltest.main()
