"""Policies: from an architecture to a distribution over its transformations.

A `Model` computes; it holds all weights and knows no search space's shapes, so
that one set of weights serves every topology and size with the same
operations. A `PolicyNetwork` shows it to TF-Agents as the actor of one space.

Shapes: `[..., cells, edges, operations]`, where `...` is a batch, or batch and
time; models fold examples and cells into `[graphs, ...]`.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
import dataclasses
import itertools
from typing import Any

import numpy as np
import spektral
import tensorflow as tf
import tensorflow_probability as tfp
from tf_agents.networks import network
from tf_agents.networks import utils as network_utils

from nat_tf import environment
from nat_tf import input_error
from nat_tf import spaces

# Finite, so that 0 * logit is 0 and no gradient is NaN; its exponential beside
# any logit that a network gives is exactly 0 in float32.
_FORBIDDEN = -1e9

# Every weight has a seed of its own; no two models' seeds meet.
_SEEDS_A_MODEL = 100


class UnknownPolicyError(input_error.InputError):
  """No policy goes by a name."""


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
  logits = tf.where(mask, logits, _FORBIDDEN)
  return tfp.distributions.Independent(
    tfp.distributions.Categorical(logits=logits, dtype=tf.int32),
    reinterpreted_batch_ndims=2,
  )


class Model(tf.keras.layers.Layer, abc.ABC):
  """The weights of a policy and what it computes with them.

  Attributes:
    default_config: the configuration where none is given.
    operations: names of the operations it knows.
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

  def glorot(self) -> tf.keras.initializers.Initializer:
    """Returns Glorot's initializer with a seed of its own."""
    return tf.keras.initializers.GlorotUniform(seed=next(self._seeds))

  def normal(self, scale: float) -> tf.keras.initializers.Initializer:
    """Returns a normal initializer with a seed of its own."""
    return tf.keras.initializers.RandomNormal(
      stddev=scale, seed=next(self._seeds)
    )

  @abc.abstractmethod
  def call(
    self,
    observation: environment.Observation,
    space: spaces.Space,
    training: bool = False,
  ) -> tf.Tensor:
    """Computes logits, not masked yet.

    Args:
      observation: see `environment.observe`, one leading dimension `[batch]`.
      space: the space of the observed architectures.
      training: whether the policy is being trained.

    Returns:
      `[batch, cells, edges, operations]` float32.
    """

  def distribution(
    self,
    observation: environment.Observation,
    space: spaces.Space,
    training: bool = False,
  ) -> tfp.distributions.Distribution:
    """Returns the distribution over transformations.

    A model whose edges are not decided independently overrides this.

    Args:
      observation: see `environment.observe`, any leading dimensions.
      space: the space of the observed architectures.
      training: whether the policy is being trained.
    """
    mask = observation['mask']
    squash = network_utils.BatchSquash(mask.shape.rank - 3)
    flat = tf.nest.map_structure(squash.flatten, observation)
    logits = squash.unflatten(self(flat, space=space, training=training))
    return masked_categorical(tf.ensure_shape(logits, mask.shape), mask)


class PolicyNetwork(network.Network):
  """A model as the actor network of TF-Agents for one space."""

  def __init__(self, space: spaces.Space, model: Model):
    """Wraps a model; its weights are shared, not copied.

    Args:
      space: the space of the observed architectures.
      model: what computes the policy.

    Raises:
      ValueError: the model cannot be applied to the space.
    """
    model.check(space)
    super().__init__(
      input_tensor_spec=environment.observation_spec(space),
      state_spec=(),
      name='policy',
    )
    self._space = space
    self.model = model

  @property
  def space(self) -> spaces.Space:
    """The space of the observed architectures."""
    return self._space

  def for_space(self, space: spaces.Space) -> PolicyNetwork:
    """Returns a network for another space that shares this one's weights.

    Args:
      space: any space with the same operations and no more input vertices.

    Raises:
      ValueError: the model cannot be applied to the space.
    """
    other = PolicyNetwork(space, self.model)
    other.create_variables()
    return other

  def call(
    self,
    observation: environment.Observation,
    step_type: tf.Tensor | None = None,
    network_state: Any = (),
    training: bool = False,
  ) -> tuple[tfp.distributions.Distribution, Any]:
    """Returns the distribution over transformations, and no state."""
    del step_type  # Episodes have one step.
    distribution = self.model.distribution(observation, self._space, training)
    return distribution, network_state


