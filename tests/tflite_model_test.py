"""Tests of nat_tf.tflite_model."""

from __future__ import annotations

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from nat_tf import folding
from nat_tf import tflite_model
from tests import small_networks


class ConvertTest(tf.test.TestCase, parameterized.TestCase):
  @parameterized.parameters(
    # Precision, whether folded, how far probabilities may be off.
    ('float32', False, 1e-5),
    ('float32', True, 1e-4),
    ('float16', True, 2e-2),
    ('dynamic', True, 2e-1),
  )
  def test_answers_as_the_network(self, precision, fold, tolerance):
    # Wide enough for kernels of 1,024 numbers, which the last one quantises.
    size = small_networks.config('vgg16', channels=8, shape=(16, 16, 3))
    info = small_networks.info(size)
    model = small_networks.model('vgg16', size)
    images = small_networks.images(size, 20)
    expected = small_networks.probabilities(model, info, images)
    content = tflite_model.convert(
      folding.fold(model) if fold else model, info, precision
    )
    run = tflite_model.runner(content)
    found = run(images)
    self.assertAllClose(found['probabilities'], expected, 0, tolerance)
    self.assertAllEqual(found['class_ids'], found['probabilities'].argmax(-1))
    with self.subTest('batches of any size'):
      one = run(images[:1])
      self.assertAllClose(one['probabilities'], expected[:1], 0, tolerance)
    with self.subTest('size'):
      params = sum(int(np.prod(w.shape)) for w in model.weights)
      bytes_each = {'float32': 4, 'float16': 2, 'dynamic': 1}[precision]
      # The graph comes on top.
      self.assertBetween(
        len(content), bytes_each * params, bytes_each * params * 1.3 + 20_000
      )


if __name__ == '__main__':
  tf.test.main()
