"""Images for the search, all of them read through TensorFlow Datasets (TFDS).

The training split is divided into three parts that share no example (method,
section 4): `weights` trains the shared weights, `policy` gives the rewards,
`candidates` is held out from both: it chooses between candidates and gives the
accuracies that are reported. The test split is opened by `test_batches` alone.

    raw images --shuffle by (seed, epoch)--> batch --crop, flip by (seed, step)
               --> normalise --> prefetch

Every random choice is a function of the seed and of the number of the epoch or
batch, never of a generator's state. So one seed gives the same batches in the
same order, from any batch on (`start`).
"""

from __future__ import annotations

import atexit
from collections.abc import Callable, Iterable, Iterator
import contextlib
import dataclasses
import difflib
import functools
import http.client
import io
import logging
import os
import re
import shutil
import tempfile
from typing import Any, NamedTuple
import urllib.error
import urllib.request

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from nat_tf import digits
from nat_tf import input_error

# Fixed, not a setting: accuracies of runs with different seeds are measured on
# the same examples, and nobody's held-out examples are in anybody's training.
_DIVISION_SEED = 0
# Padding of the random crop: 4 pixels for CIFAR's 32 (method, section 6).
_PIXELS_PER_PADDING = 8
# Colour images whose classes are characters; mirrored they are others. Grey
# data sets are nearly all characters or scans and are not mirrored either.
_CHARACTERS = ('svhn_cropped', 'cmaterdb', 'omniglot')
_STREAMED_STATISTICS = 2  # batches of _LOAD_BATCH that stand for all
_STREAMED_SHUFFLE = 4096  # encoded examples: 450 MB of ImageNet
_LOAD_BATCH = 1024
_PREFETCH = 2
_PROBE_SECONDS = 5
_DATASET_NAME = re.compile(r'\w+(/[\w.\-]+)?(:[\d*]+\.[\d*]+\.[\d*]+)?')
_SHARD_AND_INDEX = r'.*-(\d+)-of-\d+.*__(\d+)$'

_Batch = tuple[tf.Tensor, tf.Tensor]
_Moments = tuple[tuple[float, ...], tuple[float, ...]]


