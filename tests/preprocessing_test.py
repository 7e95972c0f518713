"""Tests of nat_tf.preprocessing."""

from __future__ import annotations

import io

from absl.testing import parameterized
import numpy as np
from PIL import Image
import tensorflow as tf

from nat_tf import preprocessing


def _noise(*shape: int) -> np.ndarray:
  return np.random.RandomState(0).randint(0, 256, shape, np.uint8)


def _bytes(image: np.ndarray, file_format: str) -> bytes:
  stream = io.BytesIO()
  pixels = image[..., 0] if image.shape[-1] == 1 else image
  Image.fromarray(pixels).save(stream, file_format)
  return stream.getvalue()


class MiddleTest(tf.test.TestCase, parameterized.TestCase):
  @parameterized.parameters(
    # Image, wanted size, rows and columns of the middle.
    ((8, 12), (4, 4), slice(0, 8), slice(2, 10)),
    ((13, 8), (8, 8), slice(2, 10), slice(0, 8)),
    ((9, 9), (9, 9), slice(0, 9), slice(0, 9)),
    ((6, 5), (10, 10), slice(0, 5), slice(0, 5)),
    ((10, 30), (4, 8), slice(0, 10), slice(5, 25)),
    ((30, 10), (4, 8), slice(12, 17), slice(0, 10)),
    ((40, 1), (4, 8), slice(19, 20), slice(0, 1)),
  )
  def test_resizes_the_middle(self, shape, size, rows, columns):
    image = _noise(*shape, 3)
    part = image[rows, columns].astype(np.float32)
    expected = tf.image.resize(part, size, antialias=True)
    found = preprocessing.middle(tf.constant(image), size)
    self.assertEqual(found.dtype, tf.uint8)
    self.assertAllEqual(found, np.round(expected).astype(np.uint8))

  def test_is_the_image_itself_where_the_size_is_right(self):
    image = _noise(7, 7, 3)
    found = tf.function(
      preprocessing.middle,
      input_signature=[
        tf.TensorSpec([None, None, 3], tf.uint8),
        tf.TensorSpec([2], tf.int32),
      ],
    )(image, [7, 7])
    self.assertAllEqual(found, image)

  def test_antialiases(self):
    # A chequerboard is grey from afar; without antialiasing it is black.
    board = np.indices((64, 64)).sum(0)[..., np.newaxis] % 2 * 255
    found = preprocessing.middle(tf.constant(board, tf.uint8), (4, 4))
    self.assertAllInRange(found, 120, 135)


class DecodeTest(tf.test.TestCase, parameterized.TestCase):
  @parameterized.parameters(3, 4)
  def test_drops_alpha(self, channels):
    image = _noise(6, 6, channels)
    found = preprocessing.decode(_bytes(image, 'PNG'), (6, 6, 3))
    self.assertAllEqual(found, image[..., :3])

  @parameterized.parameters(1, 2)
  def test_grey_becomes_colour(self, channels):
    image = _noise(6, 6, channels)
    found = preprocessing.decode(_bytes(image, 'PNG'), (6, 6, 3))
    self.assertAllEqual(found, np.repeat(image[..., :1], 3, -1))

  @parameterized.parameters(3, 4)
  def test_colour_becomes_grey(self, channels):
    image = _noise(6, 6, channels)
    found = preprocessing.decode(_bytes(image, 'PNG'), (6, 6, 1))
    # Green is brighter than red, and red than blue.
    luminance = image[..., :3] @ [0.299, 0.587, 0.114]
    self.assertAllClose(found[..., 0], luminance, atol=16)

  def test_reads_jpeg_as_tensorflow_does(self):
    image = np.indices((8, 8)).sum(0)[..., np.newaxis] * [10, 5, 15]
    encoded = _bytes(image.astype(np.uint8), 'JPEG')
    found = preprocessing.decode(encoded, (8, 8, 3))
    self.assertAllEqual(found, tf.io.decode_jpeg(encoded))
    self.assertAllClose(found, image, atol=40)

  def test_brings_any_size_to_the_shape(self):
    for shape in ((1, 1, 3), (300, 20, 3), (20, 300, 1), (5, 5, 4)):
      found = preprocessing.decode(_bytes(_noise(*shape), 'PNG'), (6, 6, 3))
      self.assertEqual(found.shape, (6, 6, 3))

  def test_refuses_what_is_no_image(self):
    whole = _bytes(_noise(6, 6, 3), 'PNG')
    for encoded in (b'', b'an image', whole[: len(whole) // 2]):
      with self.assertRaises(tf.errors.InvalidArgumentError):
        preprocessing.decode(encoded, (6, 6, 3))


class NormaliseTest(tf.test.TestCase):
  def test_equals_its_formula_and_has_an_inverse(self):
    mean, std = (0.5, 0.4, 0.01), (0.25, 0.2, 1 / 255)
    pixels = np.repeat(np.arange(256, dtype=np.uint8)[:, np.newaxis], 3, -1)
    found = preprocessing.normalise(pixels, mean, std)
    self.assertEqual(found.dtype, tf.float32)
    expected = (pixels / 255 - np.array(mean)) / np.array(std)
    self.assertAllClose(found, expected, 1e-6, 1e-5)
    self.assertAllEqual(preprocessing.pixels(found, mean, std), pixels)

  def test_takes_parts_of_pixels(self):
    found = preprocessing.normalise(tf.constant([[127.5]]), (0.25,), (0.5,))
    self.assertAllClose(found, [[0.5]])


if __name__ == '__main__':
  tf.test.main()
