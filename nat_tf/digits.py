"""The data set `digits`: real images that need no download.

Importing this module registers the builder with TensorFlow Datasets (TFDS), so
that `tfds.load('digits', data_dir=...)` works.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

_LARGEST = 16  # of the grey values as they were published
_TEST_STRIDE = 5  # one example in five is for testing


class Digits(tfds.core.GeneratorBasedBuilder):
  """1,797 handwritten digits of 8x8 pixels, as shipped inside scikit-learn.

  Examples are `{'image': [8, 8, 1] uint8, 'label': 0 to 9}`; 1,437 are for
  training and 360 for testing. Both splits hold every class in the same
  proportion. As in every split of these digits, some writers are in both.
  """

  VERSION = tfds.core.Version('1.0.0')
  RELEASE_NOTES = {'1.0.0': 'First version.'}

  def _info(self) -> tfds.core.DatasetInfo:
    return tfds.core.DatasetInfo(
      builder=self,
      description=(
        'Handwritten digits, 8x8 grey images: the copy of the test set of the '
        'UCI optical recognition of handwritten digits that scikit-learn '
        'ships. Grey values are stretched from 0..16 to 0..255.'
      ),
      features=tfds.features.FeaturesDict(
        {
          'image': tfds.features.Image(shape=(8, 8, 1)),
          'label': tfds.features.ClassLabel(num_classes=10),
        }
      ),
      supervised_keys=('image', 'label'),
      homepage='https://doi.org/10.24432/C50P49',
      citation="""@misc{alpaydin1998optical,
        author = {Alpaydin, E. and Kaynak, C.},
        title = {Optical Recognition of Handwritten Digits},
        year = {1998},
        howpublished = {UCI Machine Learning Repository},
        doi = {10.24432/C50P49},
      }""",
    )

  def _split_generators(
    self, dl_manager: tfds.download.DownloadManager
  ) -> dict[str, Iterator[tuple[int, dict[str, Any]]]]:
    del dl_manager  # There is nothing to download.
    images, labels = _scikit_learn_digits()
    # Every fifth of the examples sorted by class: exact, stratified, and the
    # same with every version of every random number generator.
    test = np.zeros(len(labels), bool)
    test[np.argsort(labels, kind='stable')[::_TEST_STRIDE]] = True
    return {
      'train': self._generate_examples(images[~test], labels[~test]),
      'test': self._generate_examples(images[test], labels[test]),
    }

  def _generate_examples(
    self, images: np.ndarray, labels: np.ndarray
  ) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yields a split's examples under keys, by which TFDS shuffles them."""
    for key, (image, label) in enumerate(zip(images, labels)):
      yield key, {'image': image, 'label': int(label)}


def _scikit_learn_digits() -> tuple[np.ndarray, np.ndarray]:
  """Returns images `[1797, 8, 8, 1]` uint8 and labels `[1797]` int64."""
  # Only the first preparation needs scikit-learn, which is slow to import.
  from sklearn import datasets

  bunch = datasets.load_digits()
  images = np.rint(bunch.images * (255 / _LARGEST)).astype(np.uint8)
  return images[..., np.newaxis], bunch.target.astype(np.int64)
