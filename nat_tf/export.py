"""Makes a trained network ready to be served by TensorFlow Serving.

bazel run //nat_tf:export -- --workdir=W --export_dir=E
"""

from __future__ import annotations

from nat_tf import command  # isort: skip

from absl import flags

from nat_tf import data
from nat_tf import exporting
from nat_tf import trained as trained_lib

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
  ['float16', 'dynamic'],
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
  precisions = ['float32'] * _TFLITE.value + sorted(set(_REDUCED.value))
