"""Trains the final network of an architecture from scratch, by Keras's `fit`.

    training split, what is not held out --> fit <--> checkpoints
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
from nat_tf import checkpoints
from nat_tf import cost as cost_lib
from nat_tf import data
from nat_tf import divergence
from nat_tf import evaluation
from nat_tf import final_network
from nat_tf import genotype
from nat_tf import gradient_norm
from nat_tf import layout
from nat_tf import learning_rate
from nat_tf import profiling
from nat_tf import progress_bar
from nat_tf import reach
from nat_tf import setting
from nat_tf import strategies
from nat_tf import training_callbacks
from nat_tf import training_events
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
  minutes: float = 10.0,
  strategy: tf.distribute.Strategy | None = None,
  profiled: tuple[int, int] | None = None,
) -> dict[str, Any]:
  """Trains, or goes on where an earlier call stopped.

  Args:
    config: how.
    architecture: what the network is made of.
    workdir: gets checkpoints, logs, the model and the summary. Where it holds a
      training with the same settings that was finished, nothing is done. Of
      several processes that train together, all but one need it `aside`.
    title: what the progress bar calls it.
    begin: called when all is checked and there is something to do.
    minutes: from one checkpoint to the next.
    strategy: the devices to train on; None for one.
    profiled: first and last step to profile, see `profiling.StepProfiler`.

  Returns:
    What `summary.json` holds; nothing where another process writes it.

  Raises:
    ArchitectureError: the architecture does not fit the network.
    CheckpointError: no checkpoint can be read, or none be written.
    ConfigError: a setting does not.
    DataError: the data set cannot be read.
    DivergenceError: the loss is no number any more.
    LockError: another process trains in the directory.
    WorkdirError: the directory holds something else, or cannot be written.
    stopping.Stopped: the process was told to stop; a checkpoint was written.
  """
  text = genotype.to_text(architecture)
  config = dataclasses.replace(config, architecture=text)
  strategy = strategy or tf.distribute.get_strategy()
  _check_divides(config.batch_size, strategy.num_replicas_in_sync)
  workdir.check(config)
  if os.path.exists(workdir.file(SUMMARY)):
    return training_summary.read(workdir)
  layout.check(architecture, config.skeleton(architecture))
  dataset = data.load(config.data_config())
  network = config.network_config(architecture, dataset.info)
  _check(config, architecture, network, dataset.info)
  with workdir.filled(config):
    if begin is not None:
      begin()
    training = Training(
      config, architecture, network, dataset, workdir, minutes, strategy
    )
    return _trained(training, workdir, title, profiled)


def _trained(
  training: Training,
  workdir: workdir_lib.Workdir,
  title: str,
  profiled: tuple[int, int] | None,
) -> dict[str, Any]:
  """Trains to the end; writes and returns what came of it."""
  with workdir.replacing(ARCHITECTURE) as temporary:
    architecture_json.save(temporary, training.architecture)
  workdir.write_json(PREPROCESSING, training.dataset.info.to_dict())
  training.fit(title, profiled)
  # All processes must take part, for weights that each has a share of.
  model = training.model()
  if workdir.is_aside:
    return {}
  with workdir.replacing(MODEL) as temporary:
    model.save(temporary)
  with training.dataset.reading():
    summary = _summary(training, model)
  training_events.write(workdir.events, training.config, title, summary)
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
    minutes: from one checkpoint to the next.
    strategy: the devices to train on; None for one.

  Attributes:
    config, architecture, network, dataset: see above.
    trainee: the network as it is trained, compiled.
    steps: of an epoch.
    step: how many steps are done.
    log: what they measured.
  """

  def __init__(
    self,
    config: TrainConfig,
    architecture: Architecture,
    network: layout.NetworkConfig,
    dataset: data.ImageDataset,
    workdir: workdir_lib.Workdir,
    minutes: float = 10.0,
    strategy: tf.distribute.Strategy | None = None,
  ):
    self._strategy = strategy or tf.distribute.get_strategy()
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
      self._checkpoints = self._restored(minutes)
    self._watch = divergence.Watch()
    self.step = self._checkpoints.step
    # An epoch that was finished has its row; nothing of it goes on.
    notes = self._checkpoints.notes if self.step % self.steps else {}
    self._sums = notes.get('sums', [])
    self.log = training_log.TrainingLog(
      workdir,
      self.step,
      self.steps,
      config.batch_size,
      notes.get('seconds', 0.0),
    )

  def fit(self, title: str, profiled: tuple[int, int] | None = None):
    """Trains to the end.

    Args:
      title: what the progress bar calls it.
      profiled: first and last step to profile; None for none.

    Raises:
      CheckpointError: a checkpoint cannot be written.
      DataError: the data set cannot be read any more.
      DivergenceError: the loss is no number any more.
      stopping.Stopped: the process was told to stop; a checkpoint was written.
    """
    config = self.config
    if self.step:
      epoch = self.step // self.steps + 1
      print(
        f'{title} {progress_bar.going_on(epoch, config.epochs)}', flush=True
      )
    callbacks = self.callbacks(title)
    profiler = profiling.StepProfiler(self._workdir.events, profiled)
    # Before what may end the training.
    callbacks.insert(0, profiling.Profiling(profiler))
    with self._checkpoints.running(self._notes), self.dataset.reading():
      try:
        with training_callbacks.without_advice():
          self.trainee.model.fit(
            self.batches(),
            epochs=config.epochs,
            steps_per_epoch=self.steps,
            verbose=0,
            callbacks=callbacks,
          )
      finally:
        callbacks[-1].close()
        profiler.close()
      self.step = config.epochs * self.steps
    if config.average:
      self._renew_statistics()
    self.log.draw()

  def callbacks(self, title: str, keeps: bool = True) -> list[Any]:
    """Returns what happens between steps and epochs.

    Args:
      title: what the progress bar calls it.
      keeps: whether epochs are judged and kept as checkpoints.
    """
    config, steps = self.config, self.steps
    found: list[Any] = [
      training_callbacks.GoingOn(self.step, steps, self._sums),
      training_callbacks.DropPath(
        self.trainee.drop_path, config.drop_path, config.epochs
      ),
      training_callbacks.Averaging(self._average, config.average, self.step),
      training_callbacks.Divergence(self._watch, steps),
    ]
    if keeps:
      found.append(training_callbacks.Judge(self._score, self._check))
    found.append(self.log)
    bar = progress_bar.EpochBar(
      title, config.epochs, steps, self.step, self._workdir.is_aside
    )
    if keeps:
      # Beside the bar the last one: it may end the training.
      found.append(training_callbacks.Checkpoints(self._checkpoints, steps))
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
    with self.dataset.reading():
      for images, _ in strategies.share_out(strategy, batches):
        forward(images)

  def _compile(self):
    config, trainee = self.config, self.trainee
    two = config.auxiliary_weight > 0
    loss = tf.keras.losses.CategoricalCrossentropy(
      from_logits=True, label_smoothing=config.label_smoothing
    )
    accuracy = [tf.keras.metrics.CategoricalAccuracy('accuracy')]
    norm = tf.keras.metrics.Mean(gradient_norm.NAME)
    trainee.model.others = lambda: [norm]
    trainee.model.compile(
      self._optimizer(norm),
      [loss, loss] if two else loss,
      [accuracy, []] if two else accuracy,
      [1.0, config.auxiliary_weight] if two else None,
    )
    trainee.model.optimizer.build(trainee.model.trainable_variables)
    evaluation.prepare(trainee.inference)

  def _optimizer(
    self, norm: tf.keras.metrics.Mean
  ) -> tf.keras.optimizers.Optimizer:
    config = self.config
    optimizer = gradient_norm.SGD(
      learning_rate.schedule(config, self.steps),
      config.momentum,
      # Keras's weight decay passes by the momentum, which adds up what it is
      # given to 1 / (1 - momentum) times as much.
      weight_decay=config.weight_decay / (1 - config.momentum) or None,
      global_clipnorm=config.clip_norm or None,
      use_ema=config.average > 0,
      told=norm.update_state,
    )
    optimizer.ema_momentum = self._average
    return optimizer

  def _restored(self, minutes: float) -> checkpoints.Checkpoints:
    """Returns what keeps the training, the last checkpoint restored."""
    directory = self._workdir.checkpoints
    return checkpoints.Checkpoints(
      directory,
      checkpoint_directory.readable(directory),
      minutes,
      self._check,
      model=self.trainee.model,
      optimizer=self.trainee.model.optimizer,
      generator=self.trainee.generator,
    )

  def _notes(self) -> checkpoints.Notes:
    """Returns what a checkpoint holds of the epoch that runs."""
    sums = training_callbacks.metric_sums(self.trainee.model)
    return {'sums': sums, 'seconds': self.log.seconds()}

  def _check(self):
    """Refuses to go on with, or to keep, what is no number.

    Raises:
      DivergenceError: see above.
    """
    fault, model = self._watch.fault(), self.trainee.model
    if fault is None:
      if divergence.finite([*model.variables, *model.optimizer.variables]):
        return
      what = f'a weight is no number after step {self._watch.seen}'
    else:
      epoch = (fault.step - 1) // self.steps + 1
      what = f'the loss is {fault.loss:g} in step {fault.step}, epoch {epoch}'
    raise divergence.DivergenceError(
      f'{what}: the training diverged; {self._checkpoints.state()}; the same '
      'settings would go the same way, give a lower --learning_rate or '
      '--clip_norm and a new --workdir'
    )

  def batches(self) -> tf.data.Dataset:
    """Returns what `fit` takes: images and one-hot labels."""
    classes, two = self.network.classes, self.config.auxiliary_weight > 0
    batches = self.dataset.weights_batches(start=self.step)

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
