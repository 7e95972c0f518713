from __future__ import annotations

import csv
import functools
import json
import os
import shutil
import tempfile
import time
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from nat_tf import checkpoint_directory
from nat_tf import checkpoints
from nat_tf import cost
from nat_tf import data
from nat_tf import digits
from nat_tf import divergence
from nat_tf import setting
from nat_tf import trained
from nat_tf import training
from nat_tf import training_callbacks
from nat_tf import workdir as workdir_lib
from nat_tf import zoo
from nat_tf.architecture import Architecture
from nat_tf.architecture import ArchitectureError
from nat_tf.architecture import Cell
from nat_tf.architecture import Edge
from nat_tf.train_config import TrainConfig
from tests import event_reading

del digits  # Imported for TFDS to know the data set.

_SMALL = {
  'epochs': 2,
  'batch_size': 128,
  'cells': 2,
  'channels': 4,
  'warmup_epochs': 0,
}


def _workdir(path):
  return workdir_lib.Workdir(path, TrainConfig)


class TrainingTestCase(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path

  def path(self, name):
    return os.path.join(self.folder, name)

  def run_in(self, name, architecture='resblock', minutes=10.0, **settings):
    """Trains in a directory of its own."""
    config = TrainConfig(**{**_SMALL, **settings})
    workdir = _workdir(self.path(name))
    return training.run(
      config, zoo.load(architecture), workdir, minutes=minutes
    )


@functools.cache
def _finished():
  """Returns the directory of a training that is only to be read."""
  folder = tempfile.mkdtemp(dir=absltest.get_default_test_tmpdir())
  path = os.path.join(folder, 'w')
  config = TrainConfig(**{**_SMALL, 'epochs': 1})
  training.run(config, zoo.load('resblock'), _workdir(path))
  return path


class RunTest(TrainingTestCase):
  def test_learns_and_leaves_what_is_used(self):
    summary = self.run_in('w', channels=8, epochs=12)
    self.assertGreater(summary['test_accuracy'], 0.8)
    self.assertGreater(summary['validation_accuracy'], 0.8)
    one = trained.load(self.path('w'))
    self.assertEqual(one.summary, summary)
    self.assertEqual(one.architecture, zoo.load('resblock'))
    counts = cost.network(one.architecture, one.network)
    self.assertEqual((summary['params'], summary['madds']), counts)
    weights = one.model.trainable_weights
    self.assertEqual(sum(int(tf.size(x)) for x in weights), counts.params)
    # What was saved is what was judged, by a naive count.
    dataset = data.load(one.config.data_config())
    self.assertEqual(one.info, dataset.info)
    right = total = 0
    for images, labels, used in dataset.test_batches():
      hits = np.argmax(one.model(images, training=False), 1) == labels
      right += int(np.sum(hits[used == 1]))
      total += int(np.sum(used))
    self.assertAlmostEqual(summary['test_accuracy'], right / total, places=6)

  def test_keras_loads_the_model_by_itself(self):
    model = tf.keras.models.load_model(os.path.join(_finished(), 'model.keras'))
    images = np.random.RandomState(0).normal(size=[5, 8, 8, 1])
    np.testing.assert_allclose(
      model(images), trained.load(_finished()).model(images), atol=1e-5
    )

  def test_a_finished_training_is_not_repeated(self):
    shutil.copytree(_finished(), self.path('w'))
    first = trained.load(_finished()).summary
    with mock.patch.object(training, 'Training') as again:
      self.assertEqual(self.run_in('w', epochs=1), first)
    again.assert_not_called()

  def test_other_settings_are_refused(self):
    shutil.copytree(_finished(), self.path('w'))
    with self.assertRaisesRegex(
      workdir_lib.WorkdirError, 'holds a training with other settings'
    ):
      self.run_in('w', epochs=2)

  def test_the_seed_decides(self):
    one = trained.load(_finished()).summary
    same, other = (
      self.run_in(name, seed=seed, epochs=1)
      for name, seed in (('a', TrainConfig().seed), ('b', 7))
    )
    self.assertEqual(one['test_loss'], same['test_loss'])
    self.assertNotEqual(one['test_loss'], other['test_loss'])

  def test_goes_on_where_it_stopped(self):
    settings = {
      'epochs': 3,
      'average': 0.9,
      'drop_path': 0.3,
      'auxiliary_weight': 0.4,
    }
    whole = self.run_in('whole', **settings)
    # After so many steps of 10 an epoch: within the second one, where one step
    # of it is left (then the checkpoint before counts), and at its end.
    for stop, kept in ((13, 13), (19, 18), (20, 20)):
      self._stop(stop, **settings)
      found = checkpoint_directory.readable(self.path('broken/checkpoints'))
      self.assertEqual(checkpoint_directory.number(found), kept)
    broken = self.run_in('broken', **settings)
    timed = ('images_per_second', 'seconds')
    for name in set(whole) - set(timed):
      self.assertEqual(broken[name], whole[name], name)
    self.assertEqual(self._rows('broken'), self._rows('whole'))
    one, other = (
      tf.train.load_checkpoint(self.path(f'{name}/checkpoints/ckpt-30'))
      for name in ('whole', 'broken')
    )
    for name in one.get_variable_to_shape_map():
      if not name.startswith(('save_counter', 'notes', 'checkpointed_runs')):
        np.testing.assert_array_equal(
          one.get_tensor(name), other.get_tensor(name), name
        )

  def _stop(self, stop, **settings):
    """Begins a training, or goes on with it, and leaves it after a step."""

    class Stopped(Exception):
      pass

    original = checkpoints.Checkpoints.after_step

    def after_step(one, step, keeps=True):
      original(one, step, keeps)
      if step == stop:
        raise Stopped

    with mock.patch.object(checkpoints.Checkpoints, 'after_step', after_step):
      with self.assertRaises(Stopped):
        self.run_in('broken', minutes=0.0, **settings)
    self.assertFalse(os.path.exists(self.path('broken/summary.json')))

  def _rows(self, name):
    """Returns the rows of `training.csv`, but for times."""
    path = self.path(f'{name}/training.csv')
    with open(path, encoding='utf-8', newline='') as file:
      return [
        {k: v for k, v in row.items() if 'second' not in k}
        for row in csv.DictReader(file)
      ]

  def test_diverging_stops(self):
    with self.assertRaisesRegex(
      divergence.DivergenceError,
      r'(the loss is \S+ in|a weight is no number after) step \d+.*: '
      r'the training diverged; there is '
      r'no checkpoint yet; .* lower --learning_rate',
    ):
      self.run_in('w', learning_rate=1e30, clip_norm=0.0, epochs=4)
    self.assertFalse(os.path.exists(self.path('w/model.keras')))

  def test_what_diverged_is_not_kept(self):
    with self.assertRaisesRegex(
      divergence.DivergenceError, 'diverged; there is no|checkpoint is .*ckpt-'
    ):
      self.run_in('w', learning_rate=1e30, clip_norm=0.0, epochs=4, minutes=0.0)
    found = checkpoint_directory.readable(self.path('w/checkpoints'))
    if found is not None:
      reader = tf.train.load_checkpoint(found)
      for name, kind in reader.get_variable_to_dtype_map().items():
        if kind.is_floating:
          self.assertTrue(np.isfinite(reader.get_tensor(name)).all(), name)

  def test_cells_of_a_hand_made_network(self):
    with self.assertRaisesRegex(setting.ConfigError, 'has 9 cells of its own'):
      self.run_in('w', 'resnet20', cells=3)
    self.assertFalse(os.path.exists(self.path('w')))


class AdviceTest(absltest.TestCase):
  def _said(self) -> list[str]:
    """Returns what is logged while a callback takes longer than the steps."""

    class Slow(tf.keras.callbacks.Callback):
      def on_train_batch_end(self, batch, logs=None):
        time.sleep(0.3)

    model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
    model.compile('sgd', 'mse', run_eagerly=True)
    with self.assertLogs('tensorflow') as caught:
      model.fit(
        np.zeros([7, 2]),
        np.zeros([7, 1]),
        batch_size=1,
        verbose=0,
        callbacks=[Slow()],
      )
      tf.get_logger().warning('ours')
    return [record.getMessage() for record in caught.records]

  def test_keras_is_silenced_and_nobody_else(self):
    with training_callbacks.without_advice():
      self.assertEqual(self._said(), ['ours'])
    first, second = self._said()
    self.assertIn('on_train_batch_end` is slow compared', first)
    self.assertEqual(second, 'ours')


class TestSplitTest(TrainingTestCase):
  def test_is_read_once_and_last(self):
    read, saved = [], []
    original = data.ImageDataset.test_batches

    def count(weights):
      read.append(int(weights.sum()))
      return weights

    def watched(dataset, *arguments):
      saved.append(os.path.exists(self.path('w/model.keras')))
      return original(dataset, *arguments).map(
        lambda images, labels, weights: (
          images,
          labels,
          tf.ensure_shape(
            tf.numpy_function(count, [weights], tf.float32), weights.shape
          ),
        )
      )

    with mock.patch.object(data.ImageDataset, 'test_batches', watched):
      self.run_in('w', epochs=2)
    self.assertEqual(saved, [True])
    self.assertEqual(sum(read), 360)

  def test_without_one(self):
    prepared = self.path('data')
    os.makedirs(prepared)
    data.load(data.DataConfig(data_dir=prepared))
    version = os.path.join(prepared, 'digits', '1.0.0')
    info = os.path.join(version, 'dataset_info.json')
    with open(info, encoding='utf-8') as file:
      text = file.read()
    values = json.loads(text)
    values['splits'] = [x for x in values['splits'] if x['name'] == 'train']
    with open(info, 'w', encoding='utf-8') as file:
      json.dump(values, file)
    for name in os.listdir(version):
      if '-test.' in name:
        os.remove(os.path.join(version, name))
    summary = self.run_in('w', epochs=1, data_dir=prepared)
    self.assertIsNone(summary['test_accuracy'])
    self.assertGreater(summary['validation_accuracy'], 0)


class RegularizationTest(TrainingTestCase):
  @parameterized.parameters('bfloat16', 'float16')
  def test_everything_at_once(self, precision):
    summary = self.run_in(
      'w',
      epochs=1,
      precision=precision,
      drop_path=0.2,
      auxiliary_weight=0.4,
      label_smoothing=0.1,
      average=0.9,
      cutout=2,
      schedule='exponential',
      clip_norm=5.0,
    )
    self.assertTrue(np.isfinite(summary['test_loss']))
    one = trained.load(self.path('w'))
    self.assertEqual(
      sum(int(tf.size(x)) for x in one.model.trainable_weights),
      summary['params'],
    )
    names = [layer.name for layer in one.model.layers]
    self.assertFalse([x for x in names if 'auxiliary' in x or 'drop' in x])
    self.assertEqual({x.dtype for x in one.model.weights}, {tf.float32})

  def test_the_average_is_what_is_kept(self):
    #   average <- d average + (1 - d) w after every step, d at most 0.8 and in
    #   step t at most (1 + t) / (10 + t)
    weights = []

    class Watch(training_callbacks.Checkpoints):
      def on_train_begin(self, logs=None):
        weights.append(_kernel(self.model))

      def on_train_batch_end(self, batch, logs=None):
        weights.append(_kernel(self.model))

    with mock.patch.object(training_callbacks, 'Checkpoints', Watch):
      self.run_in('w', epochs=1, average=0.8)
    average = weights[0]
    for t, one in enumerate(weights[1:]):
      decay = min(0.8, (1 + t) / (10 + t))
      average = decay * average + (1 - decay) * one
    kept = _kernel(trained.load(self.path('w')).model)
    np.testing.assert_allclose(kept, average, atol=1e-5)
    self.assertGreater(np.abs(kept - weights[-1]).max(), 1e-3)

  def test_an_average_is_no_worse(self):
    settings = {'epochs': 5, 'schedule': 'constant'}
    raw = self.run_in('raw', **settings)
    averaged = self.run_in('averaged', average=0.99, **settings)
    self.assertGreater(
      averaged['validation_accuracy'], raw['validation_accuracy'] - 0.05
    )

  def test_statistics_are_those_of_the_average(self):
    # All batches are one, as large as the training set, and never changed: its
    # own mean and variance are what the first norm should keep.
    settings = dict(
      epochs=3, average=0.99, batch_size=1293, augmentation='none'
    )
    self.run_in('w', **settings)
    one = trained.load(self.path('w'))
    dataset = data.load(one.config.data_config())
    images, _ = next(iter(dataset.weights_batches()))
    maps = one.model.get_layer('stem_0/conv')(images)
    _, _, mean, variance = one.model.get_layer('stem_0/norm').get_weights()
    np.testing.assert_allclose(
      mean, tf.reduce_mean(maps, [0, 1, 2]), rtol=1e-3, atol=1e-4
    )
    np.testing.assert_allclose(
      variance, tf.math.reduce_variance(maps, [0, 1, 2]), rtol=1e-3
    )


def _gradient_norm(one, images, targets, smoothing, weight):
  """Returns the norm of a training's gradients, by a tape."""
  model = one.trainee.model
  with tf.GradientTape() as tape:
    outputs = model(images, training=True)
    outputs = outputs if weight else [outputs]
    loss = sum(
      scale
      * tf.reduce_mean(
        tf.nn.softmax_cross_entropy_with_logits(
          (1 - smoothing) * wanted + smoothing / 10, logits
        )
      )
      for scale, wanted, logits in zip((1.0, weight), targets, outputs)
    )
  gradients = tape.gradient(loss, model.trainable_variables)
  return np.sqrt(sum(float(tf.reduce_sum(x**2)) for x in gradients))


def _kernel(model):
  return model.get_layer('stem_0/conv').get_weights()[0]


class RecipeTest(TrainingTestCase):
  """What the settings do to a step, each against a closed form."""

  def training(self, **settings):
    """Returns a training of a small network that nothing was done with."""
    config = TrainConfig(**{**_SMALL, **settings})
    architecture = zoo.load('resblock')
    dataset = data.load(config.data_config())
    network = config.network_config(architecture, dataset.info)
    return training.Training(
      config, architecture, network, dataset, _workdir(self.path('w'))
    )

  def optimizer(self, **settings):
    """Returns the optimizer of such a training, for other variables."""
    own = self.training(**settings).trainee.model.optimizer
    return type(own).from_config(own.get_config())

  def test_weights_decay_as_if_their_square_were_in_the_loss(self):
    # Of w <- w - r v, v <- m v + d w, a constant w moves by r d w / (1 - m).
    optimizer = self.optimizer(
      learning_rate=0.1, schedule='constant', weight_decay=1e-3, momentum=0.9
    )
    weight = tf.Variable([2.0])
    optimizer.build([weight])
    optimizer.apply_gradients([(tf.zeros([1]), weight)])
    self.assertAlmostEqual(float(weight[0]), 2 - 0.1 * 1e-3 * 2 / 0.1, places=6)
    # And over many steps: against momentum's own sum, written down.
    coupled, velocity = 2.0, 0.0
    weight.assign([2.0])
    for _ in range(300):
      velocity = 0.9 * velocity + 1e-3 * coupled
      coupled -= 0.1 * velocity
      optimizer.apply_gradients([(tf.zeros([1]), weight)])
    moved = 2 - coupled
    self.assertAlmostEqual(2 - float(weight[0]), moved, delta=0.05 * moved)

  @parameterized.parameters((5.0, 5.0), (0.0, 1000.0))
  def test_long_gradients_are_clipped(self, clip_norm, length):
    optimizer = self.optimizer(
      learning_rate=0.1,
      schedule='constant',
      weight_decay=0.0,
      clip_norm=clip_norm,
    )
    weights = [tf.Variable([0.0]), tf.Variable([0.0])]
    optimizer.build(weights)
    gradients = [tf.constant([600.0]), tf.constant([800.0])]
    optimizer.apply_gradients(zip(gradients, weights))
    moved = np.hypot(*[float(weight[0]) for weight in weights])
    self.assertAlmostEqual(moved, 0.1 * length, places=3)

  @parameterized.parameters((0.0, 0.0), (0.2, 0.0), (0.2, 0.4))
  def test_loss(self, smoothing, weight):
    one = self.training(
      label_smoothing=smoothing, auxiliary_weight=weight, clip_norm=0.01
    )
    images, targets = next(iter(one.batches()))
    outputs = one.trainee.model(images, training=True)
    outputs, targets = (
      (list(x) if weight else [x]) for x in (outputs, targets)
    )
    losses = []
    for logits, wanted in zip(outputs, targets):
      logits = logits.numpy().astype(np.float64)
      logs = logits - np.log(np.exp(logits).sum(1, keepdims=True))
      smoothed = (1 - smoothing) * wanted.numpy() + smoothing / 10
      losses.append(-(smoothed * logs).sum(1).mean())
    expected = losses[0] + weight * sum(losses[1:])
    norm = _gradient_norm(one, images, targets, smoothing, weight)
    found = one.trainee.model.train_on_batch(
      images, targets if weight else targets[0], return_dict=True
    )
    self.assertAlmostEqual(found['loss'], expected, places=4)
    # As it is before it is clipped.
    self.assertGreater(norm, 0.1)
    self.assertAlmostEqual(found['gradient_norm'] / norm, 1, places=3)

  def test_drop_path_rises_to_its_last_value(self):
    seen = []

    class Watch(training_callbacks.Judge):
      def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, logs)
        seen.append(float(variables[0]))

    one = self.training(epochs=5, drop_path=0.2)
    variables = [one.trainee.drop_path]
    with mock.patch.object(training_callbacks, 'Judge', Watch):
      one.fit('t')
    np.testing.assert_allclose(seen, [0, 0.05, 0.1, 0.15, 0.2], atol=1e-6)

  def test_every_image_is_seen_once_an_epoch(self):
    # 1293 images: an epoch is 10 batches of 128, and the next begins with the
    # 13 that are left.
    one = self.training(augmentation='none')
    seen = [images.numpy() for images, _ in one.batches().take(11)]
    self.assertEqual(one.steps, 10)
    images = np.concatenate(seen)[:1293].reshape(1293, -1)
    known = next(iter(one.dataset.weights_batches(1293)))[0].numpy()
    np.testing.assert_array_equal(
      np.unique(images, axis=0), np.unique(known.reshape(1293, -1), axis=0)
    )


