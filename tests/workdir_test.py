"""Tests of nat_tf.workdir."""

from __future__ import annotations

import errno
import json
import os
import shutil
from unittest import mock

from absl.testing import absltest

from nat_tf import directory_lock
from nat_tf import workdir
from nat_tf.search_config import SearchConfig


def _write(path: str, content: bytes):
  with open(path, 'wb') as file:
    file.write(content)


def _read(path: str) -> str:
  with open(path, encoding='utf-8') as file:
    return file.read()


class WorkdirTestCase(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path
    self.path = os.path.join(self.folder, 'a', 'search')
    self.workdir = workdir.Workdir(self.path, SearchConfig)

  def assertFails(self, message, function, *args):
    with self.assertRaises(workdir.WorkdirError) as caught:
      function(*args)
    self.assertEqual(str(caught.exception), message)


class NamesTest(WorkdirTestCase):
  def test_names(self):
    self.assertEqual(
      (
        self.workdir.config_file,
        self.workdir.checkpoints,
        self.workdir.events,
        self.workdir.file('learning.csv'),
      ),
      tuple(
        f'{self.path}/{name}'
        for name in ('config.json', 'checkpoints', 'events', 'learning.csv')
      ),
    )

  def test_naming_touches_nothing(self):
    self.assertEmpty(os.listdir(self.folder))

  def test_a_relative_path_becomes_absolute(self):
    before = os.getcwd()
    self.addCleanup(os.chdir, before)
    os.chdir(self.folder)
    self.assertEqual(
      workdir.Workdir('here', SearchConfig).path,
      os.path.join(os.getcwd(), 'here'),
    )


class CreateTest(WorkdirTestCase):
  def test_makes_it_and_the_directories_above(self):
    config = SearchConfig(seed=3)
    self.workdir.create(config)
    self.assertEqual(os.listdir(self.path), ['config.json'])
    self.assertEqual(_read(self.workdir.config_file), config.to_json())

  def test_takes_an_empty_directory(self):
    os.makedirs(self.path)
    self.workdir.create(SearchConfig())
    self.assertEqual(self.workdir.config(), SearchConfig())

  def test_leaves_the_same_search_as_it_is(self):
    self.workdir.create(SearchConfig())
    self.workdir.write_text('learning.csv', 'epoch\n')
    self.workdir.create(SearchConfig())
    self.assertCountEqual(
      os.listdir(self.path), ['config.json', 'learning.csv']
    )

  def test_refuses_a_search_with_other_settings(self):
    self.workdir.create(SearchConfig(seed=1))
    self.assertFails(
      f'{self.path} holds a search with other settings: --seed=1; '
      'give a new --workdir, or the same settings to go on',
      self.workdir.create,
      SearchConfig(seed=2),
    )
    self.assertEqual(self.workdir.config(), SearchConfig(seed=1))

  def test_refuses_a_directory_of_something_else(self):
    os.makedirs(self.path)
    _write(self.workdir.file('thesis.tex'), b'')
    self.assertFails(
      f'{self.path} is not the workdir of a search: it holds no '
      'config.json; give the --workdir of a search, or a new one to begin one',
      self.workdir.create,
      SearchConfig(),
    )
    self.assertEqual(os.listdir(self.path), ['thesis.tex'])

  def test_refuses_a_file(self):
    path = os.path.join(self.folder, 'file')
    _write(path, b'')
    self.assertFails(
      f'cannot make or read the directory {path}: Not a directory; give a '
      '--workdir that can be written',
      workdir.Workdir(path, SearchConfig).create,
      SearchConfig(),
    )

  def test_refuses_a_directory_below_a_file(self):
    _write(os.path.join(self.folder, 'a'), b'')
    self.assertFails(
      f'cannot make or read the directory {self.path}: Not a directory; give a '
      '--workdir that can be written',
      self.workdir.create,
      SearchConfig(),
    )

  def test_refuses_a_directory_that_may_not_be_read(self):
    # Simulated: the tests may run as root, who may read everything.
    os.makedirs(self.path)
    error = PermissionError(errno.EACCES, 'Permission denied')
    with mock.patch.object(os, 'listdir', side_effect=error):
      self.assertFails(
        f'cannot make or read the directory {self.path}: Permission denied; '
        'give a --workdir that can be written',
        self.workdir.create,
        SearchConfig(),
      )


class FilledTest(WorkdirTestCase):
  def test_is_as_after_create_and_again(self):
    for _ in range(2):
      with self.workdir.filled(SearchConfig(seed=3)):
        self.assertEqual(self.workdir.config(), SearchConfig(seed=3))
    self.assertCountEqual(os.listdir(self.path), ['.lock', 'config.json'])

  def test_what_died_before_it_wrote_anything_is_no_run(self):
    # As left by SIGKILL, between the lock and the configuration.
    left = os.path.join(self.path, '.nat_tf-ab_9kfzq')
    os.makedirs(left)
    _write(os.path.join(left, 'config.json'), b'{')
    _write(self.workdir.file('.lock'), b'1')
    with self.workdir.filled(SearchConfig(seed=3)):
      self.assertEqual(self.workdir.config(), SearchConfig(seed=3))
      self.assertFalse(os.path.exists(left))

  def test_only_who_holds_it_removes_what_is_left(self):
    config = SearchConfig()
    foreign = ('.nat_tf-', '.nat_tf-mine.txt', 'nat_tf-ab_9kfzq')
    with self.workdir.filled(config):
      os.mkdir(self.workdir.checkpoints)
      left = [
        os.path.join(folder, '.nat_tf-ab_9kfzq')
        for folder in (self.path, self.workdir.checkpoints)
      ]
      for path in (*left, *map(self.workdir.file, foreign)):
        os.mkdir(path)
      with self.assertRaises(directory_lock.LockError):
        self.workdir.filled(config).__enter__()
      with self.workdir.aside().filled(config):
        pass
      self.assertTrue(all(map(os.path.exists, left)))
    with self.workdir.filled(config):
      self.assertFalse(any(map(os.path.exists, left)))
    self.assertContainsSubset(foreign, os.listdir(self.path))

  def test_keeps_a_second_one_out(self):
    config = SearchConfig()
    with self.workdir.filled(config):
      before = sorted(os.listdir(self.path))
      self.assertRaisesRegex(
        directory_lock.LockError,
        f'^{self.path} is being filled by process {os.getpid()}; ',
        self.workdir.filled(config).__enter__,
      )
      self.assertEqual(sorted(os.listdir(self.path)), before)
    with self.workdir.filled(config):
      pass

  def test_refuses_other_settings_first(self):
    self.workdir.create(SearchConfig(seed=1))
    self.assertFails(
      f'{self.path} holds a search with other settings: --seed=1; '
      'give a new --workdir, or the same settings to go on',
      self.workdir.filled(SearchConfig(seed=2)).__enter__,
    )
    self.assertEqual(os.listdir(self.path), ['config.json'])

  def test_a_lock_that_cannot_be_made(self):
    os.makedirs(self.path)
    os.mkdir(self.workdir.file('.lock'))
    self.assertFails(
      f'cannot make or read the directory {self.path}: Is a directory; give a '
      '--workdir that can be written',
      self.workdir.filled(SearchConfig()).__enter__,
    )


class ConfigTest(WorkdirTestCase):
  def test_round_trip(self):
    config = SearchConfig(space='darts', entropy=0.125)
    self.workdir.create(config)
    self.assertEqual(workdir.Workdir(self.path, SearchConfig).config(), config)

  def test_no_directory(self):
    self.assertFails(
      f'there is no directory {self.path}; give the --workdir of a search',
      self.workdir.config,
    )

  def test_no_configuration(self):
    os.makedirs(self.path)
    self.assertFails(
      f'{self.path} is not the workdir of a search: it holds no '
      'config.json; give the --workdir of a search, or a new one to begin one',
      self.workdir.config,
    )

  def _put(self, content: bytes):
    os.makedirs(self.path)
    _write(self.workdir.config_file, content)

  def test_not_json(self):
    self._put(b'{"seed": ')
    self.assertFails(
      f'cannot use {self.workdir.config_file}: not a valid configuration: '
      'not JSON: Expecting value: line 1 column 10 (char 9)',
      self.workdir.config,
    )

  def test_not_text(self):
    self._put(b'\xff\xfe')
    with self.assertRaisesRegex(
      workdir.WorkdirError, 'cannot use .*/config.json: .* not in UTF-8'
    ):
      self.workdir.config()

  def test_out_of_range(self):
    self._put(b'{"epochs": 0}')
    self.assertFails(
      f'cannot use {self.workdir.config_file}: not a valid configuration: '
      '--epochs is 0; it must be 1 or more',
      self.workdir.config,
    )

  def test_a_directory_in_its_place(self):
    os.makedirs(self.workdir.config_file)
    with self.assertRaisesRegex(
      workdir.WorkdirError, 'cannot use .*/config.json: .*Is a directory'
    ):
      self.workdir.config()


class WriteTest(WorkdirTestCase):
  def setUp(self):
    super().setUp()
    os.makedirs(self.path)

  def test_text(self):
    self.workdir.write_text('table', '\u00fc\n')
    self.assertEqual(_read(self.workdir.file('table')), '\u00fc\n')

  def test_json(self):
    self.workdir.write_json('summary.json', {'b': 1, 'a': [0.5]})
    text = _read(self.workdir.file('summary.json'))
    self.assertEqual(json.loads(text), {'b': 1, 'a': [0.5]})
    self.assertStartsWith(text, '{\n  "b": 1,\n')
    self.assertEndsWith(text, '}\n')

  def test_an_error_leaves_the_old_file_and_nothing_else(self):
    # A lone surrogate cannot be written as UTF-8: the error comes half-way.
    self.workdir.write_text('table', 'old')
    with self.assertRaises(UnicodeEncodeError):
      self.workdir.write_text('table', 'new \ud800')
    self.assertEqual(_read(self.workdir.file('table')), 'old')
    self.assertEqual(os.listdir(self.path), ['table'])

  def test_a_directory_in_its_place(self):
    os.makedirs(self.workdir.file('table'))
    self.assertFails(
      f'cannot write {self.path}/table: Is a directory',
      self.workdir.write_text,
      'table',
      'new',
    )

  def test_adds_to_a_json_file(self):
    self.workdir.add_json('facts.json', {'a': 1, 'b': 1})
    self.workdir.add_json('facts.json', {'b': 2})
    with open(self.workdir.file('facts.json'), encoding='utf-8') as file:
      self.assertEqual(json.load(file), {'a': 1, 'b': 2})

  def test_does_not_add_to_what_is_no_mapping(self):
    for text in ('[1]', '{'):
      self.workdir.write_text('facts.json', text)
      with self.assertRaisesRegex(
        workdir.WorkdirError,
        f'cannot add to {self.path}/facts.json: .*; move it away',
      ):
        self.workdir.add_json('facts.json', {'a': 1})
      with open(self.workdir.file('facts.json'), encoding='utf-8') as file:
        self.assertEqual(file.read(), text)

  def test_the_directory_has_gone(self):
    shutil.rmtree(self.path)
    with self.assertRaisesRegex(
      workdir.WorkdirError,
      f'cannot write {self.path}/table: .*there is no directory {self.path}$',
    ):
      self.workdir.write_text('table', 'new')

  def test_a_full_disk(self):
    error = OSError(errno.ENOSPC, 'No space left on device')
    with mock.patch.object(os, 'replace', side_effect=error):
      self.assertFails(
        f'cannot write {self.path}/table: No space left on device',
        self.workdir.write_text,
        'table',
        'new',
      )


if __name__ == '__main__':
  absltest.main()
