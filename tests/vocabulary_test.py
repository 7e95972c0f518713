"""Tests of nat_tf.vocabulary."""

from __future__ import annotations

from absl.testing import absltest
from absl.testing import parameterized

from nat_tf import vocabulary
from nat_tf.vocabulary import Type


class VocabularyTest(parameterized.TestCase):
  def test_holds_the_13_operations_of_nat_plus_plus(self):
    self.assertCountEqual(
      [operation.name for operation in vocabulary.METHOD],
      [
        'conv_1x1',
        'conv_3x3',
        'conv_5x5',
        'sep_conv_3x3',
        'sep_conv_5x5',
        'dil_conv_3x3',
        'dil_conv_5x5',
        'max_pool_3x3',
        'max_pool_5x5',
        'avg_pool_3x3',
        'avg_pool_5x5',
        'skip',
        'null',
      ],
    )

  def test_holds_what_published_cells_need_beyond_them(self):
    others = {o.name for o in set(vocabulary.ALL) - set(vocabulary.METHOD)}
    self.assertEqual(
      others,
      {
        *('conv_7x1_1x7', 'conv_3x1_1x3', 'sep_conv_7x7'),
        *('max_pool_2x2', 'avg_pool_2x2'),
        *('inverted_residual_e1_3x3', 'inverted_residual_e6_3x3'),
      },
    )

  @parameterized.parameters(
    ('conv_1x1', Type.CONV, 1),
    ('conv_7x1_1x7', Type.LINE_CONV, 7),
    ('avg_pool_2x2', Type.AVG_POOL, 2),
    ('sep_conv_5x5', Type.SEP_CONV, 5),
    ('dil_conv_3x3', Type.DIL_CONV, 3),
    ('max_pool_5x5', Type.MAX_POOL, 5),
    ('avg_pool_3x3', Type.AVG_POOL, 3),
    ('skip', Type.SKIP, 0),
    ('null', Type.NULL, 0),
  )
  def test_finds_an_operation_by_name(self, name, type_, kernel):
    found = vocabulary.operation(name)
    self.assertEqual((found.type, found.kernel), (type_, kernel))

  @parameterized.parameters(
    ('skip_connect', 'skip'),
    ('none', 'null'),
    ('nor_conv_1x1', 'conv_1x1'),
    ('nor_conv_3x3', 'conv_3x3'),
    ('conv_1x7_7x1', 'conv_7x1_1x7'),
    ('conv_1x3_3x1', 'conv_3x1_1x3'),
  )
  def test_knows_other_spellings(self, spelling, name):
    self.assertEqual(vocabulary.operation(spelling).name, name)

  def test_proposes_the_closest_name(self):
    with self.assertRaisesRegex(
      vocabulary.UnknownOperationError,
      "unknown operation 'sep_conv_3x'; did you mean sep_conv_3x3",
    ):
      vocabulary.operation('sep_conv_3x')

  def test_lists_all_where_nothing_is_close(self):
    with self.assertRaisesRegex(
      vocabulary.UnknownOperationError, "'!!'; known are conv_5x5, .*, null"
    ):
      vocabulary.operation('!!')

  def test_shows_a_long_name_on_one_short_line(self):
    with self.assertRaises(vocabulary.UnknownOperationError) as caught:
      vocabulary.operation('a\n' * 1_000_000)
    self.assertNotIn('\n', str(caught.exception))
    self.assertLess(len(str(caught.exception)), 400)


if __name__ == '__main__':
  absltest.main()
