"""A network as a file of TensorFlow Lite, for phones and small machines.

It takes pixels from 0 to 255, as the SavedModel does (`serving.py`), in
float32; names of classes are beside it, in the manifest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
import contextlib
import os

import numpy as np
import tensorflow as tf

from nat_tf import data
from nat_tf import serving

# How weights are kept: as trained; in half precision; in 8 bits, where they are
# many, with activations quantised as they come.
PRECISIONS = ('float32', 'float16', 'dynamic')


def convert(
  model: tf.keras.Model, info: data.DatasetInfo, precision: str
) -> bytes:
  """Returns the content of a file.

  Args:
    model: from normalised images `[batch, h, w, c]` float32 to logits.
    info: of the data that the model was trained on.
    precision: one of `PRECISIONS`.
  """
  images = tf.TensorSpec((None, *info.image_shape), tf.float32, 'images')
  function = serving.concrete(
    lambda images: serving.answer(model, info, images), images
  )
  converter = tf.lite.TFLiteConverter.from_concrete_functions(
    [function], serving.variables_of(model)
  )
  if precision != 'float32':
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
  if precision == 'float16':
    converter.target_spec.supported_types = [tf.float16]
  with _quiet():
    return converter.convert()


def runner(content: bytes) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
  """Returns what computes a file's answers.

  Args:
    content: of the file.

  Returns:
    A function from images `[batch, h, w, c]`, pixels from 0 to 255, to
    `probabilities` `[batch, classes]` and `class_ids` `[batch]`.
  """
  interpreter = tf.lite.Interpreter(model_content=content)
  run = interpreter.get_signature_runner()
  return lambda images: run(images=images.astype(np.float32))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
  """Hides what the converter prints of its own doings; errors are raised.

  It writes to the file itself, not to Python's object for it.
  """
  kept = os.dup(2)
  with open(os.devnull, 'wb') as nothing:
    os.dup2(nothing.fileno(), 2)
  try:
    yield
  finally:
    os.dup2(kept, 2)
    os.close(kept)
