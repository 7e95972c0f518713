"""Stochastic gradient descent that moves only what was on the path."""

from __future__ import annotations

import tensorflow as tf


class PathSGD(tf.keras.optimizers.Optimizer):
  """SGD with momentum and coupled weight decay, lazy on sparse gradients.

      velocity = momentum * velocity + gradient + decay * weight
      weight = weight - rate * velocity

  Where a gradient is `tf.IndexedSlices`, only its rows take part: neither
  momentum nor decay moves an operation that was not on the path. An index may
  occur more than once only if its row and gradients are zero.

  Args:
    learning_rate: step size, a float or a schedule.
    momentum: share of the velocity that is kept, 0 to 1.
    decay: times the weight is added to its gradient.
    clip_norm: largest norm of all gradients together, or None.
  """

  def __init__(
    self,
    learning_rate: float,
    momentum: float = 0.9,
    decay: float = 3e-4,
    clip_norm: float | None = None,
  ):
    super().__init__('path_sgd', global_clipnorm=clip_norm, jit_compile=False)
    self._learning_rate = self._build_learning_rate(learning_rate)
    self._momentum = momentum
    self._decay = decay

  def build(self, var_list):
    """Makes a velocity for every variable."""
    super().build(var_list)
    if getattr(self, '_built', False):
      return
    self._velocities = [
      self.add_variable_from_reference(variable, 'velocity')
      for variable in var_list
    ]
    # Else Keras would number the variables anew in a step on some of them.
    self._built = True

  def update_step(self, gradient, variable):
    """Updates one variable; see Keras's optimizer."""
    velocity = self._velocities[self._index_dict[self._var_key(variable)]]
    rate = tf.cast(self.learning_rate, variable.dtype)
    if not isinstance(gradient, tf.IndexedSlices):
      moved = self._moved(velocity, gradient, variable)
      velocity.assign(moved)
      variable.assign_sub(rate * moved)
      return
    rows = gradient.indices
    weights = tf.gather(variable, rows)
    moved = self._moved(tf.gather(velocity, rows), gradient.values, weights)
    velocity.scatter_update(tf.IndexedSlices(moved, rows))
    variable.scatter_update(tf.IndexedSlices(weights - rate * moved, rows))

  def get_config(self):
    """Returns the arguments of the constructor; see Keras's optimizer."""
    return {
      'learning_rate': self._serialize_hyperparameter(self._learning_rate),
      'momentum': self._momentum,
      'decay': self._decay,
      'clip_norm': self.global_clipnorm,
    }

  def _moved(self, velocity, gradient, weights):
    return self._momentum * velocity + gradient + self._decay * weights

  def _deduplicate_sparse_grad(self, grads):
    # A path's rows are unique but for the zero row; Keras's deduplication
    # would give them a shape that is not known before.
    return grads
