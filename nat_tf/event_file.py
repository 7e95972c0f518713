"""TensorBoard's event files, and one line where they cannot be written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
import contextlib

import tensorflow as tf

from nat_tf import input_error
from nat_tf import tensorflow_error


class EventFileError(input_error.InputError):
  """An event file cannot be written; the message says why."""


class EventFile:
  """Scalars of a run, for TensorBoard.

  Args:
    directory: gets a new file.

  Raises:
    EventFileError: here and in every method, it cannot be written.
  """

  def __init__(self, directory: str):
    self._directory = directory
    with self._writing():
      self._writer = tf.summary.create_file_writer(directory)

  def add(self, step: int, scalars: Mapping[str, float]):
    """Writes scalars by their tags, so that a reader sees them now."""
    with self._writing():
      with self._writer.as_default(step=step):
        for tag, value in scalars.items():
          tf.summary.scalar(tag, value)
      self._writer.flush()

  def close(self):
    """Ends the file."""
    with self._writing():
      self._writer.close()

  @contextlib.contextmanager
  def _writing(self) -> Iterator[None]:
    try:
      yield
    except tf.errors.OpError as error:
      raise EventFileError(
        f'cannot write event files to {self._directory}: '
        f'{tensorflow_error.reason(error)}; make room or rights, the same '
        'command goes on from the last checkpoint'
      ) from error
