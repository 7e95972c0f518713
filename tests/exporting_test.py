"""Tests of nat_tf.exporting."""

from __future__ import annotations

import json
import os
import pathlib
from unittest import mock

from absl.testing import absltest
import numpy as np
import tensorflow as tf

from nat_tf import architecture_json
from nat_tf import cost
from nat_tf import data
from nat_tf import exporting
from nat_tf import zoo
from tests import small_networks


def _network(name='resnet20', channels=2, classes=5) -> exporting.Network:
  size = small_networks.config(name, 1, channels, (8, 8, 1), classes)
  return exporting.Network(
    small_networks.model(name, size),
    zoo.load(name),
    size,
    small_networks.info(size),
    {'validation_accuracy': 0.75, 'test_accuracy': None},
  )


class ExportTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = os.path.join(self.create_tempdir().full_path, 'models')

  def test_counts_what_is_exported(self):
    network = _network()
    exported = exporting.export(network, self.folder, fold=False)
    params = cost.network(network.architecture, network.config).params
    self.assertEqual(
      exported.manifest['params'], {'analytic': params, 'exported': params}
    )
    self.assertStartsWith(
      exporting.report(exported), f'version 1: {params:,} parameters\n'
    )

    folded = exporting.export(network, self.folder)
    # The norms of ResNet-20, behind a convolution each: one of the stem and six
    # of every stage. Of scale and offset of a channel the offset is left.
    scales = 7 * 2 + 6 * 4 + 6 * 8
    self.assertEqual(
      folded.manifest['params'],
      {'analytic': params, 'exported': params - scales},
    )
    prefix = os.path.join(folded.path, 'variables', 'variables')
    shapes = [shape for _, shape in tf.train.list_variables(prefix) if shape]
    self.assertEqual(sum(map(np.prod, shapes)), params - scales)
    self.assertStartsWith(
      exporting.report(folded),
      f'version 2: {params - scales:,} parameters ({params:,} before batch '
      'norm was folded)\n',
    )

  def test_says_where_it_is_from(self):
    network = _network()
    exported = exporting.export(network, self.folder)
    self.assertEqual(exported.path, os.path.join(self.folder, '1'))
    file = pathlib.Path(exported.path, 'assets.extra', 'export.json')
    manifest = json.loads(file.read_text())
    self.assertEqual(manifest, json.loads(json.dumps(exported.manifest)))
    self.assertEqual(
      architecture_json.from_json(json.dumps(manifest['architecture'])),
      network.architecture,
    )
    self.assertEqual(
      manifest['accuracies'],
      {'validation_accuracy': 0.75, 'test_accuracy': None},
    )
    self.assertEqual(manifest['label_names'], list(network.info.label_names))
    self.assertCountEqual(
      manifest['signatures'], ['serving_default', 'uint8', 'encoded']
    )
    self.assertLess(manifest['largest_difference'], 1e-4)
    size = manifest['variants'][1]['size']
    self.assertEqual(
      exporting.report(exported).splitlines()[1:],
      [
        '               size',
        f'SavedModel  {size / 1e6:.2f} MB',
        'accuracy in training, held out: 75.00 %',
        f'in {exported.path}: saved_model.pb, assets.extra/export.json',
      ],
    )

  def test_one_within_another_gets_the_next_version(self):
    # As two processes would; two threads at once crash TensorFlow's own code.
    networks = [_network(classes=classes) for classes in (3, 4)]
    found, save = {}, exporting.serving.save

    def interrupted(*arguments, **settings):
      if 4 not in found:
        found[4] = None
        found[4] = exporting.export(networks[1], self.folder)
      return save(*arguments, **settings)

    with mock.patch.object(exporting.serving, 'save', interrupted):
      found[3] = exporting.export(networks[0], self.folder)
    self.assertCountEqual([e.number for e in found.values()], [1, 2])
    for classes, exported in found.items():
      signature = tf.saved_model.load(exported.path).signatures['uint8']
      outputs = signature.structured_outputs
      self.assertEqual(outputs['probabilities'].shape, [None, classes])

  def test_exports_nothing_that_answers_otherwise(self):
    network = _network()
    other = _network('vgg16')
    with (
      mock.patch.object(exporting.folding, 'fold', return_value=other.model),
      self.assertRaisesRegex(exporting.ExportError, 'probabilities differ by'),
    ):
      exporting.export(network, self.folder)
    self.assertEmpty(os.listdir(self.folder))

  def test_says_where_it_cannot_write(self):
    file = self.create_tempfile('file').full_path
    network = _network()
    for folder in (file, os.path.join(file, 'models')):
      with self.assertRaisesRegex(
        exporting.ExportError,
        f'^cannot write to {folder}: .*; give an --export',
      ):
        exporting.export(network, folder)
    with self.assertRaisesRegex(exporting.ExportError, 'on this machine'):
      exporting.export(network, 'gs://bucket/models')


class AccuracyTest(absltest.TestCase):
  def test_measures_every_form_on_held_out_images(self):
    folder = self.create_tempdir().full_path
    dataset = data.load(data.DataConfig(data_dir=folder, batch_size=100))
    network = _network(channels=4, classes=10)
    network.model.compile(
      tf.keras.optimizers.Adam(0.01),
      tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    network.model.fit(dataset.weights_batches().take(60), verbose=0)
    network = network._replace(info=dataset.info)
    exported = exporting.export(
      network,
      os.path.join(folder, 'models'),
      precisions=('float32', 'float16'),
      held_out=dataset,
    )
    right = count = 0
    for images, labels, weights in dataset.candidate_batches():
      hits = tf.argmax(network.model(images), -1, tf.int32) == labels
      right += int(tf.reduce_sum(tf.cast(hits, tf.float32) * weights))
      count += int(tf.reduce_sum(weights))
    self.assertEqual(exported.held_out, count)
    self.assertEqual(count, 287)
    names = [variant.name for variant in exported.variants]
    self.assertEqual(
      names, ['trained', 'SavedModel', 'TFLite float32', 'TFLite float16']
    )
    accuracies = [variant.accuracy for variant in exported.variants]
    self.assertEqual(accuracies[0], right / count)
    # Neighbours in float may decide a tie otherwise, but hardly any.
    np.testing.assert_allclose(accuracies, right / count, atol=2 / count)
    self.assertBetween(right / count, 0.2, 0.99)
    table = exporting.report(exported).splitlines()
    self.assertEqual(table[1].split(), ['size', 'accuracy*'])
    self.assertEqual(
      table[2].split(), ['trained', f'{100 * right / count:.2f}', '%']
    )
    self.assertEqual(table[6], '* on 287 held-out training images')
    files = [v.file for v in exported.variants[2:]]
    self.assertEqual(
      files, ['assets.extra/float32.tflite', 'assets.extra/float16.tflite']
    )
    for variant in exported.variants[2:]:
      path = os.path.join(exported.path, variant.file)
      self.assertEqual(os.path.getsize(path), variant.size)
    # What TensorFlow Serving looks at: nothing but versions.
    self.assertEqual(os.listdir(os.path.join(folder, 'models')), ['1'])


if __name__ == '__main__':
  absltest.main()
