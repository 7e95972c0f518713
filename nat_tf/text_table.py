"""Rows of text in aligned columns, for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


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


def files(folder: str, found: Mapping[str, str]) -> str:
  """Returns what a run has left, a line for each kind of thing.

  Args:
    folder: where it is.
    found: files by what they are.
  """
  lines = [f'  {what:<13} {where}' for what, where in found.items()]
  return '\n'.join([f'in {folder}:', *lines])
