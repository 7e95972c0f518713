"""Tests of nat_tf.data."""

from __future__ import annotations

import collections
import contextlib
import ctypes
import dataclasses
import functools
import itertools
import os
import pathlib
import shutil
import struct
import tempfile
import unittest
from unittest import mock
import urllib.error

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from nat_tf import augmentation
from nat_tf import data

_PARTS = data.Parts._fields
_STREAM = 0  # as `memory_bytes`: nothing fits into memory


class SortedColours(tfds.core.GeneratorBasedBuilder):
  """Images of one colour and of many sizes, written sorted by class."""

  VERSION = tfds.core.Version('1.0.0')
  SIZES = ((9, 12), (16, 8), (8, 8))

  def _info(self):
    return tfds.core.DatasetInfo(
      builder=self,
      features=tfds.features.FeaturesDict(
        {
          'picture': tfds.features.Image(shape=(None, None, 3)),
          'kind': tfds.features.ClassLabel(names=['dark', 'grey', 'light']),
        }
      ),
      supervised_keys=('picture', 'kind'),
      disable_shuffling=True,
    )

  def _split_generators(self, dl_manager):
    return {'train': self._generate_examples()}

  def _generate_examples(self):
    for key in range(300):
      kind = key // 100
      size = self.SIZES[key % len(self.SIZES)]
      image = np.full((*size, 3), 100 * kind, np.uint8)
      yield key, {'picture': image, 'kind': kind}


class Unsuitable(tfds.core.GeneratorBasedBuilder):
  """Data sets that are not for image classification, or have no train split."""

  VERSION = tfds.core.Version('1.0.0')
  BUILDER_CONFIGS = [
    tfds.core.BuilderConfig(name=name)
    for name in ('text', 'depth', 'no_train', 'tiny', 'unlabelled')
  ]

  def _info(self):
    kind = self.builder_config.name
    features = {
      'image': tfds.features.Image(shape=(4, 4, 1)),
      'label': tfds.features.ClassLabel(num_classes=2),
    }
    if kind == 'text':
      features['image'] = tfds.features.Text()
    if kind == 'depth':
      features['image'] = tfds.features.Image(shape=(4, 4, 1), dtype=np.uint16)
    return tfds.core.DatasetInfo(
      builder=self, features=tfds.features.FeaturesDict(features)
    )

  def _split_generators(self, dl_manager):
    kind = self.builder_config.name
    split = 'test' if kind == 'no_train' else 'train'
    return {split: self._generate_examples(2 if kind == 'tiny' else 20)}

  def _generate_examples(self, count):
    label = -1 if self.builder_config.name == 'unlabelled' else 1
    for key in range(count):
      yield key, {'image': np.zeros([4, 4, 1], np.uint8), 'label': label}


@functools.cache
def _load(data_dir, **settings):
  """Loads once for all tests; the files are not expected to change."""
  return _load_again(data_dir, **settings)


def _load_again(data_dir, **settings):
  return data.load(data.DataConfig(data_dir=str(data_dir), **settings))


def _unchanged(data_dir, **settings):
  """Loads without augmentation."""
  return _load(data_dir, crop_padding=0, flip=False, **settings)


def _raw(dataset, images):
  """Undoes the normalisation."""
  pixels = np.asarray(images) * dataset.info.std + dataset.info.mean
  return np.rint(pixels * 255).astype(np.uint8)


def _counted(images, labels):
  """Returns how often every labelled image occurs."""
  return collections.Counter(
    (image.tobytes(), int(label)) for image, label in zip(images, labels)
  )


def _part(dataset, name):
  """Returns the raw images and labels of one epoch of a part."""
  if name == 'candidates':
    images, labels, weights = _joined(dataset.candidate_batches())
    kept = weights > 0
    return _raw(dataset, images)[kept], labels[kept]
  count = getattr(dataset.info.examples, name)
  images, labels = next(iter(getattr(dataset, f'{name}_batches')(count)))
  return _raw(dataset, images), labels.numpy()


def _joined(batches):
  """Returns the concatenation of all batches, per component."""
  return [np.concatenate(parts) for parts in zip(*batches.as_numpy_iterator())]


def _taken(batches, count):
  return list(batches.take(count).as_numpy_iterator())


def _split_files(data_dir, split):
  files = sorted(pathlib.Path(data_dir).glob(f'*/*/*-{split}.tfrecord*'))
  assert files, f'no {split} files in {data_dir}'
  return files


