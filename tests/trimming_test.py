"""Tests of nat_tf.trimming."""

from __future__ import annotations

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from nat_tf import cost
from nat_tf import enumeration
from nat_tf import layout
from nat_tf import nasbench201
from nat_tf import reach
from nat_tf import skeletons
from nat_tf import spaces
from nat_tf import trimming
from nat_tf.architecture import Architecture
from nat_tf.architecture import Cell
from nat_tf.architecture import Edge


class TrimmingTest(parameterized.TestCase):
  # Node 2 has no way on to the output 3, so what leads to it is not read:
  #
  #   0 --conv--> 1 --conv--> 2             0 --conv--> 1         2
  #   0 --------skip--------> 2    becomes
  #   0 --pool--> 3 <--skip-- 1             0 --pool--> 3 <--skip-- 1
  @parameterized.parameters(
    (
      '|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|'
      '+|avg_pool_3x3~0|skip_connect~1|none~2|',
      '|nor_conv_3x3~0|+|none~0|none~1|+|avg_pool_3x3~0|skip_connect~1|none~2|',
    ),
    # A chain that ends before the output is gone as a whole.
    (
      '|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|none~2|',
      '|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|',
    ),
    # What only ever sees zeros is read all the same.
    (
      '|none~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|nor_conv_1x1~2|',
      '|none~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|nor_conv_1x1~2|',
    ),
  )
  def test_examples(self, before, after):
    space = spaces.NASBENCH201
    cell = nasbench201.from_text(before)
    found = trimming.trimmed(space, space.encode(cell))
    self.assertEqual(nasbench201.to_text(space.decode(found)), after)

  def test_keeps_what_reaches_the_output_and_the_cost(self):
    space, rng = spaces.NASBENCH201, np.random.default_rng(0)
    codes = rng.choice(enumeration.count(space), 300, replace=False)
    config = layout.NetworkConfig(5, 4, (8, 8), 3, 10, skeletons.NASBENCH201)
    cells = enumeration.encode(space, codes)
    found = trimming.trimmed(space, cells)
    changed = 0
    for i in range(len(codes)):
      one, less = (
        space.decode(spaces.Encoding(*(x[i] for x in rows)))
        for rows in (cells, found)
      )
      self.assertEqual(less, self._naive(one))
      self.assertEqual(cost.network(less, config), cost.network(one, config))
      changed += less != one
    self.assertBetween(changed, 30, 90)  # A fifth has something unread.

  def _naive(self, architecture):
    cells = []
    for name, cell in architecture.cells:
      live = reach.of_cell(cell).edges
      edges = [
        edge if kept else Edge(edge.source, edge.target, 'null')
        for edge, kept in zip(cell.edges, live)
      ]
      cells.append(
        (name, Cell(cell.inputs, cell.vertices, tuple(edges), cell.concat))
      )
    return Architecture(tuple(cells), architecture.network)

  def test_slots_without_an_edge_read_nothing(self):
    # Slot 1 is not present, though its operation says skip from input 1.
    space = spaces.Space(
      name='small',
      cells=('normal',),
      inputs=2,
      targets=(2, 3, 3),
      operations=('conv_1x1', 'skip', 'null'),
      sizes=(2,),
      loose_ends=(False,),
    )
    encoding = spaces.Encoding(
      operations=np.array([[0, 1, 0]]),
      sources=np.array([[0, 2, 1]]),
      present=np.array([[True, False, True]]),
      concat=np.array([[False, True]]),
    )
    found = trimming.trimmed(space, encoding)
    self.assertEqual(found.operations.tolist(), [[2, 1, 0]])


if __name__ == '__main__':
  absltest.main()
