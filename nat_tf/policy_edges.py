"""Our policy: graph convolutions over the edges, and plans for all together."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import spektral
import tensorflow as tf
import tensorflow_probability as tfp

from nat_tf import environment
from nat_tf import plan_mixture
from nat_tf import policy_model
from nat_tf import spaces
from nat_tf.policy_model import Model


@dataclasses.dataclass(frozen=True)
class EdgesConfig:
  """Sizes of the policy, and what can be left out of it.

  Attributes:
    width: numbers at every edge.
    layers: rounds of messages.
    plans: ways to transform an architecture among which it chooses before it
      decides edge by edge; 1: all edges are decided independently.
    back: whether messages also go against the direction of the edges.
    siblings: whether edges with the same target, or the same source, exchange
      messages.
    pooling: whether every round tells all edges the mean over the cell.
    residual: whether a round adds to what an edge knows; else it replaces it.
    normalization: whether a round begins with layer normalisation.
    cell_embedding: whether it is told which cell it sees. A cell that it was
      not made for is told apart from those it was, and from no other.
  """

  width: int = 64
  layers: int = 3
  plans: int = 8
  back: bool = True
  siblings: bool = True
  pooling: bool = True
  residual: bool = True
  normalization: bool = True
  cell_embedding: bool = True


class EdgesModel(Model):
  """A residual relational graph convolutional network over the edges.

  Edges are what is decided, so edges are what exchanges messages: the graph is
  the cell's line graph. Two edges are related where one ends at the vertex the
  other leaves (in either direction) or where they share a target or a source.
  A round computes, for the features `x` of all edges of a cell,

    x + W relu( W_self x' + sum_r GCNConv_r(x', A_r) + W_cell mean(x') )

  where `x'` is `x` after layer normalisation and `A_r` relation r's adjacency,
  every row a mean. Features begin as the embedding of the edge's operation,
  of the kind of vertex it leaves (one of the inputs, or an intermediate one)
  and of the cell. A null edge takes part: it may become a skip. A slot that is
  not present sends nothing.

  Then every edge has logits for each of a few plans, and the mean over the
  whole architecture chooses among these (see `plan_mixture`): edges interact,
  so they must not be decided independently.

  No weight depends on the number of vertices or edges, and nothing on the order
  in which edges into one vertex are written down.

  Sources: Schlichtkrull et al., Modeling Relational Data with Graph
  Convolutional Networks, ESWC 2018; layers: Spektral.
  """

  default_config = EdgesConfig()

  def __init__(self, space: spaces.Space, config: EdgesConfig, seed: int):
    super().__init__(space, config, seed)
    self._cells = space.cells
    width = config.width
    self.operation_embeddings = self.weight(
      'operation_embeddings', (len(space.operations), width), 1.0
    )
    self.source_embeddings = self.weight(
      'source_embeddings', (space.inputs + 1, width), 1.0
    )
    self.cell_embeddings = None
    if config.cell_embedding:
      self.cell_embeddings = self.weight(
        'cell_embeddings', (len(space.cells) + 1, width), 1.0
      )
    relations = 1 + config.back + 2 * config.siblings
    self.rounds = [
      _Round(self, relations, name=f'round_{i}') for i in range(config.layers)
    ]
    # Small, so that at first all allowed operations are about equally likely;
    # not too small, for plans that are alike would stay so.
    self.head = tf.keras.layers.Dense(
      config.plans * len(space.operations),
      kernel_initializer=self.normal(0.05),
      name='head',
    )
    self.plan_head = None
    if config.plans > 1:
      self.plan_hidden = tf.keras.layers.Dense(
        width, 'relu', kernel_initializer=self.glorot(), name='plan_hidden'
      )
      self.plan_head = tf.keras.layers.Dense(
        config.plans, kernel_initializer=self.normal(0.01), name='plan_head'
      )

  @property
  def exact_entropy(self) -> bool:
    """Whether its distributions know their entropy: those of one plan do."""
    return self.config.plans == 1

  def call(
    self,
    observation: environment.Observation,
    space: spaces.Space,
    training: bool = False,
  ) -> Any:
    """Computes logits, not masked yet; see `Model.call`.

    Returns:
      With one plan `[batch, cells, edges, operations]`. Else logits of the
      plans, `[batch, plans]`, and by plan, `[batch, plans, cells, edges,
      operations]`.
    """
    del training  # Nothing in it differs.
    graphs = policy_model.graphs(observation)
    sources, present = graphs['sources'], graphs['present']
    x = tf.gather(self.operation_embeddings, graphs['operations'])
    x += tf.gather(self.source_embeddings, self.source_kinds(sources, space))
    if self.cell_embeddings is not None:
      batch = tf.shape(observation['operations'])[0]
      x += tf.tile(self._cell_features(space), [batch, 1])[:, tf.newaxis]
    adjacencies = self._adjacencies(sources, present, space)
    share = _means(tf.cast(present, tf.float32))[:, tf.newaxis]
    for layer in self.rounds:
      x = layer(x, adjacencies, share)
    cells, operations = len(space.cells), len(space.operations)
    logits = self.head(x)
    if self.plan_head is None:
      return tf.reshape(logits, [-1, cells, space.edges, operations])
    logits = tf.reshape(
      logits, [-1, cells, space.edges, self.config.plans, operations]
    )
    means = tf.reshape(tf.matmul(share, x), [-1, cells, self.config.width])
    architecture = tf.reduce_mean(means, axis=1)
    return (
      self.plan_head(self.plan_hidden(architecture)),
      tf.transpose(logits, [0, 3, 1, 2, 4]),
    )

  def add(self, logits: Any, more: tf.Tensor) -> Any:
    """Adds to the logits of operations; see `Model.add`."""
    if self.plan_head is None:
      return super().add(logits, more)
    plan_logits, by_plan = logits
    return plan_logits, by_plan + tf.expand_dims(more, -4)

  def decide(
    self, logits: Any, mask: tf.Tensor
  ) -> tfp.distributions.Distribution:
    """Makes a distribution of logits; see `Model.decide`."""
    if self.plan_head is None:
      return super().decide(logits, mask)
    plan_logits, by_plan = logits
    return plan_mixture.PlanMixture(plan_logits, by_plan, mask)

  def _cell_features(self, space: spaces.Space) -> tf.Tensor:
    """Returns the embeddings of a space's cells, `[cells, width]`."""
    known = self._cells
    rows = [known.index(c) if c in known else len(known) for c in space.cells]
    return tf.gather(self.cell_embeddings, rows)

  def _adjacencies(
    self, sources: tf.Tensor, present: tf.Tensor, space: spaces.Space
  ) -> list[tf.Tensor]:
    """Returns how the edges are related.

    Args:
      sources: `[graphs, edges]` int32.
      present: `[graphs, edges]` bool.
      space: gives the targets of the slots.

    Returns:
      One tensor `[graphs, edges, edges]` for every relation. Rows add up to 1,
      or are 0 where an edge is related to none.
    """
    targets = np.array(space.targets)
    follows = sources[:, :, tf.newaxis] == targets
    relations = [follows]
    if self.config.back:
      relations.append(tf.linalg.matrix_transpose(follows))
    if self.config.siblings:
      others = ~np.eye(space.edges, dtype=bool)
      same_source = sources[:, :, tf.newaxis] == sources[:, tf.newaxis]
      relations.append(same_source & others)
      same_target = (targets[:, np.newaxis] == targets) & others
      relations.append(tf.broadcast_to(same_target, tf.shape(same_source)))
    heard = present[:, tf.newaxis]
    return [_means(tf.cast(r & heard, tf.float32)) for r in relations]


class _Round(tf.keras.layers.Layer):
  """One round of messages among the edges of a cell."""

  def __init__(self, model: EdgesModel, relations: int, **kwargs):
    super().__init__(**kwargs)
    config = model.config
    self._residual = config.residual
    self._normalize = None
    if config.normalization:
      self._normalize = tf.keras.layers.LayerNormalization(name='normalize')
    self._convolutions = [
      spektral.layers.GCNConv(
        config.width,
        use_bias=False,
        kernel_initializer=model.glorot(),
        name=f'convolution_{i}',
      )
      for i in range(relations)
    ]

    def dense(name: str, use_bias: bool) -> tf.keras.layers.Dense:
      return tf.keras.layers.Dense(
        config.width,
        use_bias=use_bias,
        kernel_initializer=model.glorot(),
        name=name,
      )

    self._self = dense('self', True)
    self._cell = dense('cell', False) if config.pooling else None
    self._out = dense('out', True)

  def call(
    self, x: tf.Tensor, adjacencies: list[tf.Tensor], share: tf.Tensor
  ) -> tf.Tensor:
    """Returns the edges' new features.

    Args:
      x: `[graphs, edges, width]`.
      adjacencies: `[graphs, edges, edges]` for every relation.
      share: `[graphs, 1, edges]`, what every edge counts in the cell's mean.
    """
    seen = x if self._normalize is None else self._normalize(x)
    messages = self._self(seen)
    for convolution, adjacency in zip(self._convolutions, adjacencies):
      messages += convolution([seen, adjacency])
    if self._cell is not None:
      messages += self._cell(tf.matmul(share, seen))
    change = self._out(tf.nn.relu(messages))
    return x + change if self._residual else change


def _means(weights: tf.Tensor) -> tf.Tensor:
  """Scales the last dimension to a sum of 1; zeros stay zeros."""
  return tf.math.divide_no_nan(
    weights, tf.reduce_sum(weights, axis=-1, keepdims=True)
  )
