"""Tests of nat_tf.divergence."""

from __future__ import annotations

import math

from absl.testing import absltest
from absl.testing import parameterized
import tensorflow as tf

from nat_tf import divergence


class WatchTest(parameterized.TestCase):
  @parameterized.parameters(math.nan, math.inf, -math.inf, 1e7, -1e7)
  def test_remembers_the_first(self, bad):
    watch = divergence.Watch()
    for step, loss in enumerate((2.3, 1e5, -3.0, bad, 1.0, math.nan), 1):
      self.assertEqual(watch.fault() is not None, step > 4)
      watch.see(step, tf.constant(loss))
    fault = watch.fault()
    self.assertEqual(fault.step, 4)
    self.assertEqual(repr(fault.loss), repr(bad))
    self.assertEqual(watch.seen, 6)

  def test_takes_low_precision(self):
    watch = divergence.Watch()
    watch.see(1, tf.constant(2.0, tf.bfloat16))
    self.assertIsNone(watch.fault())

  def test_under_a_strategy(self):
    # Its variables are of another kind, and are no numbers by themselves.
    with tf.distribute.MirroredStrategy(['CPU:0']).scope():
      watch = divergence.Watch()
      watch.see(3, tf.constant(math.nan))
      self.assertEqual(watch.fault().step, 3)

  def test_traces_once(self):
    watch = divergence.Watch()
    for step in range(1, 9):
      watch.see(step, tf.constant(1.0))
    self.assertEqual(watch._see.experimental_get_tracing_count(), 1)


class FiniteTest(parameterized.TestCase):
  @parameterized.parameters(
    ([1.0, 2.0], True),
    ([1.0, math.nan], False),
    ([-math.inf, 1.0], False),
  )
  def test_looks_at_all_numbers(self, values, expected):
    variables = [tf.Variable(3), tf.Variable([0.0]), tf.Variable([values])]
    self.assertEqual(divergence.finite(variables), expected)

  def test_nothing_is_finite(self):
    self.assertTrue(divergence.finite([tf.Variable(3), tf.Variable('a')]))


if __name__ == '__main__':
  absltest.main()
