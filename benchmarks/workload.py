"""What is measured: steps of the super network, and of single architectures."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import tensorflow as tf

from nat_tf import layout
from nat_tf import path_optimizer
from nat_tf import sampling
from nat_tf import scoring
from nat_tf import spaces
from nat_tf import static_network
from nat_tf import supernet
from nat_tf import transitions

_CLASSES = 10
_IMAGE = (32, 32, 3)


@dataclasses.dataclass(frozen=True)
class Size:
  """A super network and a batch.

  Attributes:
    cells: number of cells.
    channels: channels of the first cell.
    operations: how many of the vocabulary's an edge may carry.
    batch: images at a time.
  """

  cells: int = 8
  channels: int = 20
  operations: int = len(spaces.DARTS.operations)
  batch: int = 64

  def space(self) -> spaces.Space:
    """Returns DARTS's cells with so many operations, dear and cheap alike."""
    known = spaces.DARTS.operations  # Null is the last one.
    chosen = np.linspace(0, len(known) - 1, self.operations).round()
    few = tuple(known[int(i)] for i in chosen)
    return dataclasses.replace(spaces.DARTS, operations=few)


class SharedWork:
  """The super network's compiled functions on one batch.

  Args:
    size: of network and batch.
    seed: of weights, images and architectures.

  Attributes:
    size: of network and batch.
    step_function: the compiled weight step.
    score_function: the compiled scores.
  """

  def __init__(self, size: Size, seed: int = 0):
    tf.keras.utils.set_random_seed(seed)
    self.size = size
    self.space = size.space()
    config = layout.NetworkConfig(
      size.cells,
      size.channels,
      _IMAGE[:2],
      _IMAGE[2],
      _CLASSES,
      self.space.skeleton,
    )
    self.network = supernet.SuperNetwork(self.space, config)
    self.optimizer = path_optimizer.PathSGD(0.01, clip_norm=5.0)
    self.optimizer.build(self.network.trainable_variables)
    self.images = tf.random.normal([size.batch, *_IMAGE])
    self.labels = tf.random.uniform([size.batch], 0, _CLASSES, tf.int32)
    self.step_function = tf.function(self._step, autograph=False)
    self.score_function = tf.function(
      functools.partial(scoring.score, self.network), autograph=False
    )
    self._sampler = sampling.RandomSampler(self.space)

  def architecture(self, seed: int) -> spaces.Encoding:
    """Draws a random architecture."""
    return one(self.architectures(1, seed), 0)

  def pair(self, seed: int) -> spaces.Encoding:
    """Draws an architecture and one transformation of it, `[2, ...]`."""
    both = zip(self.architectures(1, seed), self.candidates(1, seed))
    return spaces.Encoding(*(tf.concat(pair, axis=0) for pair in both))

  def architectures(self, count: int, seed: int = 1) -> spaces.Encoding:
    """Draws random architectures, `[count, ...]` tensors."""
    return self._sampler(count, tf.constant([seed, 0]))

  def candidates(self, count: int, seed: int = 1) -> spaces.Encoding:
    """Draws transformations of one random architecture.

    Every edge becomes one of what NAT allows it, with equal probability: what
    a policy proposes that has not learned yet.
    """
    beta = self.architectures(1, seed)
    allowed = transitions.allowed('nat', self.space.operations)
    rows = np.log(allowed[beta.operations.numpy().reshape(-1)] + 1e-30)
    drawn = tf.random.stateless_categorical(rows, count, [seed, 1], tf.int32)
    shape = [count, *beta.operations.shape[1:]]
    operations = tf.reshape(tf.transpose(drawn), shape)
    others = (tf.repeat(x, count, axis=0) for x in beta)
    return spaces.Encoding(*others)._replace(operations=operations)

  def step(self, architecture: spaces.Encoding):
    """Takes a weight step on one architecture; returns when it is done."""
    self.step_function(self.images, self.labels, architecture).numpy()

  def score(self, architectures: spaces.Encoding):
    """Scores architectures `[count, ...]`; returns when it is done."""
    scores = self.score_function(self.images, self.labels, architectures)
    return scores.accuracy.numpy()

  def _step(self, images, labels, architecture):
    scores, gradients = self.network.loss_and_gradients(
      images, labels, architecture
    )
    self.optimizer.apply_gradients(
      zip(gradients, self.network.trainable_variables)
    )
    return scores.loss


class StaticWork:
  """One architecture built and compiled by itself: the floor.

  Args:
    shared: gives the weights and the batch.
    architecture: one encoding, without leading dimensions.
  """

  def __init__(self, shared: SharedWork, architecture: spaces.Encoding):
    self._images, self._labels = shared.images, shared.labels
    self._static = static_network.StaticNetwork(
      shared.network, shared.space.decode(architecture)
    )
    self._optimizer = path_optimizer.PathSGD(0.01, clip_norm=5.0)
    self._optimizer.build(self._static.own_variables)
    compiled = functools.partial(tf.function, autograph=False)
    self._step_function = compiled(self._step)
    self._loss_function = compiled(self._loss)

  def step(self):
    """Takes a weight step; returns when it is done."""
    self._step_function(self._images, self._labels).numpy()

  def forward(self):
    """Computes the loss; returns when it is done."""
    self._loss_function(self._images, self._labels).numpy()

  def _loss(self, images, labels):
    return tf.reduce_mean(
      tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels, self._static(images)
      )
    )

  def _step(self, images, labels):
    variables = self._static.own_variables
    with tf.GradientTape() as tape:
      loss = self._loss(images, labels)
    gradients = tape.gradient(
      loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    self._optimizer.apply_gradients(zip(gradients, variables))
    return loss


def one(architectures: spaces.Encoding, index: int) -> spaces.Encoding:
  """Returns one of several encoded architectures."""
  return spaces.Encoding(*(x[index] for x in architectures))


def row(architecture: spaces.Encoding) -> spaces.Encoding:
  """Returns one encoded architecture as an array of one."""
  return spaces.Encoding(*(x[tf.newaxis] for x in architecture))
