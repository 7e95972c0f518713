"""Tests of nat_tf.atomic_file."""

from __future__ import annotations

import os
import stat
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized

from nat_tf import atomic_file


def _write(path: str, text: str):
  with open(path, 'w', encoding='utf-8') as file:
    file.write(text)


def _read(path: str) -> str:
  with open(path, encoding='utf-8') as file:
    return file.read()


class ReplacingTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path
    self.path = os.path.join(self.folder, 'summary.json')

  def test_makes_the_file_and_nothing_else(self):
    with atomic_file.replacing(self.path) as temporary:
      _write(temporary, 'new')
    self.assertEqual(_read(self.path), 'new')
    self.assertEqual(os.listdir(self.folder), ['summary.json'])

  def test_replaces_a_file_only_at_the_end(self):
    _write(self.path, 'old')
    with atomic_file.replacing(self.path) as temporary:
      _write(temporary, 'new')
      self.assertEqual(_read(self.path), 'old')
    self.assertEqual(_read(self.path), 'new')

  @parameterized.parameters(ValueError, KeyboardInterrupt, SystemExit)
  def test_what_was_there_stays_when_writing_fails(self, error):
    _write(self.path, 'old')
    with self.assertRaises(error):
      with atomic_file.replacing(self.path) as temporary:
        _write(temporary, 'half')
        raise error
    self.assertEqual(_read(self.path), 'old')
    self.assertEqual(os.listdir(self.folder), ['summary.json'])

  def test_leaves_nothing_when_nothing_was_written(self):
    with self.assertRaises(FileNotFoundError):
      with atomic_file.replacing(self.path):
        pass
    self.assertEmpty(os.listdir(self.folder))

  @parameterized.parameters('drawing.png', 'drawing.SVG', 'a.b.json', 'plain')
  def test_keeps_the_suffix(self, name):
    with atomic_file.replacing(os.path.join(self.folder, name)) as temporary:
      suffix = os.path.splitext(name)[1]
      self.assertEqual(os.path.splitext(temporary)[1], suffix)
      _write(temporary, '')

  def test_writes_on_the_same_file_system(self):
    with atomic_file.replacing(self.path) as temporary:
      _write(temporary, '')
      self.assertStartsWith(temporary, self.folder)

  def test_gives_the_usual_mode(self):
    plain = os.path.join(self.folder, 'plain')
    _write(plain, '')
    with atomic_file.replacing(self.path) as temporary:
      _write(temporary, '')
    self.assertEqual(
      stat.S_IMODE(os.stat(self.path).st_mode),
      stat.S_IMODE(os.stat(plain).st_mode),
    )

  def test_takes_a_name_in_the_current_directory(self):
    before = os.getcwd()
    self.addCleanup(os.chdir, before)
    os.chdir(self.folder)
    with atomic_file.replacing('here.txt') as temporary:
      _write(temporary, 'here')
    self.assertEqual(_read(os.path.join(self.folder, 'here.txt')), 'here')

  def test_a_link_stays_a_link(self):
    link = os.path.join(self.folder, 'link')
    os.symlink(self.path, link)
    with atomic_file.replacing(link) as temporary:
      _write(temporary, 'new')
    self.assertTrue(os.path.islink(link))
    self.assertEqual(_read(self.path), 'new')

  def test_is_on_the_disk_before_it_has_its_name(self):
    done = []
    fsync, replace = os.fsync, os.replace

    def synchronised(descriptor):
      done.append(os.path.basename(os.readlink(f'/proc/self/fd/{descriptor}')))
      fsync(descriptor)

    def replaced(source, target):
      done.append('replace')
      replace(source, target)

    if not os.path.isdir('/proc/self/fd'):
      self.skipTest('needs /proc, which only Linux has')
    with (
      mock.patch.object(os, 'fsync', synchronised),
      mock.patch.object(os, 'replace', replaced),
      atomic_file.replacing(self.path) as temporary,
    ):
      _write(temporary, 'new')
    self.assertEqual(
      done, ['summary.json', 'replace', os.path.basename(self.folder)]
    )

  def test_refuses_a_missing_directory(self):
    path = os.path.join(self.folder, 'missing', 'file')
    with self.assertRaisesRegex(FileNotFoundError, 'there is no directory'):
      with atomic_file.replacing(path):
        self.fail('the block ran')

  def test_refuses_to_replace_a_directory(self):
    os.mkdir(self.path)
    with self.assertRaises(OSError):
      with atomic_file.replacing(self.path) as temporary:
        _write(temporary, '')
    self.assertEqual(os.listdir(self.folder), ['summary.json'])


if __name__ == '__main__':
  absltest.main()
