"""Finds data sets by their names and prepares them for reading, with TFDS.

Whatever is wrong is said in one line, and before it costs time: an unknown name
without a network, a missing network without minutes of trying.
"""

from __future__ import annotations

import atexit
import contextlib
import difflib
import functools
import http.client
import io
import os
import re
import shutil
import tempfile
import urllib.error
import urllib.request

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from nat_tf import data_source
from nat_tf import digits

_PROBE_SECONDS = 5
_DATASET_NAME = re.compile(r'\w+(/[\w.\-]+)?(:[\d*]+\.[\d*]+\.[\d*]+)?')


@data_source.quiet()
def training_split(
  name: str, data_dir: str | None, download: bool, image_size: int | None
) -> data_source.Split:
  """Returns the training split of a data set, prepared but not yet read.

  Args:
    name: a TFDS name, for example `cifar10` or `imagenet_resized/32x32`.
    data_dir: where it lies or will be prepared; None for TFDS's own directory.
    download: whether TFDS may download what is not prepared.
    image_size: side in pixels to bring images to; None leaves them.

  Raises:
    DataError: the name is unknown, the data is not there or is not for image
      classification.
  """
  _check_data_dir(name, data_dir)
  builder = _open_builder(name, data_dir)
  # Before the download: it would be in vain for data of another kind.
  image_key, label_key = _feature_keys(builder, name)
  shape = _image_shape(builder.info.features[image_key], name, image_size)
  builder = _prepared(builder, name, data_dir, download)
  return data_source.Split(builder, 'train', image_key, label_key, shape)


def _check_data_dir(name: str, directory: str | None) -> None:
  if directory is not None and not tf.io.gfile.isdir(directory):
    raise data_source.DataError(
      f'data directory {directory} does not exist; give the one that holds '
      f'{name}, or create it to have {name} prepared there'
    )


def _open_builder(name: str, data_dir: str | None) -> tfds.core.DatasetBuilder:
  """Returns the builder of a name, prepared or not, without a network."""
  if not _DATASET_NAME.fullmatch(name):
    raise data_source.DataError(
      f'{name!r} is no name of a data set; names look like cifar10, '
      'imagenet_resized/32x32 or cifar10:3.0.2'
    )
  try:
    builder = tfds.builder(name, data_dir=data_dir)
  except tfds.core.DatasetNotFoundError:
    raise data_source.DataError(_unknown(name)) from None
  except Exception as error:  # TFDS and its builders raise all kinds.
    raise data_source.DataError(
      f'cannot open {name}: {data_source.one_line(error)}'
    ) from error
  if not builder.info.splits and ':' not in name:
    # Data prepared by another version of TFDS is as good.
    with contextlib.suppress(Exception):
      builder = tfds.builder(f'{name}:*.*.*', data_dir=data_dir)
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
  builder: tfds.core.DatasetBuilder, name: str
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
    raise data_source.DataError(
      f'{name} is not for image classification: examples must have '
      'an image of 8 bits a channel and one class label, but have '
      f'{", ".join(features)}'
    )
  return keys


def _image_shape(
  feature: tfds.features.Image, name: str, image_size: int | None
) -> tuple[int, int, int]:
  """Returns height, width and channels that all images will have."""
  height, width, channels = feature.shape
  if channels is None:
    raise data_source.DataError(
      f'the images of {name} differ in their number of channels; '
      'they must have one number'
    )
  if image_size is not None:
    return image_size, image_size, channels
  if height is None or width is None:
    raise data_source.DataError(
      f'the images of {name} differ in size; give an image_size to '
      'bring them to, for example 64'
    )
  return height, width, channels


def _prepared(
  builder: tfds.core.DatasetBuilder,
  name: str,
  data_dir: str | None,
  download: bool,
) -> tfds.core.DatasetBuilder:
  """Returns the builder, or one like it, with data that can be read."""
  if not builder.info.splits:
    if isinstance(builder, digits.Digits):
      builder = _prepared_digits(builder, data_dir)
    else:
      _download(builder, name, download)
  if 'train' not in builder.info.splits:
    raise data_source.DataError(
      f'{name} has no train split; it has {", ".join(builder.info.splits)}'
    )
  return builder


def _prepared_digits(
  builder: digits.Digits, data_dir: str | None
) -> tfds.core.DatasetBuilder:
  """Prepares the digits, which takes a second and no network."""
  try:
    return _generated(builder)
  except Exception as error:  # TFDS makes a full disk a RuntimeError.
    # Another process may have been faster.
    builder = tfds.builder('digits', data_dir=data_dir)
    if builder.info.splits:
      return builder
    if data_dir is not None:
      raise data_source.DataError(
        f'cannot prepare digits in {data_dir}: '
        f'{data_source.one_line(error)}; give a data_dir that can be written, '
        'or none'
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


def _download(
  builder: tfds.core.DatasetBuilder, name: str, download: bool
) -> None:
  """Downloads and prepares; refuses quickly where that is bound to fail."""
  directory = builder.data_dir_root
  missing = f'{name} is not prepared in {directory}'
  prepare = f'`tfds build {name} --data_dir={directory}`'
  if not download:
    raise data_source.DataError(f'{missing}; prepare it with {prepare}')
  manual = os.path.join(directory, 'downloads', 'manual')
  if builder.MANUAL_DOWNLOAD_INSTRUCTIONS and not _is_filled(manual):
    raise data_source.DataError(
      f'{missing} and cannot be downloaded without you: put its files into '
      f'{manual} as https://www.tensorflow.org/datasets/catalog/{builder.name} '
      f'says, then run {prepare}'
    )
  # TFDS itself would go on trying for minutes.
  reason = _unreachable(next(iter(builder.url_infos or {}), ''))
  if reason:
    raise data_source.DataError(
      f'{missing} and cannot be downloaded ({reason}); prepare it where there '
      f'is a network, with {prepare}'
    )
  try:
    builder.download_and_prepare()
  except Exception as error:  # TFDS and its builders raise all kinds.
    raise data_source.DataError(
      f'{missing} and preparing it failed: '
      f'{data_source.one_line(error)}; to see more, run {prepare}'
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
    return (
      f'{request.host}: {data_source.one_line(getattr(error, "reason", error))}'
    )
