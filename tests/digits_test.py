"""Tests of nat_tf.digits."""

from __future__ import annotations

import collections
import tempfile

from absl.testing import absltest
import numpy as np
from sklearn import datasets
import tensorflow_datasets as tfds

from nat_tf import digits


def _load(data_dir):
  """Returns what TFDS gives: for every split images and labels, and info."""
  splits, info = tfds.load('digits', data_dir=data_dir, with_info=True)
  arrays = {}
  for name, split in splits.items():
    examples = list(tfds.as_numpy(split))
    images = np.stack([example['image'] for example in examples])
    labels = np.array([example['label'] for example in examples])
    arrays[name] = images, labels
  return arrays, info


def _counted(images, labels):
  """Returns how often every labelled image occurs."""
  return collections.Counter(
    (image.tobytes(), int(label)) for image, label in zip(images, labels)
  )


class DigitsTest(absltest.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    # By name alone, as users do: importing the module has registered it.
    with tempfile.TemporaryDirectory() as data_dir:
      cls.splits, cls.info = _load(data_dir)

  def test_registered_under_its_name(self):
    self.assertIs(tfds.builder_cls('digits'), digits.Digits)

  def test_shapes_and_sizes(self):
    for name, count in (('train', 1437), ('test', 360)):
      images, labels = self.splits[name]
      self.assertEqual(images.shape, (count, 8, 8, 1))
      self.assertEqual(images.dtype, np.uint8)
      self.assertEqual(labels.shape, (count,))

  def test_splits_together_are_scikit_learns_digits(self):
    bunch = datasets.load_digits()
    expected = collections.Counter(
      (np.rint(image * 255 / 16).astype(np.uint8).tobytes(), int(label))
      for image, label in zip(bunch.images, bunch.target)
    )
    found = _counted(*self.splits['train']) + _counted(*self.splits['test'])
    self.assertEqual(found, expected)

  def test_grey_values_use_the_whole_range(self):
    images, _ = self.splits['train']
    self.assertEqual(images.min(), 0)
    self.assertEqual(images.max(), 255)
    self.assertLen(np.unique(images), 17)

  def test_no_image_is_in_both_splits(self):
    train = {image.tobytes() for image in self.splits['train'][0]}
    test = {image.tobytes() for image in self.splits['test'][0]}
    self.assertEmpty(train & test)

  def test_a_fifth_of_every_class_is_for_testing(self):
    train = np.bincount(self.splits['train'][1], minlength=10)
    test = np.bincount(self.splits['test'][1], minlength=10)
    np.testing.assert_allclose(test, (train + test) / 5, atol=1)

  def test_second_preparation_gives_the_same(self):
    with tempfile.TemporaryDirectory() as data_dir:
      again, _ = _load(data_dir)
    for name, (images, labels) in self.splits.items():
      np.testing.assert_array_equal(images, again[name][0])
      np.testing.assert_array_equal(labels, again[name][1])

  def test_cites_its_source(self):
    self.assertIn('Alpaydin', self.info.citation)
    self.assertIn('1998', self.info.citation)
    self.assertEqual(self.info.supervised_keys, ('image', 'label'))


if __name__ == '__main__':
  absltest.main()
