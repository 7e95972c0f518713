"""Tests of nat_tf.zoo."""

from __future__ import annotations

from absl.testing import absltest
from absl.testing import parameterized

from nat_tf import genotype
from nat_tf import layout
from nat_tf import skeletons
from nat_tf import transitions
from nat_tf import vocabulary
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
_NASNET_A = """
  Genotype(
    normal=[('sep_conv_5x5', 1), ('sep_conv_3x3', 0), ('sep_conv_5x5', 0),
    ('sep_conv_3x3', 0), ('avg_pool_3x3', 1), ('skip_connect', 0),
    ('avg_pool_3x3', 0), ('avg_pool_3x3', 0), ('sep_conv_3x3', 1),
    ('skip_connect', 1)], normal_concat=range(2, 7),
    reduce=[('sep_conv_5x5', 1), ('sep_conv_7x7', 0), ('max_pool_3x3', 1),
    ('sep_conv_7x7', 0), ('avg_pool_3x3', 1), ('sep_conv_5x5', 0),
    ('skip_connect', 3), ('avg_pool_3x3', 2), ('sep_conv_3x3', 2),
    ('max_pool_3x3', 1)], reduce_concat=range(4, 7))
"""
_AMOEBANET_A = """
  Genotype(
    normal=[('avg_pool_3x3', 0), ('max_pool_3x3', 1), ('sep_conv_3x3', 0),
    ('sep_conv_5x5', 2), ('sep_conv_3x3', 0), ('avg_pool_3x3', 3),
    ('sep_conv_3x3', 1), ('skip_connect', 1), ('skip_connect', 0),
    ('avg_pool_3x3', 1)], normal_concat=range(4, 7),
    reduce=[('avg_pool_3x3', 0), ('sep_conv_3x3', 1), ('max_pool_3x3', 0),
    ('sep_conv_7x7', 2), ('sep_conv_7x7', 0), ('avg_pool_3x3', 1),
    ('max_pool_3x3', 0), ('max_pool_3x3', 1), ('conv_7x1_1x7', 0),
    ('sep_conv_3x3', 5)], reduce_concat=[3, 4, 6])
"""
_PNASNET = """
  Genotype(
    normal=[('sep_conv_5x5', 0), ('max_pool_3x3', 0), ('sep_conv_7x7', 1),
    ('max_pool_3x3', 1), ('sep_conv_5x5', 1), ('sep_conv_3x3', 1),
    ('sep_conv_3x3', 4), ('max_pool_3x3', 1), ('sep_conv_3x3', 0),
    ('skip_connect', 1)], normal_concat=range(2, 7),
    reduce=[('sep_conv_5x5', 0), ('max_pool_3x3', 0), ('sep_conv_7x7', 1),
    ('max_pool_3x3', 1), ('sep_conv_5x5', 1), ('sep_conv_3x3', 1),
    ('sep_conv_3x3', 4), ('max_pool_3x3', 1), ('sep_conv_3x3', 0),
    ('skip_connect', 1)], reduce_concat=range(2, 7))
"""
_NAONET = """
  Genotype(
    normal=[('conv_3x3', 0), ('avg_pool_5x5', 1), ('conv_3x3', 1),
    ('conv_1x3_3x1', 2), ('conv_1x1', 0), ('conv_3x3', 1),
    ('conv_1x3_3x1', 0), ('conv_3x3', 4), ('conv_3x3', 0),
    ('skip_connect', 1)], normal_concat=[3, 5, 6],
    reduce=[('conv_3x3', 0), ('avg_pool_2x2', 1), ('conv_1x1', 0),
    ('avg_pool_3x3', 0), ('max_pool_2x2', 0), ('conv_1x7_7x1', 1),
    ('avg_pool_3x3', 0), ('conv_1x1', 2), ('conv_3x3', 0),
    ('max_pool_3x3', 1)], reduce_concat=range(3, 7))
"""
_SNAS = """
  Genotype(
    normal=[('dil_conv_5x5', 0), ('skip_connect', 1), ('sep_conv_3x3', 0),
    ('skip_connect', 1), ('skip_connect', 0), ('skip_connect', 1),
    ('sep_conv_3x3', 0), ('dil_conv_5x5', 1)], normal_concat=range(2, 6),
    reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('sep_conv_5x5', 0),
    ('dil_conv_5x5', 1), ('sep_conv_5x5', 0), ('sep_conv_5x5', 1),
    ('sep_conv_5x5', 0), ('sep_conv_5x5', 1)], reduce_concat=range(2, 6))
"""
_PDARTS = """
  Genotype(
    normal=[('skip_connect', 0), ('dil_conv_3x3', 1), ('skip_connect', 0),
    ('sep_conv_3x3', 1), ('sep_conv_3x3', 1), ('sep_conv_3x3', 3),
    ('sep_conv_3x3', 0), ('dil_conv_5x5', 4)], normal_concat=range(2, 6),
    reduce=[('avg_pool_3x3', 0), ('sep_conv_5x5', 1), ('sep_conv_3x3', 0),
    ('dil_conv_5x5', 2), ('max_pool_3x3', 0), ('dil_conv_3x3', 1),
    ('dil_conv_3x3', 1), ('dil_conv_5x5', 3)], reduce_concat=range(2, 6))
"""
_PCDARTS = """
  Genotype(
    normal=[('sep_conv_3x3', 1), ('skip_connect', 0), ('sep_conv_3x3', 0),
    ('dil_conv_3x3', 1), ('sep_conv_5x5', 0), ('sep_conv_3x3', 1),
    ('avg_pool_3x3', 0), ('dil_conv_3x3', 1)], normal_concat=range(2, 6),
    reduce=[('sep_conv_5x5', 1), ('max_pool_3x3', 0), ('sep_conv_5x5', 1),
    ('sep_conv_5x5', 2), ('sep_conv_3x3', 0), ('sep_conv_3x3', 3),
    ('sep_conv_3x3', 1), ('sep_conv_3x3', 2)], reduce_concat=range(2, 6))
"""