class DataError(input_error.InputError):
  """A data set cannot be used; the message says why in one line."""


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
      left is for the policy.
    image_size: side in pixels to which images are cropped and resized; None
      leaves them as they are, which needs images of one size.
    crop_padding: pixels of the random crop's padding in training the weights;
      None for an eighth of the shorter side, 0 for no crop.
    flip: whether to mirror at random in training the weights; None for colour
      images that are not characters.
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
    fractions = self.weights_fraction, self.candidates_fraction
    if not (min(fractions) > 0 and sum(fractions) < 1):
      raise DataError(
        f'weights_fraction {fractions[0]} and candidates_fraction '
        f'{fractions[1]} leave a part without examples; both must be above 0 '
        'and their sum below 1'
      )


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

  def __init__(self, config: DataConfig, split: _Split):
    """Reads the training split; use `load` instead."""
    self._config = config
    self._split = split
    self._parts = divide(split.examples, config)
    self._source = _source(split, config)
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
    padding, flip = self._augmentation()

    def augment(step: tf.Tensor, batch: _Batch) -> _Batch:
      images, labels = batch
      seed = _seed(self._config.seed, _Stream.AUGMENTATION, step)
      return _augmented(images, seed, padding, flip), labels

    batches = self._shuffled(
      self._parts.weights, _Stream.WEIGHTS, batch_size, start
    )
    if padding or flip:
      batches = batches.enumerate(start).map(augment)
    return self._finished(batches)

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
    return self._finished(
      self._source.ordered(self._parts.candidates, batch_size)
    )

  def test_batches(self, batch_size: int | None = None) -> tf.data.Dataset:
    """Opens the test split and returns one pass over it.

    Search never calls this. Where there is no test split, the validation split
    is meant.

    Args:
      batch_size: examples a batch; None for the configuration's.

    Returns:
      A data set of `(images, labels, weights)`, as `candidate_batches`.

    Raises:
      DataError: there is no such split, or it cannot be read.
    """
    splits = self._split.builder.info.splits
    name = 'test' if 'test' in splits else 'validation'
    split = dataclasses.replace(self._split, name=name)
    source = _source(split, self._config)
    indices = np.arange(split.examples, dtype=np.int64)
    return self._finished(source.ordered(indices, self._batch_size(batch_size)))

  def _shuffled(
    self, part: np.ndarray, stream: int, batch_size: int | None, start: int
  ) -> tf.data.Dataset:
    _check_at_least('start', start, 0)
    seeds = functools.partial(_seed, self._config.seed, stream)
    return self._source.shuffled(
      part, self._batch_size(batch_size), start, seeds
    )

  def _batch_size(self, batch_size: int | None) -> int:
    if batch_size is None:
      return self._config.batch_size
    _check_at_least('batch_size', batch_size, 1)
    return batch_size

  def _statistics(self) -> _Moments:
    """Returns mean and standard deviation of every channel, pixels in 0..1."""
    batches = self._source.ordered(self._parts.weights, _LOAD_BATCH)
    if isinstance(self._source, _Files):
      batches = batches.take(_STREAMED_STATISTICS)
    try:
      return _moments(batches.as_numpy_iterator())
    except tf.errors.OpError as error:
      raise self._split.error(error) from error

  def _augmentation(self) -> tuple[int, bool]:
    """Returns padding of the random crop, and whether to flip."""
    config, shape = self._config, self.info.image_shape
    padding, flip = config.crop_padding, config.flip
    if padding is None:
      padding = min(shape[:2]) // _PIXELS_PER_PADDING
    if flip is None:
      base_name = re.split('[/:]', config.dataset)[0]
      flip = shape[2] == 3 and base_name not in _CHARACTERS
    return padding, flip

  def _finished(self, batches: tf.data.Dataset) -> tf.data.Dataset:
    """Normalises the images of raw batches, ahead of their use."""
    std = np.array(self.info.std, np.float32)
    scale = 1 / (255 * std)
    offset = -np.array(self.info.mean, np.float32) / std

    def normalise(images: tf.Tensor, *rest: tf.Tensor) -> tuple:
      return (tf.cast(images, tf.float32) * scale + offset, *rest)

    options = tf.data.Options()
    options.deterministic = True
    # The cores belong to the network; an operation here is small anyway.
    options.threading.max_intra_op_parallelism = 1
    return batches.map(normalise).prefetch(_PREFETCH).with_options(options)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
  """Silences what TFDS logs of its own doings; errors are raised anyway."""
  loggers = tf.get_logger(), logging.getLogger('absl')
  levels = [logger.level for logger in loggers]
  for logger in loggers:
    logger.setLevel(logging.ERROR)
  try:
    yield
  finally:
    for logger, level in zip(loggers, levels):
      logger.setLevel(level)


@_quiet()
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
  _check_data_dir(config)
  builder = _open_builder(config)
  # Before the download: it would be in vain for data of another kind.
  image_key, label_key = _feature_keys(builder, config)
  shape = _image_shape(builder.info.features[image_key], config)
  builder = _prepared(builder, config)
  split = _Split(builder, 'train', image_key, label_key, shape)
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
  weights = round(examples * config.weights_fraction)
  candidates = round(examples * config.candidates_fraction)
  parts = Parts(*np.split(order, [weights, examples - candidates]))
  if not all(len(part) for part in parts):
    raise DataError(
      f'{config.dataset} has {examples} training examples, too few for three '
      f'parts with the fractions {config.weights_fraction} and '
      f'{config.candidates_fraction}'
    )
  return parts


class _Stream:
  """Numbers that keep the random streams of one seed apart."""

  WEIGHTS = 0
  POLICY = 1
  AUGMENTATION = 2


