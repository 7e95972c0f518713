"""Tests of nat_tf.stages; what stages compute, computation_test tests."""

from __future__ import annotations

import math

from absl.testing import absltest
from absl.testing import parameterized

from nat_tf import stages

_CHANNELS = 4


class CostTest(parameterized.TestCase):
  # A stage's kernel makes `channels` outputs of a position and uses every
  # weight once for it.
  @parameterized.parameters(
    stages.Relu(),
    stages.Normalize(),
    stages.Conv(3, 2),
    stages.LineConv(7, stages.Axis.HEIGHT, 2),
    stages.DepthwiseConv(5),
    stages.FactorizedReduction(),
    stages.AvgPool(3),
  )
  def test_follows_from_the_kernel(self, stage):
    shape = stage.kernel_shape(_CHANNELS, _CHANNELS)
    weights = 0 if shape is None else math.prod(shape)
    self.assertEqual(stage.madds(_CHANNELS, _CHANNELS), weights)
    self.assertEqual(stage.fan_in(_CHANNELS), weights // _CHANNELS)

  @parameterized.parameters(
    (stages.Conv(5), (5, 5, 4, 4)),
    (stages.LineConv(7, stages.Axis.WIDTH), (1, 7, 4, 4)),
    (stages.LineConv(3, stages.Axis.HEIGHT), (3, 1, 4, 4)),
    (stages.DepthwiseConv(3), (3, 3, 4)),
    (stages.FactorizedReduction(), (4, 4)),
    (stages.MaxPool(3), None),
    (stages.Normalize(), None),
  )
  def test_kernel_shape(self, stage, shape):
    self.assertEqual(stage.kernel_shape(_CHANNELS, _CHANNELS), shape)


if __name__ == '__main__':
  absltest.main()
