"""Makes a trained network ready to be served by TensorFlow Serving.

bazel run //nat_tf:export -- --workdir=W --export_dir=E
"""

from __future__ import annotations

import dataclasses

from nat_tf import command  # isort: skip

from absl import flags

from nat_tf import data
from nat_tf import exporting
from nat_tf import tflite_model
from nat_tf import train_config
from nat_tf import trained as trained_lib

_ACCURACIES = 'validation_accuracy', 'test_accuracy'

_WORKDIR = flags.DEFINE_string(
  'workdir', None, 'directory of the training whose network to export.'
)
_EXPORT_DIR = flags.DEFINE_string(
  'export_dir',
  None,
  'directory of the versions: 1, the next call 2 and so on.',
)
_FOLD = flags.DEFINE_bool(
  'fold', True, 'makes batch norm part of the convolution before it.'
)
_TFLITE = flags.DEFINE_bool(
  'tflite', False, 'writes a file for TensorFlow Lite, too, in float32.'
)
_REDUCED = flags.DEFINE_multi_enum(
  'reduced',
  [],
  tflite_model.PRECISIONS[1:],
  'writes a smaller file for TensorFlow Lite, too: weights in float16, or in '
  '8 bits with activations quantised as they come; may be given twice.',
)
_DATA_DIR = flags.DEFINE_string(
  'data_dir',
  None,
  'directory of the prepared data sets, to measure the accuracies of files for '
  'Lite (default: where the training found them).',
)
flags.mark_flags_as_required(['workdir', 'export_dir'])


def main(argv: list[str]):
  """Runs the command."""
  del argv  # `command.run` refuses any.
  export_dir = command.output(_EXPORT_DIR.value, 'export_dir')
  trained = trained_lib.load(command.path(_WORKDIR.value))
  wanted = {*_REDUCED.value, *(['float32'] if _TFLITE.value else [])}
  precisions = [name for name in tflite_model.PRECISIONS if name in wanted]
  exported = exporting.export(
    exporting.Network(
      trained.model,
      trained.architecture,
      trained.network,
      trained.info,
      {name: trained.summary.get(name) for name in _ACCURACIES},
    ),
    export_dir,
    _FOLD.value,
    precisions,
    _held_out(trained.config) if precisions else None,
  )
  print(exporting.report(exported))


def _held_out(config: train_config.TrainConfig) -> data.ImageDataset:
  if _DATA_DIR.value is not None:
    path = command.path(_DATA_DIR.value)
    config = dataclasses.replace(config, data_dir=path)
  return data.load(config.data_config())


if __name__ == '__main__':
  command.run(main)
