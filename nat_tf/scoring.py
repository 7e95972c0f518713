"""Scoring several architectures on one batch, sharing what they have in common.

Architectures come one after the other; the network remembers at every place
the last result that was computed there. Where the next architecture has the
same one (`value_numbers`), it is taken instead of computed: for β and its
transformations that is the stem, the inputs of the first cells, most edges of
these, and whole cells where nothing changed before them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from nat_tf import compiled
from nat_tf import supernet
from nat_tf import value_numbers
from nat_tf.spaces import Encoding
from nat_tf.supernet import CellMemory
from nat_tf.supernet import CellPlan
from nat_tf.supernet import Scores
from nat_tf.supernet import SuperNetwork
from nat_tf.value_numbers import CellNumbers


class _Memory(NamedTuple):
  """What is remembered, and the numbers of it; -1 is nothing yet."""

  numbers: list[CellNumbers]
  cells: list[CellMemory]


def score(
  network: SuperNetwork,
  images: tf.Tensor,
  labels: tf.Tensor,
  architectures: Encoding,
  weights: tf.Tensor | None = None,
) -> Scores:
  """Returns how well every architecture does on one batch.

  No gradient is recorded: the result is a constant to a tape.

  Args:
    network: the super network.
    images: `[batch, height, width, channels]`.
    labels: `[batch]` int32.
    architectures: encodings with one leading dimension.
    weights: `[batch]` float32, how much every example counts; None for 1.

  Returns:
    Scores `[architectures]`, the same as for each architecture alone.
  """
  if weights is None:
    weights = tf.ones(labels.shape)
  begun = network.begin(images)
  plans = network.plans(architectures)
  numbers = _numbers(network, plans)
  order = _order(numbers)
  count = order.shape[0]

  def body(i, memory, results):
    row = order[i]
    mine = tf.nest.map_structure(lambda x: x[row], (plans, numbers))
    memory, scores = _next(network, begun, labels, weights, memory, *mine)
    results = [r.write(row, x) for r, x in zip(results, scores)]
    return i + 1, memory, results

  arrays = [
    tf.TensorArray(tf.float32, count, element_shape=[]) for _ in Scores._fields
  ]
  *_, results = tf.while_loop(
    lambda i, *_: i < count,
    body,
    (0, _nothing(network, images.shape[0]), arrays),
    parallel_iterations=1,
  )
  return Scores(*(tf.stop_gradient(array.stack()) for array in results))


def _numbers(
  network: SuperNetwork, plans: Sequence[CellPlan]
) -> list[CellNumbers]:
  """Numbers the results of all cells, `[architectures, ...]`."""
  number = compiled.once(
    lambda path, inputs: value_numbers.number_cell(network.space, path, inputs)
  )
  stem = tf.zeros_like(plans[0].path.operations[:, 0])
  outputs = [stem] * network.space.inputs
  result = []
  for plan in plans:
    result.append(number(plan.path, tf.stack(outputs, axis=1)))
    outputs = [*outputs[1:], result[-1].output]
  return result


def _order(numbers: Sequence[CellNumbers]) -> tf.Tensor:
  """Returns an order in which architectures that have much in common meet."""
  first, last = numbers[0].output, numbers[-1].output
  return tf.argsort(first * first.shape[0] + last, stable=True)


def _next(
  network: SuperNetwork,
  begun: supernet.Begun,
  labels: tf.Tensor,
  weights: tf.Tensor,
  memory: _Memory,
  plans: Sequence[CellPlan],
  numbers: Sequence[CellNumbers],
) -> tuple[_Memory, Scores]:
  """Scores one architecture; also returns what is known afterwards."""
  outputs = list(begun.stem)
  cells, known = [], []
  for place, (plan, mine) in enumerate(zip(plans, numbers)):
    cell, of_cell = network.recall(
      place,
      begun,
      outputs,
      plan,
      memory.cells[place],
      memory.numbers[place],
      mine,
    )
    cells.append(cell)
    known.append(of_cell)
    outputs = [*outputs[1:], cell.output]
  scores = network.score(outputs[-1], labels, weights)
  return _Memory(known, cells), scores


def _nothing(network: SuperNetwork, batch: int) -> _Memory:
  """Returns a memory that holds nothing, in the shapes of what it will hold."""
  empty: dict[Any, tf.Tensor] = {}
  space = network.space
  cells = [
    tf.nest.map_structure(
      # One tensor stands for all of a shape. Its content is never read, so it
      # has none: filling it would take time.
      lambda x: empty.setdefault(
        tuple(x.shape), tf.raw_ops.Empty(shape=x.shape, dtype=x.dtype)
      ),
      spec,
    )
    for spec in network.memory_specs(batch)
  ]
  nothing = CellNumbers(
    tf.fill([space.inputs], -1), tf.fill([space.edges], -1), tf.constant(-1)
  )
  return _Memory([nothing] * len(cells), cells)
