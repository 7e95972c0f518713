from __future__ import annotations

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from nat_tf import augmentation


def _seed(*numbers):
  return tf.constant(numbers, tf.int64)


class ShiftedTest(absltest.TestCase):
  def test_flip_mirrors_half(self):
    images = np.arange(64 * 4 * 6 * 3, dtype=np.uint32).astype(np.uint8)
    images = images.reshape([64, 4, 6, 3])
    found = augmentation.shifted(
      tf.constant(images), _seed(1, 2), padding=0, flip=True
    ).numpy()
    mirrored = 0
    for image, result in zip(images, found):
      if not np.array_equal(image, result):
        np.testing.assert_array_equal(image[:, ::-1], result)
        mirrored += 1
    self.assertBetween(mirrored, 16, 48)


class CutOutTest(parameterized.TestCase):
  @parameterized.parameters((3, 8, 8), (4, 8, 8), (4, 6, 9), (20, 8, 8))
  def test_covers_one_square(self, side, height, width):
    #   . . . .
    #   . 0 0 .     rows y to y + side of columns x to x + side, clipped by the
    #   . 0 0 .     border; its middle is a pixel
    images = np.ones([200, height, width, 2], np.float32)
    found = augmentation.cut_out(tf.constant(images), _seed(3, 4), side).numpy()
    middles = set()
    for image in found:
      possible = [
        (y, x)
        for y in range(height)
        for x in range(width)
        if np.array_equal(image, _naive(images[0], y, x, side))
      ]
      self.assertNotEmpty(possible)
      middles.add(possible[0])
    if side < 5:
      # 200 draws leave out a pixel of 64 with a chance of 4 %, half never.
      self.assertGreater(len(middles), height * width // 2)

  def test_depends_on_the_seed_alone(self):
    images = tf.ones([8, 8, 8, 1])
    one = augmentation.cut_out(images, _seed(1, 2), 4)
    same = augmentation.cut_out(images, _seed(1, 2), 4)
    other = augmentation.cut_out(images, _seed(1, 3), 4)
    np.testing.assert_array_equal(one, same)
    self.assertTrue(np.any(one != other))


class ResizedCropTest(absltest.TestCase):
  def test_is_a_part_of_the_image(self):
    # Red grows with the row and green with the column, so that a crop's corners
    # tell where it was cut.
    rows, columns = np.meshgrid(range(200), range(100), indexing='ij')
    image = np.stack([rows, columns, 0 * rows], -1).astype(np.uint8)
    areas, ratios = [], []
    for number in range(300):
      crop = augmentation.resized_crop(
        tf.constant(image), _seed(5, number), 16
      ).numpy()
      self.assertEqual((crop.shape, crop.dtype), ((16, 16, 3), np.uint8))
      red, green = crop[..., 0].astype(int), crop[..., 1].astype(int)
      self.assertTrue((np.diff(red, axis=0) >= 0).all())
      self.assertTrue((np.diff(green, axis=1) >= 0).all())
      # A 16th lies between neighbours, and 15 of them between the corners.
      height = (red[-1, 0] - red[0, 0]) * 16 / 15
      width = (green[0, -1] - green[0, 0]) * 16 / 15
      areas.append(height * width / image[..., 0].size)
      ratios.append(width / height)
    # Rounding moves an edge of the smallest crops, 40 pixels, by a pixel or so.
    self.assertBetween(min(areas), 0.07, 0.12)
    self.assertGreater(max(areas), 0.4)
    self.assertBetween(min(ratios), 0.70, 0.80)
    self.assertBetween(max(ratios), 1.25, 1.42)

  def test_depends_on_the_seed_alone(self):
    image = tf.constant(
      np.random.RandomState(0).randint(0, 256, [20, 30, 3], np.uint8)
    )
    one = augmentation.resized_crop(image, _seed(1, 2), 8)
    same = augmentation.resized_crop(image, _seed(1, 2), 8)
    other = augmentation.resized_crop(image, _seed(1, 3), 8)
    np.testing.assert_array_equal(one, same)
    self.assertTrue(np.any(one != other))


def _naive(image, y, x, side):
  image = image.copy()
  top, left = y - side // 2, x - side // 2
  image[
    max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)
  ] = 0
  return image


if __name__ == '__main__':
  absltest.main()
