"""Policies by name, and how they appear to TF-Agents.

A `PolicyNetwork` shows a model (see `policy_model`) to TF-Agents as the actor
of one space.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp
from tf_agents.networks import network

from nat_tf import environment
from nat_tf import input_error
from nat_tf import policy_edges
from nat_tf import policy_gcn
from nat_tf import policy_lstm
from nat_tf import policy_random
from nat_tf import spaces
from nat_tf.policy_model import Model


class UnknownPolicyError(input_error.InputError):
  """No policy goes by a name."""


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


_MODELS: dict[str, type[Model]] = {
  'edges': policy_edges.EdgesModel,
  'gcn': policy_gcn.GcnModel,
  'lstm': policy_lstm.LstmModel,
  'random': policy_random.RandomModel,
}

POLICIES = tuple(_MODELS)


def create(
  name: str,
  space: spaces.Space,
  config: Any = None,
  seed: int = 0,
  stay: float = 0.0,
) -> PolicyNetwork:
  """Makes a policy with fresh weights.

  Args:
    name: one of `POLICIES`.
    space: the space of the architectures it will see first.
    config: the policy's own configuration, for example a `GcnConfig`; the
      default where None.
    seed: of the initial weights.
    stay: what is added to the logit of the operation that an edge has already;
      in a deep network few changes are better than many.

  Raises:
    UnknownPolicyError: no policy goes by that name.
    TypeError: the configuration is another policy's.
  """
  default = default_config(name)
  config = default if config is None else config
  if not isinstance(config, type(default)):
    raise TypeError(
      f'the {name} policy takes a {type(default).__name__}; got '
      f'a {type(config).__name__}'
    )
  model = _MODELS[name](space, config, seed)
  model.stay = stay
  actor = PolicyNetwork(space, model)
  actor.create_variables()
  return actor


def default_config(name: str) -> Any:
  """Returns the configuration that a policy has where none is given.

  Args:
    name: one of `POLICIES`.

  Raises:
    UnknownPolicyError: no policy goes by that name.
  """
  model = _MODELS.get(name)
  if model is None:
    raise UnknownPolicyError(
      f'unknown policy {name[:40]!r}; known are {", ".join(POLICIES)}'
    )
  return model.default_config
