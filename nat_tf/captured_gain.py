"""Captured gain: how much of what can be gained transformations gain.

Accuracies are those of networks that were trained for real (method, section 8):

  captured gain = (mean test(alpha) - mean test(beta))
                  / (mean test(oracle(beta)) - mean test(beta))

over inputs beta; oracle(beta) is what beta may become with the highest
validation accuracy. 100 % is what choosing by validation accuracy gives at
best, 0 % is to leave everything as it is. No TensorFlow here.
"""

from __future__ import annotations

import numpy as np

from nat_tf import exhaustive
from nat_tf.accuracy_table import AccuracyTable
from nat_tf.accuracy_table import TableError

# An oracle's gain from which on a transformation is expected to improve.
_WORTHWHILE = 0.01


class CapturedGain:
  """The scale from the inputs to their oracles.

  Attributes:
    inputs: `[inputs]` codes of the architectures to transform.
    beta: `[inputs]` test accuracy of the inputs, 0 to 1.
    oracle: `[inputs]` test accuracy of the best they may become.
  """

  def __init__(
    self, table: AccuracyTable, allowed: np.ndarray, inputs: np.ndarray
  ):
    """Looks both ends up.

    Args:
      table: accuracies of all architectures.
      allowed: bool `[from, to]`, which operation may become which.
      inputs: `[inputs]` codes of the architectures to transform.

    Raises:
      TableError: no input has a better one within reach.
    """
    self.inputs = inputs
    self.beta = table.test[inputs]
    self.oracle = table.test[exhaustive.oracle(table, allowed)[inputs]]
    beta, oracle = self.beta.mean(), self.oracle.mean()
    if oracle <= beta:
      raise TableError(
        f'the table leaves nothing to gain: the mean test accuracy is '
        f'{100 * beta:.2f} %, that of the best within reach '
        f'{100 * oracle:.2f} %'
      )

  def __call__(self, accuracy: np.ndarray) -> float:
    """Returns the captured gain, percent.

    Args:
      accuracy: test accuracies, 0 to 1, of what the inputs became.
    """
    beta, oracle = self.beta.mean(), self.oracle.mean()
    return float(100 * (np.mean(accuracy) - beta) / (oracle - beta))

  def improved(self, accuracy: np.ndarray) -> float:
    """Returns how many inputs became better, percent.

    Of those whose oracle gains more than a point.

    Args:
      accuracy: `[inputs]` test accuracies, 0 to 1, of what they became.
    """
    worthwhile = self.oracle - self.beta > _WORTHWHILE
    return float(100 * (accuracy > self.beta)[worthwhile].mean())
