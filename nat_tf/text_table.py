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


def markdown(rows: Sequence[Sequence[str]]) -> list[str]:
  """Returns rows as a Markdown table, a line each; the first is its heading.

  Args:
    rows: as `aligned` takes them.
  """

  def line(cells: Sequence[str]) -> str:
    return (
      f'| {" | ".join(cell.replace("|", chr(92) + "|") for cell in cells)} |'
    )

  rule = line(['---', *['---:'] * (len(rows[0]) - 1)])
  first, *others = map(line, rows)
  return [first, rule, *others]


def files(folder: str, found: Mapping[str, str]) -> str:
  """Returns what a run has left, a line for each kind of thing.

  Args:
    folder: where it is.
    found: files by what they are.
  """
  lines = [f'  {what:<13} {where}' for what, where in found.items()]
  return '\n'.join([f'in {folder}:', *lines])


def held_out(images: int) -> str:
  """Returns what accuracies rest on: `287 held-out images (one is ...)`.

  Args:
    images: how many, 1 or more.
  """
  return f'{images:,} held-out images (one is {100 / images:.2g} points)'


def short(number: float) -> str:
  """Returns a number of 0 or more in two or three digits: 950, 1.2 k, 34 M."""
  units = ['', ' k', ' M', ' G']
  # What would be rounded to four digits is of the next unit.
  while number >= 999.5 and len(units) > 1:
    number /= 1000
    units.pop(0)
  places = 1 if units[0] and number < 9.95 else 0
  return f'{number:.{places}f}{units[0]}'
