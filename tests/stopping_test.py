"""Tests of nat_tf.stopping."""

from __future__ import annotations

import os
import signal
import threading

from absl.testing import absltest
from absl.testing import parameterized

from nat_tf import stopping


class NoticeTest(parameterized.TestCase):
  @parameterized.parameters(*stopping.SIGNALS)
  def test_notes_the_first(self, number):
    notice = stopping.Notice()
    before = signal.getsignal(number)
    with notice.taken():
      self.assertIsNone(notice.signal)
      os.kill(os.getpid(), number)
      self.assertEqual(notice.signal, number)
    self.assertEqual(signal.getsignal(number), before)

  @parameterized.product(first=stopping.SIGNALS, second=stopping.SIGNALS)
  def test_a_second_one_ends_the_process(self, first, second):
    child = os.fork()
    if not child:
      with stopping.Notice().taken():
        os.kill(os.getpid(), first)
        os.kill(os.getpid(), second)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    self.assertTrue(os.WIFSIGNALED(status))
    self.assertEqual(os.WTERMSIG(status), second)

  def test_nothing_is_noted_in_another_thread(self):
    before = [signal.getsignal(number) for number in stopping.SIGNALS]
    seen = []

    def work():
      with stopping.Notice().taken(), stopping.raised():
        seen.extend(signal.getsignal(number) for number in stopping.SIGNALS)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    self.assertEqual(seen, before)


class RaisedTest(parameterized.TestCase):
  @parameterized.parameters(*stopping.SIGNALS)
  def test_raises(self, number):
    before = signal.getsignal(number)
    with self.assertRaises(stopping.Stopped) as caught:
      with stopping.raised():
        os.kill(os.getpid(), number)
    self.assertEqual(caught.exception.signal, number)
    # What prepares data sets takes every `Exception` for a fault of theirs.
    self.assertNotIsInstance(caught.exception, Exception)
    self.assertIsNone(caught.exception.step)
    self.assertEqual(signal.getsignal(number), before)

  def test_a_notice_within_comes_first(self):
    notice = stopping.Notice()
    with stopping.raised():
      with notice.taken():
        os.kill(os.getpid(), signal.SIGTERM)
      self.assertEqual(notice.signal, signal.SIGTERM)


if __name__ == '__main__':
  absltest.main()
