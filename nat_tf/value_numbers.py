"""Which intermediate results several architectures have in common.

Value numbering, as compilers do it: two results at the same place of the
network get the same number exactly where they are computed alike from inputs of
the same numbers. Every number is the index of the first architecture that has
the result, so there are no collisions. Everything is integers; no map is
computed here.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from nat_tf import shared_cell
from nat_tf.spaces import Space


class CellNumbers(NamedTuple):
  """Numbers of what a cell computes, `[architectures, ...]` int32.

  Attributes:
    inputs: `[architectures, inputs]`, of the prepared inputs.
    edges: `[architectures, edges]`, of the operations' results; what a null
      edge has means nothing.
    output: `[architectures]`.
  """

  inputs: tf.Tensor
  edges: tf.Tensor
  output: tf.Tensor


def number_cell(
  space: Space, path: shared_cell.Path, inputs: tf.Tensor
) -> CellNumbers:
  """Numbers the results of one cell for several architectures.

  Args:
    space: the search space.
    path: `[architectures, ...]`.
    inputs: `[architectures, inputs]` int32, numbers of the inputs.
  """
  vertices = tf.unstack(inputs, axis=1)
  edges: list[tf.Tensor] = []
  carries = path.carries(space)
  copies = path.copies(space)
  for target in range(space.inputs, space.vertices):
    slots = np.flatnonzero(np.array(space.targets) == target)
    known = tf.stack(vertices, axis=1)
    for slot in slots:
      source = path.sources[:, slot]
      read = tf.gather(known, source, batch_dims=1)
      parts = (path.operations[:, slot], source, copies[:, slot], read)
      edges.append(_first_equal(tf.stack(parts, axis=1)))
    summands = tf.stack([edges[slot] for slot in slots], axis=1)
    taken = tf.gather(carries, slots, axis=1)
    vertices.append(_first_equal(tf.where(taken, summands, -1)))
  computed = tf.stack(vertices[space.inputs :], axis=1)
  output = _first_equal(tf.where(path.concat, computed, -1))
  return CellNumbers(inputs, tf.stack(edges, axis=1), output)


def _first_equal(rows: tf.Tensor) -> tf.Tensor:
  """Returns for every row of `[rows, ...]` the index of the first equal one."""
  equal = tf.reduce_all(rows[:, tf.newaxis] == rows[tf.newaxis], axis=-1)
  return tf.argmax(equal, axis=-1, output_type=tf.int32)
