"""Tests of nat_tf.image_folder and of the command that calls it."""

from __future__ import annotations

import pathlib

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from nat_tf import data
from nat_tf import image_folder
from tests import command_line

# A class is a grey value; an image's top left pixel is its number.
_CLASSES = {'dark': 40, 'light': 200}
_A_CLASS = 10


def _write(path: pathlib.Path, number: int, value: int, side=8, channels=3):
  pixels = np.full((side, side, channels), value, np.uint8)
  pixels[0, 0] = number
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_bytes(tf.io.encode_png(pixels).numpy())


def _fill(folder: pathlib.Path, count: int = _A_CLASS, **options):
  for label, value in _CLASSES.items():
    for number in range(count):
      _write(folder / label / f'{number:02}.png', number, value, **options)


def _read(data_dir: str, split: str) -> list[tuple[str, int, tuple[int, ...]]]:
  """Returns class, number and shape of every image of a split, sorted."""
  # By its name alone, as a later call does it that knows no builder.
  builder = tfds.builder('my_photos', data_dir=data_dir)
  names = builder.info.features['label'].names
  found = []
  for example in builder.as_dataset(split=split):
    pixels, label = example['image'].numpy(), names[int(example['label'])]
    np.testing.assert_array_equal(pixels[-1, -1], _CLASSES[label])
    found.append((label, int(pixels[0, 0, 0]), pixels.shape))
  return sorted(found)


class ImageFolderTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.here = pathlib.Path(self.create_tempdir().full_path)
    self.images, self.data_dir = self.here / 'photos', str(self.here / 'data')

  def _prepare(self, name: str = 'my_photos'):
    return image_folder.prepare(str(self.images), name, self.data_dir)

  def _refuses(self, message: str, name: str = 'my_photos'):
    with self.assertRaisesRegex(data.DataError, message):
      self._prepare(name)
    self.assertFalse(pathlib.Path(self.data_dir, name).exists())

  def test_holds_out_every_fifth_image_of_each_class(self):
    _fill(self.images)
    # What is no image does not count.
    (self.images / 'dark' / 'Thumbs.db').write_bytes(b'')
    (self.images / 'notes.txt').write_text('none')
    info = self._prepare()
    self.assertEqual(info.features['label'].names, ['dark', 'light'])
    held_out = {4, 9}
    for split, numbers in (
      ('test', held_out),
      ('train', set(range(_A_CLASS)) - held_out),
    ):
      self.assertEqual(
        _read(self.data_dir, split),
        [(label, n, (8, 8, 3)) for label in _CLASSES for n in sorted(numbers)],
      )

  def test_takes_splits_that_are_there(self):
    _fill(self.images / 'train', 3)
    _write(self.images / 'test' / 'light' / 'a.PNG', 7, 200)
    self._prepare()
    self.assertLen(_read(self.data_dir, 'train'), 6)
    self.assertEqual(_read(self.data_dir, 'test'), [('light', 7, (8, 8, 3))])

  def test_commands_read_it_by_name(self):
    _fill(self.images, channels=1)
    self._prepare()
    loaded = data.load(data.DataConfig('my_photos', data_dir=self.data_dir))
    self.assertEqual(loaded.info.image_shape, (8, 8, 1))
    self.assertEqual(loaded.info.label_names, tuple(_CLASSES))
    self.assertEqual(sum(loaded.info.examples), 16)
    ((_, labels, weights),) = loaded.test_batches(4)
    self.assertEqual(sorted(labels.numpy()), [0, 0, 1, 1])
    self.assertEqual(weights.numpy().tolist(), [1, 1, 1, 1])

  def test_images_of_several_sizes_need_one(self):
    _fill(self.images)
    _write(self.images / 'dark' / 'large.png', 99, 40, side=12)
    self._prepare()
    config = data.DataConfig('my_photos', data_dir=self.data_dir)
    with self.assertRaisesRegex(data.DataError, 'differ in size'):
      data.load(config)
    config = data.DataConfig('my_photos', data_dir=self.data_dir, image_size=6)
    self.assertEqual(data.load(config).info.image_shape, (6, 6, 3))

  def test_one_colour_image_makes_all_colour(self):
    _fill(self.images, channels=1)
    _write(self.images / 'light' / 'colour.png', 9, 200, channels=4)
    self.assertEqual(self._prepare().features['image'].shape, (8, 8, 3))

  @parameterized.parameters(
    ('My Photos', 'cannot name a data set'),
    ('../photos', 'cannot name a data set'),
    ('cifar10', 'of its own'),
  )
  def test_refuses_a_name(self, name, message):
    _fill(self.images)
    self._refuses(message, name)

  def test_refuses_what_is_no_folder_of_classes(self):
    self._refuses('is no directory')
    self.images.mkdir()
    self._refuses('two classes')
    _write(self.images / 'dark' / '0.png', 0, 40)
    self._refuses('two classes')
    _write(self.images / 'light' / '0.png', 0, 200)
    self._refuses('no class has 5 images')

  def test_refuses_a_test_split_of_other_classes(self):
    _fill(self.images / 'train')
    (self.images / 'test').mkdir()
    self._refuses('has no images')
    _write(self.images / 'test' / 'odd' / '0.png', 0, 0)
    self._refuses("has the class 'odd'; it must have images of classes that")

  def test_names_a_damaged_file(self):
    _fill(self.images)
    damaged = self.images / 'light' / '03.png'
    damaged.write_bytes(damaged.read_bytes()[:40])
    self._refuses('light/03.png is no image that can be read')

  def test_never_replaces_what_is_there(self):
    _fill(self.images)
    self._prepare()
    with self.assertRaisesRegex(data.DataError, 'exists; give another name'):
      self._prepare()

  def test_command_says_how_to_go_on(self):
    _fill(self.images)
    _write(self.images / 'dark' / 'large.png', 99, 40, side=12)
    flags = '--images=photos', '--name=my_photos', '--data_dir=data'
    result = command_line.run('prepare', *flags, cwd=str(self.here))
    self.assertEqual(result.stderr, '')
    self.assertEqual(
      result.stdout,
      'my_photos: 2 classes, 17 images to train and 4 to test\n'
      f'use it with --dataset=my_photos --data_dir={self.data_dir} and an '
      '--image_size, for they differ in size\n',
    )


if __name__ == '__main__':
  absltest.main()
