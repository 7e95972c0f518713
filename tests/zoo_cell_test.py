"""Tests of nat_tf.zoo_cell."""

from __future__ import annotations

from absl.testing import absltest

from nat_tf import zoo_cell
from nat_tf.architecture import Cell
from nat_tf.architecture import Edge


class CellTest(absltest.TestCase):
  def test_a_vertex_has_the_two_edges_of_its_line(self):
    cell = zoo_cell.cell(
      ('skip', 0, 'conv_3x3', 1), ('null', 2, 'skip', 0), concat=(2, 3)
    )
    edges = (
      Edge(0, 2, 'skip'),
      Edge(1, 2, 'conv_3x3'),
      Edge(2, 3, 'null'),
      Edge(0, 3, 'skip'),
    )
    self.assertEqual(cell, Cell(2, 4, edges, (2, 3)))


if __name__ == '__main__':
  absltest.main()
