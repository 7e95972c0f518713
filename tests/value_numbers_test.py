"""Value numbers against expressions that are written out and compared."""

from __future__ import annotations

import dataclasses

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from nat_tf import sampling
from nat_tf import shared_cell
from nat_tf import spaces
from nat_tf import value_numbers

_OPERATIONS = ('conv_1x1', 'skip', 'null')
_COUNT = 60


def _expressions(space, path, inputs, i):
  """Returns what one architecture computes: of edges, and of the output."""
  vertices = [('input', int(number)) for number in inputs[i]]
  edges, read = [], []
  for slot, target in enumerate(space.targets):
    source = int(path.sources[i, slot])
    earlier = list(zip(space.targets[:slot], read))
    operation = space.operations[path.operations[i, slot]]
    edges.append(
      (operation, source, earlier.count((target, source)), vertices[source])
    )
    read.append(source)
    if len(vertices) == target:
      vertices.append(())
    if path.present[i, slot] and operation != 'null':
      vertices[target] += ((slot, edges[-1]),)
  output = tuple(
    vertices[space.inputs + j] if taken else None
    for j, taken in enumerate(path.concat[i].numpy())
  )
  return edges, output


def _firsts(expressions):
  """Returns for every expression the index of the first equal one."""
  return [expressions.index(expression) for expression in expressions]


class NumberCellTest(tf.test.TestCase, parameterized.TestCase):
  # Few operations and many architectures, so that much is in common:
  #
  #   a  0 -conv-> 2 -skip-> 3      the edge 0 -> 2 of a and b is the same,
  #   b  0 -conv-> 2 -conv-> 3      and so is vertex 2 where no other edge
  #   c  1 -conv-> 2 -skip-> 3      differs; c shares nothing with them

  @parameterized.parameters('darts', 'micro', 'nasbench201')
  def test_equals_naive_comparison(self, name):
    space = dataclasses.replace(spaces.SPACES[name], operations=_OPERATIONS)
    if space.graphs:
      (graph,) = space.graphs
      few = spaces.Graph.full(graph.sources, graph.concat, len(_OPERATIONS))
      space = dataclasses.replace(space, graphs=(few,))
    drawn = sampling.RandomSampler(space)(_COUNT, tf.constant([1, 0]))
    path = shared_cell.Path(*(x[:, 0] for x in drawn))
    inputs = np.random.default_rng(0).integers(0, 2, [_COUNT, space.inputs])
    numbers = value_numbers.number_cell(
      space, path, tf.constant(inputs, tf.int32)
    )
    edges, outputs = zip(
      *(_expressions(space, path, inputs, i) for i in range(_COUNT))
    )
    self.assertAllEqual(numbers.output, _firsts(outputs))
    for slot in range(space.edges):
      self.assertAllEqual(
        numbers.edges[:, slot], _firsts([row[slot] for row in edges])
      )
    # Else the comparison would compare nothing.
    self.assertLess(len(set(numbers.edges[:, 0].numpy())), _COUNT // 2)


if __name__ == '__main__':
  tf.test.main()
