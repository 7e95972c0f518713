"""Tests of nat_tf.json_input."""

from __future__ import annotations

from absl.testing import absltest
from absl.testing import parameterized

from nat_tf import json_input
from tests import bad_files


class ParseTest(parameterized.TestCase):
  def test_takes_json(self):
    text = '{"a": [1, -2.5e3, "\\u00fc", true, null], "b": {}}'
    value = {'a': [1, -2500.0, 'ü', True, None], 'b': {}}
    self.assertEqual(json_input.parse(text), value)
    self.assertEqual(json_input.parse(text.encode('utf-8')), value)
    self.assertEqual(json_input.parse(b'\xef\xbb\xbf[1]'), [1])

  @parameterized.named_parameters(
    (wrong.replace(' ', '_').replace(',', ''), content, message)
    for wrong, content, message in bad_files.HOSTILE
  )
  def test_refuses(self, content, message):
    with self.assertRaises(json_input.JsonError) as caught:
      json_input.parse(content)
    self.assertEqual(str(caught.exception), message)

  def test_limits_are_the_last_that_are_taken(self):
    blanks = ' ' * (json_input.MAX_BYTES - 1)
    self.assertEqual(json_input.parse(f'{blanks}1'), 1)
    with self.assertRaises(json_input.JsonError):
      json_input.parse(f'{blanks} 1')
    self.assertEqual(json_input.parse('1234', max_digits=4), 1234)
    with self.assertRaises(json_input.JsonError):
      json_input.parse('12345', max_digits=4)

  def test_other_numbers_can_be_made_of_fractions(self):
    self.assertEqual(
      json_input.parse('[1.5, 2, NaN]', number=str), ['1.5', 2, 'NaN']
    )


class ReadTest(absltest.TestCase):
  def test_wants_an_object(self):
    path = self.create_tempfile('a.json', '[]').full_path
    with self.assertRaisesRegex(json_input.JsonError, 'must be a mapping, not'):
      json_input.read(path)
    path = self.create_tempfile('b.json', '{"a": 1}').full_path
    self.assertEqual(json_input.read(path), {'a': 1})

  def test_a_missing_file_is_an_error_of_the_system(self):
    with self.assertRaises(FileNotFoundError):
      json_input.read('/nowhere/a.json')


if __name__ == '__main__':
  absltest.main()
