from __future__ import annotations

from absl.testing import absltest
import numpy as np
import tensorflow as tf

from nat_tf import evaluation


class ScoreTest(absltest.TestCase):
  def test_fillers_count_for_nothing(self):
    #   batches of 4:  0 1 2 3 | 4 5 6 -    the last one is a filler
    random = np.random.RandomState(0)
    images = random.normal(size=[8, 2, 2, 1]).astype(np.float32)
    labels = random.randint(0, 3, 8).astype(np.int32)
    weights = np.array([1] * 7 + [0], np.float32)
    batches = tf.data.Dataset.from_tensor_slices(
      (images, labels, weights)
    ).batch(4)
    model = tf.keras.Sequential(
      [tf.keras.layers.Flatten(), tf.keras.layers.Dense(3)]
    )
    model(images)
    evaluation.prepare(model)
    score = evaluation.score(model, batches)
    logits = model(images[:7]).numpy().astype(np.float64)
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    loss = -np.log(chances[np.arange(7), labels[:7]]).mean()
    accuracy = (logits.argmax(1) == labels[:7]).mean()
    self.assertAlmostEqual(score.loss, loss, places=5)
    self.assertAlmostEqual(score.accuracy, accuracy, places=6)


if __name__ == '__main__':
  absltest.main()
