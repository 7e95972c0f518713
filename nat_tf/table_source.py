"""Finds the table that a user means by a command's `--table`."""

from __future__ import annotations

from nat_tf import accuracy_table
from nat_tf import nats_bench_table


def read(path: str, dataset: str | None = None) -> accuracy_table.AccuracyTable:
  """Reads a table of accuracies.

  Args:
    path: a file whose name ends in `.csv` (see `accuracy_table`); anything else
      is left to the `nats_bench` package.
    dataset: which data set's accuracies; None where the table has only one.

  Raises:
    accuracy_table.TableError: it is not such a table.
  """
  if path.lower().endswith('.csv'):
    return accuracy_table.read_csv(path, dataset)
  return nats_bench_table.read(path, dataset)
