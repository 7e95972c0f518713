"""Choosing operations that together stay within limits, inside the graph.

A policy proposes; here edges are served one after the other, and an operation
is open to an edge only as long as the cheapest choices for all edges not yet
served can still be paid beside it. So whatever comes out is within the limits,
and no policy can break them. What fits as it was proposed is not touched.

Where a policy expects to spend more than there is, it is first made thrifty:
its logits are reduced in proportion to the prices, until it does not. That is
the distribution closest to the policy's of those that spend little enough on
average, and it spares the edges that are served last. Any edge may be that: the
order is drawn anew for every sample.

All amounts are whole numbers in int64 (see `edge_costs`): nothing is rounded.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from nat_tf import plan_mixture
from nat_tf import policy_model

# How thrifty a policy can be made: nats for the dearest of all operations, in
# steps. The last one outweighs any network's logits.
_THRIFT = (0.0, *np.geomspace(0.25, 1e4, 23).tolist())


# Scores of what is closed, and least score of what is open.
_CLOSED, _LOWEST = np.float32(-np.inf), np.float32(-1e30)


class Allowance(NamedTuple):
  """What operations cost and what may be spent, tensors or NumPy arrays.

  Attributes:
    prices: `[batch, measures, cells, edges, operations]` int64, 0 or more.
    limits: `[batch, measures]` int64, what all edges together may cost. They
      must suffice for the cheapest choice on every edge.
  """

  prices: Any
  limits: Any


class _Flat(NamedTuple):
  """What stays the same during a walk, edges of all cells in one row.

  Attributes:
    mask: `[rows, edges, operations]` bool, what is allowed.
    prices: `[rows, edges, operations, measures]` int64.
    limits: `[rows, measures]` int64.
    share: `[rows, edges, operations]` float32, prices in one number: as shares
      of the limits, scaled so that the largest is 1.
  """

  mask: tf.Tensor
  prices: tf.Tensor
  limits: tf.Tensor
  share: tf.Tensor


def likeliest(actions: Any, mask: tf.Tensor, allowance: Allowance) -> tf.Tensor:
  """Returns likely transformations within the limits.

  That is the most probable of those that the policy reaches at various degrees
  of thrift, where the surest edges are served first. Where the policy's own
  favourite fits, it is that.

  Args:
    actions: distribution of a policy over `[batch, cells, edges]`.
    mask: `[batch, cells, edges, operations]` bool, what an edge may become.
    allowance: what may be spent.

  Returns:
    Operations `[batch, cells, edges]` int32.
  """
  if isinstance(actions, plan_mixture.PlanMixture):
    logits = actions.mode_logits()
  else:
    logits = actions.distribution.logits
  flat = _flat(mask, allowance)
  logits = tf.reshape(logits, tf.shape(flat.share))
  steps = len(_THRIFT)
  thrift = tf.constant(_THRIFT)[:, tf.newaxis, tf.newaxis, tf.newaxis]
  scores = logits - thrift * flat.share
  scores = tf.reshape(scores, [-1, *scores.shape[2:]])
  rows = _Flat(*(tf.repeat(x[tf.newaxis], steps, axis=0) for x in flat))
  rows = _Flat(*(tf.reshape(x, [-1, *x.shape[2:]]) for x in rows))
  top = tf.math.top_k(_masked(scores, rows.mask), 2).values
  order = tf.argsort(top[..., 0] - top[..., 1], direction='DESCENDING')
  chosen = _walk(scores, order, rows)
  chosen = tf.reshape(chosen, [steps, -1, chosen.shape[-1]])
  logs = tf.nn.log_softmax(_masked(logits, flat.mask))
  likely = tf.gather(
    tf.repeat(logs[tf.newaxis], steps, axis=0), chosen, batch_dims=3
  )
  best = tf.argmax(tf.reduce_sum(likely, axis=-1), axis=0)
  chosen = tf.gather(tf.transpose(chosen, [1, 0, 2]), best, batch_dims=1)
  return tf.reshape(chosen, tf.shape(mask)[:-1])


def sample(
  actions: Any,
  mask: tf.Tensor,
  allowance: Allowance,
  samples: int,
  seed: tf.Tensor,
) -> tf.Tensor:
  """Draws transformations within the limits.

  Args:
    actions: distribution of a policy over `[batch, cells, edges]`.
    mask: `[batch, cells, edges, operations]` bool, what an edge may become.
    allowance: what may be spent.
    samples: how many.
    seed: int32 tensor `[2]`. What `actions.sample` would draw with it is what
      is drawn here, where that fits and the policy need not be thrifty.

  Returns:
    Operations `[samples, batch, cells, edges]` int32.
  """
  if isinstance(actions, plan_mixture.PlanMixture):
    drawn, logits = actions.sample_and_logits(samples, seed)
  else:
    drawn = actions.sample(samples, seed=seed)
    logits = tf.repeat(actions.distribution.logits[tf.newaxis], samples, axis=0)
  flat = _flat(mask, allowance)
  rows = _Flat(*(tf.repeat(x[tf.newaxis], samples, axis=0) for x in flat))
  rows = _Flat(*(tf.reshape(x, [-1, *x.shape[2:]]) for x in rows))
  logits = tf.reshape(logits, tf.shape(rows.share))
  thrift = _thrift(logits, rows)[:, tf.newaxis, tf.newaxis]
  seeds = tf.random.split(tf.random.fold_in(tf.cast(seed, tf.int32), 1))
  # The operation with the highest logit plus noise is one drawn from the
  # policy; among those still open, one drawn from the policy given these.
  # The least of the noise must not be 0, whose logarithm is infinite.
  noise = tf.random.stateless_uniform(tf.shape(logits), seeds[0], 1e-30, 1.0)
  scores = logits - thrift * rows.share - tf.math.log(-tf.math.log(noise))
  drawn = tf.reshape(drawn, tf.shape(logits)[:-1])
  first = tf.one_hot(drawn, logits.shape[-1], True, False, dtype=tf.bool)
  scores = tf.where(first & (thrift <= 0.0), np.float32(np.inf), scores)
  order = tf.argsort(
    tf.random.stateless_uniform(tf.shape(drawn), seeds[1]), axis=-1
  )
  chosen = _walk(scores, order, rows)
  return tf.reshape(chosen, tf.concat([[samples], tf.shape(mask)[:-1]], axis=0))


def _flat(mask: tf.Tensor, allowance: Allowance) -> _Flat:
  """Puts the edges of all cells in one row."""
  operations = mask.shape[-1]
  edges = mask.shape[-3] * mask.shape[-2]
  mask = tf.reshape(mask, [-1, edges, operations])
  prices = tf.convert_to_tensor(allowance.prices, tf.int64)
  limits = tf.convert_to_tensor(allowance.limits, tf.int64)
  prices = tf.reshape(prices, [-1, limits.shape[-1], edges, operations])
  prices = tf.transpose(prices, [0, 2, 3, 1])
  weights = 1.0 / tf.cast(tf.maximum(limits, 1), tf.float32)
  share = tf.einsum('beom,bm->beo', tf.cast(prices, tf.float32), weights)
  share = tf.where(mask, share, 0.0)
  largest = tf.reduce_max(share, axis=[-2, -1], keepdims=True)
  share = tf.math.divide_no_nan(share, largest)
  return _Flat(mask, prices, limits, share)


def _masked(scores: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
  return tf.where(mask, scores, policy_model.FORBIDDEN)


def _thrift(logits: tf.Tensor, rows: _Flat) -> tf.Tensor:
  """Returns how thrifty each row must be to spend little enough on average."""
  prices = tf.cast(rows.prices, tf.float32)
  # A little more, so that no rounding tells a policy to spare that need not.
  limits = 1.00001 * tf.cast(rows.limits, tf.float32)
  steps = tf.zeros(tf.shape(logits)[:1], tf.int32)
  for thrift in _THRIFT:  # What is spent falls from one to the next.
    chances = tf.nn.softmax(_masked(logits - thrift * rows.share, rows.mask))
    spent = tf.einsum('reo,reom->rm', chances, prices)
    steps += tf.cast(tf.reduce_any(spent > limits, axis=-1), tf.int32)
  return tf.gather(_THRIFT, tf.minimum(steps, len(_THRIFT) - 1))


def _walk(scores: tf.Tensor, order: tf.Tensor, rows: _Flat) -> tf.Tensor:
  """Gives every edge the operation it likes best of those it can afford.

  Args:
    scores: `[rows, edges, operations]` float32.
    order: `[rows, edges]` int32, the edges as they are served.
    rows: what is allowed, what it costs and what may be spent.

  Returns:
    Operations `[rows, edges]` int32.
  """
  scores, mask, share, prices = (
    tf.gather(x, order, batch_dims=1)
    for x in (scores, rows.mask, rows.share, rows.prices)
  )
  # Not even what is no number opens what is closed.
  scores = tf.where(tf.math.is_nan(scores), _LOWEST, scores)
  scores = tf.maximum(scores, _LOWEST)
  # One choice that is kept in reserve for every edge, so that several measures
  # cannot lock one another out: as long as these fit, one of them is open.
  cheapest = tf.argmin(tf.where(mask, share, np.float32(np.inf)), axis=-1)
  reserves = tf.gather(prices, cheapest, batch_dims=2)
  left = rows.limits - tf.reduce_sum(reserves, axis=1)
  tf.debugging.assert_non_negative(
    left, 'not even the cheapest transformation is within the limits'
  )
  chosen = []
  for step in range(scores.shape[1]):
    price = prices[:, step]
    left += reserves[:, step]
    fits = tf.reduce_all(price <= left[:, tf.newaxis], axis=-1)
    best = tf.argmax(
      tf.where(fits & mask[:, step], scores[:, step], _CLOSED),
      axis=-1,
      output_type=tf.int32,
    )
    left -= tf.gather(price, best, batch_dims=1)
    chosen.append(best)
  served = tf.argsort(order, axis=-1)
  return tf.gather(tf.stack(chosen, axis=1), served, batch_dims=1)