def _seed(seed: int, stream: int, step: tf.Tensor) -> tf.Tensor:
  """Returns the stateless seed `[2]` of one epoch or batch of a stream."""
  root = tf.constant([seed, stream], tf.int64)
  return tf.random.experimental.stateless_fold_in(root, step)


def _check_at_least(name: str, value: Any, least: int) -> None:
  if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
    raise DataError(f'{name} is {value!r}; it must be an integer')
  if value < least:
    raise DataError(f'{name} is {value}; it must be {least} or more')


# Opening: from a name to a prepared TFDS builder.


def _check_data_dir(config: DataConfig) -> None:
  directory = config.data_dir
  if directory is not None and not tf.io.gfile.isdir(directory):
    raise DataError(
      f'data directory {directory} does not exist; give the one that holds '
      f'{config.dataset}, or create it to have {config.dataset} prepared there'
    )


def _open_builder(config: DataConfig) -> tfds.core.DatasetBuilder:
  """Returns the builder of a name, prepared or not, without a network."""
  name = config.dataset
  if not _DATASET_NAME.fullmatch(name):
    raise DataError(
      f'{name!r} is no name of a data set; names look like cifar10, '
      'imagenet_resized/32x32 or cifar10:3.0.2'
    )
  try:
    builder = tfds.builder(name, data_dir=config.data_dir)
  except tfds.core.DatasetNotFoundError:
    raise DataError(_unknown(name)) from None
  except Exception as error:  # TFDS and its builders raise all kinds.
    raise DataError(f'cannot open {name}: {_line(error)}') from error
  if not builder.info.splits and ':' not in name:
    # Data prepared by another version of TFDS is as good.
    with contextlib.suppress(Exception):
      builder = tfds.builder(f'{name}:*.*.*', data_dir=config.data_dir)
  return builder


def _unknown(name: str) -> str:
  base_name = re.split('[/:]', name)[0].lower()
  known = tfds.list_builders(with_community_datasets=False)
  close = difflib.get_close_matches(base_name, known)
  hint = 'give the TFDS name of images with classes, for example cifar10'
  if close:
    hint = f'did you mean {", ".join(close)}?'
  return f'unknown data set {name!r}; {hint}'


def _feature_keys(
  builder: tfds.core.DatasetBuilder, config: DataConfig
) -> tuple[str, str]:
  """Returns the names of the image and of the label among the features."""
  features = builder.info.features
  keys = builder.info.supervised_keys or ('image', 'label')
  if not (
    isinstance(features, tfds.features.FeaturesDict)
    and len(keys) == 2
    and all(isinstance(key, str) and key in features for key in keys)
    and isinstance(features[keys[0]], tfds.features.Image)
    and isinstance(features[keys[1]], tfds.features.ClassLabel)
    and features[keys[0]].np_dtype == np.uint8
    and features[keys[1]].num_classes
  ):
    raise DataError(
      f'{config.dataset} is not for image classification: examples must have '
      'an image of 8 bits a channel and one class label, but have '
      f'{", ".join(features)}'
    )
  return keys


def _image_shape(
  feature: tfds.features.Image, config: DataConfig
) -> tuple[int, int, int]:
  """Returns height, width and channels that all images will have."""
  height, width, channels = feature.shape
  if channels is None:
    raise DataError(
      f'the images of {config.dataset} differ in their number of channels; '
      'they must have one number'
    )
  if config.image_size is not None:
    return config.image_size, config.image_size, channels
  if height is None or width is None:
    raise DataError(
      f'the images of {config.dataset} differ in size; give an image_size to '
      'bring them to, for example 64'
    )
  return height, width, channels


