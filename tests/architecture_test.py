"""Tests of nat_tf.architecture."""

from __future__ import annotations

import dataclasses

from absl.testing import absltest
from absl.testing import parameterized

from nat_tf import architecture as architecture_lib
from nat_tf.architecture import Architecture
from nat_tf.architecture import ArchitectureError
from nat_tf.architecture import Cell
from nat_tf.architecture import Edge


#   0 --conv--> 2 --skip--> 3
#   1 --null--> 2 --conv--> 3
def _cell(**changes) -> Cell:
  fields = {
    'inputs': 2,
    'vertices': 4,
    'edges': (
      Edge(0, 2, 'conv_3x3'),
      Edge(1, 2, 'null'),
      Edge(2, 3, 'skip'),
      Edge(2, 3, 'conv_3x3'),
    ),
    'concat': (2, 3),
  }
  return Cell(**{**fields, **changes})


def _edges(*edges: tuple) -> tuple[Edge, ...]:
  return tuple(Edge(*edge) for edge in edges)


class CellTest(parameterized.TestCase):
  def test_computed_vertices_follow_the_inputs(self):
    self.assertSequenceEqual(_cell().intermediates, [2, 3])

  def test_sorts_edges_by_target_and_keeps_their_order_within(self):
    shuffled = _edges(
      (2, 3, 'skip'), (1, 2, 'null'), (2, 3, 'conv_3x3'), (0, 2, 'conv_3x3')
    )
    self.assertEqual(
      _cell(edges=shuffled).edges,
      _edges(
        (1, 2, 'null'), (0, 2, 'conv_3x3'), (2, 3, 'skip'), (2, 3, 'conv_3x3')
      ),
    )

  def test_sorts_concat(self):
    self.assertEqual(_cell(concat=[3, 2]).concat, (2, 3))

  def test_replaces_other_spellings(self):
    cell = _cell(vertices=3, concat=(2,), edges=_edges((0, 2, 'skip_connect')))
    self.assertEqual(cell.edges[0].operation, 'skip')

  def test_is_immutable(self):
    with self.assertRaises(dataclasses.FrozenInstanceError):
      _cell().vertices = 5

  def test_equal_cells_have_equal_hashes(self):
    self.assertEqual(hash(_cell()), hash(_cell()))

  @parameterized.named_parameters(
    ('no_inputs', {'inputs': 0}, 'inputs must be an integer of 1 or more'),
    ('text', {'vertices': '4'}, 'vertices must be an integer of 1 or more'),
    ('bool', {'inputs': True}, 'inputs must be an integer of 1 or more'),
    (
      'nothing_to_compute',
      {'vertices': 2},
      '2 vertices with 2 inputs leave none to compute',
    ),
    (
      'concat_out_of_range',
      {'concat': (2, 4)},
      'concat holds 4, which is not one of the computed vertices 2 to 3',
    ),
    ('concat_input', {'concat': (1,)}, 'concat holds 1'),
    ('concat_empty', {'concat': ()}, 'concat must name at least one vertex'),
    ('concat_twice', {'concat': (2, 2)}, 'and each once'),
  )
  def test_refuses_vertices(self, changes, message):
    with self.assertRaisesRegex(ArchitectureError, message):
      _cell(**changes)

  @parameterized.named_parameters(
    # 0 -> 2 -> 3 and back, 3 -> 2.
    (
      'cycle',
      [(0, 2, 'skip'), (3, 2, 'skip'), (2, 3, 'skip')],
      r'edge 1 \(3 -> 2, skip\): it reads a vertex that is computed later '
      r'\(a cycle\); its source must be below 2',
    ),
    (
      'self_loop',
      [(0, 2, 'skip'), (3, 3, 'skip')],
      r'edge 1 \(3 -> 3, skip\): .* \(a cycle\)',
    ),
    (
      'source_out_of_range',
      [(-1, 2, 'skip')],
      r'edge 0 \(-1 -> 2, skip\): source -1 is out of range; vertices are 0 to '
      '3',
    ),
    ('target_out_of_range', [(0, 4, 'skip')], 'target 4 is out of range'),
    (
      'into_an_input',
      [(0, 1, 'skip')],
      'vertex 1 is an input of the cell and cannot be a target; targets are 2 '
      'to 3',
    ),
    ('not_an_integer', [(0.0, 2, 'skip')], 'source 0.0 is out of range'),
    ('unnamed', [(0, 2, None)], 'the operation must be a name'),
    (
      'unknown_operation',
      [(0, 2, 'skip'), (0, 3, 'conv_7x7')],
      r'edge 1 \(0 -> 3, conv_7x7\): unknown operation',
    ),
    # Nothing ends in 3.
    (
      'unfed',
      [(0, 2, 'skip')],
      r'vertex 3 has no incoming edge; give it one \(null is allowed\)',
    ),
  )
  def test_refuses_edges(self, edges, message):
    with self.assertRaisesRegex(ArchitectureError, message):
      _cell(edges=_edges(*edges))

  def test_other_operations_on_the_same_graph(self):
    changed = _cell().with_operations(['skip', 'skip', 'null', 'skip_connect'])
    self.assertEqual(
      changed.edges,
      _edges((0, 2, 'skip'), (1, 2, 'skip'), (2, 3, 'null'), (2, 3, 'skip')),
    )

  def test_refuses_another_number_of_operations(self):
    with self.assertRaisesRegex(ArchitectureError, '3 operations for 4 edges'):
      _cell().with_operations(['skip'] * 3)


class ArchitectureTest(absltest.TestCase):
  def test_gives_cells_by_name(self):
    reduction = _cell(concat=(3,))
    both = Architecture.of(normal=_cell(), reduction=reduction)
    self.assertEqual(both[architecture_lib.REDUCTION], reduction)

  def test_unknown_cell(self):
    with self.assertRaises(KeyError):
      _ = Architecture.of(normal=_cell())['reduction']

  def test_refuses_no_cells(self):
    with self.assertRaisesRegex(ArchitectureError, 'at least one cell'):
      Architecture(())

  def test_refuses_a_name_twice(self):
    with self.assertRaisesRegex(ArchitectureError, 'a name of its own'):
      Architecture((('normal', _cell()), ('normal', _cell())))

  def test_lists_edges_with_their_places(self):
    both = Architecture.of(normal=_cell(), reduction=_cell())
    places = [(name, index) for name, index, _ in both.edges()]
    self.assertEqual(
      places,
      [(n, i) for n in ('normal', 'reduction') for i in range(4)],
    )

  def test_names_the_edges_that_changed(self):
    before = Architecture.of(normal=_cell(), reduction=_cell())
    after = Architecture.of(
      normal=_cell(),
      reduction=_cell().with_operations(['conv_3x3', 'skip', 'skip', 'null']),
    )
    self.assertEqual(
      before.changed_edges(after), [('reduction', 1), ('reduction', 3)]
    )

  def test_refuses_to_compare_different_graphs(self):
    before = Architecture.of(normal=_cell())
    after = Architecture.of(normal=_cell(concat=(3,)))
    with self.assertRaisesRegex(ArchitectureError, 'not on one graph'):
      before.changed_edges(after)


if __name__ == '__main__':
  absltest.main()
