"""Tests of nat_tf.version_directory."""

from __future__ import annotations

import os
import pathlib
import threading
from unittest import mock

from absl.testing import absltest

from nat_tf import version_directory


def _publish(folder: str, text: str) -> int:
  with version_directory.publishing(folder) as version:
    os.mkdir(version.path)
    pathlib.Path(version.path, 'text').write_text(text)
  return version.number


class PublishingTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = os.path.join(self.create_tempdir().full_path, 'a', 'b')

  def text(self, name: str) -> str:
    return pathlib.Path(self.folder, name, 'text').read_text()

  def test_counts(self):
    self.assertEqual(_publish(self.folder, 'one'), 1)
    self.assertEqual(_publish(self.folder, 'two'), 2)
    self.assertEqual((self.text('1'), self.text('2')), ('one', 'two'))
    self.assertCountEqual(os.listdir(self.folder), ['1', '2'])

  def test_goes_on_after_the_largest(self):
    for name in ('0007', '3', 'models', '12.old', '²'):
      os.makedirs(os.path.join(self.folder, name))
    pathlib.Path(self.folder, '9').write_text('a file')
    self.assertEqual(_publish(self.folder, ''), 10)

  def test_is_not_there_before_it_is_complete(self):
    with version_directory.publishing(self.folder) as version:
      os.mkdir(version.path)
      names = os.listdir(self.folder)
      # What TensorFlow Serving takes for a version.
      self.assertFalse([name for name in names if name.isdigit()])
    self.assertEqual(version.path, os.path.join(self.folder, '1'))

  def test_nothing_stays_of_a_failure(self):
    _publish(self.folder, 'one')
    with self.assertRaisesRegex(RuntimeError, 'midway'):
      with version_directory.publishing(self.folder) as version:
        os.mkdir(version.path)
        raise RuntimeError('midway')
    self.assertEqual(os.listdir(self.folder), ['1'])

  def test_others_may_read_it(self):
    _publish(self.folder, '')
    usual = os.path.join(self.folder, 'usual')
    os.mkdir(usual)
    self.assertEqual(
      os.stat(os.path.join(self.folder, '1')).st_mode, os.stat(usual).st_mode
    )

  def test_a_version_that_comes_between_stays(self):
    _publish(self.folder, 'first')
    numbers = version_directory._numbers
    # As seen before the first was there, and then as it is.
    with mock.patch.object(
      version_directory, '_numbers', side_effect=[[], numbers(self.folder)]
    ):
      self.assertEqual(_publish(self.folder, 'second'), 2)
    self.assertEqual((self.text('1'), self.text('2')), ('first', 'second'))

  def test_several_at_once(self):
    count, found = 16, {}
    barrier = threading.Barrier(count)

    def publish(text: str):
      with version_directory.publishing(self.folder) as version:
        os.mkdir(version.path)
        pathlib.Path(version.path, 'text').write_text(text)
        barrier.wait()
      found[text] = version.number

    threads = [
      threading.Thread(target=publish, args=(str(i),)) for i in range(count)
    ]
    for thread in threads:
      thread.start()
    for thread in threads:
      thread.join()
    self.assertCountEqual(found.values(), range(1, count + 1))
    for text, number in found.items():
      self.assertEqual(self.text(str(number)), text)
    self.assertLen(os.listdir(self.folder), count)

  def test_a_file_is_no_folder(self):
    pathlib.Path(os.path.dirname(self.folder)).write_text('')
    with self.assertRaises(OSError):
      _publish(self.folder, '')


if __name__ == '__main__':
  absltest.main()
