"""Tests of nat_tf.architecture_source."""

from __future__ import annotations

import os

from absl.testing import absltest
from absl.testing import parameterized

from nat_tf import architecture_json
from nat_tf import architecture_source
from nat_tf import genotype
from nat_tf import zoo
from nat_tf.architecture import ArchitectureError

_DARTS = zoo.load('darts')


class ResolveTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir()

  def _file(self, name: str, content: str | bytes) -> str:
    mode = 'wb' if isinstance(content, bytes) else 'w'
    return self.folder.create_file(name, content, mode=mode).full_path

  @parameterized.parameters(*zoo.names())
  def test_a_published_name(self, name):
    self.assertEqual(architecture_source.resolve(name), zoo.load(name))

  def test_a_genotype(self):
    text = genotype.to_text(_DARTS)
    self.assertEqual(architecture_source.resolve(text), _DARTS)

  def test_a_genotype_with_a_name_before(self):
    text = f'\n  MINE = {genotype.to_text(_DARTS)}\n'
    self.assertEqual(architecture_source.resolve(text), _DARTS)

  def test_a_json_file(self):
    path = self._file('mine.json', architecture_json.to_json(_DARTS))
    self.assertEqual(architecture_source.resolve(path), _DARTS)

  def test_a_genotype_file(self):
    path = self._file('mine.txt', f'# v2\n{genotype.to_text(_DARTS)}\n')
    self.assertEqual(architecture_source.resolve(path), _DARTS)

  def test_what_a_file_holds_decides(self):
    path = self._file('mine', '\n' + architecture_json.to_json(_DARTS))
    self.assertEqual(architecture_source.resolve(path), _DARTS)

  def test_a_byte_order_mark(self):
    content = b'\xef\xbb\xbf' + architecture_json.to_json(_DARTS).encode()
    path = self._file('mine.json', content)
    self.assertEqual(architecture_source.resolve(path), _DARTS)

  def test_relative_paths_start_from_the_directory_given(self):
    self._file('mine.json', architecture_json.to_json(_DARTS))
    found = architecture_source.resolve('mine.json', self.folder.full_path)
    self.assertEqual(found, _DARTS)

  def test_a_name_goes_before_a_file(self):
    self._file('enas', architecture_json.to_json(_DARTS))
    found = architecture_source.resolve('enas', self.folder.full_path)
    self.assertEqual(found, zoo.load('enas'))

  def test_a_path_for_the_file_of_that_name(self):
    self._file('enas', architecture_json.to_json(_DARTS))
    found = architecture_source.resolve('./enas', self.folder.full_path)
    self.assertEqual(found, _DARTS)


class RefusalTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir()

  def _assert_refused(self, text: str, message: str):
    with self.assertRaisesRegex(ArchitectureError, message) as caught:
      architecture_source.resolve(text)
    self.assertNotIn('\n', str(caught.exception))

  @parameterized.named_parameters(
    (
      'misspelt',
      'drats',
      "unknown architecture 'drats'; did you mean darts\\? known are .*, "
      r'the path of a file of JSON or text, Genotype\(...\), or '
      r'\|operation~0\|\+...$',
    ),
    ('empty', '', "unknown architecture ''"),
    ('missing_path', '/nowhere/mine', "^there is no file '/nowhere/mine'$"),
    ('missing_file', 'mine.txt', "^there is no file 'mine.txt'$"),
    ('null_byte', 'a\0b', r"unknown architecture 'a\\x00b'"),
    ('lines', 'a\nb', r"unknown architecture 'a\\nb'"),
    ('too_long_for_a_path', 'a' * 100_000, 'cannot read'),
    ('directory', '/', "cannot read '/': Is a directory"),
    ('endless_file', '/dev/zero', '/dev/zero: too large for an architecture'),
    ('broken_genotype', 'Genotype(normal=', 'genotype, line 1, column 17'),
  )
  def test_says_what_would_be_right(self, text, message):
    self._assert_refused(text, message)

  @parameterized.named_parameters(
    ('json', '{"cells": 1}', r'mine: the document: the key "schema_v'),
    (
      'genotype',
      'Genotype(',
      r'mine: genotype, line 1, column 10: found the e',
    ),
    ('text', 'hello', "mine: genotype, line 1, column 1: found 'hello'"),
    ('empty', '', 'mine: genotype, line 1, column 1: found the end where Gen'),
    ('bytes', b'\xff\x00', 'mine: not a text file in UTF-8'),
  )
  def test_names_the_file(self, content, message):
    mode = 'wb' if isinstance(content, bytes) else 'w'
    path = self.folder.create_file('mine', content, mode=mode).full_path
    self._assert_refused(path, message)

  def test_names_the_edge_in_the_file(self):
    text = genotype.to_text(_DARTS).replace('dil_conv_3x3', 'dil_conv_7x7')
    path = self.folder.create_file('mine', text).full_path
    self._assert_refused(
      path, r"mine: normal cell: edge 7 \(2 -> 5\): unknown operation 'dil_con"
    )

  def test_refuses_a_file_that_may_not_be_read(self):
    path = self.folder.create_file('secret', 'x').full_path
    os.chmod(path, 0)
    if os.access(path, os.R_OK):
      self.skipTest('this user may read everything')
    self._assert_refused(path, 'cannot read .*: Permission denied')


class LabelTest(parameterized.TestCase):
  @parameterized.parameters(
    ('darts', 'darts'),
    (' W/transformed.json\n', 'W/transformed.json'),
    (
      'nat_tf_runs/digits-20261123-172230/transformed.json',
      'digits-20261123-172230/transformed.json',
    ),
    (f'/a/{"b" * 25}/c/transformed', 'c/transformed'),
    ('/tmp/t.json', 'tmp/t.json'),
    ('x' * 50, 'input'),
    (f'a/{"x" * 50}', 'input'),
    (genotype.to_text(_DARTS), 'input'),
    ('|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|none~2|', 'input'),
  )
  def test_tells_them_apart(self, text, label):
    self.assertEqual(architecture_source.label(text), label)

  def test_can_be_printed(self):
    self.assertEqual(
      architecture_source.label('a/b\udcff\x1b.json'), 'a/b\ufffd\ufffd.json'
    )


if __name__ == '__main__':
  absltest.main()
