"""Reads a table of accuracies from the files of the `nats_bench` package.

The package is not among our dependencies: who has its files (Dong et al.,
NATS-Bench, TPAMI 2021; its topology space is NAS-Bench-201) has it installed.
Those files are pickles, which the package opens: give none that you do not
trust.
"""

from __future__ import annotations

from collections.abc import Iterator
import importlib
import os
from typing import Any

from nat_tf import accuracy_table
from nat_tf.accuracy_table import AccuracyTable
from nat_tf.accuracy_table import TableError

# Our name of a data set, and the package's name of its training on the part of
# the images that leaves a validation part over.
_DATASETS = {
  'cifar10': 'cifar10-valid',
  'cifar100': 'cifar100',
  'ImageNet16-120': 'ImageNet16-120',
}

# The benchmark's schedules are of 12 and of 200 epochs.
_EPOCHS = '12'


def read(path: str, dataset: str | None = None) -> AccuracyTable:
  """Reads the accuracies after the 12-epoch schedule, averaged over trials.

  Args:
    path: `NATS-tss-v1_0-….pickle.pbz2`, or the directory of its `-simple` form.
    dataset: `cifar10`, `cifar100` or `ImageNet16-120`.

  Raises:
    TableError: the package is absent, cannot read the path, or holds something
      else.
  """
  if not os.path.exists(path):
    raise TableError(f'there is no table {path}')
  if dataset not in _DATASETS:
    found = 'is missing' if dataset is None else f'is {ascii(dataset[:40])}'
    raise TableError(
      f'{path} is no .csv file, and --table_dataset {found}; for a file of '
      f'nats_bench give one of {", ".join(_DATASETS)}'
    )
  try:
    nats_bench = importlib.import_module('nats_bench')
  except ImportError:
    raise TableError(
      f'{path} is no .csv file; to read a file of nats_bench, install that '
      'package'
    ) from None
  try:
    # The package wants fast_mode for directories and only for them.
    api = nats_bench.create(
      path, 'tss', fast_mode=os.path.isdir(path), verbose=False
    )
  except Exception as error:  # It raises whatever its pickles make it raise.
    raise TableError(f'nats_bench cannot read {path}: {error}') from None
  try:
    return accuracy_table.build(dataset, _rows(api, _DATASETS[dataset]))
  except TableError as error:
    raise TableError(f'{path}: {error}') from None


def _rows(api: Any, dataset: str) -> Iterator[tuple[str, str, Any, Any]]:
  for index in range(len(api)):
    where = f'cell {index}'
    try:
      info = api.get_more_info(index, dataset, hp=_EPOCHS, is_random=False)
      row = api.arch(index), info['valid-accuracy'], info['test-accuracy']
    except Exception as error:  # As above.
      raise TableError(f'{where}: nats_bench cannot read it: {error}') from None
    yield (where, *row)
