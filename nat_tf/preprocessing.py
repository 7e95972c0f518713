"""From the bytes of an image to what a network reads, in TensorFlow alone.

Training and serving share it, so that a served network sees what it learned
from.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf


def decode(encoded: tf.Tensor, shape: Sequence[int]) -> tf.Tensor:
  """Returns the image in the bytes of a JPEG or PNG file.

  Args:
    encoded: scalar string. Grey becomes colour and colour grey, as `shape`
      wants it; alpha is dropped.
    shape: height, width, channels to bring the image to, see `middle`.

  Returns:
    `shape`, uint8.
  """
  height, width, channels = shape
  image = tf.io.decode_image(encoded, channels, expand_animations=False)
  return tf.ensure_shape(middle(image, (height, width)), shape)


def middle(image: tf.Tensor, size: Sequence[int]) -> tf.Tensor:
  """Resizes the largest part in the middle that has the wanted proportions.

  Args:
    image: `[any height, any width, channels]` uint8.
    size: wanted height and width; where they are equal the part is a square.

  Returns:
    `[*size, channels]` uint8.
  """
  height, width = tf.unstack(tf.shape(image)[:2])
  # A side is at least a pixel, however narrow the image is.
  part_height = tf.clip_by_value(width * size[0] // size[1], 1, height)
  part_width = tf.clip_by_value(height * size[1] // size[0], 1, width)
  image = tf.image.crop_to_bounding_box(
    image,
    (height - part_height) // 2,
    (width - part_width) // 2,
    part_height,
    part_width,
  )
  image = tf.image.resize(image, size, antialias=True)
  return tf.cast(tf.round(image), tf.uint8)


def normalise(
  images: tf.Tensor, mean: Sequence[float], std: Sequence[float]
) -> tf.Tensor:
  """Returns `(images / 255 - mean) / std`, float32.

  Args:
    images: `[..., channels]`, pixels from 0 to 255 of any type.
    mean: of every channel, of pixels between 0 and 1.
    std: the standard deviation to it.
  """
  scale, offset = _scale_and_offset(mean, std)
  return tf.cast(images, tf.float32) * scale + offset


def pixels(
  normalised: tf.Tensor, mean: Sequence[float], std: Sequence[float]
) -> tf.Tensor:
  """Returns the whole pixels, uint8, that `normalise` made `normalised` of."""
  scale, offset = _scale_and_offset(mean, std)
  return tf.cast(tf.round((normalised - offset) / scale), tf.uint8)


def _scale_and_offset(
  mean: Sequence[float], std: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
  deviation = np.array(std, np.float32)
  return 1 / (255 * deviation), -np.array(mean, np.float32) / deviation
