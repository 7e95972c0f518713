"""What is best and what chance finds, over all architectures of a table.

Computed exactly, from the table alone: the bounds between which a policy's
transformations lie (method, section 8). No TensorFlow here.
"""

from __future__ import annotations

from collections.abc import Sequence
import functools

import numpy as np

from nat_tf import enumeration
from nat_tf.accuracy_table import AccuracyTable

# Rows of the matrix of who may become whom that are held at a time.
_CHUNK = 512


def oracle(table: AccuracyTable, allowed: np.ndarray) -> np.ndarray:
  """Returns the best that every architecture may become.

  The edges may change independently, so the maximum over all transformations is
  a maximum over the first edge's operations of a maximum over the second's, and
  so on: one pass over the table for each edge, no list of transformations.

  Args:
    table: accuracies of all architectures.
    allowed: bool `[from, to]`, which operation may become which.

  Returns:
    `[architectures]` codes: the reachable one with the highest validation
    accuracy, by the code of the input. Among equals the lowest.
  """
  base = len(table.space.operations)
  edges = table.space.edges * len(table.space.cells)
  best = np.arange(enumeration.count(table.space)).reshape([base] * edges)
  for edge in range(edges):
    best = np.moveaxis(best, edge, 0)
    rows = [_best(best[allowed[before]], table.valid) for before in range(base)]
    best = np.moveaxis(np.stack(rows), 0, edge)
  return best.ravel()


def random_search(
  table: AccuracyTable,
  allowed: np.ndarray,
  inputs: np.ndarray,
  evaluations: Sequence[int],
) -> np.ndarray:
  """Returns how accurate the best of random transformations is on average.

  Of k transformations drawn uniformly, with replacement, the one with the
  highest validation accuracy is taken. Its rank is at most r with probability
  F(r)^k, where F(r) is the share of the reachable ones whose rank is at most r;
  so the expectation needs no drawing.

  Args:
    table: accuracies of all architectures.
    allowed: bool `[from, to]`, which operation may become which.
    inputs: `[inputs]` codes of the architectures to transform.
    evaluations: numbers k of transformations.

  Returns:
    `[evaluations, inputs]` float64, expected test accuracy, 0 to 1.
  """
  order = np.argsort(table.valid, kind='stable')
  operations = enumeration.operations(table.space, inputs)
  operations = operations.reshape(len(inputs), -1)
  means = np.empty([len(evaluations), len(inputs)])
  for start in range(0, len(inputs), _CHUNK):
    rows = slice(start, start + _CHUNK)
    reachable = _reachable(allowed, operations[rows])[:, order]
    row, column = np.nonzero(reachable)
    sizes = np.bincount(row)
    # Its rank among those that its input may become, from 0, worst first.
    rank = np.arange(len(row)) - (np.cumsum(sizes) - sizes)[row]
    below, until = rank / sizes[row], (rank + 1) / sizes[row]
    for i, k in enumerate(evaluations):
      chances = until**k - below**k
      means[i, rows] = np.bincount(row, chances * table.test[order[column]])
  return means


def _best(candidates: np.ndarray, valid: np.ndarray) -> np.ndarray:
  """Picks the code with the highest accuracy along the first axis."""
  candidates = np.sort(candidates, axis=0)  # argmax takes the first of equals.
  chosen = valid[candidates].argmax(axis=0)
  return np.take_along_axis(candidates, chosen[np.newaxis], axis=0)[0]


def _reachable(allowed: np.ndarray, operations: np.ndarray) -> np.ndarray:
  """Returns `[inputs, architectures]` bool: which may become which.

  Args:
    allowed: bool `[from, to]`.
    operations: `[inputs, edges]`, all edges of an architecture in a row.
  """

  def product(left, right):
    both = left[:, :, np.newaxis] & right[:, np.newaxis]
    return both.reshape(len(left), -1)

  return functools.reduce(product, [allowed[o] for o in operations.T])
