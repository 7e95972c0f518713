"""Tests of nat_tf.report."""

from __future__ import annotations

import contextlib
import dataclasses
from html.parser import HTMLParser
import io
import os
import subprocess
import sys
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized

from nat_tf import report
from nat_tf import report_assets
from nat_tf import version
from nat_tf.chart import Chart
from nat_tf.chart import Series
from nat_tf.html_tree import element
from nat_tf.report import Report
from nat_tf.report import Section
from nat_tf.search_config import SearchConfig

_EVIL = (
  '</title></script><script>alert(1)</script><img src=x onerror=alert(1)>"\''
)
_PLAIN = Report(
  'search',
  'darts, transformed',
  '3 edges changed.',
  [('-20 %', 'parameters')],
  [
    Section('Result', [report.table([('', 'accuracy'), ('darts', '90 %')])]),
    Section(
      'Curves',
      [
        report.charts([Chart('Loss', 'epoch', 'loss', [Series('a', [(1, 2)])])])
      ],
    ),
  ],
  '7',
  'bazel run //nat_tf:search -- --seed=7',
  SearchConfig(seed=7, epochs=3),
  [('summary.json', 'the numbers'), ('absent.json', 'nothing')],
)


class _Reader(HTMLParser):
  """What a browser finds: tags with attributes, and texts by the tag's name."""

  def __init__(self, text: str):
    super().__init__()
    self.tags: list[tuple[str, dict]] = []
    self.texts: list[tuple[str, str]] = []
    self.feed(text)

  def handle_starttag(self, tag, attrs):
    self.tags.append((tag, dict(attrs)))

  def handle_data(self, data):
    self.texts.append((self.tags[-1][0] if self.tags else '', data))

  def all(self, tag: str) -> list[str]:
    return [text for name, text in self.texts if name == tag]


def _evil() -> Report:
  """A report in which every text that may come from outside is hostile."""
  rows = [(_EVIL, _EVIL), (_EVIL, _EVIL)]
  series = Series(_EVIL, [(1, 2)], labels=[_EVIL])
  chart = Chart(_EVIL, _EVIL, _EVIL, [series], caption=_EVIL)
  return Report(
    _EVIL,
    _EVIL,
    _EVIL,
    [(_EVIL, _EVIL)],
    [Section(_EVIL, [report.table(rows, [_EVIL]), report.charts([chart])])],
    _EVIL,
    _EVIL,
    SearchConfig(architecture='darts', data_dir=_EVIL),
    [(_EVIL.replace('/', ''), _EVIL)],
  )


class PageTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path
    with open(os.path.join(self.folder, 'summary.json'), 'w'):
      pass

  def _read(self, one: Report) -> _Reader:
    return _Reader(report.page(one, self.folder))

  def test_says_all_of_it(self):
    read = self._read(_PLAIN)
    self.assertEqual(read.all('h1'), ['darts, transformed'])
    self.assertEqual(
      read.all('h2'),
      ['Result', 'Curves', 'Do it again', 'Settings', 'Files'],
    )
    self.assertEqual(read.all('code'), [_PLAIN.command])
    texts = {text for _, text in read.texts}
    self.assertContainsSubset({'Seed: 7.', version.VERSION, 'Python'}, texts)

  def test_settings_that_are_not_the_defaults_come_first(self):
    rows = [text for tag, text in self._read(_PLAIN).texts if tag == 'th']
    settings = rows[rows.index('setting') + 3 :]
    self.assertEqual(settings[:2], ['seed', 'epochs'])
    self.assertIn('batch_size', settings)

  def test_links_to_files_that_are_there(self):
    links = [a['href'] for tag, a in self._read(_PLAIN).tags if tag == 'a']
    self.assertEqual(links, ['./summary.json'])

  def test_asks_nobody_for_anything(self):
    for tag, attributes in self._read(_PLAIN).tags:
      for name in ('src', 'href', 'data', 'action', 'poster', 'srcset'):
        value = attributes.get(name, '')
        self.assertNotRegex(value, '^(https?:)?//', f'{tag} {name}')
    text = report.page(_PLAIN, self.folder)
    self.assertNotIn('@import', text)
    self.assertNotIn('url(http', text)
    self.assertNotIn('http://', text)
    self.assertNotIn('https://', text)

  def test_nothing_becomes_markup(self):
    name = _EVIL.replace('/', '')
    with open(os.path.join(self.folder, name), 'w'):
      pass
    plain, evil = self._read(_PLAIN), self._read(_evil())
    self.assertLen([tag for tag, _ in evil.tags if tag == 'script'], 1)
    self.assertNotIn('img', [tag for tag, _ in evil.tags])
    self.assertEqual(evil.all('script'), plain.all('script'))
    self.assertEqual(evil.all('h1'), [_EVIL])
    for _, attributes in evil.tags:
      self.assertEmpty([key for key in attributes if key.startswith('on')])
    links = [a['href'] for tag, a in evil.tags if tag == 'a']
    self.assertLen(links, 1)
    self.assertNotIn('<', links[0])

  def test_is_never_too_large_to_mail(self):
    small = element('p', 'small')
    large = element('p', 'x' * report.MAX_BYTES)
    sections = [Section('Large', [large]), Section('Small', [small])]
    text = report.page(
      dataclasses.replace(_PLAIN, sections=sections), self.folder
    )
    self.assertLess(len(text), report.MAX_BYTES)
    read = _Reader(text)
    self.assertIn('small', read.all('p'))
    self.assertIn('Large', read.all('h2'))
    self.assertRegex(' '.join(read.all('p')), 'Left out')

  def test_headings_step_down_one_by_one(self):
    levels = [
      int(tag[1]) for tag, _ in self._read(_PLAIN).tags if tag in ('h1', 'h2')
    ]
    self.assertEqual(levels, [1, *[2] * (len(levels) - 1)])


class WriteTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path

  def _write(self, build) -> tuple[bool, str]:
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors):
      done = report.write(self.folder, build)
    return done, errors.getvalue()

  def test_writes_a_file(self):
    self.assertEqual(self._write(lambda: _PLAIN), (True, ''))
    self.assertEqual(os.listdir(self.folder), ['report.html'])

  def test_a_failure_is_a_line_and_leaves_what_was_there(self):
    self._write(lambda: _PLAIN)
    done, errors = self._write(lambda: [][1])
    self.assertFalse(done)
    self.assertLen(errors.splitlines(), 1)
    self.assertRegex(errors, 'warning: cannot write .*report.html: IndexError')
    self.assertEqual(os.listdir(self.folder), ['report.html'])

  def test_a_full_disk_is_a_line(self):
    error = OSError(28, 'No space left on device')
    with mock.patch.object(os, 'replace', side_effect=error):
      done, errors = self._write(lambda: _PLAIN)
    self.assertFalse(done)
    self.assertEndsWith(errors, 'OSError: No space left on device\n')
    self.assertEmpty(os.listdir(self.folder))

  def test_a_directory_in_its_place_is_a_line(self):
    os.mkdir(os.path.join(self.folder, 'report.html'))
    done, errors = self._write(lambda: _PLAIN)
    self.assertFalse(done)
    self.assertLen(errors.splitlines(), 1)


class AssetsTest(parameterized.TestCase):
  # WCAG 2.2: 4.5 for text, 3 for what else has to be seen.
  @parameterized.product(
    dark=(False, True),
    pair=(
      ('text', 'paper', 4.5),
      ('text', 'panel', 4.5),
      ('soft', 'paper', 4.5),
      ('soft', 'panel', 4.5),
      ('link', 'paper', 4.5),
      ('text', 'drawing-inner', 4.5),
      ('text', 'drawing-outer', 4.5),
      ('text', 'drawing-reduces', 4.5),
      ('text', 'drawing-pale', 4.5),
      ('focus', 'paper', 3),
      ('grey', 'paper', 3),
      ('drawing-changed', 'paper', 3),
      ('drawing-null', 'paper', 3),
      *((f'series{i}', 'paper', 4.5) for i in range(6)),
    ),
  )
  def test_contrast(self, dark, pair):
    first, second, least = pair
    colors = report_assets.colors(dark)
    light, deep = sorted(
      (_luminance(colors[name]) for name in (first, second)), reverse=True
    )
    self.assertGreaterEqual((light + 0.05) / (deep + 0.05), least)

  def test_both_ways_name_the_same_colours(self):
    self.assertEqual(
      list(report_assets.colors(False)), list(report_assets.colors(True))
    )

  def test_knows_no_tensorflow(self):
    modules = 'chart, inline_drawing, report, report_curves'
    code = (
      f'from nat_tf import {modules}; import sys; '
      'sys.exit("tensorflow" in sys.modules)'
    )
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, '-c', code], env=environment)
    self.assertEqual(done.returncode, 0)


def _luminance(color: str) -> float:
  """Relative luminance of WCAG 2.2."""
  parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
  linear = [
    x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts
  ]
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


if __name__ == '__main__':
  absltest.main()
