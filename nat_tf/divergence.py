"""Notices that a loss is no number any more, or beyond all measure.

The device remembers the first such step, so that no step waits for being looked
at; whoever reads metrics or keeps weights asks.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import tensorflow as tf

from nat_tf import input_error

# A cross-entropy beyond it has logits as large: nothing learns from there.
LIMIT = 1e6


class DivergenceError(input_error.InputError):
  """A loss is no number any more; the message says since when."""


class Fault(NamedTuple):
  """What was noticed.

  Attributes:
    step: number of the first step with such a loss.
    loss: what it was.
  """

  step: int
  loss: float


class Watch:
  """Remembers the first step whose loss is not within `LIMIT`.

  Attributes:
    seen: number of the last step that was taken in; 0 before any.
  """

  def __init__(self):
    self.seen = 0
    self._step = tf.Variable(0, trainable=False, dtype=tf.int64)
    self._loss = tf.Variable(0.0, trainable=False)

  def see(self, step: int, loss: tf.Tensor):
    """Takes in a step's loss; does not wait for it.

    Args:
      step: its number, 1 or more.
      loss: scalar.
    """
    self.seen = step
    self._see(tf.constant(step, tf.int64), tf.cast(loss, tf.float32))

  def fault(self) -> Fault | None:
    """Returns what was noticed; waits for the steps so far."""
    step = int(self._step.numpy())
    return Fault(step, float(self._loss.numpy())) if step else None

  @tf.function(autograph=False)
  def _see(self, step: tf.Tensor, loss: tf.Tensor):
    # Not `~(tf.abs(loss) < LIMIT)`, which TensorFlow makes `>=` of: NaN passes.
    bad = ~tf.math.is_finite(loss) | (tf.abs(loss) >= LIMIT)
    first = bad & tf.equal(self._step, 0)
    self._step.assign(tf.where(first, step, self._step))
    self._loss.assign(tf.where(first, loss, self._loss))


def finite(variables: Iterable[tf.Variable]) -> bool:
  """Returns whether all numbers of variables are finite."""
  found = [
    tf.reduce_all(tf.math.is_finite(variable))
    for variable in variables
    if variable.dtype.is_floating
  ]
  return not found or bool(tf.reduce_all(tf.stack(found)))
