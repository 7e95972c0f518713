"""Tests of nat_tf.serving."""

from __future__ import annotations

import base64
import dataclasses
import functools
import json
import os
import subprocess
import sys
from typing import Any, NamedTuple

from absl.testing import parameterized
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from nat_tf import folding
from nat_tf import preprocessing
from nat_tf import serving
from tests import command_line
from tests import serving_rest
from tests import small_networks

_SIZE = small_networks.config('nat_resblock', cells=2)
_INFO = small_networks.info(_SIZE)
_SIGNATURES = ('serving_default', 'uint8', 'encoded')


def _png(images: np.ndarray) -> tf.Tensor:
  return tf.stack([tf.io.encode_png(image) for image in images])


def _as(signature: str, images: np.ndarray) -> dict[str, tf.Tensor]:
  """Returns images as a signature takes them."""
  return {
    'serving_default': lambda: {'images': tf.constant(images, tf.float32)},
    'uint8': lambda: {'images': tf.constant(images)},
    'encoded': lambda: {'image_bytes': _png(images)},
  }[signature]()


def _b64(encoded: tf.Tensor) -> dict[str, str]:
  return {'b64': base64.b64encode(encoded.numpy()).decode()}


class _Served(NamedTuple):
  """A network in memory, written, and loaded again."""

  model: tf.keras.Model
  path: str
  signatures: Any


@functools.cache
def _served(fold: bool) -> _Served:
  model = small_networks.model('nat_resblock', _SIZE)
  model = folding.fold(model) if fold else model
  path = os.path.join(tf.compat.v1.test.get_temp_dir(), f'served_{fold}')
  serving.save(serving.servable(model, _INFO), _INFO, path)
  return _Served(model, path, tf.saved_model.load(path).signatures)


