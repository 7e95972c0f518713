"""Rows of text in aligned columns, for the terminal."""

from __future__ import annotations

from collections.abc import Sequence


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
  """Returns a line for every row.

  Args:
    rows: cells, equally many a row; the first column is put to the left, the
      others to the right.
  """
  widths = [max(map(len, column)) for column in zip(*rows)]
  return [
    '  '.join(
      [row[0].ljust(widths[0])]
      + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
    ).rstrip()
    for row in rows
  ]
