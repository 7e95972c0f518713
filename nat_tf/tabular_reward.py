"""What a transformation is worth, by a table of trained networks."""

from __future__ import annotations

import tensorflow as tf

from nat_tf import enumeration
from nat_tf.accuracy_table import AccuracyTable
from nat_tf.spaces import Encoding


class TabularReward:
  """Gain in validation accuracy: `R(alpha) - R(beta)`, looked up.

  Args:
    table: accuracies of all architectures; the test accuracies stay unused.
  """

  def __init__(self, table: AccuracyTable):
    self._place_values = enumeration.place_values(table.space)
    # Made eagerly, once: a graph captures the tensor and does not copy it.
    with tf.init_scope():
      self._valid = tf.constant(table.valid, tf.float32)

  def __call__(self, beta: Encoding, alpha: Encoding) -> tf.Tensor:
    """Returns the rewards `[architectures]` float32, -1 to 1.

    Args:
      beta: the architectures before, one leading dimension.
      alpha: the architectures after.
    """
    return self._accuracy(alpha) - self._accuracy(beta)

  def _accuracy(self, architectures: Encoding) -> tf.Tensor:
    digits = architectures.operations * self._place_values
    return tf.gather(self._valid, tf.reduce_sum(digits, axis=[-2, -1]))
