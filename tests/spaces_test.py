"""Tests of nat_tf.spaces."""

from __future__ import annotations

import dataclasses

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from nat_tf import hand_made
from nat_tf import nasbench201
from nat_tf import spaces
from nat_tf import transitions
from nat_tf import vocabulary
from nat_tf import zoo
from nat_tf.architecture import Architecture
from nat_tf.architecture import Cell
from nat_tf.architecture import Edge


def _fits(name: str, space: spaces.Space) -> bool:
  architecture = zoo.load(name)
  operations = {edge.operation for *_, edge in architecture.edges()}
  if architecture.network != space.network:
    return False
  return operations <= set(space.operations) and all(
    len(cell.intermediates) in space.sizes for _, cell in architecture.cells
  )


_FITTING = [
  (space.name, name)
  for space in spaces.SPACES.values()
  for name in zoo.names()
  if _fits(name, space)
]


# Two vertices, of which the second may read either input or the first:
#   0 --skip--> 2     1 --null--> 3
#   1 --conv--> 2     2 --skip--> 3
_TOY = spaces.Space(
  name='toy',
  cells=('normal',),
  inputs=2,
  targets=(2, 2, 3, 3),
  operations=('conv_3x3', 'skip', 'null'),
  sizes=(1, 2),
  loose_ends=(False, False),
)
_TOY_EDGES = (
  Edge(0, 2, 'skip'),
  Edge(1, 2, 'conv_3x3'),
  Edge(1, 3, 'null'),
  Edge(2, 3, 'skip'),
)


def _toy(edges=_TOY_EDGES, vertices=4, inputs=2, concat=(3,)) -> Architecture:
  return Architecture.of(normal=Cell(inputs, vertices, edges, concat))


class ShapeTest(parameterized.TestCase):
  @parameterized.parameters(
    # Two edges a vertex: 4 vertices in DARTS, 5 in ENAS, either in micro.
    ('darts', 8, 4, 6),
    ('enas', 10, 5, 7),
    ('micro', 10, 5, 7),
    # Every vertex is joined to all before it.
    ('nasbench201', 6, 3, 4),
  )
  def test_sizes(self, name, edges, intermediates, vertices):
    space = spaces.SPACES[name]
    self.assertEqual(
      (space.edges, space.intermediates, space.vertices),
      (edges, intermediates, vertices),
    )

  def test_all_cells_may_carry_all_operations(self):
    self.assertLen(spaces.MICRO.operations, 13)

  def test_index_of_an_operation(self):
    self.assertEqual(_TOY.index('null'), 2)