class ServingTestCase(tf.test.TestCase, parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.model, self.path, self.signatures = _served(False)


class ProbabilitiesTest(ServingTestCase):
  @parameterized.parameters(*_SIGNATURES)
  def test_equal_the_network_on_a_thousand_images(self, name):
    images = small_networks.images(_SIZE, 1000)
    expected = small_networks.probabilities(self.model, _INFO, images)
    found = self.signatures[name](**_as(name, images))
    self.assertAllClose(found['probabilities'], expected, rtol=0, atol=1e-5)
    self.assertAllEqual(found['class_ids'], expected.argmax(-1))
    with self.subTest('they are not all the same'):
      self.assertAllGreater(expected.std(0), 0.05)
      self.assertLen(set(expected.argmax(-1)), _SIZE.classes)
    with self.subTest('folded'):
      folded = _served(True).signatures[name](**_as(name, images))
      self.assertAllClose(
        folded['probabilities'], found['probabilities'], rtol=0, atol=1e-4
      )

  def test_types_and_names(self):
    images = small_networks.images(_SIZE, 50)
    found = self.signatures['uint8'](images=images)
    types = {name: values.dtype.name for name, values in found.items()}
    self.assertEqual(
      types,
      {'probabilities': 'float32', 'class_ids': 'int64', 'labels': 'string'},
    )
    names = [_INFO.label_names[i] for i in found['class_ids']]
    self.assertEqual([x.decode() for x in found['labels'].numpy()], names)

  @parameterized.product(name=_SIGNATURES, batch=(0, 1, 3))
  def test_batches_of_any_size(self, name, batch):
    images = small_networks.images(_SIZE, 3)
    inputs = {key: x[:batch] for key, x in _as(name, images).items()}
    expected = small_networks.probabilities(self.model, _INFO, images)
    found = self.signatures[name](**inputs)
    self.assertAllClose(found['probabilities'], expected[:batch], 0, 1e-5)
    self.assertEqual(found['class_ids'].shape, [batch])
    self.assertEqual(found['labels'].shape, [batch])

  def test_empty_batches_of_depthwise_convolutions(self):
    # TensorFlow's own refuse them where they are compiled for oneDNN.
    images = tf.keras.Input((8, 8, 3))
    maps = tf.keras.layers.Conv2D(6, 3)(images)
    maps = tf.keras.layers.DepthwiseConv2D(3)(maps)
    logits = tf.keras.layers.GlobalAveragePooling2D()(maps)
    model = tf.keras.Model(images, logits)
    info = dataclasses.replace(_INFO, label_names=tuple('abcdef'))
    signatures = serving.servable(model, info).signatures
    found = signatures['uint8'](images=tf.zeros([0, 8, 8, 3], tf.uint8))
    self.assertEqual(found['probabilities'].shape, [0, 6])

  def test_pixels_need_not_be_whole(self):
    images = small_networks.images(_SIZE, 4) / 2 + 0.25
    expected = small_networks.probabilities(self.model, _INFO, images)
    found = self.signatures['serving_default'](
      images=tf.constant(images, tf.float32)
    )
    self.assertAllClose(found['probabilities'], expected, 0, 1e-5)

  def test_half_precision_of_the_network_is_no_matter(self):
    images = tf.keras.Input(_SIZE.image_size + (3,))
    logits = tf.keras.layers.Dense(5, dtype='float16')(
      tf.keras.layers.Flatten(dtype='float16')(images)
    )
    model = tf.keras.Model(images, logits)
    signatures = serving.servable(model, _INFO).signatures
    found = signatures['uint8'](images=small_networks.images(_SIZE, 9))
    self.assertEqual(found['probabilities'].dtype, tf.float32)
    self.assertAllClose(tf.reduce_sum(found['probabilities'], -1), [1] * 9)


class EncodedTest(ServingTestCase):
  def test_images_of_other_sizes(self):
    random = np.random.RandomState(3)
    shapes = ((20, 31, 3), (31, 20, 1), (8, 8, 4), (3, 5, 3), (9, 8, 2))
    images = [random.randint(0, 256, shape, np.uint8) for shape in shapes]
    encoded = tf.stack([tf.io.encode_png(image) for image in images])
    squares = []
    for image in images:
      colour = np.repeat(image[..., :1], 3, -1)
      colour = image[..., :3] if image.shape[-1] > 2 else colour
      squares.append(preprocessing.middle(tf.constant(colour), (8, 8)))
    expected = self.signatures['uint8'](images=tf.stack(squares))
    found = self.signatures['encoded'](image_bytes=encoded)
    self.assertAllClose(
      found['probabilities'], expected['probabilities'], 0, 1e-6
    )

  def test_jpeg(self):
    ramps = np.indices((8, 8)).transpose(1, 2, 0)[..., [0, 1, 0]]
    image = (40 + ramps * [20, 15, 5]).astype(np.uint8)
    encoded = tf.io.encode_jpeg(image, quality=100, chroma_downsampling=False)
    found = self.signatures['encoded'](image_bytes=encoded[tf.newaxis])
    with self.subTest('equals what TensorFlow decodes'):
      decoded = tf.io.decode_jpeg(encoded)[tf.newaxis]
      expected = self.signatures['uint8'](images=decoded)
      self.assertAllClose(
        found['probabilities'], expected['probabilities'], 0, 1e-6
      )
    with self.subTest('is close to the image itself'):
      expected = self.signatures['uint8'](images=image[np.newaxis])
      self.assertAllClose(
        found['probabilities'], expected['probabilities'], 0, 0.03
      )

  def test_one_damaged_image_fails_the_request(self):
    good = _png(small_networks.images(_SIZE, 1))[0]
    for damaged in (b'', b'no image', good.numpy()[:60]):
      with self.assertRaises(tf.errors.InvalidArgumentError):
        self.signatures['encoded'](image_bytes=tf.stack([good, damaged]))


class SavedModelTest(ServingTestCase):
  @parameterized.parameters(False, True)
  def test_holds_the_variables_of_the_network_only(self, fold):
    model, path, _ = _served(fold)
    prefix = os.path.join(path, 'variables', 'variables')
    names = [name for name, shape in tf.train.list_variables(prefix) if shape]
    self.assertLen(names, len(model.weights))
    reader = tf.train.load_checkpoint(prefix)
    for i, weight in enumerate(model.weights):
      saved = reader.get_tensor(f'weights/{i}/.ATTRIBUTES/VARIABLE_VALUE')
      self.assertAllEqual(saved, weight)

  def test_warm_up_requests_are_answered(self):
    file = os.path.join(self.path, serving.WARM_UP_FILE)
    logs = [
      prediction_log_pb2.PredictionLog.FromString(record.numpy())
      for record in tf.data.TFRecordDataset(file)
    ]
    requests = [log.predict_log.request for log in logs]
    self.assertCountEqual(
      [request.model_spec.signature_name for request in requests], _SIGNATURES
    )
    answers = []
    for request in requests:
      inputs = {
        name: tf.constant(tf.make_ndarray(value))
        for name, value in request.inputs.items()
      }
      signature = self.signatures[request.model_spec.signature_name]
      answers.append(signature(**inputs)['probabilities'])
    self.assertAllClose(answers, [answers[0]] * len(answers), 0, 1e-6)

  def test_is_readable(self):
    shown = {}
    printed = command_line.saved_model_cli(self.path)
    for text in printed.split("signature_def['")[1:]:
      lines = [line.strip() for line in text.splitlines()]
      shown[text[: text.index("'")]] = [
        f'{line[: line.index("]") + 1]} {kind} {shape}'
        for line, kind, shape in zip(lines, lines[1:], lines[2:])
        if line.startswith(('inputs[', 'outputs['))
      ]
    outputs = [
      "outputs['class_ids'] dtype: DT_INT64 shape: (-1)",
      "outputs['labels'] dtype: DT_STRING shape: (-1)",
      "outputs['probabilities'] dtype: DT_FLOAT shape: (-1, 5)",
    ]
    image = 'shape: (-1, 8, 8, 3)'
    for name, line in (
      ('serving_default', f"inputs['images'] dtype: DT_FLOAT {image}"),
      ('uint8', f"inputs['images'] dtype: DT_UINT8 {image}"),
      ('encoded', "inputs['image_bytes'] dtype: DT_STRING shape: (-1)"),
    ):
      self.assertEqual(shown[name], [line, *outputs])

  def test_summary_names_what_it_takes_and_gives(self):
    summary = serving.signature_summary(self.signatures)
    self.assertCountEqual(summary, _SIGNATURES)
    self.assertEqual(
      summary['encoded']['inputs'],
      {'image_bytes': {'dtype': 'string', 'shape': [None]}},
    )
    self.assertEqual(
      summary['uint8']['inputs'],
      {'images': {'dtype': 'uint8', 'shape': [None, 8, 8, 3]}},
    )
    self.assertEqual(
      summary['uint8']['outputs']['probabilities'],
      {'dtype': 'float32', 'shape': [None, 5]},
    )


class RestTest(ServingTestCase):
  """Requests and responses as JSON, in a process that has TensorFlow alone."""

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.images = small_networks.images(_SIZE, 2)
    whole, files = cls.images.tolist(), [_b64(x) for x in _png(cls.images)]
    floats, integers, encoded = (
      {'signature_name': name} for name in _SIGNATURES
    )
    rows = [
      {'instances': whole},
      {**floats, 'instances': (cls.images + 0.0).tolist()},
      {'instances': [{'images': image} for image in whole]},
      {**integers, 'instances': whole},
      {**encoded, 'instances': files},
      {**encoded, 'instances': [{'image_bytes': file} for file in files]},
    ]
    columns = [
      {'inputs': whole},
      {**integers, 'inputs': {'images': whole}},
      {**encoded, 'inputs': files},
      {**encoded, 'inputs': {'image_bytes': files}},
    ]
    wrong = [
      {**integers, 'instances': [[[[0.5] * 3] * 8] * 8]},
      {'instances': [whole[0][:4]]},
      {'instances': [{'pixels': whole[0]}]},
      {**encoded, 'instances': ['not an image']},
      {**encoded, 'instances': [{'b64': '?'}]},
    ]
    parts = rows, columns, wrong
    result = subprocess.run(
      [sys.executable, serving_rest.__file__, _served(False).path],
      input=json.dumps(sum(parts, [])),
      cwd=tf.compat.v1.test.get_temp_dir(),
      env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)},
      capture_output=True,
      text=True,
      check=False,
    )
    if result.returncode:
      raise AssertionError(result.stderr)
    responses = iter(json.loads(result.stdout))
    cls.rows, cls.columns, cls.wrong = (
      [next(responses) for _ in part] for part in parts
    )

  def test_rows(self):
    expected = small_networks.probabilities(self.model, _INFO, self.images)
    for response in self.rows:
      self.assertCountEqual(response, ['predictions'])
      for row, p in zip(response['predictions'], expected):
        self.assertCountEqual(row, ['class_ids', 'labels', 'probabilities'])
        self.assertAllClose(row['probabilities'], p, 0, 1e-5)
        self.assertIs(type(row['class_ids']), int)
        self.assertEqual(row['class_ids'], p.argmax())
        self.assertEqual(row['labels'], _INFO.label_names[p.argmax()])

  def test_columns(self):
    expected = small_networks.probabilities(self.model, _INFO, self.images)
    classes = expected.argmax(-1).tolist()
    labels = [_INFO.label_names[i] for i in classes]
    for response in self.columns:
      self.assertCountEqual(response, ['outputs'])
      outputs = response['outputs']
      self.assertAllClose(outputs['probabilities'], expected, 0, 1e-5)
      self.assertEqual(outputs['class_ids'], classes)
      self.assertEqual(outputs['labels'], labels)

  def test_says_what_is_wrong(self):
    errors = [response['error'] for response in self.wrong]
    self.assertIn('0.5 is not of expected type', errors[0])
    self.assertIn('8,8,3', errors[1].replace(' ', ''))
    self.assertIn('keys must be equal to: images', errors[2])
    self.assertIn('Unknown image file format', errors[3])
    self.assertIn('base64', errors[4])


if __name__ == '__main__':
  tf.test.main()