@dataclasses.dataclass(frozen=True)
class GcnConfig:
  """Sizes of the paper's policy (method, section 4).

  Attributes:
    embedding: numbers that stand for one operation.
    width: numbers at every vertex where the first convolution reads it.
    hidden: numbers at every vertex after each convolution.
    cell_embedding: whether it is told which cell it sees; not in the paper.
    symmetric: whether messages also go from a vertex to those it reads; in the
      paper they go along the edges only.
  """

  embedding: int = 100
  width: int = 1024
  hidden: int = 100
  cell_embedding: bool = False
  symmetric: bool = False


class GcnModel(Model):
  """The paper's two-layer graph convolutional network (method, section 4).

  `Z = softmax(A relu(A X W0) W1 W_fc)`. Row `v` of `X` stands for vertex `v`:
  the embeddings of its first and of its second incoming operation side by side,
  or for an input vertex an embedding of its own, projected to `width`. Row `v`
  of `Z` holds the logits of its first and of its second edge. `A` is the
  adjacency with self-loops, normalised as in Kipf and Welling (ICLR 2017).

  The paper's vertices all have two incoming edges. Here the number of places is
  the largest in-degree of the space the model is made for: two in the paper's
  spaces, where this equals the paper. A vertex with fewer edges has zeros in
  the places left over; one with more, in another space, adds up the embeddings
  that share a place, and their edges share logits.

  One convolution treats a vertex's own operations and its neighbours' alike, so
  where intermediate vertices read one another it cannot follow every rule that
  looks at an edge's own operation, however it is trained.
  """

  default_config = GcnConfig()

  def __init__(self, space: spaces.Space, config: GcnConfig, seed: int):
    super().__init__(space, config, seed)
    self._places = max(space.targets.count(t) for t in space.targets)
    self._cells = space.cells
    self._add_attributes(space)
    convolution = spektral.layers.GCNConv
    self.convolution_0 = convolution(
      config.hidden,
      activation='relu',
      kernel_initializer=self.glorot(),
      name='convolution_0',
    )
    self.convolution_1 = convolution(
      config.hidden, kernel_initializer=self.glorot(), name='convolution_1'
    )
    # Small, so that at first all allowed operations are about equally likely.
    self.head = tf.keras.layers.Dense(
      self._places * len(space.operations),
      kernel_initializer=self.normal(0.01),
      name='head',
    )

  def _add_attributes(self, space: spaces.Space) -> None:
    config = self.config
    attributes = self._places * config.embedding
    self.operation_embeddings = self.weight(
      'operation_embeddings', (len(space.operations), config.embedding), 1.0
    )
    self.input_embeddings = self.weight(
      'input_embeddings', (space.inputs, attributes), 1.0
    )
    self.projection = self.weight('projection', (attributes, config.width))
    self.projection_bias = self.weight('projection_bias', (config.width,), 0.0)
    self.cell_embeddings = None
    if config.cell_embedding:
      self.cell_embeddings = self.weight(
        'cell_embeddings', (len(space.cells), config.width), 0.0
      )

  def check(self, space: spaces.Space) -> None:
    """Checks a space, also for cells it has no embedding of."""
    super().check(space)
    unknown = set(space.cells) - set(self._cells)
    if self.config.cell_embedding and unknown:
      raise ValueError(
        f'the policy tells cells apart and was made for '
        f'{", ".join(self._cells)}; the {space.name} space has also '
        f'{", ".join(sorted(unknown))}'
      )

  def call(
    self,
    observation: environment.Observation,
    space: spaces.Space,
    training: bool = False,
  ) -> tf.Tensor:
    """Computes logits, not masked yet; see `Model.call`."""
    del training  # Nothing in it differs.
    graphs = tf.nest.map_structure(
      lambda x: tf.reshape(x, [-1, *x.shape[2:]]), observation
    )
    places = _places(space, self._places)
    x = self._attributes(graphs, space, places)
    if self.cell_embeddings is not None:
      rows = [self._cells.index(cell) for cell in space.cells]
      batch = tf.shape(observation['operations'])[0]
      cells = tf.tile(tf.gather(self.cell_embeddings, rows), [batch, 1])
      x += cells[:, tf.newaxis]
    adjacency = graphs['adjacency']
    if self.config.symmetric:
      adjacency = tf.maximum(adjacency, tf.linalg.matrix_transpose(adjacency))
    adjacency = normalized(adjacency)
    x = self.convolution_0([x, adjacency])
    x = self.convolution_1([x, adjacency])
    logits = self._edge_logits(self.head(x), places)
    return tf.reshape(
      logits, [-1, len(space.cells), space.edges, len(space.operations)]
    )

  def _attributes(
    self,
    graphs: environment.Observation,
    space: spaces.Space,
    places: np.ndarray,
  ) -> tf.Tensor:
    """Computes `X`, the attributes of all vertices.

    Projecting the few embeddings first and then adding them up per vertex is
    the same as projecting each vertex, and seven times less work.

    Args:
      graphs: the observation, `[graphs, ...]`.
      space: the space of the observed architectures.
      places: `[edges, vertices, places]`, where every edge arrives.

    Returns:
      `[graphs, vertices, width]` float32.
    """
    operations = tf.one_hot(graphs['operations'], len(space.operations))
    operations *= tf.cast(graphs['present'], tf.float32)[..., tf.newaxis]
    counts = tf.einsum('evp,geo->gvpo', places, operations)
    projection = tf.reshape(
      self.projection, [self._places, self.config.embedding, self.config.width]
    )
    projected = tf.einsum('oe,pew->pow', self.operation_embeddings, projection)
    x = tf.tensordot(counts, projected, 2) + self.projection_bias
    inputs = tf.matmul(self.input_embeddings[: space.inputs], self.projection)
    return x + tf.pad(inputs, [[0, space.intermediates], [0, 0]])

  def _edge_logits(self, logits: tf.Tensor, places: np.ndarray) -> tf.Tensor:
    """Hands the logits of the vertices out to their incoming edges.

    Args:
      logits: `[graphs, vertices, places * operations]`.
      places: `[edges, vertices, places]`, where every edge arrives.

    Returns:
      `[graphs, edges, operations]`.
    """
    edges = places.shape[0]
    categories = len(self.operations)
    logits = tf.reshape(logits, [-1, places[0].size, categories])
    return tf.gather(logits, places.reshape(edges, -1).argmax(-1), axis=1)


