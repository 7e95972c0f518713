"""Makes a data set of a folder that has one folder of images a class.

bazel run //nat_tf:prepare -- --images=photos --name=my_photos --data_dir=data
"""

from __future__ import annotations

from nat_tf import command  # isort: skip

from absl import flags

from nat_tf import image_folder

_IMAGES = flags.DEFINE_string(
  'images',
  None,
  'directory with a directory of JPEG or PNG files for each class; or with '
  'train and test, which hold these.',
)
_NAME = flags.DEFINE_string(
  'name',
  None,
  'what --dataset of other commands calls it: lower-case letters, digits and '
  'underscores.',
)
_DATA_DIR = flags.DEFINE_string(
  'data_dir', None, 'directory that it is written to, for their --data_dir.'
)
flags.mark_flags_as_required(['images', 'name', 'data_dir'])


def main(argv: list[str]):
  """Runs the command."""
  del argv  # `command.run` refuses any.
  data_dir = command.output(_DATA_DIR.value, 'data_dir')
  images = command.path(_IMAGES.value)
  info = image_folder.prepare(images, _NAME.value, data_dir)
  train, test = (info.splits[split].num_examples for split in ('train', 'test'))
  print(
    f'{info.name}: {info.features["label"].num_classes} classes, '
    f'{train:,} images to train and {test:,} to test'
  )
  size = ''
  if None in info.features['image'].shape:
    size = ' and an --image_size, for they differ in size'
  print(f'use it with --dataset={info.name} --data_dir={data_dir}{size}')


if __name__ == '__main__':
  command.run(main)