def _prepared(
  builder: tfds.core.DatasetBuilder, config: DataConfig
) -> tfds.core.DatasetBuilder:
  """Returns the builder, or one like it, with data that can be read."""
  if not builder.info.splits:
    if isinstance(builder, digits.Digits):
      builder = _prepared_digits(builder, config)
    else:
      _download(builder, config)
  if 'train' not in builder.info.splits:
    raise DataError(
      f'{config.dataset} has no train split; it has '
      f'{", ".join(builder.info.splits)}'
    )
  return builder


def _prepared_digits(
  builder: digits.Digits, config: DataConfig
) -> tfds.core.DatasetBuilder:
  """Prepares the digits, which takes a second and no network."""
  try:
    return _generated(builder)
  except Exception as error:  # TFDS makes a full disk a RuntimeError.
    # Another process may have been faster.
    builder = tfds.builder('digits', data_dir=config.data_dir)
    if builder.info.splits:
      return builder
    if config.data_dir is not None:
      raise DataError(
        f'cannot prepare digits in {config.data_dir}: {_line(error)}; give a '
        'data_dir that can be written, or none'
      ) from error
  return _generated(tfds.builder('digits', data_dir=_temporary_directory()))


def _generated(builder: tfds.core.DatasetBuilder) -> tfds.core.DatasetBuilder:
  """Prepares without the announcement of a download, which there is not."""
  quiet = io.StringIO()
  with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
    builder.download_and_prepare()
  return builder


@functools.cache
def _temporary_directory() -> str:
  """Returns a directory of this process, for homes that cannot be written."""
  directory = tempfile.mkdtemp(prefix='nat_tf-')
  atexit.register(shutil.rmtree, directory, ignore_errors=True)
  return directory


def _download(builder: tfds.core.DatasetBuilder, config: DataConfig) -> None:
  """Downloads and prepares; refuses quickly where that is bound to fail."""
  name, directory = config.dataset, builder.data_dir_root
  missing = f'{name} is not prepared in {directory}'
  prepare = f'`tfds build {name} --data_dir={directory}`'
  if not config.download:
    raise DataError(f'{missing}; prepare it with {prepare}')
  manual = os.path.join(directory, 'downloads', 'manual')
  if builder.MANUAL_DOWNLOAD_INSTRUCTIONS and not _is_filled(manual):
    raise DataError(
      f'{missing} and cannot be downloaded without you: put its files into '
      f'{manual} as https://www.tensorflow.org/datasets/catalog/{builder.name} '
      f'says, then run {prepare}'
    )
  # TFDS itself would go on trying for minutes.
  reason = _unreachable(next(iter(builder.url_infos or {}), ''))
  if reason:
    raise DataError(
      f'{missing} and cannot be downloaded ({reason}); prepare it where there '
      f'is a network, with {prepare}'
    )
  try:
    builder.download_and_prepare()
  except Exception as error:  # TFDS and its builders raise all kinds.
    raise DataError(
      f'{missing} and preparing it failed: {_line(error)}; to see more, run '
      f'{prepare}'
    ) from error


def _is_filled(directory: str) -> bool:
  return tf.io.gfile.isdir(directory) and bool(tf.io.gfile.listdir(directory))


def _unreachable(url: str) -> str:
  """Returns why the host of an address does not answer; empty if it does."""
  if not url.startswith('http'):
    return ''
  request = urllib.request.Request(url, method='HEAD')
  try:
    with urllib.request.urlopen(request, timeout=_PROBE_SECONDS):
      return ''
  except (urllib.error.HTTPError, http.client.HTTPException):
    return ''  # It answers; whether it has the file is for TFDS to find out.
  except OSError as error:
    return f'{request.host}: {_line(getattr(error, "reason", error))}'


def _line(error: Exception) -> str:
  """Returns an error's message in one line of bearable length."""
  text = getattr(error, 'message', None) or str(error)
  # Leave out which graph's node it was, and which builder's arguments.
  text = re.sub(r'\{\{.*?\}\}|\[Op:\w+\]|^Failed .*?\}": ', '', text)
  return ' '.join(text.split())[:200] or type(error).__name__


