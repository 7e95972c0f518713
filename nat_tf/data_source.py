"""Reads splits of TensorFlow Datasets (TFDS): from files to raw batches.

A source is a split in memory or, where that is too small, streamed from its
files. Both give the same examples under the same positions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
import contextlib
import dataclasses
import functools
import logging
import re
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from nat_tf import input_error
from nat_tf import preprocessing

_STREAMED_SHUFFLE = 4096  # encoded examples: 450 MB of ImageNet
_LOAD_BATCH = 1024
# What TensorFlow says of a split with too few examples.
_CUT_OFF = re.compile(
  r'expected to contain (\d+) elements? but contained only (\d+) element'
)
_SHARD_AND_INDEX = r'.*-(\d+)-of-\d+.*__(\d+)$'

_Batch = tuple[tf.Tensor, tf.Tensor]

# For what data sets map: AutoGraph has nothing to convert in it, takes half of
# a second to find that out, and warns of what is TFDS's.
AS_IT_IS = tf.autograph.experimental.do_not_convert


class DataError(input_error.InputError):
  """A data set cannot be used; the message says why in one line."""


def one_line(error: Exception) -> str:
  """Returns an error's message in one line of bearable length."""
  text = getattr(error, 'message', None) or str(error)
  # Leave out which graph's node it was, and which builder's arguments.
  text = re.sub(r'\{\{.*?\}\}|\[Op:\w+\]|^Failed .*?\}": | name: *$', '', text)
  return ' '.join(text.split())[:200] or type(error).__name__


@contextlib.contextmanager
def quiet() -> Iterator[None]:
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