class LogTest(TrainingTestCase):
  @parameterized.parameters(0.0, 0.4)
  def test_events_and_table(self, auxiliary_weight):
    self.run_in('w', auxiliary_weight=auxiliary_weight)
    with open(self.path('w/training.csv'), encoding='utf-8') as file:
      rows = list(csv.DictReader(file))
    self.assertEqual([row['epoch'] for row in rows], ['1', '2'])
    for part, prefix in (('training', ''), ('held_out', 'validation_')):
      found = event_reading.scalars(self.path(f'w/events/{part}'))
      for name in ('loss', 'accuracy'):
        expected = [float(row[prefix + name]) for row in rows]
        points = found[f'network/{name}']
        self.assertEqual([step for step, _ in points], [1, 2])
        np.testing.assert_allclose(
          [value for _, value in points], expected, rtol=1e-5
        )
    found = event_reading.scalars(self.path('w/events/training'))
    self.assertIn('network/learning_rate', found)
    self.assertIn('speed/images_per_second', found)
    norms = [value for _, value in found['network/gradient_norm']]
    self.assertLen(norms, 2)
    self.assertGreater(min(norms), 0.0)
    result = event_reading.scalars(self.path('w/events/result'))
    with open(self.path('w/summary.json'), encoding='utf-8') as file:
      summary = json.load(file)
    for tag, name in (
      ('validation_accuracy', 'validation_accuracy'),
      ('test_accuracy', 'test_accuracy'),
      ('parameters', 'params'),
      ('multiply_adds', 'madds'),
    ):
      ((step, value),) = result[f'result/{tag}']
      self.assertEqual(step, 2)
      self.assertAlmostEqual(value / summary[name], 1, places=5)
    with open(self.path('w/training.png'), 'rb') as file:
      self.assertEqual(file.read(8), b'\x89PNG\r\n\x1a\n')


