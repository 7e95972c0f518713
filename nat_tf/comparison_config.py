"""How all networks of a comparison are trained."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from nat_tf.setting import SEED
from nat_tf.setting import setting
from nat_tf.train_config import TrainConfig


@dataclasses.dataclass(frozen=True)
class Recipe(TrainConfig):
  """What the trainings of a comparison have in common.

  The fields are those of a training. Architecture and seed are each one's own:
  a comparison may take in more of them at any time, and its `config.json` does
  not hold them.
  """

  noun = 'comparison'
  again = 'to go on (--architectures, --seeds and --seed may differ)'

  architecture: str | None = setting(
    None, 'never given: the architectures are not part of it', flag=False
  )
  seed: int = setting(
    0,
    'first of the seeds: each decides data order, initial weights and drop '
    'path of a training',
    range=SEED,
  )

  def common(self) -> dict[str, Any]:
    """Returns all values that hold for every training, by name."""
    values = dataclasses.asdict(self)
    del values['architecture'], values['seed']
    return values

  def without_seed(self) -> Recipe:
    """Returns the recipe as a comparison's directory remembers it."""
    return Recipe(**self.common())

  def training(self, seed: int) -> TrainConfig:
    """Returns how one network is trained.

    Raises:
      ConfigError: the seed is out of its range.
    """
    return TrainConfig(**self.common(), seed=seed)

  def changes(self) -> dict[str, Any]:
    """Returns the values that are not the defaults, by name."""
    usual = Recipe().common()
    common = self.common().items()
    return {name: value for name, value in common if value != usual[name]}

  def to_json(self) -> str:
    """Returns what all trainings have in common as text, one value a line."""
    return json.dumps(self.common(), indent=2) + '\n'
