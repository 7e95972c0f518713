"""Tables of all NAS-Bench-201 cells' accuracies, each trained for real.

    architecture,cifar10_valid_accuracy,cifar10_test_accuracy
    |none~0|+|none~0|none~1|+|none~0|none~1|none~2|,9.712,10.000
    …

A column `architecture` holds the string form of a cell, columns named
`<dataset>_valid_accuracy` and `<dataset>_test_accuracy` its accuracies in
percent. A table must hold every cell of the space exactly once, because any of
them may be what another one becomes. Source of the benchmark: Dong and Yang,
NAS-Bench-201, ICLR 2020. No TensorFlow here.
"""

from __future__ import annotations

from collections.abc import Iterable
import contextlib
import csv
import dataclasses
import math
import re

import numpy as np

from nat_tf import enumeration
from nat_tf import input_error
from nat_tf import nasbench201
from nat_tf import spaces
from nat_tf.architecture import ArchitectureError

_ARCHITECTURE = 'architecture'
_VALID = '_valid_accuracy'
_TEST = '_test_accuracy'

_NUMBER = re.compile(r'[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?')

_SPACE = spaces.NASBENCH201


class TableError(input_error.InputError):
  """A table is wrong; the message names the row and says what is wrong."""


@dataclasses.dataclass(frozen=True)
class AccuracyTable:
  """What every architecture of a space achieves.

  Attributes:
    space: the space; it fixes its graph.
    dataset: the images that the architectures were trained on.
    valid: `[architectures]` float64 by code (see `enumeration`), accuracy on
      validation images, 0 to 1.
    test: likewise on test images.
  """

  space: spaces.Space
  dataset: str
  valid: np.ndarray
  test: np.ndarray


def read_csv(path: str, dataset: str | None = None) -> AccuracyTable:
  """Reads a table from a CSV file.

  Args:
    path: the file.
    dataset: which data set's columns; may be None where there is only one.

  Raises:
    TableError: the file cannot be read or is not such a table.
  """
  try:
    with open(path, encoding='utf-8-sig', newline='') as file:
      return _parsed(csv.reader(file, strict=True), dataset)
  except TableError as error:
    raise TableError(f'{path}: {error}') from None
  except OSError as error:
    raise TableError(f'cannot read {path}: {error.strerror}') from None
  except (UnicodeDecodeError, csv.Error) as error:
    raise TableError(f'{path} is not a CSV file in UTF-8: {error}') from None


def build(
  dataset: str, rows: Iterable[tuple[str, str, object, object]]
) -> AccuracyTable:
  """Makes a table of rows.

  Args:
    dataset: the images that the architectures were trained on.
    rows: where the row stands (for messages), the string form of a cell, its
      validation and its test accuracy in percent.

  Raises:
    TableError: a row is wrong, stands twice, or a cell is missing.
  """
  values = enumeration.place_values(_SPACE).ravel()
  accuracies = np.full([enumeration.count(_SPACE), 2], np.nan)
  seen: dict[int, str] = {}
  for where, text, valid, test in rows:
    try:
      digits = [_SPACE.index(name) for name in nasbench201.operations(text)]
    except ArchitectureError as error:
      raise TableError(f'{where}: {error}') from None
    code = int(np.dot(digits, values))
    if code in seen:
      raise TableError(f'{where}: the cell {text} stands in {seen[code]} too')
    seen[code] = where
    accuracies[code] = [
      _accuracy(where, f'{dataset}{_VALID}', valid),
      _accuracy(where, f'{dataset}{_TEST}', test),
    ]
  _check_complete(accuracies)
  return AccuracyTable(_SPACE, dataset, *(accuracies.T / 100))


def _parsed(reader, dataset: str | None) -> AccuracyTable:
  header = [name.strip() for name in next(reader, [])]
  dataset = _chosen(header, dataset)
  names = (_ARCHITECTURE, f'{dataset}{_VALID}', f'{dataset}{_TEST}')
  columns = [header.index(name) for name in names]

  def rows():
    for row in reader:
      if not row:
        continue
      where = f'row {reader.line_num}'
      if len(row) != len(header):
        raise TableError(
          f'{where}: {len(row)} values; the header names {len(header)}'
        )
      yield (where, *(row[column] for column in columns))

  return build(dataset, rows())


def _chosen(header: list[str], dataset: str | None) -> str:
  """Returns the data set to read, and checks the header on the way."""
  for name in header:
    if header.count(name) > 1:
      raise TableError(f'row 1: the column {ascii(name[:40])} stands twice')
  datasets = [
    name[: -len(_VALID)]
    for name in header
    if name.endswith(_VALID) and name[: -len(_VALID)] + _TEST in header
  ]
  if _ARCHITECTURE not in header or not datasets:
    raise TableError(
      f'row 1: the header must name {_ARCHITECTURE}, <dataset>{_VALID} and '
      f'<dataset>{_TEST}; found {ascii(", ".join(header)[:80])}'
    )
  if dataset is None and len(datasets) > 1:
    raise TableError(
      f'it holds {", ".join(datasets)}; choose one with --table_dataset'
    )
  if dataset is not None and dataset not in datasets:
    raise TableError(
      f'--table_dataset is {ascii(dataset[:40])}; the table holds '
      f'{", ".join(datasets)}'
    )
  return dataset or datasets[0]


def _accuracy(where: str, column: str, value) -> float:
  number = math.nan
  # `float` takes 1_0 and the digits of all scripts, too.
  if not isinstance(value, str) or _NUMBER.fullmatch(value.strip()):
    with contextlib.suppress(TypeError, ValueError):
      number = float(value)
  if not 0.0 <= number <= 100.0:
    raise TableError(
      f'{where}: {column} is {ascii(str(value)[:40])}; it must be a number of '
      'percent, 0 to 100'
    )
  return number


def _check_complete(accuracies: np.ndarray) -> None:
  missing = np.flatnonzero(np.isnan(accuracies[:, 0]))
  if missing.size:
    first = spaces.Encoding(
      *(x[0] for x in enumeration.encode(_SPACE, missing[:1]))
    )
    raise TableError(
      f'{missing.size} of the {len(accuracies)} cells are missing, among them '
      f'{nasbench201.to_text(_SPACE.decode(first))}; a table must hold every '
      'cell, because any may be what another becomes'
    )