def setUpModule():
  """Prepares the digits for all tests, in several files a split."""
  home = tempfile.TemporaryDirectory()
  unittest.addModuleCleanup(home.cleanup)
  DataTestCase.data_dir = pathlib.Path(home.name)
  config = tfds.download.DownloadConfig(num_shards=3)
  for name in ('digits', 'sorted_colours'):
    builder = tfds.builder(name, data_dir=home.name)
    builder.download_and_prepare(download_config=config)
  examples = list(tfds.load('digits', split='train', data_dir=home.name))
  DataTestCase.images = np.stack([x['image'].numpy() for x in examples])
  DataTestCase.labels = np.stack([x['label'].numpy() for x in examples])


class DataTestCase(tf.test.TestCase, parameterized.TestCase):
  """What the tests share.

  Attributes:
    data_dir: holds the digits, for reading only.
    images: those of the training split, as TFDS gives them.
    labels: theirs.
  """

  data_dir: pathlib.Path
  images: np.ndarray
  labels: np.ndarray

  def assert_same_batches(self, first, second):
    self.assertLen(second, len(first))
    for left, right in zip(first, second):
      self.assertLen(right, len(left))
      for a, b in zip(left, right):
        np.testing.assert_array_equal(a, b)

  def copied_data(self):
    """Returns a data_dir with a copy of the digits to damage."""
    data_dir = pathlib.Path(self.create_tempdir().full_path)
    shutil.copytree(self.data_dir, data_dir, dirs_exist_ok=True)
    return data_dir


class DivideTest(parameterized.TestCase):
  @parameterized.parameters(3, 10, 1437, 50000)
  def test_parts_are_disjoint_and_together_the_whole(self, examples):
    parts = data.divide(examples, data.DataConfig())
    np.testing.assert_array_equal(
      np.sort(np.concatenate(parts)), np.arange(examples)
    )

  @parameterized.parameters(
    (0.4, 0.2, (20000, 20000, 10000)),
    (0.4, 0.1, (20000, 25000, 5000)),
    (0.5, 0.25, (25000, 12500, 12500)),
    (0.9, 0.1, (45000, 0, 5000)),
    (1 - 0.05, 0.05, (47500, 0, 2500)),
  )
  def test_fractions_give_exact_sizes(self, weights, candidates, sizes):
    config = data.DataConfig(
      weights_fraction=weights, candidates_fraction=candidates
    )
    parts = data.divide(50000, config)
    self.assertEqual(tuple(len(part) for part in parts), sizes)

  def test_only_the_fractions_decide(self):
    config = data.DataConfig(batch_size=7, seed=5, memory_bytes=0)
    for one, other in zip(
      data.divide(1000, data.DataConfig()), data.divide(1000, config)
    ):
      np.testing.assert_array_equal(one, other)

  def test_division_is_the_same_for_ever(self):
    # Written down when the code was: another division would let results of old
    # runs be measured on examples that they were trained on.
    weights, policy, candidates = data.divide(10, data.DataConfig())
    self.assertEqual(weights.tolist(), [2, 8, 4, 9])
    self.assertEqual(policy.tolist(), [1, 6, 7, 3])
    self.assertEqual(candidates.tolist(), [0, 5])

  def test_examples_sorted_by_class_are_mixed(self):
    kinds = np.repeat(np.arange(10), 1000)
    for part in data.divide(len(kinds), data.DataConfig()):
      shares = np.bincount(kinds[part], minlength=10) / len(part)
      np.testing.assert_allclose(shares, 0.1, atol=0.03)

  def test_too_few_examples(self):
    with self.assertRaisesRegex(
      data.DataError, 'digits has 2 training examples, too few for the parts'
    ):
      data.divide(2, data.DataConfig())


class HeldOutTest(DataTestCase):
  def test_is_kept_where_the_whole_is_streamed(self):
    # Room for the 144 images of 8x8 that are held out, not for all 1,437.
    settings = {'weights_fraction': 0.9, 'candidates_fraction': 0.1}
    dataset = _load_again(self.data_dir, memory_bytes=144 * 64, **settings)
    known = _load_again(self.data_dir, **settings)
    files = _split_files(self.data_dir, 'train')
    with _opened(files) as opened:
      first = _joined(dataset.candidate_batches(50))
    self.assertNotEmpty(opened)
    with _opened(files) as opened:
      second = _joined(dataset.candidate_batches(50))
    self.assertEmpty(opened)
    for one, other in zip(first, second):
      np.testing.assert_array_equal(one, other)
    self.assertEqual(
      _counted(first[0][:144], first[1][:144]),
      _counted(*(x[:144] for x in _joined(known.candidate_batches(50))[:2])),
    )


