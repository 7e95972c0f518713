"""Tests of nat_tf.drawing_layout."""

from __future__ import annotations

import itertools
import random

from absl.testing import absltest
from absl.testing import parameterized

from nat_tf import drawing_layout
from nat_tf import zoo
from nat_tf.architecture import Cell
from nat_tf.architecture import Edge
from nat_tf.drawing_layout import Box
from nat_tf.drawing_layout import Layout

_PUBLISHED = [
  (name, cell) for name in zoo.names() for cell, _ in zoo.load(name).cells
]


def _layout(cell: Cell, width=1.0, lines=1) -> Layout:
  return drawing_layout.layout(cell, [width] * len(cell.edges), lines)


def _random_cell(seed: int) -> Cell:
  """Up to 7 vertices of up to 3 edges, several of them between the same two."""
  draw = random.Random(seed)
  inputs, computed = draw.randint(1, 3), draw.randint(1, 7)
  edges = [
    Edge(draw.randrange(target), target, 'skip')
    for target in range(inputs, inputs + computed)
    for _ in range(draw.randint(1, 3))
  ]
  vertices = range(inputs, inputs + computed)
  concat = draw.sample(vertices, draw.randint(1, computed))
  return Cell(inputs, inputs + computed, tuple(edges), tuple(concat))


def _boxes(layout: Layout) -> list[Box]:
  return [*layout.vertices, *(edge.label for edge in layout.edges)]


class BoxTest(parameterized.TestCase):
  @parameterized.parameters(
    (1.9, 0.0, True),
    (2.1, 0.0, False),
    (0.0, 0.9, True),
    (0.0, 1.1, False),
    (1.9, 1.1, False),
  )
  def test_overlaps(self, x, y, overlaps):
    box = Box(0.0, 0.0, 2.0, 1.0)
    self.assertEqual(box.overlaps(Box(x, y, 2.0, 1.0)), overlaps)


class LayoutTest(parameterized.TestCase):
  def _assert_clear(self, layout: Layout):
    for first, second in itertools.combinations(_boxes(layout), 2):
      self.assertFalse(first.overlaps(second), f'{first} and {second}')

  @parameterized.parameters(*_PUBLISHED)
  def test_nothing_overlaps_in_published_cells(self, name, cell):
    self._assert_clear(_layout(zoo.load(name)[cell]))

  @parameterized.parameters(*range(20))
  def test_nothing_overlaps_in_random_cells(self, seed):
    for lines in (1, 2):
      self._assert_clear(_layout(_random_cell(seed), lines=lines))

  @parameterized.parameters(*range(20))
  def test_no_edge_touches_the_label_of_another(self, seed):
    layout = _layout(_random_cell(seed))
    links = [*layout.edges, *layout.concat]
    for link, edge in itertools.product(links, layout.edges):
      label = edge.label
      rises = zip(link.points[::2], link.points[1::2])
      for (left, _), (right, _) in rises:
        # Edges change their height left or right of every label.
        self.assertFalse(
          left < label.x + label.width / 2 and right > label.x - label.width / 2
        )
      levels = zip(link.points[1::2], (*link.points[2::2], link.tip))
      for (left, y), (right, _) in levels:
        level = Box((left + right) / 2, y, right - left, 0.0)
        self.assertEqual(level.overlaps(label), link is edge and y == label.y)

  @parameterized.parameters(*range(20))
  def test_everything_is_inside(self, seed):
    layout = _layout(_random_cell(seed))
    for box in _boxes(layout):
      across, down = box.width / 2, box.height / 2
      self.assertGreaterEqual(box.x - across, -1e-9)
      self.assertGreaterEqual(box.y - down, -1e-9)
      self.assertLessEqual(box.x + across, layout.width + 1e-9)
      self.assertLessEqual(box.y + down, layout.height + 1e-9)

  @parameterized.parameters(*range(20))
  def test_edges_go_from_their_source_to_their_target(self, seed):
    cell = _random_cell(seed)
    layout = _layout(cell)
    for edge, link in zip(cell.edges, layout.edges):
      source, target = (layout.vertices[v] for v in (edge.source, edge.target))
      self.assertAlmostEqual(link.points[0][0], source.x + source.width / 2)
      self.assertAlmostEqual(link.points[0][1], source.y)
      self.assertAlmostEqual(link.tip[0], target.x - target.width / 2)
      self.assertLess(abs(link.tip[1] - target.y), target.height / 2)

  def test_columns_follow_depth(self):
    #   0 --> 2 --> 3 --> output       Vertex 4 is as deep as 2.
    #   1 ----------> 4 -> output
    edges = (Edge(0, 2, 'skip'), Edge(2, 3, 'skip'), Edge(1, 4, 'skip'))
    layout = _layout(Cell(2, 5, edges, (3, 4)))
    x = [box.x for box in layout.vertices]
    self.assertEqual((x[0], x[2]), (x[1], x[4]))
    self.assertEqual(sorted(x), [x[0], x[0], x[2], x[2], x[3], x[5]])

  def test_inputs_keep_their_order(self):
    for name, cell_name in _PUBLISHED:
      cell = zoo.load(name)[cell_name]
      heights = [box.y for box in _layout(cell).vertices[: cell.inputs]]
      self.assertEqual(heights, sorted(set(heights)))

  def test_a_residual_block_has_no_crossings(self):
    #   0 ........> 3      The order of vertices alone would cross the nulls
    #   0 ............> 4  from 0 with the edges among 2, 3, 4 and 5.
    #   1 -> 2 -> 3 -> 4 -> 5
    #        2 -----------> 5
    layout = _layout(zoo.load('resblock')['normal'])
    rises = [
      (*start, *end)
      for link in (*layout.edges, *layout.concat)
      for start, end in zip(link.points[::2], link.points[1::2])
    ]
    for one, other in itertools.combinations(rises, 2):
      if one[0] == other[0]:
        self.assertGreaterEqual(
          (one[1] - other[1]) * (one[3] - other[3]), 0, f'{one}, {other}'
        )

  def test_depends_on_the_graph_alone(self):
    cell = zoo.load('enas')['reduction']
    changed = cell.with_operations(['null'] * len(cell.edges))
    self.assertEqual(_layout(cell), _layout(changed))

  def test_wider_labels_make_it_wider(self):
    cell = zoo.load('vggblock')['normal']
    # One label strip before each of the four vertices.
    self.assertAlmostEqual(
      _layout(cell, 2.0).width, _layout(cell, 1.0).width + 4.0
    )


if __name__ == '__main__':
  absltest.main()