# Reading: from a prepared builder to raw batches.


@dataclasses.dataclass(frozen=True)
class _Split:
  """One split of a prepared data set; nothing is read before it is asked for.

  Attributes:
    builder: the prepared TFDS builder.
    name: `train`, `test` or `validation`.
    image_key: the feature that holds the image.
    label_key: the feature that holds the class.
    image_shape: height, width and channels to bring images to.
  """

  builder: tfds.core.DatasetBuilder
  name: str
  image_key: str
  label_key: str
  image_shape: tuple[int, int, int]

  @property
  def examples(self) -> int:
    """Number of examples."""
    return self._info.num_examples

  @property
  def label_names(self) -> tuple[str, ...]:
    """Names of the classes."""
    return tuple(self.builder.info.features[self.label_key].names)

  @property
  def _info(self) -> tfds.core.SplitInfo:
    splits = self.builder.info.splits
    if self.name not in splits:
      raise DataError(
        f'{self.builder.name} has no {self.name} split; it has '
        f'{", ".join(splits)}'
      )
    return splits[self.name]

  def records(self, seed: tf.Tensor | None = None) -> tf.data.Dataset:
    """Returns encoded examples with their positions in the split.

    Args:
      seed: scalar int64 that shuffles the files; None for the written order.

    Returns:
      A data set of `(position, image, label)`, three scalars: int64, the bytes
      of the image's file, int64.
    """
    dataset = self._read(
      shuffle_files=seed is not None,
      read_config=tfds.ReadConfig(
        add_tfds_id=True,
        shuffle_seed=seed,
        shuffle_reshuffle_each_iteration=False,
        interleave_cycle_length=1 if seed is None else 16,
        enable_ordering_guard=False,
        try_autocache=False,
      ),
    )
    starts = np.cumsum([0, *self._info.shard_lengths])

    def with_position(example: dict[str, tf.Tensor]) -> tuple:
      shard, index = (
        tf.strings.to_number(
          tf.strings.regex_replace(example['tfds_id'], _SHARD_AND_INDEX, group),
          tf.int64,
        )
        for group in (r'\1', r'\2')
      )
      position = tf.gather(tf.constant(starts, tf.int64), shard) + index
      return position, example[self.image_key], example[self.label_key]

    return dataset.map(with_position, num_parallel_calls=tf.data.AUTOTUNE)

  def in_order(self) -> tf.data.Dataset:
    """Returns decoded examples `(image, label)`, by ascending position."""
    dataset = self._read(
      read_config=tfds.ReadConfig(
        interleave_cycle_length=1, try_autocache=False
      )
    )
    return dataset.map(
      lambda example: self.decode(
        example[self.image_key], example[self.label_key]
      ),
      num_parallel_calls=tf.data.AUTOTUNE,
    )

  def decode(
    self, encoded: tf.Tensor, label: tf.Tensor
  ) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the image, `image_shape` uint8, and the label, scalar int32."""
    image = self.builder.info.features[self.image_key].decode_example(encoded)
    if image.shape != self.image_shape:
      image = _square(image, self.image_shape[0])
    return tf.ensure_shape(image, self.image_shape), tf.cast(label, tf.int32)

  def error(self, cause: Exception) -> DataError:
    """Returns what to raise when this split could not be read."""
    return DataError(
      f'cannot read the {self.name} split in {self.builder.data_dir}: '
      f'{_line(cause)}'
    )

  def _read(self, **kwargs: Any) -> tf.data.Dataset:
    features = self.builder.info.features
    decoders = {
      key: tfds.decode.SkipDecoding()
      for key, feature in features.items()
      if isinstance(feature, tfds.features.Image)
    }
    with _quiet():
      return self.builder.as_dataset(
        split=self.name, decoders=decoders, **kwargs
      )


def _square(image: tf.Tensor, size: int) -> tf.Tensor:
  """Resizes the largest square in the middle of an image."""
  height, width = tf.unstack(tf.shape(image)[:2])
  side = tf.minimum(height, width)
  image = tf.image.crop_to_bounding_box(
    image, (height - side) // 2, (width - side) // 2, side, side
  )
  image = tf.image.resize(image, (size, size), antialias=True)
  return tf.cast(tf.round(image), tf.uint8)


class _Memory:
  """A split whose images are in memory."""

  def __init__(self, split: _Split):
    images = np.empty((split.examples, *split.image_shape), np.uint8)
    labels = np.empty(split.examples, np.int32)
    end = 0
    try:
      for batch in split.in_order().batch(_LOAD_BATCH).as_numpy_iterator():
        start, end = end, end + len(batch[1])
        images[start:end], labels[start:end] = batch
    except (OSError, tf.errors.OpError) as error:
      raise split.error(error) from error
    if labels.min() < 0:
      raise DataError(
        f'the {split.name} split of {split.builder.name} has no labels'
      )
    with tf.device('CPU'):
      self._images = tf.constant(images)
      self._labels = tf.constant(labels)

  def shuffled(
    self,
    part: np.ndarray,
    batch_size: int,
    start: int,
    seeds: Callable[[tf.Tensor], tf.Tensor],
  ) -> tf.data.Dataset:
    """Returns raw batches for ever, each epoch in an order of its own.

    Args:
      part: `[n]` positions of the examples to read.
      batch_size: examples a batch.
      start: number of the first batch.
      seeds: gives the stateless seed `[2]` of an epoch.

    Returns:
      A data set of images `[batch, h, w, c]` uint8 and labels `[batch]` int32.
    """

    def epoch(number: tf.Tensor) -> tf.data.Dataset:
      order = tf.random.experimental.stateless_shuffle(part, seeds(number))
      return tf.data.Dataset.from_tensor_slices(order)

    positions = _endless(epoch, len(part), start * batch_size)
    return self._gathered(positions.batch(batch_size, drop_remainder=True))

  def ordered(self, part: np.ndarray, batch_size: int) -> tf.data.Dataset:
    """Returns one pass over a part, the last batch filled up.

    Args:
      part: `[n]` positions of the examples to read.
      batch_size: examples a batch.

    Returns:
      A data set of images `[batch, h, w, c]` uint8, labels `[batch]` int32, and
      weights `[batch]` float32, 0 for a filler.
    """
    positions = tf.data.Dataset.from_tensor_slices(part)
    batches = self._gathered(_filled(positions, len(part), batch_size))
    return _weighted(batches, len(part), batch_size)

  def _gathered(self, batches: tf.data.Dataset) -> tf.data.Dataset:
    return batches.map(
      lambda positions: (
        tf.gather(self._images, positions),
        tf.gather(self._labels, positions),
      )
    )


class _Files:
  """A split that is streamed; it has the methods of `_Memory`.

  A part's stream passes over the records of the others too, but does not decode
  them: decoding is what costs. In exchange the parts are the same as in memory
  and hold whatever the order of the files is.
  """

  def __init__(self, split: _Split):
    self._split = split

  def shuffled(
    self,
    part: np.ndarray,
    batch_size: int,
    start: int,
    seeds: Callable[[tf.Tensor], tf.Tensor],
  ) -> tf.data.Dataset:
    """As `_Memory.shuffled`; shuffles files, and examples in a buffer."""

    # AutoGraph would only warn that it cannot convert TFDS.
    @tf.autograph.experimental.do_not_convert
    def epoch(number: tf.Tensor) -> tf.data.Dataset:
      # Both halves mixed: an epoch's number is in one of them only.
      seed = tf.random.stateless_uniform(
        [], seeds(number), minval=None, maxval=None, dtype=tf.int64
      )
      records = self._split.records(seed).filter(_among(part, self._split))
      return records.shuffle(
        min(len(part), _STREAMED_SHUFFLE), seed, reshuffle_each_iteration=False
      )

    records = _endless(epoch, len(part), start * batch_size)
    return self._decoded(records).batch(batch_size, drop_remainder=True)

  def ordered(self, part: np.ndarray, batch_size: int) -> tf.data.Dataset:
    """As `_Memory.ordered`, in the order of the files."""
    records = self._split.records().filter(_among(part, self._split))
    batches = _filled(self._decoded(records), len(part), batch_size)
    return _weighted(batches, len(part), batch_size)

  def _decoded(self, records: tf.data.Dataset) -> tf.data.Dataset:
    return records.map(
      lambda _, image, label: self._split.decode(image, label),
      num_parallel_calls=tf.data.AUTOTUNE,
    )


def _among(part: np.ndarray, split: _Split) -> Callable[..., tf.Tensor]:
  """Returns a predicate on records: is the position one of the part's?"""
  chosen = np.zeros(split.examples, bool)
  chosen[part] = True
  return lambda position, *_: tf.gather(chosen, position)


