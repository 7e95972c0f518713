"""Trains the final network of an architecture from scratch, by Keras's `fit`.

    training split, what is not held out --> fit <--> a checkpoint an epoch
    training split, held out --------------> accuracy after every epoch
    test split ----------------------------> accuracy in the end, once

The directory of a training then holds `model.keras`, the network as it is used:
from normalised images to logits, without anything that served training alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
import contextlib
import dataclasses
import os
import statistics
from typing import Any

import tensorflow as tf

from nat_tf import architecture_json
from nat_tf import checkpoint_directory
from nat_tf import cost as cost_lib
from nat_tf import data
from nat_tf import evaluation
from nat_tf import final_network
from nat_tf import genotype
from nat_tf import layout
from nat_tf import learning_rate
from nat_tf import progress_bar
from nat_tf import reach
from nat_tf import setting
from nat_tf import strategies
from nat_tf import training_callbacks
from nat_tf import training_log
from nat_tf import training_network
from nat_tf import training_summary
from nat_tf import workdir as workdir_lib
from nat_tf.architecture import Architecture
from nat_tf.architecture import ArchitectureError
from nat_tf.train_config import TrainConfig

MODEL = 'model.keras'
ARCHITECTURE = 'architecture.json'
PREPROCESSING = 'preprocessing.json'
SUMMARY = training_summary.FILE

# What is left of old statistics after so many batches: 0.9 ** 100.
_STATISTICS_BATCHES = 100
_KERAS_POLICIES = {
  'float32': 'float32',
  'bfloat16': 'mixed_bfloat16',
  'float16': 'mixed_float16',
}


def run(
  config: TrainConfig,
  architecture: Architecture,
  workdir: workdir_lib.Workdir,
  title: str = 'training',
  begin: Callable[[], None] | None = None,
  strategy: tf.distribute.Strategy | None = None,
) -> dict[str, Any]:
  """Trains, or goes on where an earlier call stopped.

  Args:
    config: how.
    architecture: what the network is made of.
    workdir: gets checkpoints, logs, the model and the summary. Where it holds a
      training with the same settings that was finished, nothing is done.
    title: what the progress bar calls it.
    begin: called when all is checked and there is something to do.
    strategy: the devices to train on; None for one.

  Returns:
    What `summary.json` holds.

  Raises:
    ArchitectureError: the architecture does not fit the network.
    ConfigError: a setting does not.
    DataError: the data set cannot be read.
    TrainingError: the loss is no number any more.
    WorkdirError: the directory holds something else, or cannot be written.
  """
  text = genotype.to_text(architecture)
  config = dataclasses.replace(config, architecture=text)
  workdir.check(config)
  if os.path.exists(workdir.file(SUMMARY)):
    return training_summary.read(workdir)
  layout.check(architecture, config.skeleton(architecture))
  dataset = data.load(config.data_config())
  network = config.network_config(architecture, dataset.info)
  _check(config, architecture, network, dataset.info)
  workdir.create(config)
  architecture_json.save(workdir.file(ARCHITECTURE), architecture)
  workdir.write_json(PREPROCESSING, dataset.info.to_dict())
  if begin is not None:
    begin()
  training = Training(config, architecture, network, dataset, workdir, strategy)
  training.fit(title)
  model = training.model()
  with workdir.replacing(MODEL) as temporary:
    model.save(temporary)
  summary = _summary(training, model)
  workdir.write_json(SUMMARY, summary)
  return summary


def _check(
  config: TrainConfig,
  architecture: Architecture,
  network: layout.NetworkConfig,
  info: data.DatasetInfo,
):
  """Refuses what only the data show to be impossible."""
  images, side = info.examples.weights, min(network.image_size)
  if config.batch_size > images:
    raise setting.ConfigError(
      f'--batch_size is {config.batch_size}, but {config.dataset} has {images} '
      'images to train on; give that or less'
    )
  if config.cutout > side:
    raise setting.ConfigError(
      f'--cutout is {config.cutout}, but the images have a side of {side} '
      'pixels; give half of that or less'
    )
  if not reach.carries_images(architecture, network):
    raise ArchitectureError(
      'null cuts every way through the network: no image reaches its classes; '
      'there is nothing to train'
    )


class Training:
  """One network that is trained.

  Args:
    config: how.
    architecture: what the network is made of.
    network: its size.
    dataset: what it learns from.
    workdir: holds checkpoints and logs; training goes on from the last
      checkpoint there.
    strategy: the devices to train on; None for one.

  Raises:
    ConfigError: a batch cannot be divided among the devices.

  Attributes:
    config, architecture, network, dataset: see above.
    trainee: the network as it is trained, compiled.
    steps: of an epoch.
    epoch: how many epochs are done.
    log: what they measured.
  """

  def __init__(
    self,
    config: TrainConfig,
    architecture: Architecture,
    network: layout.NetworkConfig,
    dataset: data.ImageDataset,
    workdir: workdir_lib.Workdir,
    strategy: tf.distribute.Strategy | None = None,
  ):
    self._strategy = strategy or tf.distribute.get_strategy()
    _check_divides(config.batch_size, self._strategy.num_replicas_in_sync)
    self.config = config
    self.architecture = architecture
    self.network = network
    self.dataset = dataset
    self._workdir = workdir
    images = dataset.info.examples.weights
    self.steps = images // config.batch_size
    tf.keras.utils.set_random_seed(config.seed)
    self._average = tf.Variable(0.0, trainable=False, name='average')
    with self._strategy.scope(), _precision(config.precision):
      self.trainee = training_network.build(
        architecture,
        network,
        drop_path=config.drop_path > 0,
        auxiliary=config.auxiliary_weight > 0,
        seed=config.seed,
      )
      self._compile()
    self._manager = self._restored()
    latest = self._manager.latest_checkpoint
    self.epoch = checkpoint_directory.number(latest) if latest else 0
    self.log = training_log.TrainingLog(
      workdir, self.epoch, self.steps, config.batch_size
    )

  def fit(self, title: str):
    """Trains to the end.

    Args:
      title: what the progress bar calls it.

    Raises:
      TrainingError: the loss is no number any more.
    """
    config = self.config
    self.trainee.model.fit(
      self.batches(),
      epochs=config.epochs,
      initial_epoch=self.epoch,
      steps_per_epoch=self.steps,
      verbose=0,
      callbacks=self.callbacks(title),
    )
    self.epoch = config.epochs
    if config.average:
      self._renew_statistics()
    self.log.draw()

  def callbacks(
    self, title: str, keeps: bool = True
  ) -> list[tf.keras.callbacks.Callback]:
    """Returns what happens between steps and epochs.

    Args:
      title: what the progress bar calls it.
      keeps: whether epochs are judged and kept as checkpoints.
    """
    config, steps = self.config, self.steps
    found: list[Any] = [
      training_callbacks.DropPath(
        self.trainee.drop_path, config.drop_path, config.epochs
      ),
      training_callbacks.Averaging(
        self._average, config.average, self.epoch * steps
      ),
    ]
    if keeps:
      found.append(training_callbacks.Judge(self._score))
    found.append(self.log)
    if keeps:
      found.append(training_callbacks.Checkpoints(self._manager))
    bar = progress_bar.EpochBar(title, config.epochs, steps, self.epoch)
    return [*found, bar]

  def model(self) -> tf.keras.Model:
    """Returns the network as it is used, in float32."""
    model = final_network.build(self.architecture, self.network)
    for layer in self.trainee.inference.layers:
      model.get_layer(layer.name).set_weights(layer.get_weights())
    return model

  def _renew_statistics(self):
    """Fits batch norm's moving statistics to the averaged weights.

    They were those of the weights as they moved (Izmailov et al., UAI 2018).
    """
    strategy, model = self._strategy, self.trainee.model

    @tf.function(autograph=False)
    def forward(images):
      strategy.run(lambda part: model(part, training=True), (images,))

    batches = self.batches().take(_STATISTICS_BATCHES)
    for images, _ in strategies.share_out(strategy, batches):
      forward(images)

  def _compile(self):
    config, trainee = self.config, self.trainee
    two = config.auxiliary_weight > 0
    loss = tf.keras.losses.CategoricalCrossentropy(
      from_logits=True, label_smoothing=config.label_smoothing
    )
    accuracy = [tf.keras.metrics.CategoricalAccuracy('accuracy')]
    trainee.model.compile(
      self._optimizer(),
      [loss, loss] if two else loss,
      [accuracy, []] if two else accuracy,
      [1.0, config.auxiliary_weight] if two else None,
    )
    trainee.model.optimizer.build(trainee.model.trainable_variables)
    evaluation.prepare(trainee.inference)

  def _optimizer(self) -> tf.keras.optimizers.Optimizer:
    config = self.config
    optimizer = tf.keras.optimizers.SGD(
      learning_rate.schedule(config, self.steps),
      config.momentum,
      # Keras's weight decay passes by the momentum, which adds up what it is
      # given to 1 / (1 - momentum) times as much.
      weight_decay=config.weight_decay / (1 - config.momentum) or None,
      global_clipnorm=config.clip_norm or None,
      use_ema=config.average > 0,
    )
    optimizer.ema_momentum = self._average
    return optimizer

  def _restored(self) -> tf.train.CheckpointManager:
    """Returns what keeps the checkpoints, the last one of them restored."""
    checkpoint = tf.train.Checkpoint(
      model=self.trainee.model,
      optimizer=self.trainee.model.optimizer,
      generator=self.trainee.generator,
    )
    latest = checkpoint_directory.latest(self._workdir.checkpoints)
    if latest:
      with checkpoint_directory.reading(latest):
        checkpoint.restore(latest).assert_consumed()
    return tf.train.CheckpointManager(checkpoint, self._workdir.checkpoints, 2)

  def batches(self) -> tf.data.Dataset:
    """Returns what `fit` takes: images and one-hot labels."""
    classes, two = self.network.classes, self.config.auxiliary_weight > 0
    batches = self.dataset.weights_batches(start=self.epoch * self.steps)

    def targets(images, labels):
      wanted = tf.one_hot(labels, classes)
      return images, (wanted, wanted) if two else wanted

    ready = batches.map(targets).prefetch(tf.data.AUTOTUNE)
    return strategies.divisible(ready)

  def _score(self) -> evaluation.Score:
    batches = strategies.divisible(self.dataset.candidate_batches())
    return evaluation.score(self.trainee.inference, batches)


def _check_divides(batch_size: int, devices: int):
  """Refuses a batch of which the devices would get unequal parts."""
  if batch_size % devices:
    near = devices * max(1, round(batch_size / devices))
    raise setting.ConfigError(
      f'--batch_size is {batch_size}, which is no multiple of the {devices} '
      f'devices; give {near}'
    )


@contextlib.contextmanager
def _precision(name: str) -> Iterator[None]:
  """Sets what layers that are made in the block compute in."""
  before = tf.keras.mixed_precision.global_policy()
  tf.keras.mixed_precision.set_global_policy(_KERAS_POLICIES[name])
  try:
    yield
  finally:
    tf.keras.mixed_precision.set_global_policy(before)


def _summary(training: Training, model: tf.keras.Model) -> dict[str, Any]:
  """Returns what is known of a finished training."""
  config, dataset, table = training.config, training.dataset, training.log.table
  evaluation.prepare(model)
  validation = evaluation.score(model, dataset.candidate_batches())
  # Last of all, and once: nothing is chosen by it.
  test = None
  if dataset.has_test_batches:
    test = evaluation.score(model, dataset.test_batches())
  cost = cost_lib.network(training.architecture, training.network)
  _, speeds = table.column('images_per_second')
  return {
    'architecture': config.architecture,
    'network': training.network.skeleton.name,
    'cells': training.network.cells,
    'channels': training.network.channels,
    'dataset': config.dataset,
    'seed': config.seed,
    'epochs': config.epochs,
    'params': cost.params,
    'madds': cost.madds,
    'validation_loss': validation.loss,
    'validation_accuracy': validation.accuracy,
    'test_loss': test.loss if test else None,
    'test_accuracy': test.accuracy if test else None,
    'images_per_second': statistics.median(speeds) if speeds else None,
    'seconds': round(table.seconds, 1),
  }
