"""Everything that training a final network can be told, as one typed record."""

from __future__ import annotations

import dataclasses
from typing import Any

from nat_tf import architecture_source
from nat_tf import data
from nat_tf import layout
from nat_tf import skeletons
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

SCHEDULES = ('cosine', 'exponential', 'constant')
PRECISIONS = ('float32', 'bfloat16', 'float16')
AUGMENTATIONS = ('none', 'shift', 'resized_crop')


@dataclasses.dataclass(frozen=True)
class TrainConfig(DataSettings):
  """How to train a final network from scratch; the defaults suit `digits`.

  Every field says what it means. The papers' recipes (method, section 6) are in
  `flags/train_*.flags`.
  """

  noun = 'training'

  architecture: str | None = setting(
    None,
    'what to train: a published name, a file of JSON or text, or the text of a '
    'genotype or of a NAS-Bench-201 cell',
  )
  network: str = setting(
    'cifar10',
    'form of the network: for small images, or as for ImageNet',
    choices=skeletons.FORMS,
  )
  cells: int = setting(
    0,
    'number of cells, where one is repeated; 0 for as published',
    range=NOT_NEGATIVE,
  )
  channels: int = setting(
    0,
    'channels of the first cell; scales the widths of a hand-made network; 0 '
    'for as published',
    range=Range(least=0, even=True),
  )
  epochs: int = setting(30, 'passes over the training examples', range=COUNT)
  batch_size: int = setting(
    64, 'images a step, no more than there are', range=COUNT
  )
  learning_rate: float = setting(0.05, 'of SGD, the highest', range=POSITIVE)
  schedule: str = setting(
    'cosine',
    'how the learning rate falls: cosine to 0, or by --rate_decay an epoch',
    choices=SCHEDULES,
  )
  rate_decay: float = setting(
    0.97,
    'what is left of the learning rate after an epoch, where --schedule is '
    'exponential',
    range=SHARE,
  )
  warmup_epochs: int = setting(
    0,
    'epochs in the beginning in which the learning rate rises',
    range=NOT_NEGATIVE,
  )
  momentum: float = setting(0.9, 'of SGD', range=BELOW_ONE)
  weight_decay: float = setting(
    3e-4, 'as if its square were half in the loss', range=NOT_NEGATIVE
  )
  clip_norm: float = setting(
    5.0,
    'longest gradient of all weights together, 0 for any',
    range=NOT_NEGATIVE,
  )
  label_smoothing: float = setting(
    0.0, 'share of a label that goes to all classes', range=BELOW_ONE
  )
  average: float = setting(
    0.0,
    'decay a step of the moving average of the weights that is taken in the '
    'end, 0 for none; it is lower in the first steps. What is reported before '
    'the end is of the weights as they move',
    range=BELOW_ONE,
  )
  drop_path: float = setting(
    0.0,
    'probability in the last epoch with which what an operation adds is left '
    'out; it rises from 0',
    range=BELOW_ONE,
  )
  auxiliary_weight: float = setting(
    0.0,
    'weight of the loss of a second head at two thirds of the depth, 0 for '
    'none',
    range=NOT_NEGATIVE,
  )
  cutout: int = setting(
    0,
    'side in pixels of the square cut out of training images, 0 for none',
    range=NOT_NEGATIVE,
  )
  augmentation: str = setting(
    'shift',
    'how training images are changed: shifted by up to an eighth and mirrored '
    'where that keeps their class, or cut out at random sizes and mirrored '
    '(needs --image_size)',
    choices=AUGMENTATIONS,
  )
  precision: str = setting(
    'float32',
    'what the network computes in; weights and sums stay float32',
    choices=PRECISIONS,
  )
  validation_fraction: float = setting(
    0.1, 'share of the training split that is held out', range=SHARE
  )
  seed: int = setting(
    0, 'decides data order, initial weights and drop path', range=SEED
  )

  def __post_init__(self):
    super().__post_init__()
    if self.augmentation == 'resized_crop' and not self.image_size:
      raise ConfigError(
        '--augmentation=resized_crop needs --image_size, the side in pixels '
        'to which the crops are resized'
      )
    if self.warmup_epochs >= self.epochs:
      raise ConfigError(
        f'--warmup_epochs is {self.warmup_epochs}; it must be below --epochs, '
        f'{self.epochs}'
      )

  @classmethod
  def check_kept(cls, values: dict[str, Any]):
    """See the base class: no file may lead to another one."""
    architecture_source.check_kept(values.get('architecture'))

  def resolved(self) -> Architecture:
    """Returns the architecture that `architecture` describes.

    Raises:
      ArchitectureError: it describes none.
    """
    return architecture_source.resolve(self.architecture or '')

  def data_config(self) -> data.DataConfig:
    """Returns how the data set is read."""
    shifts = self.augmentation == 'shift'
    return data.DataConfig(
      dataset=self.dataset,
      data_dir=self.data_dir,
      batch_size=self.batch_size,
      seed=self.seed,
      weights_fraction=1 - self.validation_fraction,
      candidates_fraction=self.validation_fraction,
      image_size=self.image_size or None,
      crop_padding=None if shifts else 0,
      flip=False if self.augmentation == 'none' else None,
      resized_crops=self.augmentation == 'resized_crop',
      cutout=self.cutout,
    )

  def skeleton(self, architecture: Architecture) -> layout.Skeleton:
    """Returns what an architecture's network looks like.

    Args:
      architecture: what it is made of.

    Raises:
      ConfigError: `cells` was given for a network that has its own.
    """
    skeleton = skeletons.load(architecture.network, self.network)
    if skeleton.blocks and self.cells:
      raise ConfigError(
        f'--cells is {self.cells}, but a {skeleton.name} network has '
        f'{len(skeleton.blocks)} cells of its own; leave it out'
      )
    return skeleton

  def network_config(
    self, architecture: Architecture, info: data.DatasetInfo
  ) -> layout.NetworkConfig:
    """Returns the size of the network.

    Args:
      architecture: what it is made of.
      info: of the images that it classifies.

    Raises:
      ConfigError: see `skeleton`.
    """
    skeleton = self.skeleton(architecture)
    height, width, channels = info.image_shape
    return layout.NetworkConfig(
      len(skeleton.blocks) or self.cells or skeleton.cells or 1,
      self.channels or skeleton.channels,
      (height, width),
      channels,
      info.classes,
      skeleton,
    )