# What NAT's code says that NAT and NAT++ made of NAONet.
_NAT_NAONET = """
  Genotype(
    normal=[('conv_3x3', 0), ('avg_pool_5x5', 1), ('null', 1),
    ('conv_1x3_3x1', 2), ('conv_1x1', 0), ('skip_connect', 1),
    ('conv_1x3_3x1', 0), ('conv_3x3', 4), ('conv_3x3', 0), ('skip_connect', 1)],
    normal_concat=[3, 5, 6],
    reduce=[('null', 0), ('avg_pool_3x3', 1), ('conv_1x1', 0),
    ('avg_pool_3x3', 0), ('skip_connect', 0), ('conv_1x7_7x1', 1),
    ('avg_pool_3x3', 0), ('skip_connect', 2), ('conv_3x3', 0),
    ('max_pool_3x3', 1)], reduce_concat=[3, 4, 5, 6])
"""
_NAT_PLUS_PLUS_NAONET = """
  Genotype(
    normal=[('conv_3x3', 0), ('avg_pool_5x5', 1), ('conv_3x3', 1),
    ('conv_1x3_3x1', 2), ('max_pool_3x3', 0), ('conv_3x3', 1),
    ('max_pool_3x3', 0), ('conv_3x3', 4), ('sep_conv_3x3', 0),
    ('skip_connect', 1)], normal_concat=[3, 5, 6],
    reduce=[('conv_3x3', 0), ('skip_connect', 1), ('avg_pool_3x3', 0),
    ('avg_pool_3x3', 0), ('max_pool_2x2', 0), ('conv_1x7_7x1', 1),
    ('skip_connect', 0), ('skip_connect', 2), ('max_pool_3x3', 0),
    ('max_pool_3x3', 1)], reduce_concat=[3, 4, 5, 6])
"""


class ZooTest(parameterized.TestCase):
  def test_names(self):
    self.assertCountEqual(
      zoo.names(),
      [
        *('darts', 'nat_darts', 'nat++_darts', 'darts_v1'),
        *('enas', 'nat_enas', 'nat++_enas'),
        *('nasnet_a', 'amoebanet_a', 'pnasnet', 'naonet'),
        *('snas', 'pdarts', 'pcdarts'),
        *('resblock', 'nat_resblock', 'nat++_resblock'),
        *('vggblock', 'nat_vggblock', 'nat++_vggblock'),
        *('vgg16', 'resnet20', 'resnet56', 'resnet18', 'resnet50'),
        'mobilenetv2',
      ],
    )

  @parameterized.named_parameters(
    ('darts', 'darts', _DARTS_V2),
    ('darts_v1', 'darts_v1', _DARTS_V1),
    ('nat_darts', 'nat_darts', _NAT_DARTS),
    ('enas', 'enas', _ENAS),
    ('nasnet_a', 'nasnet_a', _NASNET_A),
    ('amoebanet_a', 'amoebanet_a', _AMOEBANET_A),
    ('pnasnet', 'pnasnet', _PNASNET),
    ('naonet', 'naonet', _NAONET),
    ('snas', 'snas', _SNAS),
    ('pdarts', 'pdarts', _PDARTS),
    ('pcdarts', 'pcdarts', _PCDARTS),
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

  # Why NAT's results for NAONet are not in the zoo.
  @parameterized.parameters(
    (
      'nat',
      _NAT_NAONET,
      [('reduction', 1, 2, 'avg_pool_2x2', 'avg_pool_3x3')],
    ),
    (
      'nat++',
      _NAT_PLUS_PLUS_NAONET,
      [
        ('normal', 0, 4, 'conv_1x1', 'max_pool_3x3'),
        ('reduction', 0, 3, 'conv_1x1', 'avg_pool_3x3'),
      ],
    ),
  )
  def test_what_nat_made_of_naonet_breaks_its_rules(
    self, rules, published, expected
  ):
    source, changed = zoo.load('naonet'), genotype.from_text(published)
    forbidden = []
    for cell, index in source.changed_edges(changed):
      edge = source[cell].edges[index]
      after = changed[cell].edges[index].operation
      if not transitions.allowed(rules, (edge.operation, after))[0, 1]:
        forbidden.append(
          (cell, edge.source, edge.target, edge.operation, after)
        )
    self.assertEqual(forbidden, expected)

  @parameterized.parameters(*zoo.names())
  def test_operations_are_in_the_vocabulary(self, name):
    known = {operation.name for operation in vocabulary.ALL}
    self.assertContainsSubset(
      {edge.operation for *_, edge in zoo.load(name).edges()}, known
    )

  def test_every_operation_beyond_the_methods_occurs(self):
    carried = {
      edge.operation
      for name in zoo.names()
      for *_, edge in zoo.load(name).edges()
    }
    self.assertContainsSubset({o.name for o in vocabulary.PUBLISHED}, carried)

  @parameterized.product(name=zoo.names(), form=skeletons.FORMS)
  def test_fits_its_network(self, name, form):
    architecture = zoo.load(name)
    layout.check(architecture, skeletons.load(architecture.network, form))

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
