"""How each policy is trained where rewards are cheap: its best schedule."""

from __future__ import annotations

import dataclasses

from nat_tf import agent
from nat_tf.agent import Schedule
from nat_tf.setting import ConfigError


@dataclasses.dataclass(frozen=True)
class Recipe:
  """A way to train a policy on a table.

  The rate falls to 0 over the run by half a cosine, the entropy's weight to 0
  at 80 % of it.

  Attributes:
    steps: policy steps.
    inputs: architectures a step.
    samples: transformations of each of them.
    learning_rate: Adam's rate in the beginning.
    weight_decay: see `agent.AgentConfig`.
    entropy: weight of the entropy in the beginning, beside advantages that are
      normalised; else beside accuracies from 0 to 1.
    baseline: see `agent.AgentConfig`.
    normalize: see `agent.AgentConfig`.
    noise: see `agent.AgentConfig`.
    anneal: whether rate and entropy fall; else they stay as they begin.

  Raises:
    ConfigError: on construction, when a number is out of its range.
  """

  steps: int = 2000
  inputs: int = 128
  samples: int = 16
  learning_rate: float = 2e-3
  weight_decay: float = 0.0
  entropy: float = 1.0
  baseline: str = 'others'
  normalize: bool = True
  noise: float = 0.02
  anneal: bool = True

  def __post_init__(self):
    for name in ('steps', 'inputs', 'samples'):
      if getattr(self, name) < 1:
        raise ConfigError(
          f'{name} is {getattr(self, name)}; it must be 1 or more'
        )
    if self.learning_rate <= 0 or self.entropy < 0:
      raise ConfigError(
        f'learning_rate is {self.learning_rate} and entropy {self.entropy}; '
        'the first must be above 0, the second 0 or more'
      )
    try:
      self.agent_config()
    except ValueError as error:
      raise ConfigError(str(error)) from None

  def agent_config(self) -> agent.AgentConfig:
    """Returns how the agent trains."""
    rate, entropy = Schedule(self.learning_rate), Schedule(self.entropy)
    if self.anneal:
      rate = Schedule(self.learning_rate, 0.0, self.steps, 'cosine')
      entropy = Schedule(self.entropy, 0.0, max(1, self.steps * 8 // 10))
    return agent.AgentConfig(
      learning_rate=rate,
      beta_1=0.9,
      weight_decay=self.weight_decay,
      entropy=entropy,
      samples=self.samples,
      baseline=self.baseline,  # type: ignore[arg-type]
      normalize=self.normalize,
      noise=self.noise,
    )


_DEFAULT = Recipe()
_RECIPES = {
  'gcn': Recipe(steps=3000, learning_rate=1e-3),
  'lstm': Recipe(steps=3000, learning_rate=5e-3),
}


def recipe(policy: str) -> Recipe:
  """Returns how a policy is trained.

  Args:
    policy: one of `policy.POLICIES`.
  """
  return _RECIPES.get(policy, _DEFAULT)
