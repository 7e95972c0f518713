"""Tests of nat_tf.profiling."""

from __future__ import annotations

import glob
from unittest import mock

from absl.testing import absltest
import tensorflow as tf

from nat_tf import profiling


class StepProfilerTest(absltest.TestCase):
  def _recorded(self, steps, taken: int) -> list[int]:
    """Returns which of the steps taken were recorded."""
    runs, found = [], []
    experimental = mock.Mock()
    experimental.start.side_effect = runs.append
    experimental.stop.side_effect = runs.clear
    with mock.patch.object(tf.profiler, 'experimental', experimental):
      profiler = profiling.StepProfiler('/none', steps)
      for step in range(1, taken + 1):
        found += [step] if runs else []
        profiler.after_step()
      profiler.close()
    # Whatever was begun is ended, once.
    self.assertEqual(
      experimental.start.call_count, experimental.stop.call_count
    )
    return found

  def test_records_the_steps_that_are_asked_for(self):
    self.assertEqual(self._recorded((3, 5), 8), [3, 4, 5])
    self.assertEqual(self._recorded((1, 1), 3), [1])

  def test_records_nothing_unasked(self):
    self.assertEqual(self._recorded(None, 3), [])

  def test_ends_with_the_run(self):
    self.assertEqual(self._recorded((2, 9), 4), [2, 3, 4])
    self.assertEqual(self._recorded((5, 9), 4), [])

  def test_writes_what_tensorboard_reads(self):
    folder = self.create_tempdir().full_path
    profiler = profiling.StepProfiler(folder, (1, 1))
    tf.add(1, 2)
    profiler.after_step()
    self.assertLen(glob.glob(f'{folder}/plugins/profile/*/*.xplane.pb'), 1)


if __name__ == '__main__':
  absltest.main()
