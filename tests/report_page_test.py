"""Tests reports as a user sees them: written by commands, in a browser."""

from __future__ import annotations

import os
import pathlib
import shutil
import tempfile
import urllib.parse

from absl.testing import absltest

from nat_tf import architecture_json
from nat_tf import zoo
from tests import chromium
from tests import command_line

_BROWSER = chromium.find()
# As an image that does not exist it would run its script.
_EVIL = '<img src=x onerror=evil=1>.json'
_SEEN = """
[...document.querySelectorAll(%r)].map(one => {
  const box = one.getBoundingClientRect();
  return Math.min(box.width, box.height);
})
"""


def _run(*arguments: str, cwd: str):
  done = command_line.run(*arguments, cwd=cwd)
  if done.returncode:
    raise AssertionError(done.stderr)
  return done


@absltest.skipIf(_BROWSER is None, 'no Chromium: apt-get install chromium')
class ReportPageTest(absltest.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.here = tempfile.mkdtemp()
    cls.addClassCleanup(shutil.rmtree, cls.here, ignore_errors=True)
    small = [*command_line.SMALL, '--epochs=3']
    cls.told = _run('search', *small, '--workdir=w', cwd=cls.here)
    cls.report = os.path.join(cls.here, 'w', 'report.html')

  def setUp(self):
    super().setUp()
    self.page = self.enter_context(chromium.Page(_BROWSER))
    self.page.resize(1200, 900)

  def _open(self, path: str):
    """Opens a report; it must not ask for anything, nor complain."""
    self.page.open(urllib.parse.quote(path))
    self.assertEmpty(self.page.complaints)
    asked = {url.partition(':')[0] for url in self.page.requests}
    self.assertContainsSubset(asked, {'file', 'data'})
    files = [url for url in self.page.requests if url.startswith('file:')]
    self.assertLen(files, 1)

  def _sizes(self, selector: str) -> list[float]:
    """The smaller side of everything that a selector finds."""
    return self.page.evaluate(_SEEN % selector)

  def test_a_search_is_all_there(self):
    self.assertIn('report.html', self.told.stdout)
    self._open(self.report)
    title = self.page.evaluate('document.querySelector("h1").textContent')
    self.assertEqual(title, 'darts, transformed on digits')
    for selector, count in (
      ('svg.drawing', 2),
      ('.chart svg', 4),
      ('section:first-of-type table', 1),
      ('pre code', 1),
      ('.tiles li', 3),
    ):
      sizes = self._sizes(selector)
      self.assertLen(sizes, count, selector)
      self.assertGreater(min(sizes), 15, selector)
    # Every word of the drawing is a path; a browser that cannot find the
    # letters shows none.
    letters = """
      [...document.querySelectorAll('svg.drawing use')].filter(
        one => !document.querySelector(one.getAttribute('href'))).length"""
    self.assertEqual(self.page.evaluate(letters), 0)
    rows = self.page.evaluate(
      '[...document.querySelectorAll("section:first-of-type tr")]'
      '.map(row => row.cells[0].textContent)'
    )
    self.assertEqual(rows, ['', 'input (darts)', 'transformed', 'change'])
    self.assertLess(os.path.getsize(self.report), 3_000_000)

  def test_links_lead_to_files(self):
    self._open(self.report)
    links = self.page.evaluate(
      '[...document.querySelectorAll("a")].map(one => one.href)'
    )
    self.assertGreater(len(links), 5)
    for link in links:
      path = urllib.parse.unquote(urllib.parse.urlparse(link).path)
      self.assertTrue(os.path.exists(path), link)

  def test_ids_are_unique(self):
    self._open(self.report)
    twice = self.page.evaluate(
      """(() => {
        const ids = [...document.querySelectorAll('[id]')].map(one => one.id);
        return ids.length - new Set(ids).size;
      })()"""
    )
    self.assertEqual(twice, 0)

  def test_values_are_read_with_the_mouse(self):
    self._open(self.report)
    self.page.evaluate('document.querySelector(".chart").scrollIntoView()')
    box = self.page.evaluate(
      """(() => {
        const box = document.querySelector('.chart').getBoundingClientRect();
        return [box.left, box.top, box.width, box.height];
      })()"""
    )
    left, top, width, height = box
    found = []
    for share in (0.15, 0.95):
      self.page.move(left + share * width, top + height / 2)
      found.append(self._tip())
      self._check_tip_is_inside()
    first, last = found
    self.assertRegex(first, r'^epoch 1\neach epoch [\d.]+\nmoving mean [\d.]+$')
    self.assertStartsWith(last, 'epoch 3\n')
    self.page.move(1, 1)
    self.assertIsNone(self._tip())

  def test_values_are_read_with_keys(self):
    self._open(self.report)
    # As far as the first chart.
    for _ in range(20):
      self.page.press('Tab')
      if self.page.evaluate('document.activeElement.matches(".chart svg")'):
        break
    told = [self._tip()]
    for key in ('ArrowRight', 'End', 'ArrowRight', 'ArrowLeft', 'Home'):
      self.page.press(key)
      told.append(self._tip())
    epochs = [(text or '').split('\n')[0] for text in told]
    self.assertEqual(
      epochs, [f'epoch {number}' for number in (1, 2, 3, 3, 2, 1)]
    )
    self.page.press('Escape')
    self.assertIsNone(self._tip())

  def _tip(self) -> str | None:
    return self.page.evaluate(
      """(() => {
        const tip = document.querySelector('.chart .tip');
        return tip.hidden ? null : tip.textContent;
      })()"""
    )

  def _check_tip_is_inside(self):
    inside = self.page.evaluate(
      """(() => {
        const tip = document.querySelector('.tip').getBoundingClientRect();
        const chart = document.querySelector('.chart').getBoundingClientRect();
        return tip.left >= chart.left && tip.right <= chart.right;
      })()"""
    )
    self.assertTrue(inside)

  def test_fits_a_phone(self):
    self.page.resize(390, 800)
    self._open(self.report)
    width = self.page.evaluate('document.documentElement.scrollWidth')
    self.assertLessEqual(width, 390)
    self._check_all_is_inside(390)
    drawing = "document.querySelector('.drawing')"
    self.assertLessEqual(self._right(drawing), 390)

    with self.subTest('a tap enlarges a drawing, and shrinks it again'):
      hint = 'getComputedStyle(document.querySelector(".tap")).display'
      self.assertEqual(self.page.evaluate(hint), 'inline')
      tap = 'document.querySelector(".wide").click()'
      self.page.evaluate(tap)
      self.assertGreater(self._right(drawing), 600)
      width = self.page.evaluate('document.documentElement.scrollWidth')
      self.assertLessEqual(width, 390)
      self.page.evaluate(tap)
      self.assertLessEqual(self._right(drawing), 390)

  def test_fits_a_sheet_of_paper(self):
    # A4 less margins of 1 cm, at 96 pixels an inch.
    self.page.resize(718, 1047)
    self.page.call('Emulation.setEmulatedMedia', media='print')
    self._open(self.report)
    # Here nothing scrolls: what is beyond the edge is lost.
    self._check_all_is_inside(718, 'none')
    whole = self.page.evaluate(
      """[...document.querySelectorAll('figure')].map(
        one => getComputedStyle(one).breakInside)"""
    )
    self.assertEqual(set(whole), {'avoid'})
    hint = 'getComputedStyle(document.querySelector(".tap")).display'
    self.assertEqual(self.page.evaluate(hint), 'none')

  def _right(self, element: str) -> float:
    return self.page.evaluate(f'{element}.getBoundingClientRect().right')

  def _check_all_is_inside(self, width: int, scrolls: str = '.scroll, .wide'):
    """Checks that nothing is beyond the right edge, but for what scrolls."""
    beyond = self.page.evaluate(
      f"""[...document.querySelectorAll('main *')].filter(
        one => one.getBoundingClientRect().right > {width} + 0.5
          && !one.closest('{scrolls}') && !one.closest('svg.drawing *')
      ).map(one => one.outerHTML.slice(0, 80))"""
    )
    self.assertEmpty(beyond)

  def test_follows_the_users_colours(self):
    looks = {}
    for scheme in ('light', 'dark'):
      self.page.prefer(scheme)
      self.page.requests.clear()
      self._open(self.report)
      looks[scheme] = self.page.evaluate(
        """[document.body, document.querySelector('svg.drawing')].map(
          one => getComputedStyle(one).color)"""
      )
    self.assertEqual(looks['light'], ['rgb(26, 31, 36)'] * 2)
    self.assertEqual(looks['dark'], ['rgb(232, 235, 238)'] * 2)

  def test_prints_what_is_folded(self):
    self._open(self.report)
    self.page.evaluate(
      'addEventListener("beforeprint", () => { window.open_ = '
      '[...document.querySelectorAll("section > details")]'
      '.map(one => one.open); })'
    )
    self.page.call('Page.printToPDF')
    shown = self.page.evaluate('window.open_')
    self.assertEqual(shown, [True, True])

  def test_a_moved_search_is_gone_on_with_and_reported_anew(self):
    moved = os.path.join(self.here, 'moved')
    shutil.copytree(os.path.join(self.here, 'w'), moved)
    os.remove(os.path.join(moved, 'report.html'))
    small = [*command_line.SMALL, '--epochs=3']
    _run('search', *small, '--workdir=moved', cwd=self.here)
    self._open(os.path.join(moved, 'report.html'))
    epochs = self.page.evaluate(
      'JSON.parse(document.querySelector(".chart").dataset.stops).length'
    )
    self.assertEqual(epochs, 3)

  def test_names_run_no_script(self):
    path = os.path.join(self.here, _EVIL)
    architecture_json.save(path, zoo.load('nat_darts'))
    _run(
      'transform',
      '--workdir=w',
      f'--architecture={_EVIL}',
      '--output=<b>',
      cwd=self.here,
    )
    self._open(os.path.join(self.here, '<b>', 'report.html'))
    self.assertIn(_EVIL, self.page.evaluate('document.body.innerText'))
    self.assertEqual(self.page.evaluate('typeof evil'), 'undefined')

  def test_a_front_is_all_there(self):
    arguments = ('--architecture=darts', '--pareto', '--output=front')
    _run(
      'transform', '--workdir=w', *arguments, '--candidates=1', cwd=self.here
    )
    self._open(os.path.join(self.here, 'front', 'report.html'))
    self.assertLen(self._sizes('svg.drawing'), 2)
    told = self.page.evaluate(
      'JSON.parse(document.querySelector(".chart").dataset.stops)'
      '.map(stop => stop[2].split("\\n")[0])'
    )
    self.assertIn('input (darts)', told)
    self.assertStartsWith(
      next(text for text in told if text.startswith('point')), 'point 1, '
    )

  def test_a_training_is_all_there(self):
    small = ('--channels=4', '--epochs=2', '--batch_size=256')
    _run(
      'train', '--architecture=resnet20', *small, '--workdir=t', cwd=self.here
    )
    path = os.path.join(self.here, 't', 'report.html')
    self._open(path)
    self.assertLen(self._sizes('.chart svg'), 3)
    self.assertLen(self._sizes('svg.drawing'), 2)

    with self.subTest('again, when there is nothing left to do'):
      os.remove(path)
      _run(
        'train', '--architecture=resnet20', *small, '--workdir=t', cwd=self.here
      )
      self.assertTrue(pathlib.Path(path).exists())


if __name__ == '__main__':
  absltest.main()
