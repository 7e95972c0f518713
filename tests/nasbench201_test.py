"""Tests of nat_tf.nasbench201."""

from __future__ import annotations

import dataclasses

from absl.testing import absltest
from absl.testing import parameterized

from nat_tf import nasbench201
from nat_tf import spaces
from nat_tf import zoo
from nat_tf.architecture import Architecture
from nat_tf.architecture import Cell
from nat_tf.architecture import Edge

_TEXT = (
  '|nor_conv_1x1~0|+|none~0|skip_connect~1|+'
  '|nor_conv_3x3~0|none~1|avg_pool_3x3~2|'
)
_EDGES = (
  Edge(0, 1, 'conv_1x1'),
  Edge(0, 2, 'null'),
  Edge(1, 2, 'skip'),
  Edge(0, 3, 'conv_3x3'),
  Edge(1, 3, 'null'),
  Edge(2, 3, 'avg_pool_3x3'),
)
_CELL = Cell(1, 4, _EDGES, (3,))


class FromTextTest(parameterized.TestCase):
  def test_a_cell(self):
    self.assertEqual(
      nasbench201.from_text(f' {_TEXT}\n'),
      Architecture((('normal', _CELL),), 'nasbench201'),
    )

  def test_is_of_the_space(self):
    encoding = spaces.NASBENCH201.encode(nasbench201.from_text(_TEXT))
    names = spaces.NASBENCH201.operations
    self.assertEqual(
      [names[i] for i in encoding.operations[0]],
      [edge.operation for edge in _EDGES],
    )
    self.assertTrue(encoding.present.all())
    self.assertEqual(encoding.concat.tolist(), [[False, False, True]])

  def test_operations(self):
    self.assertEqual(
      nasbench201.operations(_TEXT), [edge.operation for edge in _EDGES]
    )

  @parameterized.named_parameters(
    ('empty', '', '1 parts joined by \\+; there must be 3'),
    ('one_vertex_less', '|none~0|+|none~0|none~1|', '2 parts'),
    (
      'no_bar_in_front',
      _TEXT[1:],
      r"vertex 1: found 'nor_conv_1x1~0\|' where \|operation~0\| should be",
    ),
    (
      'an_edge_less',
      _TEXT.replace('none~0|', ''),
      r"vertex 2: found '\|skip_connect~1\|' where "
      r'\|operation~0\|operation~1\| should be',
    ),
    (
      'another_source',
      _TEXT.replace('~2', '~1'),
      "vertex 3: found 'avg_pool_3x3~1' where operation~2 should be",
    ),
    (
      'no_source',
      _TEXT.replace('~2', ''),
      "vertex 3: found 'avg_pool_3x3' where operation~2 should be",
    ),
    (
      'an_unknown_operation',
      _TEXT.replace('avg', 'agv'),
      "edge 2 -> 3: unknown operation 'agv_pool_3x3'; known are none, ",
    ),
    (
      'an_operation_of_other_spaces',
      _TEXT.replace('avg', 'max'),
      "edge 2 -> 3: unknown operation 'max_pool_3x3'; known are none, ",
    ),
    ('too_long', _TEXT * 6, 'the cell has 4.. characters; at most 400'),
    ('line_breaks', '|a\n~0|+|b|+|c|', r"vertex 1: .*|edge 0 -> 1: .*'a\\n'"),
  )
  def test_malformed_text_is_refused(self, text, words):
    with self.assertRaisesRegex(nasbench201.CellStringError, words) as caught:
      nasbench201.from_text(text)
    self.assertNotIn('\n', str(caught.exception))


class ToTextTest(parameterized.TestCase):
  def test_round_trip(self):
    self.assertEqual(nasbench201.to_text(nasbench201.from_text(_TEXT)), _TEXT)

  def test_the_order_of_edges_does_not_matter(self):
    edges = (_EDGES[0], *reversed(_EDGES[1:]))
    cell = dataclasses.replace(_CELL, edges=edges)
    self.assertEqual(nasbench201.to_text(Architecture.of(normal=cell)), _TEXT)

  @parameterized.named_parameters(
    ('two_cells', zoo.load('darts'), 'has the one cell normal; .* reduction'),
    (
      'another_output',
      Architecture.of(normal=dataclasses.replace(_CELL, concat=(2, 3))),
      'cells of one input and three more vertices',
    ),
    (
      'a_missing_edge',
      Architecture.of(
        normal=dataclasses.replace(_CELL, edges=(*_EDGES[:2], *_EDGES[3:]))
      ),
      'each joined once to all before it',
    ),
    (
      'another_operation',
      Architecture.of(
        normal=_CELL.with_operations(['max_pool_3x3'] + ['skip'] * 5)
      ),
      'edge 0 -> 1: the string form has no max_pool_3x3; it has null',
    ),
  )
  def test_what_it_cannot_hold_is_refused(self, architecture, words):
    with self.assertRaisesRegex(nasbench201.CellStringError, words):
      nasbench201.to_text(architecture)


if __name__ == '__main__':
  absltest.main()
