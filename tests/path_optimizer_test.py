"""Tests of nat_tf.path_optimizer."""

from __future__ import annotations

import os

import numpy as np
import tensorflow as tf

from nat_tf import path_optimizer

_RATE, _MOMENTUM, _DECAY = 0.1, 0.9, 0.01


def _random(*shape: int, seed: int = 0) -> np.ndarray:
  return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def _rows(values, indices) -> tf.IndexedSlices:
  return tf.IndexedSlices(tf.constant(values, tf.float32), tf.constant(indices))


def _optimizer(**changes) -> path_optimizer.PathSGD:
  arguments = {'momentum': _MOMENTUM, 'decay': _DECAY, **changes}
  return path_optimizer.PathSGD(_RATE, **arguments)


class PathSGDTest(tf.test.TestCase):
  def test_decay_alone_shrinks_by_a_constant_factor(self):
    # Gradient 0, no momentum: w_t = w_0 (1 - rate * decay)^t.
    weight = tf.Variable([2.0, -3.0])
    optimizer = _optimizer(momentum=0.0)
    for _ in range(5):
      optimizer.apply_gradients([(tf.zeros([2]), weight)])
    factor = (1 - _RATE * _DECAY) ** 5
    self.assertAllClose(weight, np.array([2.0, -3.0]) * factor, rtol=1e-6)

  def test_momentum_sums_up_a_constant_gradient(self):
    # No decay: v_t = g (1 - m^t) / (1 - m) and
    # w_t = w_0 - rate * (v_1 + ... + v_t).
    weight = tf.Variable([1.0])
    optimizer = _optimizer(decay=0.0)
    for _ in range(7):
      optimizer.apply_gradients([(tf.constant([0.5]), weight)])
    velocities = [0.5 * (1 - 0.9**t) / (1 - 0.9) for t in range(1, 8)]
    self.assertAllClose(weight, [1 - _RATE * sum(velocities)], rtol=1e-6)

  def test_equals_pytorch_on_dense_gradients(self):
    # torch.optim.SGD: d = g + decay * w; v = m v + d; w = w - rate * v.
    gradients = _random(10, 3, 4)
    expected, velocity = _random(3, 4, seed=1), np.zeros([3, 4], np.float32)
    weight, optimizer = tf.Variable(expected), _optimizer()
    for gradient in gradients:
      optimizer.apply_gradients([(tf.constant(gradient), weight)])
      velocity = _MOMENTUM * velocity + gradient + _DECAY * expected
      expected = expected - _RATE * velocity
    self.assertAllClose(weight, expected, rtol=1e-5, atol=1e-6)

  def test_equals_pytorch_with_a_state_for_each_row(self):
    # Every row goes through the recursion in the steps that it is part of.
    rng = np.random.default_rng(2)
    expected, velocity = _random(6, 2, seed=1), np.zeros([6, 2], np.float32)
    weight, optimizer = tf.Variable(expected), _optimizer()
    for _ in range(10):
      rows = rng.permutation(6)[:3]
      values = rng.normal(size=(3, 2)).astype(np.float32)
      optimizer.apply_gradients([(_rows(values, rows), weight)])
      for row, gradient in zip(rows, values):
        step = gradient + _DECAY * expected[row]
        velocity[row] = _MOMENTUM * velocity[row] + step
        expected[row] -= _RATE * velocity[row]
    self.assertAllClose(weight, expected, rtol=1e-5, atol=1e-6)

  #  step 1: rows 0 1 2 3 get velocity
  #  step 2: rows   1   3 are on the path
  def test_rows_off_the_path_stay_bit_identical(self):
    weight, optimizer = tf.Variable(_random(4, 3)), _optimizer()
    optimizer.apply_gradients([(tf.constant(_random(4, 3, seed=1)), weight)])
    before = [weight.numpy(), *(v.numpy() for v in optimizer.variables)]
    optimizer.apply_gradients([(_rows(np.ones([2, 3]), [3, 1]), weight)])
    after = [weight.numpy(), *(v.numpy() for v in optimizer.variables)]
    matrices = [(b, a) for b, a in zip(before, after) if b.shape == (4, 3)]
    self.assertLen(matrices, 2)  # Weights and velocity.
    for old, new in matrices:
      self.assertAllEqual(new[[0, 2]], old[[0, 2]])
      self.assertFalse(np.any(new[[1, 3]] == old[[1, 3]]))

  def test_the_repeated_zero_row_stays_zero(self):
    # Places of a path that no kernel fills all point to row 0.
    weight = tf.Variable([[0.0], [1.0], [1.0]])
    optimizer = _optimizer()
    for _ in range(3):
      gradient = _rows([[0.0], [5.0], [0.0], [0.0]], [0, 2, 0, 0])
      optimizer.apply_gradients([(gradient, weight)])
    self.assertAllEqual(weight[:2], [[0.0], [1.0]])
    self.assertLess(float(weight[2, 0]), 0.0)

  def test_clips_the_norm_of_all_gradients_together(self):
    # Norms 3 and 4 together have 5; clipped to 1 they become 0.6 and 0.8.
    dense, sparse = tf.Variable([1.0]), tf.Variable([[1.0], [1.0]])
    optimizer = _optimizer(momentum=0.0, decay=0.0, clip_norm=1.0)
    optimizer.apply_gradients(
      [(tf.constant([3.0]), dense), (_rows([[-4.0]], [1]), sparse)]
    )
    self.assertAllClose(dense, [1 - _RATE * 0.6], rtol=1e-6)
    self.assertAllClose(sparse, [[1.0], [1 + _RATE * 0.8]], rtol=1e-6)

  def test_does_not_clip_a_smaller_norm(self):
    weight = tf.Variable([0.0, 0.0])
    optimizer = _optimizer(momentum=0.0, decay=0.0, clip_norm=5.1)
    optimizer.apply_gradients([(tf.constant([3.0, 4.0]), weight)])
    self.assertAllClose(weight, [-_RATE * 3, -_RATE * 4], rtol=1e-6)

  def test_decay_is_not_clipped(self):
    weight = tf.Variable([100.0])
    optimizer = _optimizer(momentum=0.0, clip_norm=0.5)
    optimizer.apply_gradients([(tf.constant([0.0]), weight)])
    self.assertAllClose(weight, [100 - _RATE * _DECAY * 100], rtol=1e-6)

  def test_inside_a_graph_it_does_the_same_in_one_trace(self):
    weights = [tf.Variable(_random(4, 2)) for _ in range(2)]
    optimizers = [_optimizer(clip_norm=1.0) for _ in range(2)]
    optimizers[1].build([weights[1]])

    @tf.function(autograph=False)
    def in_graph(values, rows):
      gradient = tf.IndexedSlices(values, rows)
      optimizers[1].apply_gradients([(gradient, weights[1])])

    for i in range(4):
      values = tf.constant(_random(2, 2, seed=i + 1))
      rows = tf.constant([i % 4, (i + 1) % 4])
      gradient = tf.IndexedSlices(values, rows)
      optimizers[0].apply_gradients([(gradient, weights[0])])
      in_graph(values, rows)
    self.assertAllClose(weights[1], weights[0], rtol=1e-6)
    self.assertEqual(in_graph.experimental_get_tracing_count(), 1)
    self.assertEqual(int(optimizers[1].iterations), 4)

  def test_follows_a_schedule(self):
    # Rates 1 and 0.5; gradient 1, nothing else.
    weight = tf.Variable([0.0])
    schedule = tf.keras.optimizers.schedules.PiecewiseConstantDecay(
      [0], [1.0, 0.5]
    )
    optimizer = path_optimizer.PathSGD(schedule, momentum=0.0, decay=0.0)
    for _ in range(2):
      optimizer.apply_gradients([(tf.constant([1.0]), weight)])
    self.assertAllClose(weight, [-1.5])

  def test_velocities_stay_with_their_variables(self):
    # The second step moves the second variable alone.
    first, second = tf.Variable([0.0]), tf.Variable([0.0])
    optimizer = _optimizer(decay=0.0)
    one = tf.constant([1.0])
    optimizer.apply_gradients([(one, first), (-one, second)])
    optimizer.apply_gradients([(tf.constant([0.0]), second)])
    self.assertAllClose(first, [-_RATE])
    self.assertAllClose(second, [_RATE + _RATE * _MOMENTUM])

  def test_goes_on_from_a_checkpoint(self):
    gradients = [tf.constant(g) for g in _random(4, 3)]

    def take(weight, optimizer, some):
      for gradient in some:
        optimizer.apply_gradients([(gradient, weight)])

    weight, optimizer = tf.Variable(tf.ones([3])), _optimizer()
    take(weight, optimizer, gradients[:2])
    path = tf.train.Checkpoint(weight=weight, optimizer=optimizer).save(
      os.path.join(self.get_temp_dir(), 'checkpoint')
    )
    take(weight, optimizer, gradients[2:])
    resumed, other = tf.Variable(tf.zeros([3])), _optimizer()
    other.build([resumed])
    checkpoint = tf.train.Checkpoint(weight=resumed, optimizer=other)
    checkpoint.restore(path).assert_consumed()
    take(resumed, other, gradients[2:])
    self.assertAllEqual(resumed, weight)
    self.assertEqual(int(other.iterations), 4)

  def test_configuration_round_trip(self):
    optimizer = path_optimizer.PathSGD(0.5, 0.25, 0.125, 2.0)
    config = optimizer.get_config()
    self.assertEqual(
      config,
      {
        'learning_rate': 0.5,
        'momentum': 0.25,
        'decay': 0.125,
        'clip_norm': 2.0,
      },
    )
    again = path_optimizer.PathSGD.from_config(dict(config))
    self.assertEqual(again.get_config(), config)


if __name__ == '__main__':
  tf.test.main()