class EncodeTest(parameterized.TestCase):
  def test_arrays_of_a_small_cell(self):
    encoding = _TOY.encode(_toy())
    np.testing.assert_array_equal(encoding.operations, [[1, 0, 2, 1]])
    np.testing.assert_array_equal(encoding.sources, [[0, 1, 1, 2]])
    np.testing.assert_array_equal(encoding.present, [[True] * 4])
    np.testing.assert_array_equal(encoding.concat, [[False, True]])

  def test_slots_of_missing_vertices_hold_null_from_vertex_0(self):
    # 0 --skip--> 2, 1 --conv--> 2, and no vertex 3.
    encoding = _TOY.encode(_toy(_TOY_EDGES[:2], vertices=3, concat=(2,)))
    np.testing.assert_array_equal(encoding.operations, [[1, 0, 2, 2]])
    np.testing.assert_array_equal(encoding.sources, [[0, 1, 0, 0]])
    np.testing.assert_array_equal(
      encoding.present, [[True, True, False, False]]
    )
    np.testing.assert_array_equal(encoding.concat, [[True, False]])

  def test_shapes_do_not_depend_on_the_architecture(self):
    small = spaces.MICRO.encode(zoo.load('darts'))
    large = spaces.MICRO.encode(zoo.load('enas'))
    self.assertEqual(
      [array.shape for array in small], [array.shape for array in large]
    )

  def test_darts_in_micro_leaves_the_fifth_vertex_out(self):
    encoding = spaces.MICRO.encode(zoo.load('darts'))
    np.testing.assert_array_equal(
      encoding.present, [[True] * 8 + [False] * 2] * 2
    )
    np.testing.assert_array_equal(encoding.concat, [[True] * 4 + [False]] * 2)

  @parameterized.parameters(*_FITTING)
  def test_round_trip(self, space_name, name):
    space = spaces.SPACES[space_name]
    architecture = zoo.load(name)
    self.assertEqual(space.decode(space.encode(architecture)), architecture)

  def test_micro_has_the_13_operations_of_the_method(self):
    self.assertEqual(
      spaces.MICRO.operations, tuple(o.name for o in vocabulary.METHOD)
    )

  def test_every_published_cell_of_the_methods_operations_fits_micro(self):
    fitting = [name for space, name in _FITTING if space == 'micro']
    self.assertEqual(
      set(zoo.names()) - set(fitting) - set(hand_made.names()),
      {'nasnet_a', 'amoebanet_a', 'pnasnet', 'naonet'},
    )

  def test_refuses_operations_beyond_the_methods(self):
    with self.assertRaisesRegex(
      spaces.SpaceError,
      r'normal cell, edge 2 \(1 -> 3, sep_conv_7x7\): the micro space has no '
      'such operation; it has conv_5x5, .*, null',
    ):
      spaces.MICRO.encode(zoo.load('pnasnet'))

  def test_two_edges_from_one_vertex(self):
    # 1 --skip--> 2 and 1 --conv--> 2.
    edges = (Edge(1, 2, 'skip'), Edge(1, 2, 'conv_3x3'))
    architecture = _toy(edges, vertices=3, concat=(2,))
    self.assertEqual(_TOY.decode(_TOY.encode(architecture)), architecture)

  def test_fixed_sources_choose_the_slot(self):
    # The slots into 3 start in 2 and 1; the edges come the other way round.
    graph = spaces.Graph.full((0, 1, 2, 1), (3,), 3)
    fixed = dataclasses.replace(_TOY, graphs=(graph,))
    encoding = fixed.encode(_toy())
    np.testing.assert_array_equal(encoding.operations, [[1, 0, 1, 2]])
    np.testing.assert_array_equal(encoding.sources, [[0, 1, 2, 1]])

  def test_stacks_along_a_new_dimension(self):
    one = _TOY.encode(_toy())
    batch = spaces.stack([one, one, one])
    self.assertEqual(batch.operations.shape, (3, 1, 4))
    self.assertEqual(batch.concat.shape, (3, 1, 2))


class AroundTest(parameterized.TestCase):
  #   0 --conv--> 1 --conv--> 2, a skip over both, room for skips beside each
  def test_an_edge_carries_what_its_operation_may_become(self):
    space = spaces.around('one', zoo.load('resnet20'), 'nat')
    self.assertEqual(space.targets, (1, 1, 2, 2, 2))
    self.assertEqual(space.operations, ('conv_3x3', 'skip', 'null'))
    graph = space.graphs[0]
    self.assertEqual(graph.sources, (0, 0, 1, 1, 0))
    self.assertEqual(graph.concat, (2,))
    self.assertEqual(
      graph.choices, ((0, 1, 2), (1, 2), (0, 1, 2), (1, 2), (1, 2))
    )

  def test_smaller_cells_leave_slots_free(self):
    # VGG-16's stages have 1, 2 and 3 convolutions.
    space = spaces.around('one', zoo.load('vgg16'), 'nat')
    self.assertEqual(
      [sum(graph.present) for graph in space.graphs], [2, 5, 7, 7, 7]
    )
    self.assertEqual(
      [graph.concat for graph in space.graphs][:3], [(1,), (2,), (3,)]
    )

  @parameterized.product(name=zoo.names(), rules=transitions.TRANSITIONS)
  def test_holds_its_architecture_and_all_that_it_may_become(self, name, rules):
    beta = zoo.load(name)
    space = spaces.around('one', beta, rules)
    self.assertEqual(space.decode(space.encode(beta)), beta)
    last = Architecture(
      tuple(
        (
          cell_name,
          cell.with_operations(
            [transitions.successors(e.operation, rules)[-1] for e in cell.edges]
          ),
        )
        for cell_name, cell in beta.cells
      ),
      beta.network,
    )
    self.assertEqual(space.decode(space.encode(last)), last)

  def test_has_room_for_the_skeletons_own_reduction(self):
    # A residual block needs 3x3 convolutions and a skip, which this cell and
    # what it may become have not, on edges that it has not, either.
    beta = nasbench201.from_text(
      '|nor_conv_1x1~0|+|none~0|none~1|+|none~0|none~1|avg_pool_3x3~2|'
    )
    for space in (spaces.around('one', beta, 'nat'), spaces.NASBENCH201):
      graph = space.graph('reduction')
      carried = [
        (source, target, space.operations[choices[0]])
        for source, target, choices, present in zip(
          graph.sources, space.targets, graph.choices, graph.present
        )
        if present
      ]
      self.assertEqual({len(choices) for choices in graph.choices}, {1})
      self.assertEqual(
        carried,
        [
          (0, 1, 'conv_3x3'),
          (0, 2, 'null'),
          (0, 3, 'skip'),
          (1, 3, 'conv_3x3'),
        ],
      )
    self.assertEqual(space.graph('normal'), space.graphs[0])

  def test_refuses_what_an_edge_may_not_become(self):
    beta = zoo.load('resnet20')
    space = spaces.around('one', beta, 'nat')
    cells = dict(beta.cells)
    cells['stage1_block1'] = cells['stage1_block1'].with_operations(
      ['conv_3x3', 'conv_3x3', 'conv_3x3', 'null', 'skip']
    )
    with self.assertRaisesRegex(
      spaces.SpaceError,
      r'stage1_block1 cell, edge 1 \(0 -> 1, conv_3x3\): in the one space this '
      'edge carries one of skip, null',
    ):
      space.encode(Architecture(tuple(cells.items()), 'resnet20'))

  def test_refuses_another_network(self):
    space = spaces.around('one', zoo.load('resnet20'), 'nat')
    with self.assertRaisesRegex(
      spaces.SpaceError,
      'has networks of the kind resnet20; the architecture is ',
    ):
      space.encode(zoo.load('resnet56'))