class SearchlessTest(DataTestCase):
  def test_two_parts_share_all_examples(self):
    dataset = _unchanged(
      self.data_dir, weights_fraction=0.9, candidates_fraction=0.1
    )
    sizes = dataset.info.examples
    self.assertEqual(sizes.policy, 0)
    found = collections.Counter()
    for name in ('weights', 'candidates'):
      found += _counted(*_part(dataset, name))
    self.assertEqual(found, _counted(self.images, self.labels))

  def test_held_out_examples_are_held_out_from_searches_too(self):
    searched = data.divide(1000, data.DataConfig())
    config = data.DataConfig(weights_fraction=0.9, candidates_fraction=0.1)
    trained = data.divide(1000, config)
    self.assertContainsSubset(trained.candidates, searched.candidates)


class PartsTest(DataTestCase):
  @parameterized.parameters(2 << 30, _STREAM)
  def test_parts_hold_the_training_split(self, memory_bytes):
    dataset = _unchanged(self.data_dir, memory_bytes=memory_bytes)
    found = collections.Counter()
    for name in _PARTS:
      part = _counted(*_part(dataset, name))
      self.assertEqual(part.total(), getattr(dataset.info.examples, name))
      self.assertEmpty(found & part)
      found += part
    self.assertEqual(found, _counted(self.images, self.labels))

  def test_streamed_parts_are_those_in_memory(self):
    in_memory = _unchanged(self.data_dir)
    streamed = _unchanged(self.data_dir, memory_bytes=_STREAM)
    for name in _PARTS:
      self.assertEqual(
        _counted(*_part(in_memory, name)), _counted(*_part(streamed, name))
      )

  def test_parts_follow_the_division(self):
    dataset = _unchanged(self.data_dir)
    division = data.divide(len(self.labels), data.DataConfig())
    order = tfds.ReadConfig(interleave_cycle_length=1)
    examples = tfds.load(
      'digits', split='train', data_dir=self.data_dir, read_config=order
    )
    labels = np.array([int(example['label']) for example in examples])
    _, found = _part(dataset, 'candidates')
    np.testing.assert_array_equal(found, labels[division.candidates])

  def test_seed_and_batch_size_do_not_change_them(self):
    one = _unchanged(self.data_dir)
    other = _unchanged(self.data_dir, seed=3, batch_size=10)
    for name in _PARTS:
      self.assertEqual(
        _counted(*_part(one, name)), _counted(*_part(other, name))
      )

  def test_every_class_is_in_every_part(self):
    dataset = _unchanged(self.data_dir)
    for name in _PARTS:
      self.assertLen(set(_part(dataset, name)[1].tolist()), 10)

  def test_info(self):
    info = _load(self.data_dir).info
    self.assertEqual(info.name, 'digits')
    self.assertEqual(info.version, '1.0.0')
    self.assertEqual(info.image_shape, (8, 8, 1))
    self.assertEqual(info.classes, 10)
    self.assertEqual(info.label_names, tuple('0123456789'))
    self.assertEqual(info.examples, data.Parts(575, 575, 287))
    self.assertEqual(info.training_examples, 1437)


