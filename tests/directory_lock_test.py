"""Tests of nat_tf.directory_lock."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from absl.testing import absltest

from nat_tf import directory_lock
from tests import command_line

_HOLD = """
import sys
from nat_tf import directory_lock
with directory_lock.held(sys.argv[1]):
  print('held', flush=True)
  sys.stdin.read()
"""


class HeldTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path

  def holder(self):
    """Returns a process that holds the directory until its input ends."""
    process = subprocess.Popen(
      [sys.executable, '-c', _HOLD, self.folder],
      stdin=subprocess.PIPE,
      stdout=subprocess.PIPE,
      env={**os.environ, 'PYTHONPATH': str(command_line.ROOT)},
    )
    self.addCleanup(process.wait)
    self.addCleanup(process.kill)
    self.assertEqual(process.stdout.readline(), b'held\n')
    return process

  def test_one_after_the_other(self):
    for _ in range(2):
      with directory_lock.held(self.folder):
        self.assertEqual(os.listdir(self.folder), [directory_lock.FILE])

  def test_the_second_is_told_of_the_first(self):
    process = self.holder()
    before = os.stat(os.path.join(self.folder, directory_lock.FILE))
    with self.assertRaises(directory_lock.LockError) as caught:
      with directory_lock.held(self.folder):
        self.fail('it is held')
    self.assertEqual(
      str(caught.exception),
      f'{self.folder} is being filled by process {process.pid}; wait for it, '
      'stop it, or give another --workdir',
    )
    after = os.stat(os.path.join(self.folder, directory_lock.FILE))
    self.assertEqual(before.st_mtime_ns, after.st_mtime_ns)
    process.communicate()
    with directory_lock.held(self.folder):
      pass

  def test_death_gives_it_back(self):
    for number in (signal.SIGKILL, signal.SIGTERM):
      process = self.holder()
      process.send_signal(number)
      process.wait()
      with directory_lock.held(self.folder):
        pass

  def test_an_error_gives_it_back(self):
    with self.assertRaises(ZeroDivisionError):
      with directory_lock.held(self.folder):
        raise ZeroDivisionError
    with directory_lock.held(self.folder):
      pass

  def test_no_directory(self):
    with self.assertRaises(FileNotFoundError):
      with directory_lock.held(os.path.join(self.folder, 'none')):
        pass


if __name__ == '__main__':
  absltest.main()
