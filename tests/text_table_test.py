"""Tests of nat_tf.text_table."""

from __future__ import annotations

from absl.testing import absltest
from absl.testing import parameterized

from nat_tf import text_table


class AlignedTest(absltest.TestCase):
  def test_first_to_the_left_others_to_the_right(self):
    self.assertEqual(
      text_table.aligned([('', 'a', 'long'), ('name', '12', 'b')]),
      ['       a  long', 'name  12     b'],
    )

  def test_no_spaces_at_the_end(self):
    self.assertEqual(
      text_table.aligned([('a', 'bb'), ('c', '')]), ['a  bb', 'c']
    )


class MarkdownTest(absltest.TestCase):
  def test_bars_are_no_borders(self):
    self.assertEqual(
      text_table.markdown([('', 'a|b'), ('c', '1')]),
      ['|  | a\\|b |', '| --- | ---: |', '| c | 1 |'],
    )


class FilesTest(absltest.TestCase):
  def test_a_line_each(self):
    self.assertEqual(
      text_table.files('/w', {'model': 'a.keras', 'numbers': 'b, c'}),
      'in /w:\n  model         a.keras\n  numbers       b, c',
    )


class HeldOutTest(absltest.TestCase):
  def test_what_one_image_is_worth(self):
    self.assertEqual(
      text_table.held_out(2000), '2,000 held-out images (one is 0.05 points)'
    )


class ShortTest(parameterized.TestCase):
  @parameterized.parameters(
    (0, '0'),
    (999, '999'),
    (999.6, '1.0 k'),
    (9_949, '9.9 k'),
    (9_950, '10 k'),
    (999_499, '999 k'),
    (999_500, '1.0 M'),
    (34_400_000, '34 M'),
    (15_500_000_000, '16 G'),
  )
  def test_two_or_three_digits(self, number, text):
    self.assertEqual(text_table.short(number), text)


if __name__ == '__main__':
  absltest.main()
