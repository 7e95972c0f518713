"""What was measured epoch by epoch, in a CSV file of a workdir."""

from __future__ import annotations

from collections.abc import Sequence
import csv
import io
import math
from typing import Any

from nat_tf import workdir as workdir_lib

# Room for ten thousand epochs and more.
_MAX_CHARACTERS = 10_000_000


class EpochTable:
  """Rows with a number of an epoch; the file is whole at every moment.

  Args:
    workdir: holds the file.
    name: of the file.
    columns: of the file; `epoch` and `seconds` are among them.
    done: epochs of an earlier run that are kept.

  Attributes:
    rows: values by column; those of an earlier run are texts.

  Raises:
    WorkdirError: the file is there and is no such table.
  """

  def __init__(
    self,
    workdir: workdir_lib.Workdir,
    name: str,
    columns: Sequence[str],
    done: int,
  ):
    self._workdir = workdir
    self._name = name
    self._columns = columns
    known = self._read()
    self.rows = [row for row in known if int(row['epoch']) <= done]

  def add(self, row: dict[str, Any]):
    """Adds a row and writes the file."""
    self.rows.append(row)
    text = io.StringIO()
    table = csv.DictWriter(text, self._columns, restval='', lineterminator='\n')
    table.writeheader()
    table.writerows(self.rows)
    self._workdir.write_text(self._name, text.getvalue())

  def _read(self) -> list[dict]:
    path = self._workdir.file(self._name)
    try:
      with open(path, encoding='utf-8', newline='') as file:
        table = csv.DictReader(io.StringIO(file.read(_MAX_CHARACTERS + 1)))
        rows = list(table)
      for number, row in enumerate(rows, 1):
        if not _is_row(row, self._columns):
          raise ValueError(
            f'row {number} does not hold {len(self._columns)} numbers'
          )
      return rows
    except FileNotFoundError:
      return []
    except OSError as error:
      reason = error.strerror
    except (ValueError, csv.Error) as error:
      reason = str(error)
    raise workdir_lib.WorkdirError(
      f'cannot add to {path}: {reason}; move it away'
    )

  @property
  def seconds(self) -> float:
    """Seconds that all epochs took."""
    return sum(float(row['seconds']) for row in self.rows)

  def column(self, name: str) -> tuple[list[int], list[float]]:
    """Returns epochs and values where a column is not empty."""
    known = [row for row in self.rows if row.get(name, '') != '']
    epochs = [int(row['epoch']) for row in known]
    return epochs, [float(row[name]) for row in known]


def _is_row(row: dict, columns: Sequence[str]) -> bool:
  """Whether a row has these columns, and a number in each that is filled."""
  if list(row) != list(columns) or not str(row['epoch']).isdecimal():
    return False
  try:
    return all(math.isfinite(float(x)) for x in row.values() if x != '') and (
      row['seconds'] != ''
    )
  except (TypeError, ValueError):
    return False
