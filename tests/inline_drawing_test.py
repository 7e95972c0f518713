"""Tests of nat_tf.inline_drawing."""

from __future__ import annotations

import re

from absl.testing import absltest
from absl.testing import parameterized

from nat_tf import description
from nat_tf import drawing
from nat_tf import html_tree
from nat_tf import inline_drawing
from nat_tf import network_drawing
from nat_tf import report_assets
from nat_tf import zoo


def _text(name: str) -> str:
  figure = drawing.figure(zoo.load('darts'), zoo.load('nat_darts'), '<script>')
  return html_tree.document(inline_drawing.inline(figure, name, 'a <b>"'))


class InlineTest(parameterized.TestCase):
  def test_says_what_it_is(self):
    made = inline_drawing.inline(drawing.figure(zoo.load('darts')), 'a', 'b')
    found = [made.get(key) for key in ('class', 'role', 'aria-label')]
    self.assertEqual(found, ['drawing', 'img', 'b'])

  def test_nothing_of_the_file_is_left(self):
    text = _text('one')
    for word in ('<style', '<metadata', 'xmlns', 'http', '<?xml', 'ns0:'):
      self.assertNotIn(word, text)

  def test_every_reference_is_to_an_id_of_its_own(self):
    text = _text('one')
    ids = re.findall(r'\bid="([^"]*)"', text)
    self.assertEqual(len(ids), len(set(ids)))
    references = re.findall(r'(?:href="#|url\(#)([^")]*)', text)
    self.assertNotEmpty(references)
    self.assertContainsSubset(references, ids)
    self.assertTrue(all(one.startswith('one-') for one in ids))
    self.assertEmpty(
      set(ids) & set(re.findall(r'\bid="([^"]*)"', _text('two')))
    )

  @parameterized.parameters('cells', 'network')
  def test_every_colour_is_the_pages(self, what):
    before, after = zoo.load('resblock'), zoo.load('nat_resblock')
    config = description.network_config(before.network, 'cifar10')
    figure = drawing.figure(before, after)
    if what == 'network':
      figure = network_drawing.figure(config, before, after)
    text = html_tree.document(inline_drawing.inline(figure, 'a', 'a'))
    self.assertEmpty(re.findall('#[0-9a-f]{6}', text))
    names = set(re.findall(r'var\(--([a-z0-9-]+)\)', text))
    self.assertIn('drawing-changed', names)
    self.assertContainsSubset(names, report_assets.colors(False))

  def test_is_smaller_than_the_file(self):
    figure = drawing.figure(zoo.load('darts'))
    self.assertLess(
      len(html_tree.document(inline_drawing.inline(figure, 'a', 'a'))), 80_000
    )


if __name__ == '__main__':
  absltest.main()
