"""Measures how fast networks train, beside a `fit` that has nothing else to do.

bazel run //benchmarks:training -- --data_dir=D --json=FILE
"""

from __future__ import annotations

import tempfile
from typing import Any

from nat_tf import command  # isort: skip

from absl import flags
import numpy as np
import tensorflow as tf

from benchmarks import measurement
from nat_tf import data
from nat_tf import training
from nat_tf import workdir as workdir_lib
from nat_tf import zoo
from nat_tf.train_config import TrainConfig

_JSON = flags.DEFINE_string(
  'json', None, 'file to write the measured values to (default: none).'
)
_DATA_DIR = flags.DEFINE_string(
  'data_dir', None, 'directory of the prepared data sets.'
)
_STEPS = flags.DEFINE_integer(
  'steps', 100, 'steps of one measured call; 1 or more.', lower_bound=1
)
_REPEATS = flags.DEFINE_integer(
  'repeats', 3, 'measured calls of each; 1 or more.', lower_bound=1
)

_BATCH = 128

_layers = tf.keras.layers


def main(argv: list[str]):
  """Runs the command."""
  del argv  # `command.run` refuses any.
  config = command.with_data_dir(
    TrainConfig(
      dataset='cifar10',
      data_dir=_DATA_DIR.value,
      batch_size=_BATCH,
      cutout=8,
    )
  )
  dataset = data.load(config.data_config())
  with tempfile.TemporaryDirectory() as folder:
    values = _measured(dataset, _ours(config, dataset, folder))
  for name, value in values.items():
    print(f'{name:<38} {value:.4g}')
  if _JSON.value:
    measurement.write(command.path(_JSON.value), values)


def _measured(
  dataset: data.ImageDataset, ours: training.Training
) -> dict[str, float]:
  """Returns speeds, and their ratios."""
  times = measurement.both(
    {
      'minimal': _minimal(dataset),
      'training': _fit(ours, ours.batches()),
      'one_batch': _fit(ours, ours.batches().take(1).cache().repeat()),
      'data': _pass(ours.batches()),
    },
    _REPEATS.value,
  )
  values, images = {}, _STEPS.value * _BATCH
  for name, one in times.items():
    values[f'{name}_images_per_second'] = images / one.wall
    values[f'{name}_processor_ms_an_image'] = 1e3 * one.processor / images
  for clock in measurement.Times._fields:
    minimal, ours_, one_batch = (
      getattr(times[name], clock)
      for name in ('minimal', 'training', 'one_batch')
    )
    values[f'training_over_minimal_by_{clock}'] = minimal / ours_
    values[f'one_batch_over_training_by_{clock}'] = one_batch / ours_
  return values


def _ours(
  config: TrainConfig, dataset: data.ImageDataset, folder: str
) -> training.Training:
  """Returns a training of ResNet-20, with crops, flips and cutout."""
  architecture = zoo.load('resnet20')
  return training.Training(
    config,
    architecture,
    config.network_config(architecture, dataset.info),
    dataset,
    workdir_lib.Workdir(folder, TrainConfig),
  )


def _fit(ours: training.Training, batches: tf.data.Dataset) -> Any:
  steps = _STEPS.value
  return lambda: ours.trainee.model.fit(
    batches,
    steps_per_epoch=steps,
    verbose=0,
    callbacks=ours.callbacks('benchmark', keeps=False),
  )


def _pass(batches: tf.data.Dataset) -> Any:
  def run():
    for _ in batches.take(_STEPS.value):
      pass

  return run


def _minimal(dataset: data.ImageDataset) -> Any:
  """Returns a call of `fit` on images in memory that nothing is done to."""
  images, labels = _in_memory(dataset)
  model = _resnet20()
  model.compile(
    tf.keras.optimizers.SGD(0.01, 0.9),
    tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    ['accuracy'],
  )
  return lambda: model.fit(images, labels, _BATCH, verbose=0)


def _in_memory(dataset: data.ImageDataset) -> tuple[np.ndarray, np.ndarray]:
  """Returns images and labels of as many batches as a call takes."""
  batches = dataset.weights_batches().take(_STEPS.value)
  images, labels = zip(*batches.as_numpy_iterator())
  return np.concatenate(images), np.concatenate(labels)


def _resnet20() -> tf.keras.Model:
  """Returns ResNet-20 for CIFAR-10 (He et al., CVPR 2016), written by hand."""
  x = images = tf.keras.Input([32, 32, 3])
  x = _normalised(x, 16, 1)
  x = _layers.ReLU()(x)
  for width in (16, 32, 64):
    for block in range(3):
      stride = 2 if block == 0 and width > 16 else 1
      y = _layers.ReLU()(_normalised(x, width, stride))
      y = _normalised(y, width, 1)
      if stride > 1:
        x = tf.pad(x[:, ::2, ::2], [[0, 0]] * 3 + [[0, width // 2]])
      x = _layers.ReLU()(x + y)
  x = _layers.GlobalAveragePooling2D()(x)
  return tf.keras.Model(images, _layers.Dense(10)(x))


def _normalised(x: Any, width: int, stride: int) -> Any:
  x = _layers.Conv2D(width, 3, stride, 'same', use_bias=False)(x)
  return _layers.BatchNormalization()(x)


if __name__ == '__main__':
  command.run(main)
