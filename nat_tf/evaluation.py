"""How well a Keras model classifies."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf


class Score(NamedTuple):
  """How a network does on a set of images.

  Attributes:
    loss: mean cross-entropy, nats.
    accuracy: 0 to 1.
  """

  loss: float
  accuracy: float


def prepare(model: tf.keras.Model):
  """Compiles a model for `score`.

  Args:
    model: from images to logits.
  """
  model.compile(
    # Not as the loss: Keras divides that by the number of images, fillers too.
    weighted_metrics=[
      tf.keras.metrics.SparseCategoricalCrossentropy('nats', from_logits=True),
      tf.keras.metrics.SparseCategoricalAccuracy('accuracy'),
    ],
  )


def score(model: tf.keras.Model, batches: tf.data.Dataset) -> Score:
  """Returns how a prepared model does.

  Args:
    model: what `prepare` compiled.
    batches: one pass of images, labels `[batch]` and weights `[batch]`, 0 for
      fillers.
  """
  metrics = model.evaluate(batches, verbose=0, return_dict=True)
  return Score(metrics['nats'], metrics['accuracy'])