@parameterized.parameters(2 << 30, _STREAM)
class BatchesTest(DataTestCase):
  def test_shapes_are_static(self, memory_bytes):
    dataset = _load(self.data_dir, batch_size=48, memory_bytes=memory_bytes)
    images = tf.TensorSpec([48, 8, 8, 1], tf.float32)
    labels = tf.TensorSpec([48], tf.int32)
    weights = tf.TensorSpec([48], tf.float32)
    for batches, expected in (
      (dataset.weights_batches(), (images, labels)),
      (dataset.policy_batches(), (images, labels)),
      (dataset.candidate_batches(), (images, labels, weights)),
      (dataset.test_batches(), (images, labels, weights)),
    ):
      self.assertEqual(batches.element_spec, expected)

  def test_one_seed_gives_one_order(self, memory_bytes):
    one = _load(self.data_dir, seed=7, memory_bytes=memory_bytes)
    other = _load_again(self.data_dir, seed=7, memory_bytes=memory_bytes)
    batches = one.weights_batches()
    first = _taken(batches, 10)
    self.assert_same_batches(first, _taken(other.weights_batches(), 10))
    # Another pass over the same data set begins from the start, too.
    self.assert_same_batches(first[:2], _taken(batches, 2))

  def test_start_resumes(self, memory_bytes):
    # 575 examples in batches of 64: the second epoch begins within batch 8.
    dataset = _load(self.data_dir, seed=7, memory_bytes=memory_bytes)
    whole = _taken(dataset.weights_batches(), 12)
    for start in (8, 10):
      self.assert_same_batches(
        whole[start : start + 2],
        _taken(dataset.weights_batches(start=start), 2),
      )

  def test_every_example_comes_once_an_epoch(self, memory_bytes):
    dataset = _unchanged(self.data_dir, memory_bytes=memory_bytes)
    images, labels = _joined(dataset.policy_batches(25).take(46))
    epochs = [
      _counted(_raw(dataset, images[epoch]), labels[epoch])
      for epoch in (slice(575), slice(575, 1150))
    ]
    self.assertEqual(epochs[0], epochs[1])
    self.assertNotAllEqual(labels[:575], labels[575:])

  def test_candidates_count_once_each(self, memory_bytes):
    dataset = _load(self.data_dir, memory_bytes=memory_bytes)
    batches = dataset.candidate_batches(100)
    self.assertLen(batches, 3)
    images, labels, weights = _joined(batches)
    self.assertLen(labels, 300)
    np.testing.assert_array_equal(weights, [1] * 287 + [0] * 13)
    # What fills the last batch is the beginning once more.
    np.testing.assert_array_equal(images[287:], images[:13])
    np.testing.assert_array_equal(labels[287:], labels[:13])

  def test_candidates_keep_their_order(self, memory_bytes):
    one = _load(self.data_dir, memory_bytes=memory_bytes)
    other = _load(
      self.data_dir, memory_bytes=memory_bytes, seed=1, batch_size=30
    )
    np.testing.assert_array_equal(
      _joined(one.candidate_batches())[1][:287],
      _joined(other.candidate_batches())[1][:287],
    )

  def test_test_split_has_its_own_examples(self, memory_bytes):
    dataset = _load(self.data_dir, memory_bytes=memory_bytes)
    images, labels, weights = _joined(dataset.test_batches())
    self.assertEqual(weights.sum(), 360)
    found = _counted(_raw(dataset, images[:360]), labels[:360])
    self.assertEmpty(found & _counted(self.images, self.labels))


