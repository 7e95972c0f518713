"""Tests of nat_tf.stopping."""

from __future__ import annotations

from collections.abc import Callable, Iterator
import contextlib
import hashlib
import os
import signal
import threading
import time
from typing import TextIO

from absl.testing import absltest
from absl.testing import parameterized

from nat_tf import stopping


def _compute_forever():
  # In C and without Python's lock, as TensorFlow does.
  hashlib.pbkdf2_hmac('sha256', b'', b'', 2**31 - 1)


@contextlib.contextmanager
def _child(work: Callable[[], None]) -> Iterator[tuple[int, TextIO]]:
  """Gives a process that notes signals and works, and what it says."""
  output, error = os.pipe()
  child = os.fork()
  if not child:
    os.dup2(error, 2)
    with stopping.raised(), stopping.Notice().taken():
      os.write(2, b'ready\n')
      work()
    os._exit(0)
  os.close(error)
  with open(output, encoding='utf-8') as said:
    said.readline()
    yield child, said


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
  def test_is_heard_while_nothing_of_python_runs(self, first, second):
    with _child(_compute_forever) as (child, said):
      os.kill(child, first)
      again = 'Ctrl-C again' if first == signal.SIGINT else 'a second signal'
      self.assertEqual(
        said.readline(),
        f'{first.name}: stopping after this step, which is kept; {again} ends '
        'it at once\n',
      )
      time.sleep(0.4)
      os.kill(child, second)
      self.assertEqual(
        said.readline(),
        f'{second.name}: ended at once; the same --workdir goes on from the '
        'last checkpoint\n',
      )
    _, status = os.waitpid(child, 0)
    self.assertEqual(os.waitstatus_to_exitcode(status), 128 + second)

  def test_what_comes_twice_in_a_moment_counts_once(self):
    def told_twice():
      os.kill(os.getpid(), signal.SIGTERM)
      time.sleep(0.02)
      os.kill(os.getpid(), signal.SIGTERM)
      time.sleep(0.02)

    with _child(told_twice) as (child, said):
      self.assertLen(said.read().splitlines(), 1)
    _, status = os.waitpid(child, 0)
    self.assertEqual(os.waitstatus_to_exitcode(status), 0)

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
