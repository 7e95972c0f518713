"""Deciding all edges together: first for a plan, then for every edge by it."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from nat_tf import policy_model


class PlanMixture(tfp.distributions.MixtureSameFamily):
  """A mixture of distributions that decide every edge independently.

    pi(alpha | beta) = sum_k p_k prod_edges pi_k(alpha_edge)

  Edges that are decided independently cannot say "either both or neither". The
  plan k, drawn first and never seen from outside, lets them: given the plan
  they are independent, without it they are not. Where several transformations
  are about equally good, each can have a plan of its own.

  Events are `[cells, edges]` int32. The entropy has no closed form.
  """

  def __init__(
    self, plan_logits: tf.Tensor, logits: tf.Tensor, mask: tf.Tensor
  ):
    """Makes a distribution.

    Args:
      plan_logits: `[..., plans]` float32.
      logits: `[..., plans, cells, edges, operations]` float32.
      mask: `[..., cells, edges, operations]` bool; true at least once an edge.
    """
    parameters = dict(locals())
    permitted = tf.expand_dims(mask, -4)
    logits = tf.where(permitted, logits, policy_model.FORBIDDEN)
    self._logits = logits
    super().__init__(
      tfp.distributions.Categorical(logits=plan_logits),
      tfp.distributions.Independent(
        tfp.distributions.Categorical(logits=logits, dtype=tf.int32), 2
      ),
      name='PlanMixture',
    )
    # TensorFlow Probability wants those of the subclass here.
    self._parameters = parameters

  @classmethod
  def _parameter_properties(
    cls, dtype: Any, num_classes: int | None = None
  ) -> dict[str, tfp.util.ParameterProperties]:
    properties = tfp.util.ParameterProperties
    return {
      'plan_logits': properties(event_ndims=1),
      'logits': properties(event_ndims=4),
      'mask': properties(event_ndims=3),
    }

  def sample_and_logits(
    self, n: int, seed: tf.Tensor
  ) -> tuple[tf.Tensor, tf.Tensor]:
    """Draws transformations, and says by which logits.

    Args:
      n: how many.
      seed: int32 tensor `[2]`; what is drawn is what `sample` draws.

    Returns:
      The operations `[n, ..., cells, edges]`, and the logits of the plan that
      each was drawn by, `[n, ..., cells, edges, operations]`.
    """
    seeds = tf.random.split(seed)
    plans = self.mixture_distribution.sample(n, seed=seeds[0])
    given = self._given(plans)
    return given.sample(seed=seeds[1]), given.distribution.logits

  def mode_logits(self) -> tf.Tensor:
    """Returns the logits of the most probable plan, without `plans`."""
    plans = tf.argmax(self.mixture_distribution.logits, axis=-1)
    return self._given(plans[tf.newaxis]).distribution.logits[0]

  def _sample_n(self, n: int, seed: tf.Tensor) -> tf.Tensor:
    """Draws a plan and then the edges by it alone, not by every plan."""
    return self.sample_and_logits(n, seed)[0]

  def _log_prob(self, value: tf.Tensor) -> tf.Tensor:
    # As the library does it, but without a copy of the logits for each value.
    logs = tf.nn.log_softmax(self._logits)
    chosen = tf.one_hot(value, logs.shape[-1])[..., tf.newaxis, :, :, :]
    given = tf.reduce_sum(logs * chosen, axis=[-3, -2, -1])
    plans = tf.nn.log_softmax(self.mixture_distribution.logits)
    return tf.reduce_logsumexp(plans + given, axis=-1)

  def _mode(self) -> tf.Tensor:
    """Returns the most probable transformation of the most probable plan.

    The mixture's own mode can be another one, where two plans overlap.
    """
    return tf.argmax(self.mode_logits(), axis=-1, output_type=tf.int32)

  def _given(self, plans: tf.Tensor) -> tfp.distributions.Distribution:
    """Returns the edges' distribution by given plans.

    Args:
      plans: `[n, ...]` integers.
    """
    logits = self._logits
    rank = logits.shape.rank - 4
    shape = tf.concat([tf.shape(plans), tf.shape(logits)[rank:]], axis=0)
    chosen = tf.gather(
      tf.broadcast_to(logits, shape), plans, batch_dims=rank + 1
    )
    return tfp.distributions.Independent(
      tfp.distributions.Categorical(logits=chosen, dtype=tf.int32), 2
    )