class PresentationTest(DataTestCase):
  def test_another_seed_gives_another_order(self):
    orders = []
    for seed in (7, 8):
      batches = _load(self.data_dir, seed=seed).weights_batches(575)
      ((_, labels),) = _taken(batches, 1)
      orders.append(labels)
    self.assertNotAllEqual(*orders)
    self.assertAllEqual(*(np.bincount(labels) for labels in orders))

  def test_weights_and_policy_orders_are_unrelated(self):
    one = data._seed(0, data._Stream.WEIGHTS, tf.constant(0, tf.int64))
    other = data._seed(0, data._Stream.POLICY, tf.constant(0, tf.int64))
    self.assertNotAllEqual(one, other)

  def test_weights_part_is_normalised(self):
    dataset = _unchanged(self.data_dir)
    images, _ = next(iter(dataset.weights_batches(575)))
    self.assertAllClose(np.mean(images), 0, atol=1e-4)
    self.assertAllClose(np.std(images), 1, atol=1e-4)

  def test_statistics_are_of_every_channel(self):
    images = np.random.RandomState(0).randint(0, 256, [10, 4, 5, 3], np.uint8)
    weights = np.array([1] * 8 + [0] * 2)
    batches = [(images[i : i + 5], None, weights[i : i + 5]) for i in (0, 5)]
    mean, std = data._moments(batches)
    self.assertAllClose(mean, np.mean(images[:8] / 255, axis=(0, 1, 2)))
    self.assertAllClose(std, np.std(images[:8] / 255, axis=(0, 1, 2)))

  def test_images_of_one_colour_stay_finite(self):
    images = np.zeros([2, 4, 4, 1], np.uint8)
    _, std = data._moments([(images, None, np.ones(2))])
    self.assertGreater(std[0], 0)

  def test_crop_moves_an_image_and_keeps_its_label(self):
    dataset = _load(self.data_dir)
    images, labels = _part(dataset, 'weights')
    originals = _part(_unchanged(self.data_dir), 'weights')
    np.testing.assert_array_equal(labels, originals[1])
    border = ((0, 0), (1, 1), (1, 1), (0, 0))
    padded = np.pad(originals[0], border)
    moved = collections.Counter()
    for index, image in enumerate(images):
      for y, x in itertools.product(range(3), repeat=2):
        if np.array_equal(image, padded[index, y : y + 8, x : x + 8]):
          moved[y, x] += 1
          break
    self.assertEqual(moved.total(), 575)
    # Nine shifts, as often as one another: 64 times each, give or take.
    self.assertLen(moved, 9)
    self.assertBetween(min(moved.values()), 35, 64)

  def test_augmentation_depends_on_seed_and_step_alone(self):
    images = tf.constant(
      np.random.RandomState(0).randint(0, 256, [8, 8, 8, 3], np.uint8)
    )

    def augmented(seed, step):
      seed = data._seed(seed, data._Stream.AUGMENTATION, tf.constant(step))
      return augmentation.shifted(images, seed, padding=2, flip=True)

    self.assertAllEqual(augmented(1, 5), augmented(1, 5))
    self.assertNotAllEqual(augmented(1, 5), augmented(1, 6))
    self.assertNotAllEqual(augmented(1, 5), augmented(2, 5))

  def test_cutout_only_sets_a_square_to_the_mean(self):
    whole, labels = _joined(
      _unchanged(self.data_dir).weights_batches(25).take(9)
    )
    dataset = _load(self.data_dir, crop_padding=0, flip=False, cutout=4)
    images, same = _joined(dataset.weights_batches(25).take(9))
    np.testing.assert_array_equal(labels, same)
    np.testing.assert_array_equal(images[images != 0], whole[images != 0])
    self.assertTrue((images != whole).any())

  @parameterized.parameters(0, 1)
  def test_streams_whatever_the_global_seed(self, seed):
    dataset = _load(self.data_dir, memory_bytes=_STREAM)
    known = _joined(dataset.weights_batches(25).take(2))
    tf.random.set_seed(seed)
    found = _joined(dataset.weights_batches(25).take(2))
    np.testing.assert_array_equal(found[0], known[0])

  def test_resized_crops_start_anywhere(self):
    #   batches 0 1 2 3 4 5   =   batches 0 1 2 and, from 3 on, 3 4 5
    dataset = _load(self.data_dir, image_size=6, resized_crops=True)
    images, labels = _joined(dataset.weights_batches(100).take(6))
    later, last = _joined(dataset.weights_batches(100, start=3).take(3))
    np.testing.assert_array_equal(images[300:], later)
    np.testing.assert_array_equal(labels[300:], last)
    self.assertEqual(images.shape, (600, 6, 6, 1))
    # The squares that are not cropped at random are others.
    plain = _load(self.data_dir, image_size=6, crop_padding=0)
    raw = _raw(dataset, images)
    known = _raw(plain, _joined(plain.weights_batches(25).take(23))[0])
    found = {image.tobytes() for image in known}
    among = sum(image.tobytes() in found for image in raw)
    self.assertLess(among, len(raw) // 4)

  def test_epochs_are_augmented_differently(self):
    dataset = _load(self.data_dir)
    images, labels = _joined(dataset.weights_batches(25).take(46))
    first = _counted(_raw(dataset, images[:575]), labels[:575])
    second = _counted(_raw(dataset, images[575:]), labels[575:])
    self.assertNotEqual(first, second)

  @parameterized.parameters(
    ('digits', (8, 8, 1), (1, False)),
    ('cifar10', (32, 32, 3), (4, True)),
    ('cifar10:3.0.2', (32, 32, 3), (4, True)),
    ('svhn_cropped', (32, 32, 3), (4, False)),
    ('imagenet2012', (224, 224, 3), (28, True)),
  )
  def test_default_augmentation(self, name, shape, expected):
    dataset = _load_again(self.data_dir)
    dataset._config = data.DataConfig(dataset=name)
    dataset.info = dataclasses.replace(dataset.info, image_shape=shape)
    self.assertEqual(dataset._augmentation(), expected)

  def test_resizes(self):
    dataset = _unchanged(self.data_dir, image_size=4)
    self.assertEqual(dataset.info.image_shape, (4, 4, 1))
    images, labels = _part(dataset, 'candidates')
    originals, expected = _part(_unchanged(self.data_dir), 'candidates')
    np.testing.assert_array_equal(labels, expected)
    averaged = originals.reshape([-1, 4, 2, 4, 2, 1]).mean((2, 4))
    # Antialiasing weighs a pixel's neighbours in, too.
    self.assertLess(np.abs(images - averaged).mean(), 20)


class SortedColoursTest(DataTestCase):
  """Images that differ in size, written sorted by class."""

  @parameterized.parameters(2 << 30, _STREAM)
  def test_parts_are_mixed_and_squared(self, memory_bytes):
    dataset = _unchanged(
      self.data_dir,
      dataset='sorted_colours',
      image_size=6,
      memory_bytes=memory_bytes,
    )
    self.assertEqual(dataset.info.label_names, ('dark', 'grey', 'light'))
    for name in _PARTS:
      images, labels = _part(dataset, name)
      self.assertEqual(images.shape[1:], (6, 6, 3))
      # The colour tells the class: labels stay with their images.
      np.testing.assert_array_equal(images[:, 0, 0, 0], 100 * labels)
      shares = np.bincount(labels, minlength=3) / len(labels)
      np.testing.assert_allclose(shares, 1 / 3, atol=0.12)

  def test_asks_for_a_size(self):
    with self.assertRaisesRegex(
      data.DataError, 'images of sorted_colours differ in size; give an image_s'
    ):
      _load(self.data_dir, dataset='sorted_colours')

  def test_no_test_split(self):
    dataset = _load(self.data_dir, dataset='sorted_colours', image_size=6)
    with self.assertRaisesRegex(
      data.DataError,
      'sorted_colours has no test split with labels; it has train',
    ):
      dataset.test_batches()


class TestSplitTest(DataTestCase):
  """Search must not see the test split: here it cannot, or is caught."""

  def read_all_parts(self, data_dir, **settings):
    """Does with the data whatever search does; returns what it read."""
    dataset = _load_again(data_dir, **settings)
    # A batch of 600 takes every example of a part, and some of the next epoch.
    return [
      _taken(dataset.weights_batches(600), 1),
      _taken(dataset.policy_batches(600), 1),
      _taken(dataset.candidate_batches(600), 1),
    ]

  def test_damage_is_noticed_when_the_test_split_is_read(self):
    data_dir = self.copied_data()
    _split_files(data_dir, 'test')[2].write_bytes(b'garbage' * 1000)
    dataset = _load_again(data_dir)
    with self.assertRaisesRegex(data.DataError, 'cannot read the test split'):
      dataset.test_batches()

  def test_damaged_test_split_changes_nothing(self):
    data_dir = self.copied_data()
    deleted, *garbled = _split_files(data_dir, 'test')
    deleted.unlink()
    for path in garbled:
      path.write_bytes(b'garbage' * 1000)
    expected = self.read_all_parts(self.data_dir)
    for found, part in zip(self.read_all_parts(data_dir), expected):
      self.assert_same_batches(found, part)
    self.read_all_parts(data_dir, memory_bytes=_STREAM)

  @parameterized.parameters(2 << 30, _STREAM)
  def test_no_file_of_the_test_split_is_opened(self, memory_bytes):
    files = _split_files(self.data_dir, 'test')
    with _opened(files) as opened:
      self.read_all_parts(self.data_dir, memory_bytes=memory_bytes)
    self.assertEmpty(opened)
    # The watch does see files that are opened.
    with _opened(files) as opened:
      _taken(_load_again(self.data_dir).test_batches(), 1)
    self.assertLen(opened, len(files))

  def test_preparing_is_no_exception(self):
    # TFDS prepares both splits in one go; afterwards neither needs the other.
    data_dir = self.create_tempdir().full_path
    _load(data_dir)
    for path in _split_files(data_dir, 'test'):
      path.unlink()
    self.read_all_parts(data_dir)


@contextlib.contextmanager
def _opened(files):
  """Yields a set that holds, afterwards, the files opened meanwhile."""
  libc = ctypes.CDLL(None, use_errno=True)
  if not hasattr(libc, 'inotify_init1'):
    raise absltest.SkipTest('needs inotify, which only Linux has')
  opened = set()
  descriptor = libc.inotify_init1(os.O_NONBLOCK)
  try:
    watches = {}
    for path in files:
      in_open = 0x20
      watch = libc.inotify_add_watch(descriptor, os.fsencode(path), in_open)
      assert watch >= 0, os.strerror(ctypes.get_errno())
      watches[watch] = path
    yield opened
    with contextlib.suppress(BlockingIOError):
      # Events of watched files carry no name, so all have the same length.
      for watch, *_ in struct.iter_unpack('iIII', os.read(descriptor, 1 << 16)):
        opened.add(watches[watch])
  finally:
    os.close(descriptor)


class VanishingTest(DataTestCase):
  @parameterized.parameters('remove', 'cut', 'empty')
  def test_is_said_in_a_line_and_what_it_gave_stays(self, harm):
    data_dir = self.copied_data()
    dataset = _load_again(data_dir, memory_bytes=_STREAM, batch_size=100)
    batches = iter(dataset.weights_batches())
    next(batches)
    for path in data_dir.glob('digits/*/*train*'):
      if harm == 'remove':
        path.unlink()
      else:
        os.truncate(path, path.stat().st_size // 2 if harm == 'cut' else 0)
    with self.assertRaises(data.DataError) as caught:
      with dataset.reading():
        # The epoch that runs is read ahead; the next one opens the files anew.
        for _ in range(100):
          next(batches)
    message = str(caught.exception)
    self.assertStartsWith(message, f'cannot read the train split in {data_dir}')
    self.assertNotIn('\n', message)
    if harm == 'empty':
      # To TensorFlow it is a file of no examples.
      self.assertIn(
        'it should have 1437 examples and has 0: a file is cut off', message
      )


class ErrorsTest(DataTestCase):
  def assert_refused(self, words, **settings):
    """Asserts that loading fails with these words, in one line."""
    settings.setdefault('data_dir', str(self.data_dir))
    with self.assertRaises(data.DataError) as caught:
      data.load(data.DataConfig(**settings))
    message = str(caught.exception)
    self.assertIn(words, message)
    self.assertNotIn('\n', message)
    # Paths are as long as they are.
    own = [word for word in message.split() if '/' not in word]
    self.assertLess(len(' '.join(own)), 400)

  @parameterized.parameters(
    ('cifar1', "unknown data set 'cifar1'; did you mean cifar10"),
    ('digit', "unknown data set 'digit'; did you mean digits"),
    ('MNST', "unknown data set 'MNST'; did you mean mnist"),
    ('qqqqqq', 'give the TFDS name of images with classes, for example cifar'),
    ('two words', "'two words' is no name of a data set; names look like cif"),
    ('huggingface:mnist', 'is no name of a data set'),
    ('../digits', 'is no name of a data set'),
    ('', "'' is no name of a data set"),
    ('digits:9.9.9', 'cannot be loaded at version 9.9.9, only: 1.0.0'),
  )
  def test_name(self, name, words):
    self.assert_refused(words, dataset=name)

  def test_data_dir_does_not_exist(self):
    self.assert_refused(
      'data directory /no/where does not exist; give the one that holds mnist',
      dataset='mnist',
      data_dir='/no/where',
    )

  def test_not_prepared_and_no_download_allowed(self):
    self.assert_refused(
      f'mnist is not prepared in {self.data_dir}; prepare it with `tfds build '
      f'mnist --data_dir={self.data_dir}`',
      dataset='mnist',
      download=False,
    )

  def test_not_prepared_and_no_network(self):
    before = sorted(self.data_dir.iterdir())
    gone = urllib.error.URLError(OSError('Name or service not known'))
    with mock.patch('urllib.request.urlopen', side_effect=gone):
      self.assert_refused(
        'cannot be downloaded (storage.googleapis.com: Name or service not '
        'known); prepare it where there is a network, with `tfds build mnist',
        dataset='mnist',
      )
    self.assertEqual(sorted(self.data_dir.iterdir()), before)

  def test_manual_download(self):
    self.assert_refused(
      f'put its files into {self.data_dir}/downloads/manual as https://www.',
      dataset='imagenet2012',
      image_size=64,
    )

  def test_preparing_fails(self):
    data_dir = self.create_tempdir().full_path
    with mock.patch.object(
      Unsuitable, '_split_generators', side_effect=KeyError('no\nsuch')
    ):
      self.assert_refused(
        f'unsuitable/tiny is not prepared in {data_dir} and preparing it '
        "failed: 'no",
        dataset='unsuitable/tiny',
        data_dir=data_dir,
      )

  @parameterized.parameters(
    ('unsuitable/text', 'is not for image classification: examples must have'),
    ('unsuitable/depth', 'an image of 8 bits a channel and one class label'),
    ('unsuitable/no_train', 'has no train split; it has test'),
    ('unsuitable/tiny', 'has 2 training examples, too few for the parts'),
    ('unsuitable/unlabelled', 'the train split of unsuitable has no labels'),
    ('ag_news_subset', 'but have label, title, description'),
  )
  def test_data_of_another_kind(self, name, words):
    self.assert_refused(words, dataset=name)

  def test_damaged_training_split(self):
    data_dir = self.copied_data()
    _split_files(data_dir, 'train')[1].write_bytes(b'garbage' * 1000)
    for memory_bytes in (2 << 30, _STREAM):
      self.assert_refused(
        f'cannot read the train split in {data_dir}/digits/1.0.0: ',
        data_dir=str(data_dir),
        memory_bytes=memory_bytes,
      )

  def test_a_file_that_was_cut_to_nothing(self):
    data_dir = self.copied_data()
    # One of three.
    os.truncate(_split_files(data_dir, 'train')[1], 0)
    for memory_bytes in (2 << 30, _STREAM):
      self.assert_refused(
        'it should have 1437 examples and has 958: a file is cut off',
        data_dir=str(data_dir),
        memory_bytes=memory_bytes,
      )

  def test_missing_training_split(self):
    data_dir = self.copied_data()
    _split_files(data_dir, 'train')[0].unlink()
    self.assert_refused('cannot read the train split', data_dir=str(data_dir))

  def test_digits_cannot_be_prepared(self):
    data_dir = self.create_tempdir()
    data_dir.create_file('digits')  # Where a directory would have to be.
    self.assert_refused(
      f'cannot prepare digits in {data_dir.full_path}: ',
      data_dir=data_dir.full_path,
    )

  def test_home_that_cannot_be_written(self):
    home = os.path.join(self.create_tempfile().full_path, 'tensorflow_datasets')
    with mock.patch.object(tfds.core.constants, 'DATA_DIR', home):
      dataset = data.load(data.DataConfig())
    self.assertEqual(dataset.info.training_examples, 1437)

  def test_data_of_an_older_version(self):
    data_dir = self.copied_data()
    (data_dir / 'digits/1.0.0').rename(data_dir / 'digits/0.9.0')
    info = data_dir / 'digits/0.9.0/dataset_info.json'
    info.write_text(info.read_text().replace('"1.0.0"', '"0.9.0"'))
    dataset = _load(data_dir, download=False)
    self.assertEqual(dataset.info.version, '0.9.0')

  @parameterized.parameters(
    ({'batch_size': 0}, 'batch_size is 0; it must be 1 or more'),
    ({'batch_size': 1.5}, 'batch_size is 1.5; it must be an integer'),
    ({'batch_size': True}, 'batch_size is True; it must be an integer'),
    ({'seed': -1}, 'seed is -1; it must be 0 or more'),
    ({'image_size': 0}, 'image_size is 0; it must be 1 or more'),
    ({'cutout': -1}, 'cutout is -1; it must be 0 or more'),
    ({'resized_crops': True}, 'resized_crops needs an image_size'),
    ({'crop_padding': -1}, 'crop_padding is -1; it must be 0 or more'),
    ({'memory_bytes': -1}, 'memory_bytes is -1; it must be 0 or more'),
    ({'weights_fraction': 0.0}, 'leave a part without examples'),
    ({'weights_fraction': 0.9}, 'both must be above 0 and their sum at most 1'),
    ({'candidates_fraction': float('nan')}, 'leave a part without examples'),
  )
  def test_configuration(self, settings, words):
    self.assert_refused(words, **settings)

  def test_arguments_of_batches(self):
    dataset = _load(self.data_dir)
    with self.assertRaisesRegex(data.DataError, 'batch_size is 0; it must be'):
      dataset.candidate_batches(0)
    with self.assertRaisesRegex(data.DataError, 'start is -1; it must be 0 or'):
      dataset.weights_batches(start=-1)


class Cifar10Test(DataTestCase):
  def setUp(self):
    super().setUp()
    caller = os.environ.get('BUILD_WORKING_DIRECTORY', os.getcwd())
    shared = os.environ.get('NAT_TF_SHARED', os.path.join(caller, '../shared'))
    self.source = pathlib.Path(shared).resolve() / 'tfds'
    if not (self.source / 'cifar10').is_dir():
      self.skipTest(f'no CIFAR-10 in {self.source}; NAT_TF_SHARED says where')

  def test_without_its_test_split(self):
    data_dir = pathlib.Path(self.create_tempdir().full_path)
    for path in self.source.glob('cifar10/*/*'):
      if '-test.' not in path.name:
        link = data_dir / path.relative_to(self.source)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path)
    dataset = _load(data_dir, dataset='cifar10', download=False, batch_size=64)
    self.assertEqual(dataset.info.examples, data.Parts(20000, 20000, 10000))
    self.assertEqual(dataset.info.image_shape, (32, 32, 3))
    self.assertEqual(dataset.info.label_names[3], 'cat')
    # The values that everyone uses for CIFAR-10, computed from all of it.
    self.assertAllClose(dataset.info.mean, (0.491, 0.482, 0.447), atol=0.01)
    self.assertAllClose(dataset.info.std, (0.247, 0.243, 0.262), atol=0.01)
    images, labels, weights = _joined(dataset.candidate_batches(500))
    self.assertEqual(weights.sum(), 10000)
    self.assertAllClose(images.mean((0, 1, 2)), np.zeros(3), atol=0.02)
    np.testing.assert_allclose(np.bincount(labels), 1000, atol=100)
    for batches in (dataset.weights_batches(), dataset.policy_batches()):
      images, labels = next(iter(batches))
      self.assertEqual(images.shape, (64, 32, 32, 3))
      self.assertLen(set(labels.numpy().tolist()), 10)


if __name__ == '__main__':
  tf.test.main()