def normalized(adjacency: tf.Tensor) -> tf.Tensor:
  """Adds self-loops and normalises: `D^-1/2 (A + I) D^-1/2`.

  `D` holds the row sums of `A + I`, as Spektral's `gcn_filter` has it, which
  works on NumPy arrays only.

  Args:
    adjacency: `[..., vertices, vertices]` float32.

  Returns:
    A tensor of the same shape.
  """
  adjacency += tf.eye(adjacency.shape[-1])
  scale = tf.math.rsqrt(tf.reduce_sum(adjacency, axis=-1))
  return scale[..., tf.newaxis] * adjacency * scale[..., tf.newaxis, :]


def _places(space: spaces.Space, count: int) -> np.ndarray:
  """Says where every edge slot arrives: at which vertex, in which place.

  Args:
    space: gives the targets of the slots.
    count: number of places of a vertex.

  Returns:
    `[edges, vertices, places]` float32, a single 1 for every edge. The first
    slot of a vertex takes its first place, and so on, round and round.
  """
  places = np.zeros([space.edges, space.vertices, count], np.float32)
  for slot, target in enumerate(space.targets):
    order = space.targets[:slot].count(target)
    places[slot, target, order % count] = 1
  return places


_MODELS: dict[str, type[Model]] = {'gcn': GcnModel}

POLICIES = tuple(_MODELS)


def create(
  name: str, space: spaces.Space, config: Any = None, seed: int = 0
) -> PolicyNetwork:
  """Makes a policy with fresh weights.

  Args:
    name: one of `POLICIES`.
    space: the space of the architectures it will see first.
    config: the policy's own configuration, for example a `GcnConfig`; the
      default where None.
    seed: of the initial weights.

  Raises:
    UnknownPolicyError: no policy goes by that name.
    TypeError: the configuration is another policy's.
  """
  model = _MODELS.get(name)
  if model is None:
    raise UnknownPolicyError(
      f'unknown policy {name[:40]!r}; known are {", ".join(POLICIES)}'
    )
  config = model.default_config if config is None else config
  if not isinstance(config, type(model.default_config)):
    raise TypeError(
      f'the {name} policy takes a {type(model.default_config).__name__}; got '
      f'a {type(config).__name__}'
    )
  actor = PolicyNetwork(space, model(space, config, seed))
  actor.create_variables()
  return actor
