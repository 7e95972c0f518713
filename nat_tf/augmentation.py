"""Random changes of training images, decided by stateless seeds.

Batches in, batches out: no example is handled by itself, except where files
of different sizes are cropped before they can be batched.
"""

from __future__ import annotations

import functools

import tensorflow as tf

# Share of the image's area and ratio of width to height of random crops
# (Szegedy et al., CVPR 2015, section 6).
_AREA = (0.08, 1.0)
_RATIO = (3 / 4, 4 / 3)


def shifted(
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


def cut_out(images: tf.Tensor, seed: tf.Tensor, side: int) -> tf.Tensor:
  """Sets a square of every image to 0 (DeVries and Taylor, 2017).

  Its middle is any pixel, so it may reach beyond the image's border.

  Args:
    images: `[batch, h, w, c]` float32, normalised: 0 is the mean.
    seed: stateless seed, `[2]`.
    side: of the square, in pixels.

  Returns:
    As `images`.
  """
  batch, height, width, _ = images.shape
  seeds = tf.unstack(tf.random.experimental.stateless_split(seed, 2))

  def covered(size: int, seed: tf.Tensor) -> tf.Tensor:
    """Returns which positions along a side are covered, `[batch, size]`."""
    first = tf.random.stateless_uniform([batch, 1], seed, 0, size, tf.int32) - (
      side // 2
    )
    distance = tf.range(size) - first
    return (distance >= 0) & (distance < side)

  rows = covered(height, seeds[0])[:, :, tf.newaxis, tf.newaxis]
  columns = covered(width, seeds[1])[:, tf.newaxis, :, tf.newaxis]
  return tf.where(rows & columns, tf.zeros_like(images), images)


def resized_crop(image: tf.Tensor, seed: tf.Tensor, size: int) -> tf.Tensor:
  """Returns a part of random place, size and shape, resized to a square.

  Szegedy et al., *Going Deeper with Convolutions*, CVPR 2015, section 6.

  Args:
    image: `[height, width, channels]` uint8, of any size.
    seed: stateless seed, `[2]`.
    size: side of the result, in pixels.

  Returns:
    `[size, size, channels]` uint8.
  """
  begin, extent, _ = tf.image.stateless_sample_distorted_bounding_box(
    tf.shape(image),
    tf.zeros([1, 0, 4]),
    seed,
    aspect_ratio_range=_RATIO,
    area_range=_AREA,
    use_image_if_no_bounding_boxes=True,
  )
  image = tf.slice(image, begin, extent)
  image = tf.image.resize(image, (size, size), antialias=True)
  return tf.cast(tf.round(image), tf.uint8)
