"""Tests of nat_tf.zoo."""

from __future__ import annotations

from absl.testing import absltest
from absl.testing import parameterized

from nat_tf import genotype
from nat_tf import zoo

# As the papers' code writes them.
_DARTS_V2 = """
  Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1),
    ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 1),
    ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)],
    normal_concat=[2, 3, 4, 5],
    reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2),
    ('max_pool_3x3', 1), ('max_pool_3x3', 0), ('skip_connect', 2),
    ('skip_connect', 2), ('max_pool_3x3', 1)], reduce_concat=[2, 3, 4, 5])
"""
_DARTS_V1 = """
  Genotype(normal=[('sep_conv_3x3', 1), ('sep_conv_3x3', 0),
    ('skip_connect', 0), ('sep_conv_3x3', 1), ('skip_connect', 0),
    ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('skip_connect', 2)],
    normal_concat=[2, 3, 4, 5],
    reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2),
    ('max_pool_3x3', 0), ('max_pool_3x3', 0), ('skip_connect', 2),
    ('skip_connect', 2), ('avg_pool_3x3', 0)], reduce_concat=[2, 3, 4, 5])
"""
_NAT_DARTS = """
  Genotype(normal=[('sep_conv_3x3', 0, 2), ('sep_conv_3x3', 1, 2),
    ('skip_connect', 0, 3), ('sep_conv_3x3', 1, 3), ('skip_connect', 1, 4),
    ('skip_connect', 0, 4), ('skip_connect', 0, 5), ('dil_conv_3x3', 2, 5)],
    normal_concat=range(2, 6),
    reduce=[('max_pool_3x3', 0, 2), ('skip_connect', 1, 2),
    ('skip_connect', 2, 3), ('skip_connect', 1, 3), ('max_pool_3x3', 0, 4),
    ('null', 2, 4), ('skip_connect', 2, 5), ('max_pool_3x3', 1, 5)],
    reduce_concat=range(2, 6))
"""
_ENAS = """
  Genotype(normal=[('sep_conv_3x3', 1, 2), ('skip_connect', 1, 2),
    ('skip_connect', 0, 3), ('sep_conv_5x5', 1, 3), ('avg_pool_3x3', 0, 4),
    ('sep_conv_3x3', 1, 4), ('sep_conv_3x3', 0, 5), ('avg_pool_3x3', 1, 5),
    ('avg_pool_3x3', 0, 6), ('sep_conv_5x5', 1, 6)],
    normal_concat=[2, 3, 4, 5, 6],
    reduce=[('sep_conv_5x5', 0, 2), ('avg_pool_3x3', 1, 2),
    ('sep_conv_3x3', 1, 3), ('avg_pool_3x3', 1, 3), ('avg_pool_3x3', 1, 4),
    ('sep_conv_3x3', 1, 4), ('avg_pool_3x3', 1, 5), ('sep_conv_5x5', 4, 5),
    ('sep_conv_5x5', 0, 6), ('sep_conv_3x3', 5, 6)], reduce_concat=[2, 3, 6])
"""


class ZooTest(parameterized.TestCase):
  def test_names(self):
    self.assertCountEqual(
      zoo.names(),
      [
        *('darts', 'nat_darts', 'nat++_darts', 'darts_v1'),
        *('enas', 'nat_enas', 'nat++_enas'),
        *('resblock', 'nat_resblock', 'nat++_resblock'),
        *('vggblock', 'nat_vggblock', 'nat++_vggblock'),
      ],
    )

  @parameterized.named_parameters(
    ('darts', 'darts', _DARTS_V2),
    ('darts_v1', 'darts_v1', _DARTS_V1),
    ('nat_darts', 'nat_darts', _NAT_DARTS),
    ('enas', 'enas', _ENAS),
  )
  def test_is_as_published(self, name, published):
    self.assertEqual(zoo.load(name), genotype.from_text(published))

  # Operations that differ from the input, counted in the released cells.
  @parameterized.parameters(
    ('nat_darts', 'darts', 5),
    ('nat++_darts', 'darts', 6),
    ('nat_enas', 'enas', 2),
    ('nat++_enas', 'enas', 6),
    ('nat_resblock', 'resblock', 4),
    ('nat++_resblock', 'resblock', 7),
    ('nat_vggblock', 'vggblock', 5),
    ('nat++_vggblock', 'vggblock', 8),
  )
  def test_transformed_cells_stand_on_their_inputs_graph(
    self, name, source, changes
  ):
    changed = zoo.load(source).changed_edges(zoo.load(name))
    self.assertLen(changed, changes)

  @parameterized.parameters(*zoo.names())
  def test_has_both_cells(self, name):
    cells = [cell for cell, _ in zoo.load(name).cells]
    self.assertEqual(cells, ['normal', 'reduction'])

  @parameterized.parameters(
    ('dart', 'did you mean darts'),
    ('ENAS', 'did you mean enas'),
    ('nat+_darts', 'did you mean nat'),
    ('?', r"unknown architecture '\?'; known are darts, .*, vggblock"),
  )
  def test_proposes_the_closest(self, name, message):
    with self.assertRaisesRegex(zoo.UnknownArchitectureError, message):
      zoo.load(name)


if __name__ == '__main__':
  absltest.main()
