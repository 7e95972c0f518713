from __future__ import annotations

import pathlib

from absl.testing import absltest
from absl.testing import parameterized

from nat_tf import data
from nat_tf import setting
from nat_tf import zoo
from nat_tf.train_config import TrainConfig

# Under Bazel the flag files lie beside this test's own copy.
_FLAGS = pathlib.Path(__file__).absolute().parent.parent / 'flags'
_INFO = data.DatasetInfo(
  name='cifar10',
  version='3.0.2',
  image_shape=(32, 32, 3),
  label_names=tuple('0123456789'),
  examples=data.Parts(45000, 0, 5000),
  mean=(0.5, 0.5, 0.5),
  std=(0.2, 0.2, 0.2),
)

# Field, what lies just outside its range, what lies just inside, the range.
_BOUNDS = (
  ('seed', -1, 0, '0 or more and below 2147483648'),
  ('epochs', 0, 2, '1 or more'),
  ('batch_size', 0, 1, '1 or more'),
  ('cells', -1, 0, '0 or more'),
  ('channels', 3, 4, 'even and 0 or more'),
  ('learning_rate', 0.0, 1e-9, 'above 0'),
  ('rate_decay', 1.0, 0.999, 'above 0 and below 1'),
  ('momentum', 1.0, 0.999, '0 or more and below 1'),
  ('weight_decay', -1e-9, 0.0, '0 or more'),
  ('clip_norm', -1.0, 0.0, '0 or more'),
  ('label_smoothing', 1.0, 0.0, '0 or more and below 1'),
  ('average', 1.0, 0.999, '0 or more and below 1'),
  ('drop_path', 1.0, 0.0, '0 or more and below 1'),
  ('auxiliary_weight', -0.1, 0.0, '0 or more'),
  ('cutout', -1, 0, '0 or more'),
  ('validation_fraction', 0.0, 0.001, 'above 0 and below 1'),
  ('validation_fraction', 1.0, 0.999, 'above 0 and below 1'),
)


class TrainConfigTest(parameterized.TestCase):
  @parameterized.parameters(*_BOUNDS)
  def test_bounds(self, name, outside, inside, words):
    TrainConfig(**{name: inside})
    with self.assertRaises(setting.ConfigError) as caught:
      TrainConfig(**{name: outside})
    self.assertEqual(
      str(caught.exception), f'--{name} is {outside}; it must be {words}'
    )

  def test_warm_up_ends_before_the_training(self):
    with self.assertRaisesRegex(
      setting.ConfigError, '--warmup_epochs is 5; it must be below --epochs, 5'
    ):
      TrainConfig(warmup_epochs=5, epochs=5)

  def test_crops_need_a_size(self):
    with self.assertRaisesRegex(setting.ConfigError, 'needs --image_size'):
      TrainConfig(augmentation='resized_crop')

  def test_survives_json(self):
    config = TrainConfig(epochs=7, architecture='darts', precision='bfloat16')
    self.assertEqual(TrainConfig.from_json(config.to_json()), config)

  @parameterized.parameters(
    ('none', 0, False, False),
    ('shift', None, None, False),
    ('resized_crop', 0, None, True),
  )
  def test_augmentation(self, name, padding, flip, crops):
    config = TrainConfig(
      augmentation=name, image_size=32, cutout=3
    ).data_config()
    self.assertEqual(
      (config.crop_padding, config.flip, config.resized_crops, config.cutout),
      (padding, flip, crops, 3),
    )
    self.assertTrue(config.searchless)

  @parameterized.parameters(0.02, 0.05, 0.1, 0.15, 0.3, 0.7)
  def test_nothing_is_left_over(self, share):
    config = TrainConfig(validation_fraction=share).data_config()
    parts = data.divide(1437, config)
    self.assertEqual(len(parts.policy), 0)
    self.assertEqual(len(parts.candidates), round(1437 * share))

  def test_networks_are_as_published_where_nothing_is_said(self):
    network = TrainConfig().network_config(zoo.load('darts'), _INFO)
    self.assertEqual((network.cells, network.channels), (20, 36))
    network = TrainConfig(cells=4, channels=8).network_config(
      zoo.load('darts'), _INFO
    )
    self.assertEqual((network.cells, network.channels), (4, 8))
    network = TrainConfig().network_config(zoo.load('resnet20'), _INFO)
    self.assertEqual((network.cells, network.channels), (9, 16))
    self.assertEqual(network.image_size, (32, 32))

  def test_cells_of_a_network_that_has_its_own(self):
    with self.assertRaisesRegex(
      setting.ConfigError,
      '--cells is 4, but a resnet20 network has 9 cells of its own; leave it',
    ):
      TrainConfig(cells=4).skeleton(zoo.load('resnet20'))


class RecipesTest(parameterized.TestCase):
  """The flag files against method.md, section 6."""

  @parameterized.parameters(
    (
      'train_cifar10',
      {
        'cells': '20',
        'channels': '36',
        'epochs': '600',
        'batch_size': '96',
        'learning_rate': '0.025',
        'schedule': 'cosine',
        'momentum': '0.9',
        'weight_decay': '3e-4',
        'clip_norm': '5',
        'cutout': '16',
        'drop_path': '0.2',
        'auxiliary_weight': '0.4',
      },
    ),
    (
      'train_imagenet',
      {
        'cells': '14',
        'channels': '48',
        'image_size': '224',
        'epochs': '250',
        'learning_rate': '0.1',
        'schedule': 'exponential',
        'rate_decay': '0.97',
        'weight_decay': '3e-5',
        'label_smoothing': '0.1',
        'auxiliary_weight': '0.4',
      },
    ),
    ('train_cifar10_hand_made', {'dataset': 'cifar10'}),
    ('train_imagenet_hand_made', {'dataset': 'imagenet2012'}),
  )
  def test_recipe(self, name, expected):
    text = (_FLAGS / f'{name}.flags').read_text(encoding='utf-8')
    lines = [x for x in text.splitlines() if x and not x.startswith('#')]
    values = dict(line.removeprefix('--').split('=', 1) for line in lines)
    self.assertEqual({**values, **expected}, values)
    kinds = {
      key: type(value)
      for key, value in vars(TrainConfig()).items()
      if value is not None
    }
    config = TrainConfig(
      **{key: kinds.get(key, str)(value) for key, value in values.items()}
    )
    architecture = 'resnet20' if 'hand_made' in name else 'darts'
    self.assertIsNotNone(config.skeleton(zoo.load(architecture)))


if __name__ == '__main__':
  absltest.main()
