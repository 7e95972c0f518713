"""A finished training, read from its directory."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import tensorflow as tf

from nat_tf import architecture_json
from nat_tf import data
from nat_tf import final_network
from nat_tf import input_error
from nat_tf import layout
from nat_tf import training
from nat_tf import training_summary
from nat_tf import workdir as workdir_lib
from nat_tf.architecture import Architecture
from nat_tf.train_config import TrainConfig


class Trained(NamedTuple):
  """A trained network and what is known of it.

  Attributes:
    config: how it was trained.
    architecture: what it is made of.
    network: its size.
    info: of the images that it classifies.
    model: from images, `(pixels / 255 - info.mean) / info.std`, to logits.
    summary: what `summary.json` holds.
  """

  config: TrainConfig
  architecture: Architecture
  network: layout.NetworkConfig
  info: data.DatasetInfo
  model: tf.keras.Model
  summary: dict[str, Any]


def load(path: str) -> Trained:
  """Reads what `training.run` wrote; the data set need not be there.

  Args:
    path: directory of the training.

  Raises:
    WorkdirError: the directory holds no training that was finished, or one of
      its files is damaged.
  """
  workdir = workdir_lib.Workdir(path, TrainConfig)
  config = workdir.config()
  if not os.path.exists(workdir.file(training.SUMMARY)):
    raise workdir_lib.WorkdirError(
      f'the training in {workdir.path} is not finished; run it to the end first'
    )
  summary = training_summary.read(workdir)
  try:
    architecture = architecture_json.load(workdir.file(training.ARCHITECTURE))
    info = data.DatasetInfo.from_dict(workdir.read_json(training.PREPROCESSING))
    layout.check(architecture, config.skeleton(architecture))
    network = config.network_config(architecture, info)
  except (input_error.InputError, OSError) as error:
    raise workdir_lib.WorkdirError(
      f'{workdir.path} is damaged: {error}'
    ) from None
  model = final_network.build(architecture, network)
  file = workdir.file(training.MODEL)
  try:
    model.load_weights(file)
  except Exception as error:  # Zip, HDF5 and Keras raise all kinds.
    raise workdir_lib.WorkdirError(
      f'cannot read {file}: {type(error).__name__}; it is damaged or of '
      'another version, train again in a new --workdir'
    ) from None
  return Trained(config, architecture, network, info, model, summary)
