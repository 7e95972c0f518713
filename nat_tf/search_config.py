"""Everything that a search can be told, as one typed record."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from nat_tf import agent
from nat_tf import architecture_source
from nat_tf import data
from nat_tf import enumeration
from nat_tf import layout
from nat_tf import policy
from nat_tf import reward
from nat_tf import skeletons
from nat_tf import spaces
from nat_tf import transitions
from nat_tf.architecture import Architecture
from nat_tf.data_settings import DataSettings
from nat_tf.setting import BELOW_ONE
from nat_tf.setting import COUNT
from nat_tf.setting import NOT_NEGATIVE
from nat_tf.setting import POSITIVE
from nat_tf.setting import SEED
from nat_tf.setting import SHARE
from nat_tf.setting import ConfigError
from nat_tf.setting import Range
from nat_tf.setting import setting

# What is transformed where nothing is named.
DEFAULT = 'darts'

# The space of what one architecture may become.
ONE = 'one'

# How many changes the weights of such a space see at most on average, and a
# policy that has learned nothing makes half of.
_CHANGES = 8

# Edges of a pair of DARTS's cells, for which --entropy is meant.
_USUAL_EDGES = 16

_CHANNELS = Range(least=2, even=True)

# Cells of the smallest network that has one before, between and after both
# reductions.
_ALL_STAGES = 5

# Of n images a class chance alone gives about 1 / n (separation.py).
_IMAGES_A_CLASS = 4


@dataclasses.dataclass(frozen=True)
class SearchConfig(DataSettings):
  """How to learn a transformer; the defaults are those of the digits run.

  Every field says what it means. The paper's values are in
  `flags/search_cifar10.flags`.
  """

  noun = 'search'
  # Before there were samples, every architecture was transformed once; before
  # there were shards, a batch was normalised as a whole; before there was a
  # choice of rewards, it was the paper's.
  formerly = {'policy_samples': 1, 'shards': 1, 'reward': 'accuracy'}

  space: str = setting(
    'micro',
    'architectures that are learned on; `one` is what --architecture may '
    'become, and the default where that is given',
    choices=(*spaces.SPACES, ONE),
  )
  architecture: str | None = setting(
    None,
    'the one architecture of --space=one, or else what to transform in the end '
    '(default: darts): a published name, a file of JSON or text, or the text '
    'of a genotype or of a NAS-Bench-201 cell',
  )
  network: str = setting(
    'cifar10',
    'form of the networks: for small images, or as for ImageNet',
    choices=skeletons.FORMS,
  )
  transitions: str = setting(
    'nat',
    'rules that say which operation may become which',
    choices=transitions.TRANSITIONS,
  )
  policy: str = setting('edges', 'policy that learns', choices=policy.POLICIES)
  seed: int = setting(
    0, 'decides data order, initial weights and samples', range=SEED
  )
  epochs: int = setting(40, 'passes of Algorithm 1', range=COUNT)
  weights_steps: int = setting(
    80,
    'weight steps an epoch, 0 for one pass over the weights part of the data',
    range=NOT_NEGATIVE,
  )
  policy_steps: int = setting(
    10,
    'policy steps an epoch, 0 for one pass over the policy part of the data',
    range=NOT_NEGATIVE,
  )
  warmup: int = setting(
    0,
    'epochs in the beginning that train the weights alone',
    range=NOT_NEGATIVE,
  )
  batch_size: int = setting(64, 'images a step', range=COUNT)
  shards: int = setting(
    0,
    'equal parts of a batch that batch norm normalises by themselves, which '
    'decides what is learned; a multiple of the number of devices, which then '
    'does not; 0 for as many as there are devices',
    range=NOT_NEGATIVE,
  )
  reward_images: int = setting(
    0,
    'images that the rewards of a policy step are measured on, 0 for as many '
    'as a weight step takes',
    range=NOT_NEGATIVE,
  )
  cells: int = setting(
    3,
    'cells of the super network; a hand-made network has its own number',
    range=COUNT,
  )
  channels: int = setting(
    8,
    'channels of the super network in its first cell; a hand-made network is '
    'scaled to it',
    range=_CHANNELS,
  )
  reward_cells: int = setting(
    0,
    'cells of a second network of the same weights, which passes the cells of '
    'a stage of the super network more than once, so more than --cells; '
    'rewards are measured by turns in both, and candidates compared by their '
    'mean; 0 for the super network alone; only where every cell takes what it '
    'reads as it is',
    range=NOT_NEGATIVE,
  )
  weights_learning_rate: float = setting(
    0.05, 'learning rate of the shared weights (SGD)', range=POSITIVE
  )
  weights_momentum: float = setting(
    0.9, 'momentum of the shared weights (SGD)', range=BELOW_ONE
  )
  weights_decay: float = setting(
    3e-4, 'L2 penalty of the shared weights', range=NOT_NEGATIVE
  )
  weights_clip_norm: float = setting(
    5.0, "largest norm of the shared weights' gradients", range=POSITIVE
  )
  weights_odds: float = setting(
    1.0,
    'how many times likelier a weight step draws an operation that has weights '
    'than one that has none',
    range=POSITIVE,
  )
  policy_batch: int = setting(
    8, 'architectures a policy step transforms', range=COUNT
  )
  policy_samples: int = setting(
    2,
    'transformations of each of them, which are compared with one another; 1: '
    "with the rewards' moving average",
    range=COUNT,
  )
  reward: str = setting(
    'accuracy',
    'what a transformation is to raise: the accuracy with shared weights, or '
    'the separation of the classes before the last layer, which also chooses '
    f'among candidates and asks for {_IMAGES_A_CLASS} images of a class on '
    'average in the rewards',
    choices=reward.GAINED,
  )
  policy_learning_rate: float = setting(
    1e-3, 'learning rate of the policy (Adam)', range=POSITIVE
  )
  policy_decay: float = setting(
    5e-4, "L2 penalty of the policy's weights", range=NOT_NEGATIVE
  )
  anneal: bool = setting(
    True,
    'lets both learning rates fall to 0 by half a cosine, and the weight of '
    "the policy's entropy to 0 at 80 % of the search",
  )
  entropy: float = setting(
    0.03,
    "weight of the policy's entropy (in nats) beside the reward, lambda",
    range=NOT_NEGATIVE,
  )
  policy_prior: float = setting(
    0.0,
    "weight of the policy's log probability (in nats) beside what candidates "
    'score with shared weights, when the best of them is chosen; 0: the score '
    'alone',
    range=NOT_NEGATIVE,
  )
  baseline_decay: float = setting(
    0.9, "share that the reward's moving average keeps a step", range=BELOW_ONE
  )
  weights_fraction: float = setting(
    0.4, 'share of the training split that trains the weights', range=SHARE
  )
  candidates_fraction: float = setting(
    0.2,
    'share of the training split held out to choose candidates (what the two '
    'shares leave is for the policy)',
    range=SHARE,
  )
  held_out: int = setting(
    0,
    'architectures that the policy never learns from, so that //nat_tf:ranking '
    'can judge it by them; only in a space that can be enumerated',
    range=NOT_NEGATIVE,
  )
  final_cells: int = setting(
    0,
    'cells of the final network, for which costs are counted, 0 for as many as '
    'are usual (20 on small images, 14 as for ImageNet)',
    range=NOT_NEGATIVE,
  )
  final_channels: int = setting(
    0,
    'channels of the final network in its first cell, 0 for as many as are '
    'usual (36, 48; a hand-made network has its own)',
    range=Range(least=0, even=True),
  )

  def __post_init__(self):
    super().__post_init__()
    if self.warmup >= self.epochs:
      raise ConfigError(
        f'--warmup is {self.warmup} and --epochs {self.epochs}; the policy '
        'learns in the epochs after the warm-up and needs one at least'
      )
    if self.space == ONE and self.architecture is None:
      raise ConfigError(
        '--space is one, but --architecture does not say which one'
      )
    if self.space == ONE and self.policy_prior:
      raise ConfigError(
        f'--policy_prior is {self.policy_prior}, but a policy of --space=one '
        'leans to the one architecture before it has learned anything; give 0'
      )
    if self.reward_cells:
      self._check_deeper()
    if not self.held_out:
      return
    try:
      count = enumeration.count(self.search_space())
    except ValueError as error:
      raise ConfigError(f'--held_out is {self.held_out}, but {error}') from None
    if self.held_out >= count:
      raise ConfigError(
        f'--held_out is {self.held_out}; the {self.space} space has only '
        f'{count} architectures, and the policy needs some to learn from'
      )

  def _check_deeper(self):
    """Checks that the second network of the rewards can have those weights.

    Raises:
      ConfigError: it cannot.
    """
    skeleton, value = self.skeleton(), f'--reward_cells is {self.reward_cells}'
    if skeleton.blocks or skeleton.prepares:
      raise ConfigError(
        f'{value}, but in a {skeleton.name} network no cell can stand in two '
        'places, for every place has weights of its own; give 0'
      )
    if self.cells < _ALL_STAGES:
      raise ConfigError(
        f'{value}, but a network of --cells={self.cells} has no cell in some '
        f'stage of it; give --cells={_ALL_STAGES} or more and a higher '
        '--reward_cells, or --reward_cells=0'
      )
    if self.reward_cells <= self.cells:
      raise ConfigError(
        f'{value}; it must be above --cells, which is {self.cells}, or 0'
      )

  @classmethod
  def check_kept(cls, values: dict[str, Any]):
    """See the base class: no file may lead to another one."""
    architecture_source.check_kept(values.get('architecture'))

  def on_devices(self, count: int, flag: str = '') -> SearchConfig:
    """Returns the configuration with the shards that so many devices take.

    Args:
      count: of devices.
      flag: the one that says how many there are, for messages; empty for none.

    Raises:
      ConfigError: batch, shards and devices do not divide one another.
    """
    shards = self.shards or count
    if shards % count:
      raise ConfigError(
        f'--shards is {shards}, but there are {count} devices; give a multiple '
        f'of {count}'
      )
    if self.batch_size % shards:
      near = shards * max(1, round(self.batch_size / shards))
      if not self.shards:
        other = f', or another {flag}' if flag else ''
        raise ConfigError(
          f'--batch_size is {self.batch_size}, which is no multiple of the '
          f'{count} devices; give {near}{other}'
        )
      raise ConfigError(
        f'--batch_size is {self.batch_size}, which is no multiple of the '
        f'{shards} shards that it is divided into; give {near}, or other '
        '--shards'
      )
    return dataclasses.replace(self, shards=shards)

  def resolved(self, devices: int = 1) -> dict[str, Any]:
    """Returns what stands where nothing was said, but is not the default.

    Args:
      devices: number of devices.
    """
    space = {} if self.architecture is None else {'space': ONE}
    return {'shards': devices, **space}

  def images_of_rewards(self) -> int:
    """Returns how many images the rewards of a policy step are measured on."""
    return self.reward_images or self.batch_size

  def check_reward(self, classes: int):
    """Checks that the rewards see enough images for what is to be raised.

    Args:
      classes: of the data set.

    Raises:
      ConfigError: it is the separation, and they are too few.
    """
    images = self.images_of_rewards()
    least = _IMAGES_A_CLASS * classes
    if self.reward == 'separation' and images < least:
      raise ConfigError(
        f'--reward is separation, but the rewards of {classes} classes are '
        f'measured on {images} images; give --reward_images={least} or more, '
        'or --reward=accuracy'
      )

  def held_out_codes(self) -> np.ndarray:
    """Returns the codes of what is held out, `[held_out]`."""
    return self._shuffled_codes()[: self.held_out]

  def learned_codes(self) -> np.ndarray:
    """Returns the codes of all others; only where some are held out."""
    return self._shuffled_codes()[self.held_out :]

  def _shuffled_codes(self) -> np.ndarray:
    count = enumeration.count(self.search_space())
    return np.random.default_rng(self.seed).permutation(count)

  def search_space(self) -> spaces.Space:
    """Returns the space that `space` names."""
    if self.space != ONE:
      return spaces.SPACES[self.space]
    return spaces.around(ONE, self.one(), self.transitions)

  def one(self) -> Architecture:
    """Returns the architecture that `architecture` describes.

    Raises:
      ArchitectureError: it describes none.
    """
    return architecture_source.resolve(self.architecture or '')

  def skeleton(self) -> layout.Skeleton:
    """Returns what the networks of the space look like."""
    return skeletons.load(self.search_space().network, self.network)

  def change_rate(self) -> float:
    """Returns at which rate the edges of one architecture change at most."""
    return min(1.0, _CHANGES / self._edges())

  def _edges(self) -> int:
    """Returns the number of edges of the one architecture."""
    return sum(1 for _ in self.one().edges())

  def stay(self) -> float:
    """Returns how much a policy leans to what an edge carries already."""
    if self.space != ONE:
      return 0.0
    changed = self.change_rate() / 2
    return math.log((1.0 - changed) / changed)

  def data_config(self, data_dir: str | None = None) -> data.DataConfig:
    """Returns how the data set is read.

    Args:
      data_dir: where it lies now; None for where the search found it.

    Raises:
      ConfigError: no examples are left for the policy.
      DataError: a part would be empty.
    """
    config = data.DataConfig(
      dataset=self.dataset,
      data_dir=data_dir or self.data_dir,
      batch_size=self.batch_size,
      seed=self.seed,
      image_size=self.image_size or None,
      weights_fraction=self.weights_fraction,
      candidates_fraction=self.candidates_fraction,
    )
    if config.searchless:
      raise ConfigError(
        f'--weights_fraction={self.weights_fraction} and '
        f'--candidates_fraction={self.candidates_fraction} leave no examples '
        'for the policy; their sum must be below 1'
      )
    return config

  def agent_config(self, steps: int) -> agent.AgentConfig:
    """Returns how the policy is trained.

    Args:
      steps: policy steps of the whole search.
    """
    rate, entropy = self.policy_learning_rate, self.entropy
    if self.space == ONE:
      # It is a sum over the edges, of which a network has many; what an edge
      # weighs should not depend on how many others there are.
      entropy *= min(1.0, _USUAL_EDGES / self._edges())
    if self.anneal:
      learning_rate = agent.Schedule(rate, 0.0, steps, 'cosine')
      entropy_weight = agent.Schedule(entropy, 0.0, max(1, 8 * steps // 10))
    else:
      learning_rate = agent.Schedule(rate)
      entropy_weight = agent.Schedule(entropy)
    return agent.AgentConfig(
      learning_rate=learning_rate,
      weight_decay=self.policy_decay,
      entropy=entropy_weight,
      baseline_decay=self.baseline_decay,
      samples=self.policy_samples,
      baseline='others' if self.policy_samples > 1 else 'average',
    )
