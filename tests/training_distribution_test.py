"""Tests that training on two devices is training on one."""

from __future__ import annotations

import dataclasses
import os

import tensorflow as tf

from nat_tf import data
from nat_tf import setting
from nat_tf import strategies
from nat_tf import train_config
from nat_tf import training
from nat_tf import training_network
from nat_tf import workdir as workdir_lib

_TWO: tf.distribute.Strategy


def setUpModule():
  global _TWO
  _TWO = strategies.create('mirrored', 2)


class TrainingOnDevicesTest(tf.test.TestCase):
  """Batch norm takes the statistics of both halves of every batch."""

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.home = tf.compat.v1.test.get_temp_dir()
    data_dir = os.path.join(cls.home, 'data')
    os.makedirs(data_dir, exist_ok=True)
    cls.config = train_config.TrainConfig(
      architecture='|nor_conv_3x3~0|+|skip_connect~0|none~1|+'
      '|none~0|nor_conv_1x1~1|avg_pool_3x3~2|',
      data_dir=data_dir,
      cells=2,
      channels=4,
      epochs=1,
      # Low: at the usual one rounding errors grow tenfold a step in the first.
      learning_rate=1e-3,
      # 1,293 images: 12 steps.
      batch_size=100,
      average=0.9,
      label_smoothing=0.1,
    )
    cls.architecture = cls.config.resolved()
    cls.one = cls.trained('one', None)
    cls.two = cls.trained('two', _TWO)

  @classmethod
  def trained(cls, name, strategy):
    directory = workdir_lib.Workdir(
      os.path.join(cls.home, name), train_config.TrainConfig
    )
    summary = training.run(
      cls.config, cls.architecture, directory, strategy=strategy
    )
    model = tf.keras.models.load_model(
      directory.file(training.MODEL), compile=False
    )
    return directory, summary, model

  def test_losses_and_accuracies_are_the_same(self):
    (_, one, _), (_, two, _) = self.one, self.two
    for name in ('validation_loss', 'test_loss'):
      self.assertNear(one[name], two[name], 1e-3, name)
    for name in ('validation_accuracy', 'test_accuracy'):
      self.assertNear(one[name], two[name], 0.01, name)

  def test_statistics_are_the_same(self):
    for one, two in zip(self.one[2].variables, self.two[2].variables):
      self.assertAllClose(one, two, rtol=1e-3, atol=1e-3, msg=one.name)

  def test_weights_moved_by_the_same(self):
    far = 0
    for start, one, two in zip(
      self._initial(),
      self.one[2].trainable_variables,
      self.two[2].trainable_variables,
    ):
      moved, apart = float(tf.norm(one - start)), float(tf.norm(two - one))
      # An offset that a batch norm follows has no gradient but for rounding.
      self.assertLess(apart, 0.02 * moved + 1e-7, one.name)
      far += moved > 1e-4
    self.assertGreater(far, 8)

  def _initial(self):
    """Returns the weights that training began with."""
    network = self.config.network_config(
      self.architecture, data.load(self.config.data_config()).info
    )
    tf.keras.utils.set_random_seed(self.config.seed)
    return training_network.build(
      self.architecture, network, False, False
    ).inference.trainable_variables

  def test_a_batch_that_cannot_be_divided_is_refused(self):
    config = dataclasses.replace(self.config, batch_size=99)
    path = os.path.join(self.home, 'odd')
    with self.assertRaisesRegex(setting.ConfigError, '99.*2 devices; give 100'):
      training.run(
        config,
        self.architecture,
        workdir_lib.Workdir(path, train_config.TrainConfig),
        strategy=_TWO,
      )
    self.assertFalse(os.path.exists(path))


if __name__ == '__main__':
  tf.test.main()
