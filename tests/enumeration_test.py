"""Tests of nat_tf.enumeration."""

from __future__ import annotations

import itertools

from absl.testing import absltest
import numpy as np

from nat_tf import enumeration
from nat_tf import nasbench201
from nat_tf import spaces

# Two cells of two edges with three operations: 3 ** 4 architectures.
_SMALL = spaces.Space(
  name='small',
  cells=('normal', 'reduction'),
  inputs=1,
  targets=(1, 2),
  operations=('conv_3x3', 'skip', 'null'),
  sizes=(2,),
  loose_ends=(False,),
  graphs=(spaces.Graph.full((0, 1), (2,), 3),) * 2,
)


class EnumerationTest(absltest.TestCase):
  def test_counts(self):
    self.assertEqual(enumeration.count(_SMALL), 81)
    self.assertEqual(enumeration.count(spaces.NASBENCH201), 15_625)

  def test_a_code_is_the_position_in_the_product(self):
    expected = list(itertools.product(range(3), repeat=4))
    operations = enumeration.operations(_SMALL, np.arange(81))
    self.assertEqual(operations.shape, (81, 2, 2))
    np.testing.assert_array_equal(operations.reshape(81, 4), expected)

  def test_codes_and_encodings_round_trip(self):
    codes = np.array([[0, 80], [41, 7]])
    encoding = enumeration.encode(_SMALL, codes)
    self.assertEqual(encoding.concat.shape, (2, 2, 2, 2))
    np.testing.assert_array_equal(enumeration.code(encoding, _SMALL), codes)

  def test_encodings_are_the_spaces(self):
    text = '|none~0|+|nor_conv_1x1~0|none~1|+|none~0|skip_connect~1|none~2|'
    space = spaces.NASBENCH201
    expected = space.encode(nasbench201.from_text(text))
    code = enumeration.code(expected, space)
    for a, b in zip(enumeration.encode(space, code), expected):
      np.testing.assert_array_equal(a, b)
      self.assertEqual(a.dtype, b.dtype)

  def test_a_space_of_many_graphs_is_refused(self):
    with self.assertRaisesRegex(ValueError, 'darts space does not fix its'):
      enumeration.count(spaces.DARTS)


if __name__ == '__main__':
  absltest.main()
