"""Input architectures at random, as tensors.

A sampler is called with a count and a seed and returns that many encoded
architectures. It runs inside a graph and holds no state: the same seed gives
the same architectures (method, section 4: "sample an architecture uniformly").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable

import numpy as np
import tensorflow as tf

from nat_tf import spaces

# (count, seed) -> encoding with leading dimension [count]. The seed is an
# int32 tensor `[2]`, as TensorFlow's stateless random operations take it.
Sampler = Callable[[int, tf.Tensor], spaces.Encoding]


class RandomSampler:
  """Draws architectures from a space, uniformly unless told otherwise.

  Every present edge gets an operation, and a source among the vertices before
  its target, independently and with equal probability. The size is drawn
  once an architecture and holds for all its cells: a space of several sizes is
  the union of spaces of one size (`micro` is DARTS's and ENAS's).
  """

  def __init__(self, space: spaces.Space, odds: Sequence[float] | None = None):
    """Prepares to draw from a space.

    Args:
      space: where the architectures come from.
      odds: for every operation of the space how likely it is, in any unit; None
        for all alike.
    """
    self._space = space
    self._odds = None if odds is None else np.asarray(odds, np.float32)

  def __call__(self, count: int, seed: tf.Tensor) -> spaces.Encoding:
    """Draws architectures.

    Args:
      count: how many.
      seed: int32 tensor `[2]`.

    Returns:
      Their encoding, tensors with leading dimension `[count]`.
    """
    space = self._space
    seeds = tf.unstack(tf.random.split(seed, 3))
    choice = tf.random.stateless_uniform(
      [count], seeds[0], maxval=len(space.sizes), dtype=tf.int32
    )
    shape = [count, len(space.cells), space.edges]
    operations = self._operations(shape, seeds[1])
    if space.graphs is not None:
      fixed = [
        tf.broadcast_to(tf.constant(x), [count, *x.shape])
        for x in space.fixed()
      ]
      return spaces.Encoding(operations, *fixed[1:])
    present = self._present(tf.gather(space.sizes, choice), shape)
    operations = tf.where(present, operations, space.index('null'))
    sources = self._sources(present, shape, seeds[2])
    concat = self._concat(operations, sources, present, choice)
    return spaces.Encoding(operations, sources, present, concat)

  def _operations(self, shape: list[int], seed: tf.Tensor) -> tf.Tensor:
    """Draws an operation for every slot, `[count, cells, edges]` int32."""
    choices = self._space.choices()
    if self._odds is None and choices.all():
      return tf.random.stateless_uniform(
        shape, seed, maxval=choices.shape[-1], dtype=tf.int32
      )
    odds = np.ones(choices.shape[-1]) if self._odds is None else self._odds
    with np.errstate(divide='ignore'):
      logits = np.log(np.where(choices, odds, 0.0)).astype(np.float32)
    drawn = tf.random.stateless_categorical(
      logits.reshape([-1, choices.shape[-1]]), shape[0], seed, dtype=tf.int32
    )
    return tf.reshape(tf.transpose(drawn), shape)

  def _present(self, sizes: tf.Tensor, shape: list[int]) -> tf.Tensor:
    """Marks the slots that end in a vertex an architecture has.

    Args:
      sizes: `[count]` int32, numbers of intermediate vertices.
      shape: `[count, cells, edges]`.

    Returns:
      `[count, cells, edges]` bool.
    """
    end = self._space.inputs + sizes[:, tf.newaxis, tf.newaxis]
    return tf.broadcast_to(tf.constant(self._space.targets) < end, shape)

  def _sources(
    self, present: tf.Tensor, shape: list[int], seed: tf.Tensor
  ) -> tf.Tensor:
    """Draws a source for every slot, `[count, cells, edges]` int32."""
    # The bound differs from slot to slot and stateless_uniform takes only one:
    # a remainder of 32 random bits is uniform up to a relative 1e-8.
    bits = tf.random.stateless_uniform(
      shape, seed, minval=None, maxval=None, dtype=tf.int32
    )
    sources = tf.math.floormod(bits, tf.constant(self._space.targets))
    return tf.where(present, sources, 0)

  def _concat(
    self,
    operations: tf.Tensor,
    sources: tf.Tensor,
    present: tf.Tensor,
    choice: tf.Tensor,
  ) -> tf.Tensor:
    """Picks the output: all vertices, or those that no edge reads.

    A null edge reads nothing. The last vertex is always a loose end, so the
    output is never empty.

    Returns:
      `[count, cells, intermediates]` bool.
    """
    space = self._space
    reads = present & (operations != space.index('null'))
    source = tf.one_hot(sources, space.vertices, True, False, dtype=tf.bool)
    read = tf.reduce_any(source & reads[..., tf.newaxis], axis=-2)
    sizes = tf.gather(space.sizes, choice)[:, tf.newaxis, tf.newaxis]
    exists = tf.range(space.intermediates) < sizes
    loose = tf.gather(space.loose_ends, choice)[:, tf.newaxis, tf.newaxis]
    return exists & ~(loose & read[..., space.inputs :])


class NearbySampler:
  """Draws what one architecture may become, and often with few changes.

  Every architecture has a rate of its own, between 0 and `rate` with equal
  probability; every edge is drawn anew at that rate, else it stays. In a deep
  network with many changes next to nothing would still be connected.
  """

  def __init__(self, space: spaces.Space, beta: spaces.Encoding, rate: float):
    """Prepares to draw.

    Args:
      space: what the architecture may become (`spaces.around`).
      beta: the architecture, without leading dimensions.
      rate: 0 to 1.
    """
    self._anything = RandomSampler(space)
    self._beta = beta
    self._rate = rate

  def __call__(self, count: int, seed: tf.Tensor) -> spaces.Encoding:
    """Draws architectures; see `RandomSampler`."""
    seeds = tf.unstack(tf.random.split(seed, 3))
    drawn = self._anything(count, seeds[0])
    rates = tf.random.stateless_uniform([count, 1, 1], seeds[1]) * self._rate
    changes = tf.random.stateless_uniform(drawn.operations.shape, seeds[2])
    operations = tf.where(
      changes < rates, drawn.operations, tf.constant(self._beta.operations)
    )
    return drawn._replace(operations=operations)


class PoolSampler:
  """Draws architectures uniformly, with replacement, from given ones."""

  def __init__(self, encodings: spaces.Encoding):
    """Takes the pool.

    Args:
      encodings: architectures with one leading dimension, the pool's size.

    Raises:
      ValueError: the pool is empty.
    """
    self._size = len(np.asarray(encodings.operations))
    if not self._size:
      raise ValueError('the pool of architectures is empty')
    # Made eagerly, once: a graph that draws from the pool captures the tensors
    # and does not copy a large pool into its constants.
    with tf.init_scope():
      self._pool = spaces.Encoding(
        tf.constant(encodings.operations, tf.int32),
        tf.constant(encodings.sources, tf.int32),
        tf.constant(encodings.present, tf.bool),
        tf.constant(encodings.concat, tf.bool),
      )

  def __call__(self, count: int, seed: tf.Tensor) -> spaces.Encoding:
    """Draws architectures.

    Args:
      count: how many.
      seed: int32 tensor `[2]`.

    Returns:
      Their encoding, tensors with leading dimension `[count]`.
    """
    rows = tf.random.stateless_uniform(
      [count], seed, maxval=self._size, dtype=tf.int32
    )
    return spaces.Encoding(*(tf.gather(array, rows) for array in self._pool))


class Repeated:
  """Draws every architecture several times, side by side."""

  def __init__(self, sampler: Sampler, times: int):
    """Wraps a sampler.

    Args:
      sampler: where the architectures come from.
      times: how often each of them stands in a draw.
    """
    self._sampler = sampler
    self._times = times

  def __call__(self, count: int, seed: tf.Tensor) -> spaces.Encoding:
    """Draws architectures.

    Args:
      count: how many, repetitions counted; a multiple of `times`.
      seed: int32 tensor `[2]`.

    Returns:
      Their encoding, tensors with leading dimension `[count]`.
    """
    drawn = self._sampler(count // self._times, seed)
    return spaces.Encoding(
      *(tf.repeat(array, self._times, axis=0) for array in drawn)
    )
