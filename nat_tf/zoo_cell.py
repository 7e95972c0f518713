"""The form in which published cells are written down, vertex by vertex."""

from __future__ import annotations

from nat_tf.architecture import Cell
from nat_tf.architecture import Edge

_INPUTS = 2


def cell(*vertices: tuple[str, int, str, int], concat: tuple[int, ...]) -> Cell:
  """Makes a cell of two inputs of its intermediate vertices.

  Args:
    *vertices: for every vertex, from 2 on, its two incoming edges: operation,
      source, operation, source.
    concat: see `Cell`.
  """
  edges = []
  for target, (first, first_source, second, second_source) in enumerate(
    vertices, start=_INPUTS
  ):
    edges.append(Edge(first_source, target, first))
    edges.append(Edge(second_source, target, second))
  return Cell(_INPUTS, _INPUTS + len(vertices), tuple(edges), concat)
