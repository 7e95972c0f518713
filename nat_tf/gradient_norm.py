"""The norm of the gradients of Keras's `fit`, as one of its metrics.

Means over the steps of an epoch, of all gradients together, before they are
clipped; without the weight decay, which passes by the gradients.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

NAME = 'gradient_norm'


class Model(tf.keras.Model):
  """A functional model that `fit` takes more metrics of.

  Attributes:
    others: returns metrics beside those of the outputs. A function, so that
      they are no part of what a checkpoint holds of the model.
  """

  others: Callable[[], list[Any]]

  @property
  def metrics(self) -> list[Any]:
    """All metrics; see Keras's model."""
    return [*super().metrics, *getattr(self, 'others', list)()]


class SGD(tf.keras.optimizers.SGD):
  """Keras's SGD, which tells the norm.

  Args:
    *args: of Keras's SGD.
    told: takes every step's norm, a float32 scalar, in the graph.
    **kwargs: of Keras's SGD.
  """

  def __init__(
    self,
    *args: Any,
    told: Callable[[tf.Tensor], Any] = lambda norm: None,
    **kwargs: Any,
  ):
    super().__init__(*args, **kwargs)
    self._told = told

  def _clip_gradients(self, grads: Any) -> Any:
    # Of Keras's methods the one that gets the sums over all devices.
    self._told(tf.linalg.global_norm(grads))
    return super()._clip_gradients(grads)
