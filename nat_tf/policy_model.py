"""What every policy is: weights, and the distribution that they compute.

A `Model` holds all weights and knows no search space's shapes, so that one set
of weights serves every topology and size with the same operations.

Shapes: `[..., cells, edges, operations]`, where `...` is a batch, or batch and
time; models fold examples and cells into `[graphs, ...]`.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
import itertools
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp
from tf_agents.networks import utils as network_utils

from nat_tf import environment
from nat_tf import spaces

# Finite, so that 0 * logit is 0 and no gradient is NaN; its exponential beside
# any logit that a network gives is exactly 0 in float32.
FORBIDDEN = -1e9

# Every weight has a seed of its own; no two models' seeds meet, as long as
# neither has more weights than this.
_SEEDS_A_MODEL = 100


def masked_categorical(
  logits: tf.Tensor, mask: tf.Tensor
) -> tfp.distributions.Distribution:
  """Returns a distribution that chooses every edge's operation independently.

  The binary-masked softmax of NAT++ (method, section 2): a forbidden operation
  has probability exactly 0 and gets no gradient.

  Args:
    logits: `[..., cells, edges, operations]` float32.
    mask: of the same shape, bool; true at least once an edge.

  Returns:
    A distribution with events `[cells, edges]` int32, whose log-probability and
    entropy are sums over all edges.
  """
  logits = tf.where(mask, logits, FORBIDDEN)
  return tfp.distributions.Independent(
    tfp.distributions.Categorical(logits=logits, dtype=tf.int32),
    reinterpreted_batch_ndims=2,
  )


def graphs(observation: environment.Observation) -> environment.Observation:
  """Folds examples and cells: every cell becomes a graph of its own.

  Args:
    observation: see `environment.observe`, one leading dimension `[batch]`.

  Returns:
    The same arrays as `[batch * cells, ...]`.
  """
  return tf.nest.map_structure(
    lambda x: tf.reshape(x, [-1, *x.shape[2:]]), observation
  )


class Model(tf.keras.layers.Layer, abc.ABC):
  """The weights of a policy and what it computes with them.

  Attributes:
    default_config: the configuration where none is given.
    operations: names of the operations it knows.
    stay: what is added to the logit of the operation that an edge has already.
  """

  default_config: Any = None

  def __init__(self, space: spaces.Space, config: Any, seed: int):
    """Makes the weights.

    Args:
      space: gives the operations and the number of input vertices; its other
        shapes must not enter any weight.
      config: of the type of `default_config`.
      seed: of the initial weights.
    """
    super().__init__(name='model')
    self.operations = space.operations
    self.config = config
    self.stay = 0.0
    self._input_vertices = space.inputs
    self._seeds = itertools.count(_SEEDS_A_MODEL * seed)

  def check(self, space: spaces.Space) -> None:
    """Checks that the model can be applied to architectures of a space.

    Args:
      space: a space, not necessarily the one it was made for.

    Raises:
      ValueError: it has other operations or too many input vertices.
    """
    inputs = self._input_vertices
    if space.operations != self.operations or space.inputs > inputs:
      raise ValueError(
        f'the policy was made for {inputs} input vertices and the '
        f'operations {", ".join(self.operations)}; the {space.name} space has '
        f'{space.inputs} and {", ".join(space.operations)}'
      )

  def weight(
    self, name: str, shape: Sequence[int], scale: float | None = None
  ) -> tf.Variable:
    """Adds a trainable weight.

    Args:
      name: of the variable.
      shape: of the variable.
      scale: standard deviation of its normal initial values; 0 for zeros, None
        for Glorot's.
    """
    initializer = self.glorot() if scale is None else self.normal(scale)
    return self.add_weight(name, tuple(shape), initializer=initializer)

  def seed(self) -> int:
    """Returns a seed that no other weight has."""
    return next(self._seeds)

  def glorot(self) -> tf.keras.initializers.Initializer:
    """Returns Glorot's initializer with a seed of its own."""
    return tf.keras.initializers.GlorotUniform(seed=self.seed())

  def normal(self, scale: float) -> tf.keras.initializers.Initializer:
    """Returns a normal initializer with a seed of its own."""
    return tf.keras.initializers.RandomNormal(stddev=scale, seed=self.seed())

  def source_kinds(self, sources: tf.Tensor, space: spaces.Space) -> tf.Tensor:
    """Returns what kind of vertex every edge leaves.

    Args:
      sources: `[...]` int32, source vertices.
      space: the space of the architectures.

    Returns:
      `[...]` int32: the number of the input; for an intermediate vertex the
      number of inputs that the model was made for.
    """
    return tf.where(sources < space.inputs, sources, self._input_vertices)

  @property
  def exact_entropy(self) -> bool:
    """Whether its distributions know their entropy; else it is estimated."""
    return True

  @abc.abstractmethod
  def call(
    self,
    observation: environment.Observation,
    space: spaces.Space,
    training: bool = False,
  ) -> Any:
    """Computes logits, not masked yet.

    Args:
      observation: see `environment.observe`, one leading dimension `[batch]`.
      space: the space of the observed architectures.
      training: whether the policy is being trained.

    Returns:
      `[batch, cells, edges, operations]` float32; or, where `decide` is
      overridden, what that one takes.
    """

  def add(self, logits: Any, more: tf.Tensor) -> Any:
    """Adds to the logits of operations.

    A model whose `call` returns more than these overrides this.

    Args:
      logits: what `call` returned, any leading dimensions.
      more: `[..., cells, edges, operations]` float32.
    """
    return logits + more

  def decide(
    self, logits: Any, mask: tf.Tensor
  ) -> tfp.distributions.Distribution:
    """Makes a distribution of logits.

    A model whose edges are not decided independently overrides this.

    Args:
      logits: what `call` returned, any leading dimensions.
      mask: `[..., cells, edges, operations]` bool, what an edge may become.
    """
    return masked_categorical(tf.ensure_shape(logits, mask.shape), mask)

  def distribution(
    self,
    observation: environment.Observation,
    space: spaces.Space,
    training: bool = False,
  ) -> tfp.distributions.Distribution:
    """Returns the distribution over transformations.

    Args:
      observation: see `environment.observe`, any leading dimensions.
      space: the space of the observed architectures.
      training: whether the policy is being trained.
    """
    mask = observation['mask']
    squash = network_utils.BatchSquash(mask.shape.rank - 3)
    flat = tf.nest.map_structure(squash.flatten, observation)
    logits = self(flat, space=space, training=training)
    logits = tf.nest.map_structure(squash.unflatten, logits)
    if self.stay:
      same = tf.one_hot(observation['operations'], len(space.operations))
      logits = self.add(logits, self.stay * same)
    return self.decide(logits, mask)
