"""Everything that a comparison of policies can be told."""

from __future__ import annotations

import dataclasses

from nat_tf import policy as policy_lib
from nat_tf import transitions
from nat_tf.setting import COUNT
from nat_tf.setting import NOT_NEGATIVE
from nat_tf.setting import ConfigError
from nat_tf.setting import Range
from nat_tf.setting import Settings
from nat_tf.setting import setting

_SEED = Range(least=0, below=2**31 - 1000)  # The last seed is int32 too.


@dataclasses.dataclass(frozen=True)
class TabularConfig(Settings):
  """Which policies are compared on which table, and how.

  Every field says what it means.
  """

  noun = 'comparison'

  table: str | None = setting(
    None,
    'file that says how accurate every cell of NAS-Bench-201 is: a .csv with '
    'the columns architecture, <dataset>_valid_accuracy and '
    '<dataset>_test_accuracy (percent), or a file of the nats_bench package',
  )
  table_dataset: str | None = setting(
    None, "data set of the table (default: the CSV's only one)"
  )
  policies: str = setting(
    'all', f'policies, joined by commas; of {", ".join(policy_lib.POLICIES)}'
  )
  transitions: str = setting(
    'nat',
    'rules that say which operation may become which',
    choices=transitions.TRANSITIONS,
  )
  seeds: int = setting(
    3,
    'how often everything is done, each time with another half to learn from',
    range=Range(least=1, below=1000),
  )
  seed: int = setting(
    0, 'first of the seeds: decides halves, weights and samples', range=_SEED
  )
  steps: int = setting(
    0, "policy steps, 0 for the policy's own number", range=NOT_NEGATIVE
  )
  training: str = setting(
    '',
    'changes to how all chosen policies are trained, field=value joined by '
    'commas; see nat_tf/recipes.py',
  )
  model: str = setting(
    '',
    'changes to the one chosen policy, field=value joined by commas; see '
    'nat_tf/policy_*.py',
  )
  points: int = setting(
    10, 'points of the curve of captured gain against time', range=COUNT
  )

  def __post_init__(self):
    super().__post_init__()
    names = self.policy_names()
    for name in names:
      if name not in policy_lib.POLICIES:
        raise ConfigError(
          f'--policies: unknown policy {ascii(name[:40])}; known are '
          f'{", ".join(policy_lib.POLICIES)}'
        )
    if len(set(names)) < len(names):
      raise ConfigError(
        f'--policies names a policy twice: {self.policies[:80]}'
      )
    if self.model and len(names) > 1:
      raise ConfigError('--model changes one policy; choose it with --policies')

  def policy_names(self) -> list[str]:
    """Returns the chosen policies."""
    if self.policies == 'all':
      return list(policy_lib.POLICIES)
    return [name.strip() for name in self.policies.split(',')]

  def seed_list(self) -> list[int]:
    """Returns the seeds."""
    return list(range(self.seed, self.seed + self.seeds))
