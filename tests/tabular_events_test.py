"""Tests of nat_tf.tabular_events."""

from __future__ import annotations

import math
import os

from absl.testing import absltest
import numpy as np
import tensorflow as tf

from nat_tf import agent
from nat_tf import enumeration
from nat_tf import recipes
from nat_tf import spaces
from nat_tf import tabular_events
from tests import event_reading

_SPACE = spaces.NASBENCH201


class StudyEventsTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = os.path.join(self.create_tempdir().full_path, 'events')

  def _events(self, inputs, **settings):
    return tabular_events.StudyEvents(
      self.folder, _SPACE, np.array(inputs), recipes.Recipe(**settings)
    )

  def test_what_cells_become(self):
    # Four cells whose edges all carry the first operation. Of one the first
    # edge changes, of another all do; operations by their numbers.
    changed = np.zeros([4, 1, 6], int)
    changed[1, 0, 0], changed[2] = 2, 3
    codes = (changed * enumeration.place_values(_SPACE)).sum(axis=(1, 2))
    events = self._events([0, 0, 0, 0])
    events.judged(5, codes, 12.5)
    events.close()
    found = {
      tag: value
      for tag, ((step, value),) in event_reading.scalars(self.folder).items()
      if step == 5
    }
    self.assertEqual(found.pop('policy/captured_gain'), 12.5)
    self.assertAlmostEqual(found.pop('policy/changed_edges'), 7 / 24, places=6)
    shares = dict.fromkeys(_SPACE.operations, 0.0)
    first, _, third, fourth, _ = _SPACE.operations
    shares |= {first: 17 / 24, third: 1 / 24, fourth: 6 / 24}
    self.assertSameElements(
      found, [f'operations/{name}' for name in _SPACE.operations]
    )
    for name, share in shares.items():
      self.assertAlmostEqual(found[f'operations/{name}'], share, places=6)
    edges = event_reading.histograms(self.folder)
    self.assertLen(edges, 6)
    (name,) = (tag for tag in edges if ' 00: 0 to 1' in tag)
    self.assertEqual(edges.pop(name), [(5, [2, 0, 1, 1, 0])])
    for counts in edges.values():
      self.assertEqual(counts, [(5, [3, 0, 0, 1, 0])])

  def test_how_a_policy_learns(self):
    events = self._events([0], steps=100, learning_rate=0.5)
    names = agent.Metrics._fields
    events.learned(
      51, agent.Metrics(*map(tf.constant, (0.5, 3.0, 2.0, 4.0, 1.0)))
    )
    events.close()
    found = event_reading.scalars(self.folder)
    # Half of its cosine is over before the 51st step.
    ((step, rate),) = found.pop('policy/learning_rate')
    self.assertEqual(step, 51)
    self.assertAlmostEqual(
      rate, 0.5 * (1 + math.cos(math.pi / 2)) / 2, places=6
    )
    self.assertEqual(
      found,
      {
        f'policy/{name}': [(51, value)]
        for name, value in zip(names, (0.5, 3.0, 2.0, 4.0, 1.0))
      },
    )


if __name__ == '__main__':
  absltest.main()
