"""Tests of nat_tf.text_table."""

from __future__ import annotations

from absl.testing import absltest

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


class FilesTest(absltest.TestCase):
  def test_a_line_each(self):
    self.assertEqual(
      text_table.files('/w', {'model': 'a.keras', 'numbers': 'b, c'}),
      'in /w:\n  model         a.keras\n  numbers       b, c',
    )


if __name__ == '__main__':
  absltest.main()
