"""What commands share that use what a search has learned."""

from __future__ import annotations

from absl import flags

from nat_tf import command
from nat_tf import transformer

_DATA_DIR = flags.DEFINE_string(
  'data_dir',
  None,
  'directory of the prepared data sets (default: where the search found them).',
)


def load(workdir: str) -> transformer.Transformer:
  """Returns the transformer of a search, on the data that the user means.

  Args:
    workdir: directory of the search, as the user wrote it.

  Raises:
    workdir.WorkdirError: it holds nothing learned.
    data.DataError: the data set cannot be read.
  """
  data_dir = _DATA_DIR.value and command.path(_DATA_DIR.value)
  return transformer.load(command.path(workdir), data_dir)
