"""Makes a TFDS data set of a folder that has one folder of images a class."""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import io
import os
import pathlib
import re
from typing import Any

import tensorflow as tf
import tensorflow_datasets as tfds

from nat_tf import data_source

SUFFIXES = '.jpeg', '.jpg', '.png'

_SPLITS = 'train', 'test'
_NAME = re.compile(r'[a-z][a-z0-9_]{0,39}')
_TEST_STRIDE = 5  # one image in five is for testing

# By the name of the split: the files with their classes.
_Files = dict[str, list[tuple[pathlib.Path, str]]]


class _Folder(tfds.core.GeneratorBasedBuilder):
  """Stores files as they are, under a name of the user's."""

  VERSION = tfds.core.Version('1.0.0')

  def __init__(
    self,
    name: str,
    files: _Files,
    shape: tuple[int | None, int | None, int],
    data_dir: str,
  ):
    # TFDS would take the name of the class.
    self.name = name
    self._files, self._shape = files, shape
    super().__init__(data_dir=data_dir)

  def _info(self) -> tfds.core.DatasetInfo:
    return tfds.core.DatasetInfo(
      builder=self,
      description='Images of a folder, a class for each folder in it.',
      features=tfds.features.FeaturesDict(
        {
          'image': tfds.features.Image(shape=self._shape),
          'label': tfds.features.ClassLabel(
            names=_labels(self._files['train'])
          ),
        }
      ),
      supervised_keys=('image', 'label'),
    )

  def _split_generators(
    self, dl_manager: tfds.download.DownloadManager
  ) -> dict[str, Iterator[tuple[str, dict[str, Any]]]]:
    del dl_manager  # There is nothing to download.
    return {
      split: self._generate_examples(files)
      for split, files in self._files.items()
    }

  def _generate_examples(
    self, files: list[tuple[pathlib.Path, str]]
  ) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields a split's examples under keys, by which TFDS shuffles them."""
    for path, label in files:
      yield f'{label}/{path.name}', {'image': str(path), 'label': label}


@data_source.quiet()
def prepare(folder: str, name: str, data_dir: str) -> tfds.core.DatasetInfo:
  """Prepares the images of a folder, to be read by name from then on.

  Args:
    folder: holds a folder of JPEG or PNG files for each class; or `train` and
      `test`, which hold these. Without a `test` every fifth image of a class,
      in the order of their names, is for testing.
    name: of the data set; lower-case letters, digits and underscores.
    data_dir: where it is written; made where it is not there.

  Returns:
    What TFDS knows of it. Images of one size keep that as their shape; they are
    grey where all of them are.

  Raises:
    DataError: the name cannot be used, or the folder does not hold such images.
  """
  _check_name(name, data_dir)
  files = _found(pathlib.Path(folder))
  shape = _common_shape([path for split in files.values() for path, _ in split])
  quiet = io.StringIO()
  try:
    with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
      builder = _Folder(name, files, shape, data_dir)
      builder.download_and_prepare()
  except Exception as error:  # TFDS makes a full disk a RuntimeError.
    raise data_source.DataError(
      f'cannot write {name} to {data_dir}: {data_source.one_line(error)}'
    ) from error
  return builder.info


def _check_name(name: str, data_dir: str):
  if not _NAME.fullmatch(name):
    raise data_source.DataError(
      f'{ascii(name[:60])} cannot name a data set; a name has up to 40 '
      'lower-case letters, digits and underscores, as in my_photos'
    )
  if name in tfds.list_builders(with_community_datasets=False):
    raise data_source.DataError(
      f'TensorFlow Datasets has a data set {name} of its own; give another name'
    )
  place = os.path.join(data_dir, name)
  if os.path.lexists(place):
    raise data_source.DataError(
      f'{place} exists; give another name, or delete it to prepare it anew'
    )


def _found(folder: pathlib.Path) -> _Files:
  """Returns the files of both splits."""
  if not folder.is_dir():
    raise data_source.DataError(
      f'{folder} is no directory; give the --images that holds a folder of '
      'JPEG or PNG files for each class'
    )
  train, test = (folder / split for split in _SPLITS)
  files = _labelled(train if train.is_dir() else folder)
  if len(set(_labels(files))) < 2:
    raise data_source.DataError(
      f'{folder} does not hold images of two classes; it must have a folder '
      f'for each class, with files *{", *".join(SUFFIXES)}'
    )
  if not (train.is_dir() and test.is_dir()):
    return _divided(files)
  held_out = _labelled(test)
  unknown = sorted(set(_labels(held_out)) - set(_labels(files)))
  if unknown or not held_out:
    wrong = f'the class {unknown[0]!r}' if unknown else 'no images'
    raise data_source.DataError(
      f'{test} has {wrong}; it must have images of classes that {train} has'
    )
  return {'train': files, 'test': held_out}


def _labelled(folder: pathlib.Path) -> list[tuple[pathlib.Path, str]]:
  """Returns images with the names of the folders that they lie in, sorted."""
  return [
    (path, label.name)
    for label in sorted(folder.iterdir())
    if label.is_dir()
    for path in sorted(label.iterdir())
    if path.suffix.lower() in SUFFIXES
  ]


def _divided(files: list[tuple[pathlib.Path, str]]) -> _Files:
  """Divides images into both splits, every class in the same proportion."""
  divided: _Files = {split: [] for split in _SPLITS}
  seen: dict[str, int] = {}
  for path, label in files:
    seen[label] = seen.get(label, 0) + 1
    split = 'train' if seen[label] % _TEST_STRIDE else 'test'
    divided[split].append((path, label))
  if not divided['test']:
    raise data_source.DataError(
      f'no class has {_TEST_STRIDE} images, of which one would be for testing'
    )
  return divided


def _labels(files: list[tuple[pathlib.Path, str]]) -> list[str]:
  return sorted({label for _, label in files})


def _common_shape(
  paths: list[pathlib.Path],
) -> tuple[int | None, int | None, int]:
  """Returns the shape of all images, None for a side that differs.

  Raises:
    DataError: one of them cannot be read, which would end a run later.
  """
  heights, widths, channels = map(set, zip(*map(_shape, paths)))
  return (
    heights.pop() if len(heights) == 1 else None,
    widths.pop() if len(widths) == 1 else None,
    # Two are grey with alpha.
    1 if channels <= {1, 2} else 3,
  )


def _shape(path: pathlib.Path) -> tuple[int, int, int]:
  try:
    pixels = tf.io.decode_image(path.read_bytes(), expand_animations=False)
  except tf.errors.InvalidArgumentError as error:
    raise data_source.DataError(
      f'{path} is no image that can be read: {data_source.one_line(error)}'
    ) from None
  return tuple(pixels.shape)
