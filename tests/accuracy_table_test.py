"""Tests of nat_tf.accuracy_table."""

from __future__ import annotations

import itertools

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from nat_tf import accuracy_table
from nat_tf import enumeration
from nat_tf import nasbench201
from nat_tf import spaces

_NAMES = (
  'none',
  'skip_connect',
  'nor_conv_1x1',
  'nor_conv_3x3',
  'avg_pool_3x3',
)
_CELLS = [
  f'|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|'
  for a, b, c, d, e, f in itertools.product(_NAMES, repeat=6)
]
_HEADER = 'architecture,toy_valid_accuracy,toy_test_accuracy'


def _rows() -> list[str]:
  """Row i has accuracies i / 200 and i / 400 percent."""
  return [f'{cell},{i / 200},{i / 400}' for i, cell in enumerate(_CELLS)]


class ReadCsvTest(parameterized.TestCase):
  def _read(self, header, rows, dataset=None, encoding='utf-8'):
    file = self.create_tempfile('t.csv')
    text = '\n'.join([header, *rows, ''])
    file.write_bytes(text.encode(encoding))
    return accuracy_table.read_csv(file.full_path, dataset)

  def _refused(self, words, header, rows, dataset=None):
    with self.assertRaisesRegex(accuracy_table.TableError, words) as caught:
      self._read(header, rows, dataset)
    self.assertNotIn('\n', str(caught.exception))
    self.assertIn('t.csv: ', str(caught.exception))

  def test_accuracies_stand_at_their_cells_codes(self):
    table = self._read(_HEADER, _rows())
    self.assertEqual((table.dataset, table.space.name), ('toy', 'nasbench201'))
    for i in (0, 1, 777, 15_624):
      encoding = spaces.NASBENCH201.encode(nasbench201.from_text(_CELLS[i]))
      code = enumeration.code(encoding, spaces.NASBENCH201)
      self.assertAlmostEqual(table.valid[code], i / 20_000)
      self.assertAlmostEqual(table.test[code], i / 40_000)

  def test_the_order_of_rows_and_columns_does_not_matter(self):
    expected = self._read(_HEADER, _rows())
    swapped = [','.join([*reversed(row.split(',')), 'x']) for row in _rows()]
    header = ','.join([*reversed(_HEADER.split(',')), 'note'])
    table = self._read(header, swapped[::-1])
    np.testing.assert_array_equal(table.valid, expected.valid)
    np.testing.assert_array_equal(table.test, expected.test)

  def test_a_byte_order_mark_and_empty_lines(self):
    self._read(_HEADER, ['', *_rows()], encoding='utf-8-sig')

  def test_the_data_set_is_chosen_by_name(self):
    header = f'{_HEADER},b_valid_accuracy,b_test_accuracy'
    rows = [f'{row},{50},{60}' for row in _rows()]
    table = self._read(header, rows, 'b')
    self.assertEqual(table.dataset, 'b')
    np.testing.assert_array_equal(np.unique(table.valid), [0.5])
    np.testing.assert_array_equal(np.unique(table.test), [0.6])
    self._refused('holds toy, b; choose one with --table_dataset', header, rows)

  @parameterized.named_parameters(
    ('empty', '', "row 1: the header must name architecture, .*; found ''"),
    ('no_test', 'architecture,a_valid_accuracy', 'row 1: the header must name'),
    ('no_cells', _HEADER.replace('arch', 'Arch'), 'row 1: the header must'),
    ('twice', f'{_HEADER},architecture', "the column 'architecture' stands tw"),
  )
  def test_a_wrong_header_is_refused(self, header, words):
    self._refused(words, header, _rows())

  def test_an_unknown_data_set_is_refused(self):
    words = "--table_dataset is 'cifar10'; the table holds toy"
    self._refused(words, _HEADER, _rows(), 'cifar10')

  @parameterized.named_parameters(
    ('text', 'high,1', "row 4: toy_valid_accuracy is 'high'; it must be a num"),
    ('empty', '1,', "row 4: toy_test_accuracy is ''"),
    ('nan', '1,nan', "row 4: toy_test_accuracy is 'nan'"),
    ('negative', '-1,1', "row 4: toy_valid_accuracy is '-1'"),
    (
      'above_100',
      '1,100.5',
      "row 4: toy_test_accuracy is '100.5'; .* 0 to 100",
    ),
    ('short', '1', 'row 4: 2 values; the header names 3'),
    ('long', '1,1,1', 'row 4: 4 values; the header names 3'),
  )
  def test_a_wrong_row_is_refused(self, values, words):
    rows = _rows()
    rows[2] = f'{_CELLS[2]},{values}'
    self._refused(words, _HEADER, rows)

  def test_a_wrong_cell_is_refused(self):
    rows = _rows()
    rows[2] = rows[2].replace('none', 'nope', 1)
    words = "row 4: edge 0 -> 1: unknown operation 'nope'"
    self._refused(words, _HEADER, rows)

  def test_a_cell_twice_is_refused(self):
    rows = [*_rows(), _rows()[7]]
    self._refused('row 15627: the cell .* stands in row 9 too', _HEADER, rows)

  def test_missing_cells_are_refused(self):
    words = r'2 of the 15625 cells are missing, among them \|.*\|; a table must'
    self._refused(words, _HEADER, _rows()[2:])

  def test_what_is_no_text_is_refused(self):
    file = self.create_tempfile('t.csv')
    file.write_bytes(b'\xff\xfe\x00')
    with self.assertRaisesRegex(accuracy_table.TableError, 'is not a CSV file'):
      accuracy_table.read_csv(file.full_path)

  def test_a_missing_file_is_refused(self):
    with self.assertRaisesRegex(
      accuracy_table.TableError, 'cannot read /nowhere/t.csv: No such file'
    ):
      accuracy_table.read_csv('/nowhere/t.csv')


if __name__ == '__main__':
  absltest.main()
