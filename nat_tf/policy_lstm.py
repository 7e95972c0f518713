"""A recurrent policy: what the papers compare theirs with."""

from __future__ import annotations

import dataclasses
from typing import Any

import tensorflow as tf

from nat_tf import environment
from nat_tf import policy_model
from nat_tf import spaces
from nat_tf.policy_model import Model


@dataclasses.dataclass(frozen=True)
class LstmConfig:
  """Sizes of the recurrent policy.

  Attributes:
    embedding: numbers that stand for one operation, and for one source.
    hidden: numbers of the state, in each direction.
    layers: recurrent layers, one above the other.
    bidirectional: whether a second LSTM reads the edges backwards, so that
      every decision knows of all edges and not of the earlier ones alone.
  """

  embedding: int = 32
  hidden: int = 64
  layers: int = 1
  bidirectional: bool = True


class LstmModel(Model):
  """Reads the edges of a cell in their order, as a sequence of words.

  A word is an edge: the sum of the embeddings of its operation and of where it
  comes from, one of the inputs or an intermediate vertex. The state behind
  every word gives the logits of its edge. Which vertices an edge joins it
  must find out by counting: a sequence does not show the graph.

  Source: Hochreiter and Schmidhuber, Long Short-Term Memory, Neural Computation
  9, 1997; as a controller of architectures Zoph and Le, ICLR 2017.
  """

  default_config = LstmConfig()

  def __init__(self, space: spaces.Space, config: LstmConfig, seed: int):
    super().__init__(space, config, seed)
    self.operation_embeddings = self.weight(
      'operation_embeddings', (len(space.operations), config.embedding), 1.0
    )
    self.source_embeddings = self.weight(
      'source_embeddings', (space.inputs + 1, config.embedding), 1.0
    )
    self.recurrent = [self._layer(i) for i in range(config.layers)]
    # Small, so that at first all allowed operations are about equally likely.
    self.head = tf.keras.layers.Dense(
      len(space.operations), kernel_initializer=self.normal(0.01), name='head'
    )

  def call(
    self,
    observation: environment.Observation,
    space: spaces.Space,
    training: bool = False,
  ) -> tf.Tensor:
    """Computes logits, not masked yet; see `Model.call`."""
    graphs = policy_model.graphs(observation)
    kinds = self.source_kinds(graphs['sources'], space)
    x = tf.gather(self.operation_embeddings, graphs['operations'])
    x += tf.gather(self.source_embeddings, kinds)
    # The mask makes it step over the edges that a smaller cell lacks.
    options = {'mask': graphs['present'], 'training': training}
    for forwards, backwards in self.recurrent:
      ahead = forwards(x, **options)
      if backwards is not None:
        # Not Keras's Bidirectional: where it unrolls, it zeroes the wrong ones
        # of the masked outputs.
        behind = tf.reverse(backwards(x, **options), [1])
        ahead = tf.concat([ahead, behind], axis=-1)
      x = ahead
    return tf.reshape(self.head(x), tf.shape(observation['mask']))

  def _layer(self, index: int) -> tuple[Any, Any]:
    """Makes the LSTM that reads forwards, and the other, or None."""

    def lstm(name: str, go_backwards: bool) -> tf.keras.layers.Layer:
      return tf.keras.layers.LSTM(
        self.config.hidden,
        return_sequences=True,
        go_backwards=go_backwards,
        # Sequences are short: as a loop, most of the time goes into the loop.
        unroll=True,
        kernel_initializer=self.glorot(),
        recurrent_initializer=tf.keras.initializers.Orthogonal(
          seed=self.seed()
        ),
        name=name,
      )

    backwards = None
    if self.config.bidirectional:
      backwards = lstm(f'backwards_{index}', True)
    return lstm(f'forwards_{index}', False), backwards
