"""Tests of nat_tf.tabular_reward."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from nat_tf import accuracy_table
from nat_tf import enumeration
from nat_tf import spaces
from nat_tf import tabular_reward


class TabularRewardTest(tf.test.TestCase):
  def test_is_the_difference_of_validation_accuracies(self):
    generator = np.random.default_rng(0)
    valid = generator.random(15_625)
    # Test accuracies must not matter.
    table = accuracy_table.AccuracyTable(
      spaces.NASBENCH201, 'toy', valid, np.full(15_625, np.nan)
    )
    beta, alpha = generator.integers(0, 15_625, [2, 40])
    reward = tf.function(tabular_reward.TabularReward(table), autograph=False)
    actual = reward(
      *(
        spaces.Encoding(
          *map(tf.constant, enumeration.encode(table.space, codes))
        )
        for codes in (beta, alpha)
      )
    )
    self.assertEqual(actual.dtype, tf.float32)
    self.assertAllClose(actual, valid[alpha] - valid[beta], atol=1e-6)


if __name__ == '__main__':
  tf.test.main()
