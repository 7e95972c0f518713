"""ImageNet by the real path: TFDS prepares it from archives, made here."""

from __future__ import annotations

import io
import os
import tarfile
import tempfile

from absl.testing import absltest
import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from nat_tf import data
from nat_tf import trained
from nat_tf import training
from nat_tf import workdir as workdir_lib
from nat_tf import zoo
from nat_tf.train_config import TrainConfig

# The first classes' names and numbers in ImageNet's own order.
_CLASSES = {'n01440764': 0, 'n01443537': 1, 'n01484850': 2}
_EACH = 20


def _jpeg(random):
  """Returns the bytes of an image of random size, as ImageNet's are."""
  height, width = random.randint(40, 90, 2)
  pixels = random.randint(0, 256, [height, width, 3], np.uint8)
  return tf.io.encode_jpeg(pixels).numpy()


def _tar(path_or_file, files):
  """Writes an archive."""
  options = (
    {'name': path_or_file}
    if isinstance(path_or_file, str)
    else {'fileobj': path_or_file}
  )
  with tarfile.open(mode='w', **options) as archive:
    for name, content in files.items():
      entry = tarfile.TarInfo(name)
      entry.size = len(content)
      archive.addfile(entry, io.BytesIO(content))


def _write_archives(folder):
  """Writes the three archives that one gets from image-net.org, in small."""
  random = np.random.RandomState(0)
  classes = {}
  for name in _CLASSES:
    inner = io.BytesIO()
    _tar(inner, {f'{name}_{i}.JPEG': _jpeg(random) for i in range(_EACH)})
    classes[f'{name}.tar'] = inner.getvalue()
  _tar(os.path.join(folder, 'ILSVRC2012_img_train.tar'), classes)
  for split, count in (('val', 6), ('test', 4)):
    files = {
      f'ILSVRC2012_{split}_{i + 1:08}.JPEG': _jpeg(random) for i in range(count)
    }
    _tar(os.path.join(folder, f'ILSVRC2012_img_{split}.tar'), files)


class ImageNetTest(absltest.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.data_dir = tempfile.mkdtemp(dir=absltest.get_default_test_tmpdir())
    manual = os.path.join(cls.data_dir, 'downloads', 'manual')
    os.makedirs(manual)
    _write_archives(manual)
    # What `tfds build imagenet2012 --data_dir=...` does.
    tfds.builder('imagenet2012', data_dir=cls.data_dir).download_and_prepare()
    cls.config = TrainConfig(
      dataset='imagenet2012',
      data_dir=cls.data_dir,
      network='imagenet',
      image_size=32,
      channels=2,
      epochs=1,
      warmup_epochs=0,
      batch_size=9,
      augmentation='resized_crop',
      label_smoothing=0.1,
      average=0.9,
    )

  def test_is_read_from_the_archives(self):
    dataset = data.load(self.config.data_config())
    self.assertEqual(dataset.info.image_shape, (32, 32, 3))
    self.assertLen(dataset.info.label_names, 1000)
    self.assertEqual(dataset.info.training_examples, 3 * _EACH)
    images, labels = next(iter(dataset.weights_batches()))
    self.assertEqual(images.shape, (9, 32, 32, 3))
    self.assertContainsSubset(set(labels.numpy()), set(_CLASSES.values()))

  def test_the_validation_split_is_the_test(self):
    # ImageNet's test split has no labels.
    dataset = data.load(self.config.data_config())
    weights = sum(float(tf.reduce_sum(x)) for *_, x in dataset.test_batches())
    self.assertEqual(weights, 6)
    for _, labels, _ in dataset.test_batches():
      self.assertGreaterEqual(int(tf.reduce_min(labels)), 0)

  def test_a_network_is_trained(self):
    folder = self.create_tempdir().full_path
    summary = training.run(
      self.config,
      zoo.load('resnet18'),
      workdir_lib.Workdir(os.path.join(folder, 'w'), TrainConfig),
    )
    self.assertTrue(np.isfinite(summary['test_loss']))
    model = trained.load(os.path.join(folder, 'w')).model
    self.assertEqual(model.output_shape, (None, 1000))


class WithoutArchivesTest(absltest.TestCase):
  def test_says_where_they_belong(self):
    data_dir = self.create_tempdir().full_path
    with self.assertRaisesRegex(
      data.DataError,
      'put its files into .*/downloads/manual .*tfds build imagenet2012',
    ):
      data.load(
        data.DataConfig('imagenet2012', data_dir=data_dir, image_size=32)
      )


if __name__ == '__main__':
  absltest.main()
