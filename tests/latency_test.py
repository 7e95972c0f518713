"""Tests of nat_tf.latency."""

from __future__ import annotations

import collections

from absl.testing import absltest
import numpy as np

from nat_tf import edge_costs
from nat_tf import latency
from nat_tf import layout
from nat_tf import nasbench201
from nat_tf import spaces
from nat_tf import zoo
from nat_tf.latency import Part

# A normal cell, a reduction, a normal cell; then sizes and channels differ.
_CONFIG = layout.NetworkConfig(3, 4, (8, 8), 1, 10)
_DARTS = zoo.load('darts')
_SPACE = spaces.DARTS
_SLOTS = (2, 8, len(_SPACE.operations))


class _Clock:
  """A part takes as many nanoseconds as its number says."""

  def __init__(self):
    self.seen = collections.Counter()

  def __call__(self, part):
    self.seen[part] += 1
    return {'conv': 1_000, 'dense': 100}.get(part.name, part.inputs)


class PartsLatencyTest(absltest.TestCase):
  def _measure(self, allowed):
    clock = _Clock()
    parts = latency.PartsLatency(clock)
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
        Part('skip', (8, 8), 8, 8, 2),
        Part('skip', (4, 4), 8, 8, 1),
        Part('skip', (4, 4), 16, 16, 2),
        Part('skip', (2, 2), 16, 16, 1),
      },
    )

  def test_a_skeletons_own_reduction_is_fixed(self):
    cell = nasbench201.from_text(
      '|none~0|+|none~0|none~1|+|none~0|none~1|none~2|'
    )
    space = spaces.NASBENCH201
    config = layout.NetworkConfig(3, 4, (8, 8), 1, 10, space.skeleton)
    clock = _Clock()
    parts = latency.PartsLatency(clock)
    allowed = np.ones([1, 6, len(space.operations)], bool)
    fixed, table = parts(cell, space, config, allowed)
    np.testing.assert_array_equal(table, np.full(allowed.shape, 4))
    # Stem, two preparations, and residual blocks of 8 and 16 channels with
    # four edges each.
    self.assertEqual(fixed, 3 * 1_000 + 4 * (8 + 16) + 100)

  def test_real_times(self):
    # A hundred times the work takes longer on any device.
    small = Part('conv_3x3', (8, 8), 4, 4)
    large = Part('conv_5x5', (32, 32), 64, 64)
    parts = latency.PartsLatency()
    self.assertLess(parts._time(small), parts._time(large))
    self.assertEqual(parts._time(Part('null', (8, 8), 4, 4)), 0)
    self.assertEqual(parts._time(Part('skip', (8, 8), 4, 4)), 0)
    for part in (
      Part('skip', (9, 8), 4, 4, 2),
      Part('max_pool_3x3', (8, 8), 4, 4, 2),
      Part('conv', (8, 8), 3, 6, 2, 1),
      Part('dense', (1, 1), 16, 10),
    ):
      self.assertGreaterEqual(parts._time(part), 0)

  def test_serves_as_a_third_measure(self):
    parts = latency.PartsLatency(_Clock())
    costs = edge_costs.measure(_DARTS, _SPACE, _CONFIG, None, parts)
    total = costs.total(_SPACE.encode(_DARTS).operations)
    self.assertEqual(total[edge_costs.NANOSECONDS], 7_100 + 8 * 4 + 8 * 24)


if __name__ == '__main__':
  absltest.main()