class RefusedTest(TrainingTestCase):
  def refused(self, kind, words, architecture='resblock', **settings):
    with self.assertRaisesRegex(kind, words):
      self.run_in('w', architecture, **settings)
    self.assertFalse(os.path.exists(self.path('w')))

  def test_more_than_the_data_hold(self):
    self.refused(
      setting.ConfigError,
      '--batch_size is 1294, but digits has 1293 images to train on',
      batch_size=1294,
    )
    self.refused(
      setting.ConfigError, '--cutout is 9, but .* a side of 8 pixels', cutout=9
    )

  def test_networks_that_no_image_passes(self):
    cell = Cell(2, 3, (Edge(0, 2, 'null'), Edge(1, 2, 'null')), (2,))
    architecture = Architecture((('normal', cell), ('reduction', cell)))
    workdir = _workdir(self.path('w'))
    with self.assertRaisesRegex(
      ArchitectureError, 'null cuts every way through the network'
    ):
      training.run(TrainConfig(**_SMALL), architecture, workdir)
    self.assertFalse(os.path.exists(workdir.path))


class TrainedAsideTest(TrainingTestCase):
  def test_only_who_fills_the_directory_judges_the_network(self):
    one = mock.Mock(spec=training.Training)
    one.architecture = zoo.load('resblock')
    one.dataset = mock.Mock()
    one.dataset.info.to_dict.return_value = {}
    workdir = _workdir(self.path('w')).aside()
    self.assertEqual(training._trained(one, workdir, 'title', None), {})
    one.fit.assert_called_once()
    # All processes must take part in this.
    one.model.assert_called_once()
    one.model.return_value.save.assert_not_called()
    one.dataset.candidate_batches.assert_not_called()
    one.dataset.test_batches.assert_not_called()
    self.assertFalse(os.path.exists(workdir.path))


class TrainedTest(TrainingTestCase):
  def test_what_is_no_finished_training(self):
    cases = {
      'summary.json': 'is not finished; run it to the end first',
      'model.keras': 'cannot read .*model.keras',
      'architecture.json': 'is damaged: ',
      'preprocessing.json': 'is damaged: ',
      'config.json': 'holds no config.json',
    }
    for name, words in cases.items():
      broken = self.path(f'without_{name}')
      shutil.copytree(_finished(), broken)
      os.remove(os.path.join(broken, name))
      with self.assertRaisesRegex(workdir_lib.WorkdirError, words):
        trained.load(broken)

  def test_damaged_files(self):
    for name in (
      'summary.json',
      'model.keras',
      'architecture.json',
      'preprocessing.json',
      'config.json',
    ):
      broken = self.path(f'damaged_{name}')
      shutil.copytree(_finished(), broken)
      with open(os.path.join(broken, name), 'r+b') as file:
        file.truncate(20)
      with self.assertRaises(workdir_lib.WorkdirError) as caught:
        trained.load(broken)
      self.assertIn(name, str(caught.exception))
      self.assertNotIn('\n', str(caught.exception))


if __name__ == '__main__':
  absltest.main()
