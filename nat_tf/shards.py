"""A step's gradients, the same on any number of devices.

Batch norm makes a batch's images depend on one another. So a batch is divided
into shards, and each is normalised by itself, on whatever device it lies
(ghost batch norm: Hoffer et al., Train longer, generalize better, NIPS 2017):

    batch    [ shard 0 | shard 1 | shard 2 | shard 3 ]
    1 device    0, then 1, then 2, then 3
    2 devices   0, then 1 | 2, then 3
    4 devices   0 | 1 | 2 | 3

Statistics over all devices would have to be exchanged within the branches that
an architecture takes, which no device can.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from nat_tf import compiled
from nat_tf.spaces import Encoding
from nat_tf.supernet import Scores
from nat_tf.supernet import SuperNetwork

# Tensors, and `tf.IndexedSlices` where a step moves a part of a variable.
_Gradients = list[Any]


def loss_and_gradients(
  network: SuperNetwork,
  images: tf.Tensor,
  labels: tf.Tensor,
  architecture: Encoding,
  shards: int,
  weight: float = 1.0,
) -> tuple[Scores, _Gradients]:
  """Returns the means of what all shards give.

  Args:
    network: the super network.
    images: `[batch, height, width, channels]`.
    labels: `[batch]` int32.
    architecture: one encoding, without leading dimensions.
    shards: equal parts of the batch, that are normalised separately.
    weight: times the gradients are taken: a replica's share.

  Returns:
    As `SuperNetwork.loss_and_gradients`.
  """
  if shards == 1:
    scores, gradients = network.loss_and_gradients(images, labels, architecture)
    if weight == 1:
      return scores, gradients
    scaled = [weight * _values(gradient) for gradient in gradients]
    return scores, _like(gradients, scaled)
  parts = [_divided(x, shards) for x in (images, labels)]
  # One function for the two places that call it, compiled once.
  gradients_of = compiled.once(network.loss_and_gradients)

  def one(number):
    part = [x[number] for x in parts]
    scores, gradients = gradients_of(*part, architecture)
    return [*scores, *map(_values, gradients)], gradients

  def add(number, sums):
    return number + 1, [a + b for a, b in zip(sums, one(number)[0])]

  # The first shard tells which rows sparse gradients stand for: a path's, in
  # all shards alike.
  first, gradients = one(0)
  _, sums = tf.while_loop(
    lambda number, _: number < shards,
    add,
    (tf.constant(1), first),
    parallel_iterations=1,
  )
  count = len(Scores._fields)
  scores = Scores(*(x / shards for x in sums[:count]))
  scaled = [weight / shards * x for x in sums[count:]]
  return scores, _like(gradients, scaled)


def total(gradients: _Gradients) -> _Gradients:
  """Returns the gradients' sums over all replicas; call it in one of them.

  Sparse ones must have the same rows in all replicas.
  """
  context = tf.distribute.get_replica_context()
  if context.num_replicas_in_sync == 1:
    return gradients
  values = [_values(gradient) for gradient in gradients]
  sums = context.all_reduce(tf.distribute.ReduceOp.SUM, values)
  return _like(gradients, sums)


def _divided(x: tf.Tensor, parts: int) -> tf.Tensor:
  return tf.reshape(x, [parts, x.shape[0] // parts, *x.shape[1:]])


def _values(gradient: Any) -> tf.Tensor:
  sparse = isinstance(gradient, tf.IndexedSlices)
  return gradient.values if sparse else gradient


def _like(gradients: _Gradients, values: list[tf.Tensor]) -> _Gradients:
  """Returns values as gradients of the same kind and the same rows."""
  return [
    tf.IndexedSlices(value, gradient.indices, gradient.dense_shape)
    if isinstance(gradient, tf.IndexedSlices)
    else value
    for gradient, value in zip(gradients, values)
  ]
