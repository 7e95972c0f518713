"""Tests of nat_tf.html_tree."""

from __future__ import annotations

from html.parser import HTMLParser

from absl.testing import absltest
from absl.testing import parameterized

from nat_tf import html_tree
from nat_tf.html_tree import element


class _Reader(HTMLParser):
  """What a browser finds: tags with attributes, and texts."""

  def __init__(self, text: str):
    super().__init__()
    self.tags: list[tuple] = []
    self.texts: list[str] = []
    self.feed(text)

  def handle_starttag(self, tag, attrs):
    self.tags.append((tag, dict(attrs)))

  def handle_data(self, data):
    self.texts.append(data)


class ElementTest(parameterized.TestCase):
  def test_children_keep_their_order(self):
    made = element('p', 'a', element('b', 'c'), 'd', None, 'e', element('i'))
    self.assertEqual(
      html_tree.document(made),
      '<!DOCTYPE html>\n<p>a<b>c</b>de<i></i></p>\n',
    )

  def test_attributes(self):
    made = element(
      'input', class_='x', aria_label='y', disabled=True, value=None, id=False
    )
    self.assertEqual(
      made.attrib, {'class': 'x', 'aria-label': 'y', 'disabled': ''}
    )

  def test_void_elements_are_not_closed(self):
    text = html_tree.document(element('p', element('br'), 'x'))
    self.assertIn('<p><br>x</p>', text)

  @parameterized.parameters(
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    '&lt;b&gt;',
    '</p><b>',
  )
  def test_nothing_becomes_markup(self, text):
    page = html_tree.document(
      element('p', text, element('a', text, title=text))
    )
    read = _Reader(page)
    self.assertEqual(read.tags, [('p', {}), ('a', {'title': text})])
    self.assertEqual(''.join(read.texts).strip(), text + text)

  def test_what_cannot_be_written_is_replaced(self):
    page = html_tree.document(element('p', 'a\0b\ud800c', title='\x1b[1m'))
    self.assertEqual(
      page, '<!DOCTYPE html>\n<p title="\ufffd[1m">a\ufffdb\ufffdc</p>\n'
    )
    page.encode('utf-8')


if __name__ == '__main__':
  absltest.main()