@dataclasses.dataclass(frozen=True)
class Split:
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

    @AS_IT_IS
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

    @AS_IT_IS
    def decoded(example: dict[str, tf.Tensor]) -> _Batch:
      return self.decode(example[self.image_key], example[self.label_key])

    return dataset.map(decoded, num_parallel_calls=tf.data.AUTOTUNE)

  def decode(
    self,
    encoded: tf.Tensor,
    label: tf.Tensor,
    crop: Callable[[tf.Tensor], tf.Tensor] | None = None,
  ) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the image, `image_shape` uint8, and the label, scalar int32.

    Args:
      encoded: the bytes of the image's file, a scalar.
      label: a scalar.
      crop: brings the image to its shape; None for the largest square.
    """
    image = self.builder.info.features[self.image_key].decode_example(encoded)
    if crop is not None:
      image = crop(image)
    elif image.shape != self.image_shape:
      image = preprocessing.middle(image, self.image_shape[:2])
    return tf.ensure_shape(image, self.image_shape), tf.cast(label, tf.int32)

  def labelled(self) -> bool:
    """Returns whether the first example has a label.

    Raises:
      DataError: the split cannot be read.
    """
    try:
      first = list(self.records().take(1).as_numpy_iterator())
    except (OSError, tf.errors.OpError) as error:
      raise self.error(error) from error
    return all(label >= 0 for *_, label in first)

  def error(self, cause: Exception) -> DataError:
    """Returns what to raise when this split could not be read."""
    why = one_line(cause)
    if (counts := _CUT_OFF.search(str(cause))) is not None:
      why = (
        f'it should have {counts[1]} examples and has {counts[2]}: a file is '
        'cut off'
      )
    return DataError(
      f'cannot read the {self.name} split in {self.builder.data_dir}: '
      f'{why}; prepare it anew in another --data_dir'
    )

  def _read(self, **kwargs: Any) -> tf.data.Dataset:
    features = self.builder.info.features
    decoders = {
      key: tfds.decode.SkipDecoding()
      for key, feature in features.items()
      if isinstance(feature, tfds.features.Image)
    }
    with quiet():
      return self.builder.as_dataset(
        split=self.name, decoders=decoders, **kwargs
      )


class Memory:
  """A split whose images are in memory."""

  def __init__(self, split: Split):
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

    @AS_IT_IS
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
    @AS_IT_IS
    def gathered(positions: tf.Tensor) -> _Batch:
      return (
        tf.gather(self._images, positions),
        tf.gather(self._labels, positions),
      )

    return batches.map(gathered)


class Files:
  """A split that is streamed; it has the methods of `Memory`.

  A part's stream passes over the records of the others too, but does not decode
  them: decoding is what costs. In exchange the parts are the same as in memory
  and hold whatever the order of the files is.
  """

  def __init__(self, split: Split, memory_bytes: int):
    self._split = split
    self._memory_bytes = memory_bytes

  def shuffled(
    self,
    part: np.ndarray,
    batch_size: int,
    start: int,
    seeds: Callable[[tf.Tensor], tf.Tensor],
    crop: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None = None,
  ) -> tf.data.Dataset:
    """As `Memory.shuffled`; shuffles files, and examples in a buffer.

    Args:
      part: `[n]` positions of the examples to read.
      batch_size: examples a batch.
      start: number of the first batch.
      seeds: gives the stateless seed `[2]` of an epoch.
      crop: takes the number of an example in the whole stream, scalar int64,
        and its image as it is in the file; returns one of the usual shape.
    """

    @AS_IT_IS
    def epoch(number: tf.Tensor) -> tf.data.Dataset:
      # Of this function's graph alone. Where the global seed is 0, TensorFlow
      # would ask whether a shuffle's own, a tensor, is 0, too.
      tf.compat.v1.set_random_seed(1)
      # Both halves mixed: an epoch's number is in one of them only.
      seed = tf.random.stateless_uniform(
        [], seeds(number), minval=None, maxval=None, dtype=tf.int64
      )
      records = self._split.records(seed).filter(_among(part, self._split))
      return records.shuffle(
        min(len(part), _STREAMED_SHUFFLE), seed, reshuffle_each_iteration=False
      )

    first = start * batch_size
    records = _endless(epoch, len(part), first)
    if crop is None:
      examples = self._decoded(records)
    else:

      @AS_IT_IS
      def cropped(number: tf.Tensor, record: tuple) -> _Batch:
        _, image, label = record
        return self._split.decode(image, label, functools.partial(crop, number))

      examples = records.enumerate(first).map(
        cropped, num_parallel_calls=tf.data.AUTOTUNE
      )
    return examples.batch(batch_size, drop_remainder=True)

  def ordered(self, part: np.ndarray, batch_size: int) -> tf.data.Dataset:
    """As `Memory.ordered`, in the order of the files.

    Where the part's decoded images are few enough they are kept: whoever reads
    the same data set again reads no file.
    """
    records = self._split.records().filter(_among(part, self._split))
    examples = self._decoded(records)
    if len(part) * int(np.prod(self._split.image_shape)) <= self._memory_bytes:
      examples = examples.cache()
    batches = _filled(examples, len(part), batch_size)
    return _weighted(batches, len(part), batch_size)

  def _decoded(self, records: tf.data.Dataset) -> tf.data.Dataset:
    @AS_IT_IS
    def decoded(_: tf.Tensor, image: tf.Tensor, label: tf.Tensor) -> _Batch:
      return self._split.decode(image, label)

    return records.map(decoded, num_parallel_calls=tf.data.AUTOTUNE)


def _among(part: np.ndarray, split: Split) -> Callable[..., tf.Tensor]:
  """Returns a predicate on records: is the position one of the part's?"""
  chosen = np.zeros(split.examples, bool)
  chosen[part] = True
  return AS_IT_IS(lambda position, *_: tf.gather(chosen, position))


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

  @AS_IT_IS
  def with_weights(step: tf.Tensor, example: _Batch) -> tuple:
    numbers = step * batch_size + tf.range(batch_size, dtype=tf.int64)
    return (*example, tf.cast(numbers < length, tf.float32))

  count = -(-length // batch_size)
  return (
    batches.enumerate()
    .map(with_weights)
    .apply(tf.data.experimental.assert_cardinality(count))
  )


def is_cut_off(error: Exception) -> bool:
  """Returns whether an error is that a split has too few examples."""
  return _CUT_OFF.search(str(error)) is not None


def source(
  split: Split, memory_bytes: int, streams: bool = False
) -> Memory | Files:
  """Returns the source of a split.

  Args:
    split: what to read.
    memory_bytes: decoded images up to this size are kept in memory.
    streams: whether the files are needed in any case.

  Raises:
    DataError: the split cannot be read.
  """
  size = split.examples * int(np.prod(split.image_shape))
  if streams or size > memory_bytes:
    return Files(split, memory_bytes)
  return Memory(split)