def _endless(
  epoch: Callable[[tf.Tensor], tf.data.Dataset], length: int, start: int
) -> tf.data.Dataset:
  """Chains epochs of `length` elements, from the element `start` on."""
  first, skip = divmod(start, length)
  epochs = tf.data.Dataset.range(first, np.iinfo(np.int64).max)
  return epochs.flat_map(epoch).skip(skip)


def _filled(
  elements: tf.data.Dataset, length: int, batch_size: int
) -> tf.data.Dataset:
  """Batches one pass; fills the last batch with elements from the start."""
  total = -(-length // batch_size) * batch_size
  elements = elements.repeat().take(total)
  return elements.batch(batch_size, drop_remainder=True)


def _weighted(
  batches: tf.data.Dataset, length: int, batch_size: int
) -> tf.data.Dataset:
  """Adds weights to `_filled` batches: 0 for what is beyond `length`."""

  def with_weights(step: tf.Tensor, example: _Batch) -> tuple:
    numbers = step * batch_size + tf.range(batch_size, dtype=tf.int64)
    return (*example, tf.cast(numbers < length, tf.float32))

  count = -(-length // batch_size)
  return (
    batches.enumerate()
    .map(with_weights)
    .apply(tf.data.experimental.assert_cardinality(count))
  )


def _source(split: _Split, config: DataConfig) -> _Memory | _Files:
  size = split.examples * int(np.prod(split.image_shape))
  return _Memory(split) if size <= config.memory_bytes else _Files(split)


# Presenting: from raw batches to what networks take.


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


def _augmented(
  images: tf.Tensor, seed: tf.Tensor, padding: int, flip: bool
) -> tf.Tensor:
  """Crops at random from images with a black border, and mirrors half of them.

  Args:
    images: `[batch, h, w, c]` uint8.
    seed: stateless seed, `[2]`.
    padding: width of the border in pixels.
    flip: whether to mirror.

  Returns:
    As `images`.
  """
  batch, height, width, _ = images.shape
  seeds = tf.unstack(tf.random.experimental.stateless_split(seed, 3))
  shifts = functools.partial(
    tf.random.stateless_uniform,
    [batch, 1],
    minval=0,
    maxval=2 * padding + 1,
    dtype=tf.int32,
  )
  rows = shifts(seed=seeds[0]) + tf.range(height)
  columns = shifts(seed=seeds[1]) + tf.range(width)
  if flip:
    mirror = tf.random.stateless_uniform([batch, 1], seeds[2]) < 0.5
    columns = tf.where(mirror, columns[:, ::-1], columns)
  border = [padding, padding]
  images = tf.pad(images, [[0, 0], border, border, [0, 0]])
  images = tf.gather(images, rows, axis=1, batch_dims=1)
  return tf.gather(images, columns, axis=2, batch_dims=1)
