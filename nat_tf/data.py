"""Images for search and training, all read through TensorFlow Datasets (TFDS).

The training split is divided into three parts that share no example (method,
section 4): `weights` trains the shared weights, `policy` gives the rewards,
`candidates` is held out from both: it chooses between candidates and gives the
accuracies that are reported. The test split is opened by `test_batches` alone.

    raw images --shuffle by (seed, epoch)--> batch --crop, flip by (seed, step)
               --> normalise --cut out by (seed, step)--> prefetch

Where nothing is searched there are no rewards: `weights` and `candidates` may
share all examples.

Every random choice is a function of the seed and of the number of the epoch or
batch, never of a generator's state. So one seed gives the same batches in the
same order, from any batch on (`start`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
import contextlib
import dataclasses
import functools
import math
import re
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from nat_tf import augmentation
from nat_tf import data_preparation
from nat_tf import data_source
from nat_tf import preprocessing

# Fixed, not a setting: accuracies of runs with different seeds are measured on
# the same examples, and what one run of a search held out another one does not
# learn from.
_DIVISION_SEED = 0
# Padding of the random crop: 4 pixels for CIFAR's 32 (method, section 6).
_PIXELS_PER_PADDING = 8
# Colour images whose classes are characters; mirrored they are others. Grey
# data sets are nearly all characters or scans and are not mirrored either.
_CHARACTERS = ('svhn_cropped', 'cmaterdb', 'omniglot')
_TEST_SPLITS = 'test', 'validation'
_STATISTICS_BATCH = 1024
_STREAMED_STATISTICS = 2  # batches that stand for all of a streamed set
_PREFETCH = 2
# What a description of images may say: far above what there is.
_MAX_SIDE, _MAX_CLASSES = 100_000, 100_000

_Batch = tuple[tf.Tensor, tf.Tensor]
_Moments = tuple[tuple[float, ...], tuple[float, ...]]


# What every function here raises.
DataError = data_source.DataError


class Parts(NamedTuple):
  """Something for each part of the training split."""

  weights: Any
  policy: Any
  candidates: Any


@dataclasses.dataclass(frozen=True)
class DataConfig:
  """What to read and how to present it.

  The default division, 40/40/20, is the paper's 40/60 with a third of the 60 %
  held out: the paper chooses candidates on the examples that the policy learned
  from (its public code even on test data), which flatters them.

  Attributes:
    dataset: a TFDS name: `cifar10`, `imagenet_resized/32x32`, `cifar10:3.0.2`.
    data_dir: where it lies or will be prepared; None for TFDS's own directory.
    batch_size: examples a batch, where a method is not told otherwise.
    seed: decides order and augmentation, but not the division into parts.
    weights_fraction: share of the training split for the shared weights.
    candidates_fraction: share of the training split that is held out; what is
      left is for the policy, which may be nothing.
    image_size: side in pixels to which images are cropped and resized; None
      leaves them as they are, which needs images of one size.
    crop_padding: pixels of the random crop's padding in training the weights;
      None for an eighth of the shorter side, 0 for no crop.
    flip: whether to mirror at random in training the weights; None for colour
      images that are not characters.
    resized_crops: whether images for training the weights are random parts of
      the original images, resized, instead of shifted ones; such a set is
      streamed. Needs `image_size`.
    cutout: side in pixels of the square that is cut out of every image in
      training the weights; 0 for none.
    download: whether TFDS may download what is not prepared.
    memory_bytes: decoded images up to this size are kept in memory; larger
      sets are streamed from their files.

  Raises:
    DataError: on construction, when a value is out of its range.
  """

  dataset: str = 'digits'
  data_dir: str | None = None
  batch_size: int = 64
  seed: int = 0
  weights_fraction: float = 0.4
  candidates_fraction: float = 0.2
  image_size: int | None = None
  crop_padding: int | None = None
  flip: bool | None = None
  resized_crops: bool = False
  cutout: int = 0
  download: bool = True
  memory_bytes: int = 2 << 30

  def __post_init__(self) -> None:
    _check_at_least('batch_size', self.batch_size, 1)
    _check_at_least('seed', self.seed, 0)
    _check_at_least('memory_bytes', self.memory_bytes, 0)
    if self.image_size is not None:
      _check_at_least('image_size', self.image_size, 1)
    if self.crop_padding is not None:
      _check_at_least('crop_padding', self.crop_padding, 0)
    _check_at_least('cutout', self.cutout, 0)
    if self.resized_crops and self.image_size is None:
      raise DataError('resized_crops needs an image_size to resize to')
    fractions = self.weights_fraction, self.candidates_fraction
    if not (min(fractions) > 0 and (sum(fractions) < 1 or self.searchless)):
      raise DataError(
        f'weights_fraction {fractions[0]} and candidates_fraction '
        f'{fractions[1]} leave a part without examples; both must be above 0 '
        'and their sum at most 1'
      )

  @property
  def searchless(self) -> bool:
    """Whether no examples are left for the policy."""
    return math.isclose(self.weights_fraction + self.candidates_fraction, 1)


@dataclasses.dataclass(frozen=True)
class DatasetInfo:
  """What one must know of a data set to build networks for it.

  Attributes:
    name: as in the configuration.
    version: of the prepared data, for example `3.0.2`.
    image_shape: height, width, channels.
    label_names: names of the classes.
    examples: number of examples of every part.
    mean: of every channel, of pixels between 0 and 1, of the weights part.
    std: the standard deviation to it.
  """

  name: str
  version: str
  image_shape: tuple[int, int, int]
  label_names: tuple[str, ...]
  examples: Parts
  mean: tuple[float, ...]
  std: tuple[float, ...]

  def to_dict(self) -> dict[str, Any]:
    """Returns what is needed to prepare images, for JSON."""
    return {
      'dataset': self.name,
      'version': self.version,
      'image_shape': self.image_shape,
      'mean': self.mean,
      'std': self.std,
      'label_names': self.label_names,
      'examples': self.examples._asdict(),
    }

  @classmethod
  def from_dict(cls, values: dict[str, Any]) -> DatasetInfo:
    """Reads what `to_dict` gave.

    Raises:
      DataError: a value is missing or of another kind.
    """
    height, width, channels = _several(values, 'image_shape', int, 3)
    for side in (height, width, channels):
      if not 1 <= side <= _MAX_SIDE:
        raise _undescribed('image_shape', f'numbers from 1 to {_MAX_SIDE}')
    std = _several(values, 'std', float, channels)
    if min(std) <= 0:
      raise _undescribed('std', 'above 0')
    names = _several(values, 'label_names', str)
    if not 1 <= len(names) <= _MAX_CLASSES:
      raise _undescribed('label_names', f'1 to {_MAX_CLASSES} texts')
    examples = values.get('examples')
    if not isinstance(examples, dict) or set(examples) != set(Parts._fields):
      raise _undescribed('examples', f'an object of {", ".join(Parts._fields)}')
    counts = {
      name: _several({name: [n]}, name, int)[0] for name, n in examples.items()
    }
    if min(counts.values()) < 0:
      raise _undescribed('examples', '0 or more')
    return cls(
      name=_several({'dataset': [values.get('dataset')]}, 'dataset', str)[0],
      version=_several({'version': [values.get('version')]}, 'version', str)[0],
      image_shape=(height, width, channels),
      label_names=names,
      examples=Parts(**counts),
      mean=_several(values, 'mean', float, channels),
      std=std,
    )

  @property
  def classes(self) -> int:
    """Number of classes."""
    return len(self.label_names)

  @property
  def training_examples(self) -> int:
    """Number of examples of all parts."""
    return sum(self.examples)


class ImageDataset:
  """A data set's batches: plain `tf.data`, every shape static.

  Images are `[batch, height, width, channels]` float32, with mean 0 and
  standard deviation 1 in every channel; labels are `[batch]` int32.

  Attributes:
    info: the `DatasetInfo`.
  """

  def __init__(self, config: DataConfig, split: data_source.Split):
    """Reads the training split; use `load` instead."""
    self._config = config
    self._split = split
    self._parts = divide(split.examples, config)
    self._source = data_source.source(
      split, config.memory_bytes, streams=config.resized_crops
    )
    self._candidates: dict[int, tf.data.Dataset] = {}
    mean, std = self._statistics()
    self.info = DatasetInfo(
      name=config.dataset,
      version=str(split.builder.version),
      image_shape=split.image_shape,
      label_names=split.label_names,
      examples=Parts(*(len(part) for part in self._parts)),
      mean=mean,
      std=std,
    )

  def weights_batches(
    self, batch_size: int | None = None, start: int = 0
  ) -> tf.data.Dataset:
    """Returns augmented batches for training the shared weights, for ever.

    Batches run on over the ends of epochs, so no example is left out.

    Args:
      batch_size: examples a batch; None for the configuration's.
      start: number of the first batch: how many were used before.

    Returns:
      A data set of `(images, labels)`.
    """
    config = self._config
    padding, flip = self._augmentation()
    batches = self._shuffled(
      self._parts.weights,
      _Stream.WEIGHTS,
      batch_size,
      start,
      self._crop if config.resized_crops else None,
    ).enumerate(start)

    @data_source.AS_IT_IS
    def augment(step: tf.Tensor, batch: _Batch) -> _Batch:
      images, labels = batch
      seed = _seed(config.seed, _Stream.AUGMENTATION, step)
      if padding or flip:
        images = augmentation.shifted(images, seed, padding, flip)
      images = self._normalised(images)
      if config.cutout:
        seed = _seed(config.seed, _Stream.CUTOUT, step)
        images = augmentation.cut_out(images, seed, config.cutout)
      return images, labels

    return _ahead(batches.map(augment, num_parallel_calls=tf.data.AUTOTUNE))

  def policy_batches(
    self, batch_size: int | None = None, start: int = 0
  ) -> tf.data.Dataset:
    """Returns batches for rewards, for ever, without augmentation.

    Args:
      batch_size: examples a batch; None for the configuration's.
      start: number of the first batch: how many were used before.

    Returns:
      A data set of `(images, labels)`.
    """
    return self._finished(
      self._shuffled(self._parts.policy, _Stream.POLICY, batch_size, start)
    )

  def candidate_batches(self, batch_size: int | None = None) -> tf.data.Dataset:
    """Returns one pass over the held-out part, always in the same order.

    Args:
      batch_size: examples a batch; None for the configuration's.

    Returns:
      A data set of `(images, labels, weights)`, with weights `[batch]` float32:
      1 for an example, 0 for one that only fills the last batch. Fillers are
      examples of the same part, not blank images: those would spoil the batch's
      statistics in batch normalisation.
    """
    batch_size = self._batch_size(batch_size)
    if batch_size not in self._candidates:
      # One data set: what it keeps in memory it keeps for whoever iterates it.
      self._candidates[batch_size] = self._finished(
        self._source.ordered(self._parts.candidates, batch_size)
      )
    return self._candidates[batch_size]

  def test_batches(self, batch_size: int | None = None) -> tf.data.Dataset:
    """Opens the test split and returns one pass over it.

    Search never calls this. Where there is no test split, or one whose labels
    are kept secret as ImageNet's are, the validation split is meant.

    Args:
      batch_size: examples a batch; None for the configuration's.

    Returns:
      A data set of `(images, labels, weights)`, as `candidate_batches`.

    Raises:
      DataError: there is no such split, or it cannot be read.
    """
    split = self._test_split
    if split is None:
      known = ', '.join(self._split.builder.info.splits)
      raise DataError(
        f'{self.info.name} has no test split with labels; it has {known}'
      )
    source = data_source.source(split, self._config.memory_bytes)
    indices = np.arange(split.examples, dtype=np.int64)
    return self._finished(source.ordered(indices, self._batch_size(batch_size)))

  @contextlib.contextmanager
  def reading(self) -> Iterator[None]:
    """Says in a line that files, which were there before, cannot be read.

    Raises:
      DataError: the block could not read them any more.
    """
    try:
      yield
    except (
      tf.errors.NotFoundError,
      tf.errors.DataLossError,
      tf.errors.PermissionDeniedError,
    ) as error:
      raise self._split.error(error) from error
    except tf.errors.FailedPreconditionError as error:
      if not data_source.is_cut_off(error):
        raise
      raise self._split.error(error) from error

  @property
  def has_test_batches(self) -> bool:
    """Whether there is a split for `test_batches`; reads its first label."""
    return self._test_split is not None

  @functools.cached_property
  def _test_split(self) -> data_source.Split | None:
    """Returns the first split that may be meant and has labels."""
    known = self._split.builder.info.splits
    splits = (
      dataclasses.replace(self._split, name=name)
      for name in _TEST_SPLITS
      if name in known
    )
    return next((one for one in splits if one.labelled()), None)

  def _shuffled(
    self,
    part: np.ndarray,
    stream: int,
    batch_size: int | None,
    start: int,
    crop: Callable[..., tf.Tensor] | None = None,
  ) -> tf.data.Dataset:
    _check_at_least('start', start, 0)
    seeds = functools.partial(_seed, self._config.seed, stream)
    arguments = part, self._batch_size(batch_size), start, seeds
    if isinstance(self._source, data_source.Files):
      return self._source.shuffled(*arguments, crop)
    return self._source.shuffled(*arguments)

  def _crop(self, number: tf.Tensor, image: tf.Tensor) -> tf.Tensor:
    """Returns a random part of the image with this number in the stream."""
    seed = _seed(self._config.seed, _Stream.CROP, number)
    size = self.info.image_shape[0]
    return augmentation.resized_crop(image, seed, size)

  def _batch_size(self, batch_size: int | None) -> int:
    if batch_size is None:
      return self._config.batch_size
    _check_at_least('batch_size', batch_size, 1)
    return batch_size

  def _statistics(self) -> _Moments:
    """Returns mean and standard deviation of every channel, pixels in 0..1."""
    batches = self._source.ordered(self._parts.weights, _STATISTICS_BATCH)
    if isinstance(self._source, data_source.Files):
      batches = batches.take(_STREAMED_STATISTICS)
    try:
      return _moments(batches.as_numpy_iterator())
    except tf.errors.OpError as error:
      raise self._split.error(error) from error

  def _augmentation(self) -> tuple[int, bool]:
    """Returns padding of the random crop, and whether to flip."""
    config, shape = self._config, self.info.image_shape
    padding, flip = config.crop_padding, config.flip
    if config.resized_crops:
      padding = 0  # What a shift is for, such crops do as well.
    if padding is None:
      padding = min(shape[:2]) // _PIXELS_PER_PADDING
    if flip is None:
      base_name = re.split('[/:]', config.dataset)[0]
      flip = shape[2] == 3 and base_name not in _CHARACTERS
    return padding, flip

  def _finished(self, batches: tf.data.Dataset) -> tf.data.Dataset:
    """Normalises the images of raw batches, ahead of their use."""

    @data_source.AS_IT_IS
    def normalised(images: tf.Tensor, *rest: tf.Tensor) -> tuple:
      return self._normalised(images), *rest

    return _ahead(batches.map(normalised))

  def _normalised(self, images: tf.Tensor) -> tf.Tensor:
    """Returns images with mean 0 and standard deviation 1, float32."""
    return preprocessing.normalise(images, self.info.mean, self.info.std)


def check(config: DataConfig):
  """Prepares a data set where that is needed, and reads nothing of it.

  Args:
    config: what to read.

  Raises:
    DataError: see `load`; what shows in reading only does not show here.
  """
  data_preparation.training_split(
    config.dataset, config.data_dir, config.download, config.image_size
  )


def load(config: DataConfig) -> ImageDataset:
  """Opens a data set and reads its training split, no other.

  Args:
    config: what to read.

  Returns:
    The data set; small ones are in memory then.

  Raises:
    DataError: the name is unknown, the data is not there, cannot be read or is
      not for image classification.
  """
  split = data_preparation.training_split(
    config.dataset, config.data_dir, config.download, config.image_size
  )
  return ImageDataset(config, split)


def divide(examples: int, config: DataConfig) -> Parts:
  """Divides the training split into its parts.

  A fixed permutation decides, so neither the order of the files (by class, say)
  nor seed, batch size or memory change what is in a part.

  Args:
    examples: number of examples of the training split.
    config: its two fractions are used.

  Returns:
    For every part the positions of its examples in the split, shuffled.

  Raises:
    DataError: a part would be empty.
  """
  # RandomState's stream is frozen for ever; that of Generator is not.
  order = np.random.RandomState(_DIVISION_SEED).permutation(examples)
  candidates = round(examples * config.candidates_fraction)
  weights = round(examples * config.weights_fraction)
  if config.searchless:
    weights = examples - candidates
  parts = Parts(*np.split(order, [weights, examples - candidates]))
  needed = parts._replace(policy=order) if config.searchless else parts
  if not all(len(part) for part in needed):
    raise DataError(
      f'{config.dataset} has {examples} training examples, too few for the '
      f'parts with the fractions {config.weights_fraction} and '
      f'{config.candidates_fraction}'
    )
  return parts


class _Stream:
  """Numbers that keep the random streams of one seed apart."""

  WEIGHTS = 0
  POLICY = 1
  AUGMENTATION = 2
  CROP = 3
  CUTOUT = 4


def _seed(seed: int, stream: int, step: tf.Tensor) -> tf.Tensor:
  """Returns the stateless seed `[2]` of one epoch or batch of a stream."""
  root = tf.constant([seed, stream], tf.int64)
  return tf.random.experimental.stateless_fold_in(root, step)


def _check_at_least(name: str, value: Any, least: int) -> None:
  if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
    raise DataError(f'{name} is {value!r}; it must be an integer')
  if value < least:
    raise DataError(f'{name} is {value}; it must be {least} or more')


def _moments(
  batches: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]],
) -> _Moments:
  """Returns mean and standard deviation of every channel, pixels in 0..1.

  Args:
    batches: images `[batch, h, w, c]` uint8, labels, weights `[batch]`.
  """
  count, total, squares = 0, np.zeros([]), np.zeros([])
  for images, _, weights in batches:
    pixels = images[weights > 0].reshape(-1, images.shape[-1])
    count += len(pixels)
    total = total + pixels.sum(0, dtype=np.int64)
    squares = squares + np.square(pixels, dtype=np.int64).sum(0)
  mean = total / count
  # Images of one colour have no deviation to divide by.
  std = np.sqrt(np.maximum(squares / count - mean**2, 1))
  return tuple((mean / 255).tolist()), tuple((std / 255).tolist())


def _ahead(batches: tf.data.Dataset) -> tf.data.Dataset:
  """Makes batches ready ahead of their use, in a fixed order."""
  options = tf.data.Options()
  options.deterministic = True
  # The cores belong to the network; an operation here is small anyway.
  options.threading.max_intra_op_parallelism = 1
  return batches.prefetch(_PREFETCH).with_options(options)


def _several(
  values: dict[str, Any], name: str, kind: type, count: int | None = None
) -> tuple[Any, ...]:
  """Returns the entries of a list in a description of images.

  Args:
    values: the description.
    name: of the list.
    kind: of its entries; whole numbers are floats, too.
    count: how many there must be.

  Raises:
    DataError: it is something else.
  """
  found = values.get(name)
  kinds = (int, float) if kind is float else (kind,)
  if (
    not isinstance(found, (list, tuple))
    or (count is not None and len(found) != count)
    or not all(type(entry) in kinds for entry in found)
    or (kind is not str and not all(abs(entry) < 2**63 for entry in found))
  ):
    number = '' if count is None else f'{count} '
    raise _undescribed(name, f'{number}values of type {kind.__name__}')
  return tuple(kind(entry) for entry in found)


def _undescribed(name: str, wanted: str) -> DataError:
  return DataError(f'no description of images: {name} must be {wanted}')
