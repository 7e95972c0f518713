"""From a trained network to a version that can be served, checked and measured.

E/1/saved_model.pb, variables/   what TensorFlow Serving loads (`serving`)
    assets.extra/                what Serving does not load, but:
      tf_serving_warmup_requests its first requests, before it is ready
      export.json                where all this is from, and how good
      float16.tflite, ...        for TensorFlow Lite (`tflite_model`)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
import contextlib
import json
import logging
import os
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from nat_tf import architecture_json
from nat_tf import cost
from nat_tf import data
from nat_tf import data_source
from nat_tf import folding
from nat_tf import input_error
from nat_tf import preprocessing
from nat_tf import serving
from nat_tf import text_table
from nat_tf import tflite_model
from nat_tf import version
from nat_tf import version_directory
from nat_tf.architecture import Architecture
from nat_tf.layout import NetworkConfig

MANIFEST = 'export.json'

# Above what folding and another order of sums do to probabilities in float32.
_TOLERANCE = 1e-3

_Answer = Callable[[np.ndarray], np.ndarray]


class ExportError(input_error.InputError):
  """A network cannot be exported; the message says why in one line."""


class Network(NamedTuple):
  """A trained network.

  Attributes:
    model: from normalised images to logits, without what only training needs.
    architecture: what it is made of.
    config: its size.
    info: of the data that it was trained on.
    accuracies: by name, as measured when it was trained; from 0 to 1, None
      where not measured.
  """

  model: tf.keras.Model
  architecture: Architecture
  config: NetworkConfig
  info: data.DatasetInfo
  accuracies: dict[str, float | None]


class Variant(NamedTuple):
  """A form of the network.

  Attributes:
    name: what to call it.
    file: where it is in the version's directory; None for the network itself.
    size: in bytes; 0 for the network itself.
    accuracy: on held-out training data, from 0 to 1; None if not measured.
  """

  name: str
  file: str | None
  size: int
  accuracy: float | None = None


class Export(NamedTuple):
  """What was written.

  Attributes:
    path: the version's directory.
    number: the version.
    manifest: what `export.json` holds.
    variants: the network itself, the SavedModel, the files for Lite.
    held_out: number of images of the accuracies; 0 where not measured.
  """

  path: str
  number: int
  manifest: dict[str, Any]
  variants: list[Variant]
  held_out: int


def export(
  network: Network,
  folder: str,
  fold: bool = True,
  precisions: Sequence[str] = (),
  held_out: data.ImageDataset | None = None,
) -> Export:
  """Writes the next version of a network.

  Args:
    network: what to write.
    folder: where the versions are; made where it is missing.
    fold: whether convolutions take up the batch norms behind them.
    precisions: of the files for TensorFlow Lite, see `tflite_model`.
    held_out: where given, all forms are measured on its held-out part.

  Raises:
    ExportError: the folder cannot be written, or what was written does not
      answer as the network does.
    data.DataError: the held-out part cannot be read.
  """
  if '://' in folder:
    raise ExportError(
      f'cannot write to {folder}; give an --export_dir on this machine'
    )
  model = folding.fold(network.model) if fold else network.model
  try:
    with version_directory.publishing(folder) as aside:
      with _quiet():
        written = _write(network, model, aside.path, precisions)
      variants, count = _measured(written, network, aside.path, held_out)
      manifest = {
        **_about(network),
        **_about_export(network, model, aside.path),
        'batch_norm_folded': fold,
        'held_out_images': count,
        'variants': [variant._asdict() for variant in variants],
      }
      _write_manifest(manifest, aside.path)
  except (OSError, tf.errors.OpError) as error:
    reason = getattr(error, 'strerror', None) or data_source.one_line(error)
    raise ExportError(
      f'cannot write to {folder}: {reason}; give an --export_dir that can be '
      'written'
    ) from error
  return Export(aside.path, aside.number, manifest, variants, count)


def report(exported: Export) -> str:
  """Returns what was written, as lines for the terminal."""
  params = exported.manifest['params']
  heading = f'version {exported.number}: {params["exported"]:,} parameters'
  if params['exported'] != params['analytic']:
    heading += f' ({params["analytic"]:,} before batch norm was folded)'
  rows, note = [['', 'size', 'accuracy*']], []
  for variant in exported.variants:
    measured = variant.accuracy is not None
    accuracy = f'{100 * (variant.accuracy or 0):.2f} %' if measured else ''
    rows.append([variant.name, _size(variant), accuracy])
  if exported.held_out:
    note = [f'* on {exported.held_out:,} held-out training images']
  else:
    # What the training found; the forms were not measured by themselves.
    trained = exported.manifest['accuracies'].get('validation_accuracy')
    rows = [row[:2] for row in rows if row[1]]
    if trained is not None:
      note = [f'accuracy in training, held out: {100 * trained:.2f} %']
  files = [variant.file for variant in exported.variants[2:] if variant.file]
  files = ['saved_model.pb', os.path.join('assets.extra', MANIFEST), *files]
  where = f'in {exported.path}: {", ".join(files)}'
  return '\n'.join([heading, *text_table.aligned(rows), *note, where])


def _write(
  network: Network,
  model: tf.keras.Model,
  folder: str,
  precisions: Sequence[str],
) -> list[Variant]:
  """Writes all forms of a network; returns them, not yet measured.

  Args:
    network: the network.
    model: its model, folded or not.
    folder: the directory to make.
    precisions: of the files for Lite.
  """
  serving.save(serving.servable(model, network.info), network.info, folder)
  variants = [
    Variant('trained', None, 0),
    Variant('SavedModel', '.', _saved_model_size(folder)),
  ]
  for precision in precisions:
    content = tflite_model.convert(model, network.info, precision)
    name = os.path.join('assets.extra', f'{precision}.tflite')
    with open(os.path.join(folder, name), 'wb') as file:
      file.write(content)
    variants.append(Variant(f'TFLite {precision}', name, len(content)))
  return variants


def _about_export(
  network: Network, model: tf.keras.Model, folder: str
) -> dict[str, Any]:
  """Returns what is known of a SavedModel, as for JSON.

  Args:
    network: the network.
    model: its model as it was saved, folded or not.
    folder: where it was saved.

  Raises:
    ExportError: it does not answer as the network does.
  """
  loaded = tf.saved_model.load(folder)
  return {
    'params': {
      'analytic': cost.network(network.architecture, network.config).params,
      'exported': _parameters(model),
    },
    'signatures': serving.signature_summary(loaded.signatures),
    'largest_difference': _difference(network, loaded.signatures),
  }


def _difference(network: Network, signatures: Mapping[str, Any]) -> float:
  """Returns by how much probabilities are off, over all signatures.

  Raises:
    ExportError: by more than rounding.
  """
  examples = serving.examples(network.info)
  images = examples['uint8']['images']
  expected = serving.answer(network.model, network.info, images)
  difference = max(
    np.abs(
      signatures[name](**inputs)['probabilities'] - expected['probabilities']
    ).max()
    for name, inputs in examples.items()
  )
  # Not the other way round: of NaN nothing is true.
  if not difference <= _TOLERANCE:
    raise ExportError(
      f'the exported probabilities differ by {difference:.2g} from those of '
      'the network, which is more than rounding; nothing was exported'
    )
  return float(difference)


def _measured(
  variants: Sequence[Variant],
  network: Network,
  folder: str,
  held_out: data.ImageDataset | None,
) -> tuple[list[Variant], int]:
  """Returns forms of a network with accuracies, and the number of images."""
  if held_out is None:
    return list(variants), 0
  answers = [_answer(variant, network, folder) for variant in variants]
  try:
    accuracies, count = _accuracies(answers, held_out)
  except tf.errors.OpError as error:
    raise ExportError(
      f'cannot read the held-out images: {data_source.one_line(error)}'
    ) from error
  pairs = zip(variants, accuracies)
  return [v._replace(accuracy=accuracy) for v, accuracy in pairs], count


def _answer(variant: Variant, network: Network, folder: str) -> _Answer:
  """Returns what gives the classes `[batch]` of images, pixels 0 to 255."""
  if variant.file is None:
    compiled = tf.function(
      lambda images: serving.answer(network.model, network.info, images)
    )
    return lambda images: compiled(tf.constant(images))['class_ids']
  path = os.path.join(folder, variant.file)
  if os.path.isdir(path):
    loaded = tf.saved_model.load(path)
    return lambda images: loaded.signatures['uint8'](tf.constant(images))[
      'class_ids'
    ]
  with open(path, 'rb') as file:
    run = tflite_model.runner(file.read())
  return lambda images: run(images)['class_ids']


def _accuracies(
  answers: Sequence[_Answer], held_out: data.ImageDataset
) -> tuple[list[float], int]:
  """Returns accuracies on held-out training data, and the number of images.

  Args:
    answers: each gives the classes `[batch]` of images `[batch, h, w, c]`
      uint8.
    held_out: the data set.
  """
  info = held_out.info
  right, count = np.zeros(len(answers), int), 0
  for normalised, labels, weights in held_out.candidate_batches():
    images = preprocessing.pixels(normalised, info.mean, info.std).numpy()
    examples = weights.numpy() > 0
    count += int(examples.sum())
    for i, answer in enumerate(answers):
      hits = np.asarray(answer(images)) == labels.numpy()
      right[i] += int(hits[examples].sum())
  return (right / count).tolist(), count


def _about(network: Network) -> dict[str, Any]:
  """Returns what is known without exporting, as for JSON."""
  info = network.info
  return {
    'nat_tf': version.VERSION,
    'tensorflow': tf.__version__,
    'architecture': json.loads(architecture_json.to_json(network.architecture)),
    'cells': network.config.cells,
    'channels': network.config.channels,
    'dataset': info.name,
    'image_shape': info.image_shape,
    'mean': info.mean,
    'std': info.std,
    'label_names': info.label_names,
    'accuracies': network.accuracies,
  }


def _write_manifest(manifest: dict[str, Any], folder: str):
  path = os.path.join(folder, 'assets.extra', MANIFEST)
  with open(path, 'w', encoding='utf-8') as file:
    file.write(json.dumps(manifest, indent=2) + '\n')


def _parameters(model: tf.keras.Model) -> int:
  return sum(int(np.prod(w.shape)) for w in model.trainable_weights)


def _saved_model_size(folder: str) -> int:
  """Returns bytes of what is loaded: all but `assets.extra`."""
  variables = os.path.join(folder, 'variables')
  files = [os.path.join(variables, name) for name in os.listdir(variables)]
  files.append(os.path.join(folder, 'saved_model.pb'))
  return sum(map(os.path.getsize, files))


def _size(variant: Variant) -> str:
  return f'{variant.size / 1e6:.2f} MB' if variant.size else ''


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
  """Silences what TensorFlow logs of its own doings; errors are raised anyway.

  All loggers, for writing a SavedModel sets the level of absl's anew.
  """
  before = logging.root.manager.disable
  logging.disable(logging.WARNING)
  try:
    yield
  finally:
    logging.disable(before)
