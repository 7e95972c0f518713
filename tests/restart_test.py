"""Tests of nat_tf.restart."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import threading
from unittest import mock

from absl.testing import absltest
import tensorflow as tf

from nat_tf import checkpoint_directory
from nat_tf import checkpoints
from nat_tf import restart
from nat_tf import strategies
from nat_tf import temporary

_ONE = tf.distribute.get_strategy()
_SEVERAL = mock.Mock(spec=tf.distribute.MultiWorkerMirroredStrategy)
_LOST = tf.errors.UnavailableError(None, None, 'Socket closed')


class _Replaced(Exception):
  """Stands for this process being replaced."""


class WhenLostTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.replaced = self.enter_context(
      mock.patch.object(os, 'execv', side_effect=_Replaced)
    )
    self.enter_context(mock.patch.dict(os.environ))
    os.environ.pop('NAT_TF_RESTARTS', None)
    self.enter_context(
      mock.patch.object(sys, 'argv', ['/x/search.py', '--seed=1'])
    )
    self.meetings = self.enter_context(
      mock.patch.object(strategies, 'meet', autospec=True)
    )
    hook = threading.excepthook
    self.addCleanup(setattr, threading, 'excepthook', hook)

  def _lose(self, strategy, error=_LOST):
    with contextlib.redirect_stderr(io.StringIO()) as said:
      try:
        with restart.when_lost(strategy):
          raise error
      finally:
        self.said = said.getvalue()

  def test_starts_anew_with_the_same_command(self):
    with self.assertRaises(_Replaced):
      self._lose(_SEVERAL)
    (program, line), _ = self.replaced.call_args
    self.assertEqual(program, sys.executable)
    self.assertEqual(line[-1], '--seed=1')
    self.assertEqual(self.said.count('\n'), 1)
    self.assertIn('another worker was lost', self.said)

  def test_gives_up_in_the_end(self):
    for _ in range(restart._MOST):
      with self.assertRaises(_Replaced):
        self._lose(_SEVERAL)
    with self.assertRaisesRegex(
      strategies.StrategyError, 'lost 21 times.*Socket closed'
    ):
      self._lose(_SEVERAL)

  def test_counts_anew_when_it_got_on(self):
    folder = self.create_tempdir().full_path
    for step in range(1, 2 * restart._MOST):
      with self.assertRaises(_Replaced):
        self._lose(_SEVERAL)
      found = checkpoint_directory.readable(folder)
      value = tf.Variable(0.0)
      kept = checkpoints.Checkpoints(folder, found, 10.0, value=value)
      kept.finish(step)

  def test_leaves_no_temporary_directory(self):
    made = temporary.directory()
    with self.assertRaises(_Replaced):
      self._lose(_SEVERAL)
    self.assertFalse(os.path.exists(made.name))

  def _end(self, chief, *meetings):
    """Ends the block; each meeting is None or what it fails with."""
    self.meetings.reset_mock()
    self.meetings.side_effect = meetings
    with (
      mock.patch.object(strategies, 'is_chief', lambda _: chief),
      contextlib.redirect_stderr(io.StringIO()),
      restart.when_lost(_SEVERAL),
    ):
      self.meetings.assert_not_called()

  def test_nobody_ends_before_the_chief(self):
    for chief in (True, False):
      self._end(chief, None, None)
      self.assertEqual(self.meetings.call_count, 2)
    # It was lost while it wrote what came of all: it is waited for.
    with self.assertRaises(_Replaced):
      self._end(False, _LOST)
    self.assertEqual(self.meetings.call_count, 1)

  def test_who_is_lost_in_the_end_is_not_missed(self):
    self._end(True, _LOST)
    for chief in (True, False):
      self._end(chief, None, _LOST)
    self.replaced.assert_not_called()

  def test_one_process_loses_nobody(self):
    with self.assertRaises(tf.errors.UnavailableError):
      self._lose(_ONE)
    self.replaced.assert_not_called()

  def test_other_errors_are_no_loss(self):
    with self.assertRaises(ValueError):
      self._lose(_SEVERAL, ValueError('wrong'))
    self.replaced.assert_not_called()

  def test_threads_that_watched_say_nothing(self):
    for error, expected in ((_LOST, ''), (KeyError('x'), 'KeyError')):
      with contextlib.redirect_stderr(io.StringIO()) as said:
        with restart.when_lost(_SEVERAL):

          def fail(error=error):
            raise error

          thread = threading.Thread(target=fail)
          thread.start()
          thread.join()
      if expected:
        self.assertIn(expected, said.getvalue())
      else:
        self.assertEqual(said.getvalue(), '')


if __name__ == '__main__':
  absltest.main()
