"""Chance as a policy: what every other one has to beat."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from nat_tf import environment
from nat_tf import spaces
from nat_tf.policy_model import Model


@dataclasses.dataclass(frozen=True)
class RandomConfig:
  """Chance has no settings."""


class RandomModel(Model):
  """Makes all allowed operations of an edge equally likely; learns nothing.

  Its most probable transformation is no more probable than any other: the
  first of the allowed operations on every edge.
  """

  default_config = RandomConfig()

  def call(
    self,
    observation: environment.Observation,
    space: spaces.Space,
    training: bool = False,
  ) -> tf.Tensor:
    """Computes logits, not masked yet; see `Model.call`."""
    del space, training  # Chance looks at nothing.
    return tf.zeros_like(observation['mask'], tf.float32)
