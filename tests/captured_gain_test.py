"""Tests of nat_tf.captured_gain."""

from __future__ import annotations

from absl.testing import absltest
import numpy as np

from nat_tf import accuracy_table
from nat_tf import captured_gain
from nat_tf import enumeration
from nat_tf import spaces
from nat_tf import transitions

_SPACE = spaces.NASBENCH201
_ALLOWED = transitions.allowed('nat', _SPACE.operations)


def _table(test: np.ndarray) -> accuracy_table.AccuracyTable:
  return accuracy_table.AccuracyTable(_SPACE, 'toy', test, test)


def _skips() -> np.ndarray:
  """Number of skips of every cell, `[cells]`."""
  codes = np.arange(enumeration.count(_SPACE))
  operations = enumeration.operations(_SPACE, codes)
  return (operations == _SPACE.index('skip')).sum(axis=(1, 2))


class CapturedGainTest(absltest.TestCase):
  # Accuracy is 0.4 + 0.1 a skip and every edge may become one, so the oracle of
  # every cell is the cell of six skips, 1.0.
  def setUp(self):
    super().setUp()
    self.skips = _skips()
    self.table = _table(0.4 + 0.1 * self.skips)
    self.inputs = np.concatenate(
      [np.flatnonzero(self.skips == 0)[:3], np.flatnonzero(self.skips == 2)[:1]]
    )
    self.gain = captured_gain.CapturedGain(self.table, _ALLOWED, self.inputs)

  def test_ends(self):
    self.assertSequenceAlmostEqual(self.gain.beta, [0.4, 0.4, 0.4, 0.6])
    self.assertSequenceAlmostEqual(self.gain.oracle, [1.0] * 4)
    self.assertAlmostEqual(self.gain(self.gain.beta), 0.0)
    self.assertAlmostEqual(self.gain(self.gain.oracle), 100.0)

  def test_is_the_gain_of_the_means(self):
    # Means: 0.45 -> 0.6 of 1.0; a transformation that loses counts as well.
    self.assertAlmostEqual(
      self.gain(np.array([1.0, 0.4, 0.4, 0.6])), 100 * 0.15 / 0.55
    )
    self.assertAlmostEqual(
      self.gain(np.array([0.3, 0.4, 0.4, 0.6])), -100 * 0.025 / 0.55
    )

  def test_nothing_to_gain(self):
    with self.assertRaisesRegex(
      accuracy_table.TableError, 'nothing to gain: .* is 50.00 %'
    ):
      captured_gain.CapturedGain(
        _table(np.full(len(self.skips), 0.5)), _ALLOWED, self.inputs
      )


if __name__ == '__main__':
  absltest.main()
