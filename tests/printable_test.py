"""Tests of nat_tf.printable."""

from __future__ import annotations

import os

from absl.testing import absltest
from absl.testing import parameterized

from nat_tf import printable


class PrintableTest(parameterized.TestCase):
  @parameterized.parameters(
    ('Möbius × 日本\n\ttab', 'Möbius × 日本\n\ttab'),
    ('a\0b\x1b[1mc\x7f', 'a\ufffdb\ufffd[1mc\ufffd'),
    ('a\rb\ufffe', 'a\ufffdb\ufffd'),
    (os.fsdecode(b'a\xffb'), 'a\ufffdb'),
  )
  def test_replaces(self, text, expected):
    self.assertEqual(printable.printable(text), expected)
    printable.printable(text).encode('utf-8')


if __name__ == '__main__':
  absltest.main()