class RefusalTest(parameterized.TestCase):
  def test_other_cells(self):
    architecture = Architecture.of(stem=_toy()['normal'])
    with self.assertRaisesRegex(
      spaces.SpaceError,
      'the toy space has the cells normal; the architecture has stem',
    ):
      _TOY.encode(architecture)

  def test_another_number_of_vertices(self):
    with self.assertRaisesRegex(
      spaces.SpaceError,
      'normal cell: 2 input and 5 intermediate vertices; a cell of the darts '
      'space has 2 and 4',
    ):
      spaces.DARTS.encode(zoo.load('enas'))

  def test_another_number_of_inputs(self):
    edges = (Edge(0, 1, 'skip'),)
    with self.assertRaisesRegex(spaces.SpaceError, 'has 2 and 1 or 2'):
      _TOY.encode(_toy(edges, vertices=2, inputs=1, concat=(1,)))

  def test_an_operation_that_the_space_has_not(self):
    edges = (*_TOY_EDGES[:3], Edge(2, 3, 'max_pool_3x3'))
    with self.assertRaisesRegex(
      spaces.SpaceError,
      r'normal cell, edge 3 \(2 -> 3, max_pool_3x3\): the toy space has no '
      'such operation; it has conv_3x3, skip, null',
    ):
      _TOY.encode(_toy(edges))

  def test_more_edges_than_a_vertex_has_slots(self):
    edges = (*_TOY_EDGES, Edge(0, 3, 'skip'))
    with self.assertRaisesRegex(
      spaces.SpaceError,
      r'normal cell, edge 4 \(0 -> 3, skip\): vertex 3 has no place for it in '
      'the toy space, where it has 2 incoming edges',
    ):
      _TOY.encode(_toy(edges))

  def test_a_source_that_the_space_fixes_otherwise(self):
    graph = spaces.Graph.full((0, 1, 0, 2), (3,), 3)
    fixed = dataclasses.replace(_TOY, graphs=(graph,))
    with self.assertRaisesRegex(spaces.SpaceError, r'edge 2 \(1 -> 3, null\)'):
      fixed.encode(_toy())

  def test_another_output_than_the_space_fixes(self):
    graph = spaces.Graph.full((0, 1, 1, 2), (3,), 3)
    fixed = dataclasses.replace(_TOY, graphs=(graph,))
    fixed.encode(_toy())
    with self.assertRaisesRegex(
      spaces.SpaceError,
      'normal cell: its output is made of the vertices 2, 3; in the toy space '
      'of 3',
    ):
      fixed.encode(_toy(concat=(2, 3)))


if __name__ == '__main__':
  absltest.main()
