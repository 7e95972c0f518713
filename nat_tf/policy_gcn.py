"""The paper's policy: two graph convolutions over the vertices of a cell."""

from __future__ import annotations

import dataclasses

import numpy as np
import spektral
import tensorflow as tf

from nat_tf import environment
from nat_tf import policy_model
from nat_tf import spaces
from nat_tf.policy_model import Model


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
    graphs = policy_model.graphs(observation)
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
