from __future__ import annotations

import math

from absl.testing import absltest
from absl.testing import parameterized
import tensorflow as tf

from nat_tf import learning_rate
from nat_tf.train_config import TrainConfig


class ScheduleTest(parameterized.TestCase):
  #   rate ^    /\__
  #        |   /    \__        10 steps an epoch, 2 epochs of rise, 3 of fall
  #        |__/________\____>
  @parameterized.parameters(
    ('cosine', lambda s: 0.4 * (1 + math.cos(math.pi * s / 30)) / 2),
    ('exponential', lambda s: 0.4 * 0.5 ** (s // 10)),
    ('constant', lambda s: 0.4),
  )
  def test_rises_then_falls(self, name, fall):
    config = TrainConfig(
      learning_rate=0.4,
      schedule=name,
      rate_decay=0.5,
      warmup_epochs=2,
      epochs=5,
    )
    rate = learning_rate.schedule(config, 10)
    for step in range(50):
      expected = 0.4 * (step + 1) / 21 if step < 20 else fall(step - 20)
      self.assertAlmostEqual(float(rate(step)), expected, places=6)

  def test_ends_at_zero(self):
    config = TrainConfig(learning_rate=0.4, warmup_epochs=0, epochs=5)
    self.assertAlmostEqual(float(learning_rate.schedule(config, 10)(50)), 0)

  def test_survives_its_configuration(self):
    rate = learning_rate.schedule(TrainConfig(epochs=3), 10)
    schedules = tf.keras.optimizers.schedules
    again = schedules.deserialize(schedules.serialize(rate))
    for step in (0, 9, 10, 25):
      self.assertEqual(float(again(step)), float(rate(step)))


if __name__ == '__main__':
  absltest.main()
