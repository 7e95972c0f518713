"""A network as TensorFlow Serving loads it: a SavedModel, all in one graph.

    images, pixels 0 to 255 --normalise--> network --softmax--> probabilities
    bytes of files --decode, crop, resize--^              class ids, labels

A signature's input has one type, so each way to hand over images has its own:

| signature | input | |
|---|---|---|
| `serving_default` | `images` `[batch, h, w, c]` float32 | whole or not |
| `uint8` | `images` `[batch, h, w, c]` uint8 | a quarter of the bytes in gRPC |
| `encoded` | `image_bytes` `[batch]` string | JPEG or PNG of any size |

Float is the default: in JSON its numbers may be whole as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
import os
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2
from tensorflow_serving.apis import prediction_log_pb2

from nat_tf import data
from nat_tf import preprocessing

# Where Serving looks for requests to send to itself before it serves.
WARM_UP_FILE = os.path.join('assets.extra', 'tf_serving_warmup_requests')

_EXAMPLES = 2

Outputs = dict[str, tf.Tensor]


class Servable(NamedTuple):
  """A network with its preprocessing and what it answers.

  Attributes:
    root: what the functions need: the network's variables, nothing else.
    signatures: a function for each signature.
  """

  root: tf.Module
  signatures: dict[str, Any]


def servable(model: tf.keras.Model, info: data.DatasetInfo) -> Servable:
  """Returns what to save.

  Every signature gives `probabilities` `[batch, classes]` float32, `class_ids`
  `[batch]` int64 and `labels` `[batch]` string.

  Args:
    model: from normalised images `[batch, h, w, c]` float32 to logits.
    info: of the data that the model was trained on.
  """

  def of_images(images: tf.Tensor) -> Outputs:
    count = tf.shape(images)[0]
    # oneDNN's depthwise convolution cannot be given an empty batch.
    filler = tf.zeros(
      [tf.cast(count == 0, tf.int32), *info.image_shape], images.dtype
    )
    outputs = answer(model, info, tf.concat([images, filler], axis=0))
    labels = tf.gather(tf.constant(info.label_names), outputs['class_ids'])
    outputs['labels'] = labels
    return {name: values[:count] for name, values in outputs.items()}

  def of_files(image_bytes: tf.Tensor) -> Outputs:
    images = tf.map_fn(
      lambda encoded: preprocessing.decode(encoded, info.image_shape),
      image_bytes,
      fn_output_signature=tf.TensorSpec(info.image_shape, tf.uint8),
    )
    return of_images(images)

  shape = (None, *info.image_shape)
  floats = tf.TensorSpec(shape, tf.float32, 'images')
  integers = tf.TensorSpec(shape, tf.uint8, 'images')
  files = tf.TensorSpec([None], tf.string, 'image_bytes')
  return Servable(
    variables_of(model),
    {
      'serving_default': concrete(of_images, floats),
      'uint8': concrete(of_images, integers),
      'encoded': concrete(of_files, files),
    },
  )


def variables_of(model: tf.keras.Model) -> tf.Module:
  """Returns what holds a model's variables in a SavedModel.

  Not the model itself: Keras would save its layers as well, and what it takes
  to make the model again.
  """
  module = tf.Module(name='network')
  module.weights = model.weights
  return module


def answer(
  model: tf.keras.Model, info: data.DatasetInfo, images: tf.Tensor
) -> Outputs:
  """Returns probabilities and the most probable class.

  Args:
    model: from normalised images to logits.
    info: of the data that the model was trained on.
    images: `[batch, h, w, c]`, pixels from 0 to 255 of any type.

  Returns:
    `probabilities` `[batch, classes]` float32, `class_ids` `[batch]` int64.
  """
  normalised = preprocessing.normalise(images, info.mean, info.std)
  logits = model(normalised, training=False)
  probabilities = tf.nn.softmax(tf.cast(logits, tf.float32))
  return {
    'probabilities': probabilities,
    'class_ids': tf.argmax(probabilities, axis=-1),
  }


def concrete(function: Callable[..., Outputs], spec: tf.TensorSpec) -> Any:
  """Returns a function, traced for its only argument."""
  traced = tf.function(function, input_signature=[spec])
  return traced.get_concrete_function()


def save(saved: Servable, info: data.DatasetInfo, folder: str):
  """Writes a SavedModel with warm-up requests.

  Args:
    saved: what to write.
    info: as it was made with.
    folder: the directory to make.

  Raises:
    OSError: it cannot be written.
  """
  tf.saved_model.save(saved.root, folder, saved.signatures)
  os.makedirs(os.path.join(folder, os.path.dirname(WARM_UP_FILE)))
  with tf.io.TFRecordWriter(os.path.join(folder, WARM_UP_FILE)) as writer:
    for name, inputs in examples(info).items():
      writer.write(_logged_request(name, inputs).SerializeToString())


def examples(info: data.DatasetInfo) -> dict[str, dict[str, tf.Tensor]]:
  """Returns inputs of noise for every signature; the same images for all."""
  shape = (_EXAMPLES, *info.image_shape)
  # RandomState's stream is frozen for ever.
  images = np.random.RandomState(0).randint(0, 256, shape, np.uint8)
  files = tf.stack([tf.io.encode_png(image) for image in images])
  return {
    'serving_default': {'images': tf.constant(images, tf.float32)},
    'uint8': {'images': tf.constant(images)},
    'encoded': {'image_bytes': files},
  }


def signature_summary(signatures: Mapping[str, Any]) -> dict[str, Any]:
  """Returns names, types and shapes of inputs and outputs, as for JSON.

  Args:
    signatures: of a SavedModel that was loaded.
  """
  return {
    name: {
      'inputs': _described(function.structured_input_signature[1]),
      'outputs': _described(function.structured_outputs),
    }
    for name, function in signatures.items()
  }


def _described(specs: dict[str, tf.TensorSpec]) -> dict[str, Any]:
  return {
    name: {'dtype': spec.dtype.name, 'shape': spec.shape.as_list()}
    for name, spec in sorted(specs.items())
  }


def _logged_request(
  signature: str, inputs: dict[str, tf.Tensor]
) -> prediction_log_pb2.PredictionLog:
  request = predict_pb2.PredictRequest()
  request.model_spec.signature_name = signature
  for name, value in inputs.items():
    request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
  return prediction_log_pb2.PredictionLog(
    predict_log=prediction_log_pb2.PredictLog(request=request)
  )
