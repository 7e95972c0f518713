"""What was measured epoch by epoch, in a CSV file of a workdir."""

from __future__ import annotations

from collections.abc import Sequence
import csv
import io
import os
from typing import Any

from nat_tf import workdir as workdir_lib


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
    WorkdirError: the file is damaged.
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
    try:
      known = _read(workdir.file(name))
      self.rows = [row for row in known if int(row['epoch']) <= done]
      self._check()
    except (OSError, TypeError, ValueError, KeyError) as error:
      raise workdir_lib.WorkdirError(
        f'{workdir.file(name)} is damaged ({type(error).__name__}: {error}); '
        'move it away to go on without what it held'
      ) from None

  def _check(self):
    """Raises ValueError where a value is no number."""
    for row in self.rows:
      for name in self._columns:
        if row.get(name, '') != '':
          float(row[name])

  def add(self, row: dict[str, Any]):
    """Adds a row and writes the file."""
    self.rows.append(row)
    text = io.StringIO()
    table = csv.DictWriter(text, self._columns, restval='', lineterminator='\n')
    table.writeheader()
    table.writerows(self.rows)
    self._workdir.write_text(self._name, text.getvalue())

  @property
  def seconds(self) -> float:
    """Seconds that all epochs took."""
    return sum(float(row['seconds']) for row in self.rows)

  def column(self, name: str) -> tuple[list[int], list[float]]:
    """Returns epochs and values where a column is not empty."""
    known = [row for row in self.rows if row.get(name, '') != '']
    epochs = [int(row['epoch']) for row in known]
    return epochs, [float(row[name]) for row in known]


def _read(path: str) -> list[dict]:
  if not os.path.exists(path):
    return []
  with open(path, encoding='utf-8', newline='') as file:
    return list(csv.DictReader(file))
