"""Checkpoints of a directory, none of which may lie elsewhere or be foreign."""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import os
import re

from google.protobuf import text_format
import tensorflow as tf
from tensorflow.python.training import checkpoint_state_pb2

from nat_tf import input_error

_STATE = 'checkpoint'
# Two paths and two times; far above.
_MAX_BYTES = 100_000
_NAME = re.compile(r'\w{1,40}-([0-9]{1,9})', re.ASCII)


class CheckpointError(input_error.InputError):
  """A checkpoint cannot be used; the message names it."""


def latest(directory: str) -> str | None:
  """Returns the path of the last checkpoint; None before any.

  `tf.train.CheckpointManager` believes the file `checkpoint`, wherever its
  paths lead, and deletes what it names. Call this before one is made.

  Args:
    directory: of the checkpoints; need not exist.

  Raises:
    CheckpointError: the file `checkpoint` is damaged, or names what is not a
      checkpoint of this directory.
  """
  file = os.path.join(directory, _STATE)
  try:
    with open(file, 'rb') as opened:
      content = opened.read(_MAX_BYTES + 1)
  except (FileNotFoundError, NotADirectoryError):
    return None
  except OSError as error:
    raise CheckpointError(f'cannot read {file}: {error.strerror}') from None
  state = checkpoint_state_pb2.CheckpointState()
  try:
    if len(content) > _MAX_BYTES:
      raise ValueError('too large')
    text_format.Parse(content.decode('utf-8'), state)
    number(state.model_checkpoint_path)
  except (text_format.ParseError, ValueError) as error:
    raise CheckpointError(
      f'{file} is damaged: {" ".join(str(error).split())[:200]}; begin anew in '
      'a new --workdir'
    ) from None
  for path in (state.model_checkpoint_path, *state.all_model_checkpoint_paths):
    where = os.path.abspath(os.path.join(directory, path))
    if os.path.dirname(where) != os.path.abspath(directory):
      raise CheckpointError(
        f'{file} names {ascii(path[:80])}, which is not in {directory}; '
        'checkpoints are read from their own directory only'
      )
  name = os.path.basename(state.model_checkpoint_path)
  path = os.path.join(directory, name)
  if not os.path.exists(f'{path}.index'):
    raise CheckpointError(
      f'{file} names {name}, which is not there; begin anew in a new --workdir'
    )
  return path


def number(path: str) -> int:
  """Returns the number of a checkpoint.

  Raises:
    ValueError: it is not called as ours are.
  """
  name = os.path.basename(path)
  match = _NAME.fullmatch(name)
  if match is None:
    raise ValueError(f'it names {ascii(name[:40])}; names are ckpt-<epoch>')
  return int(match.group(1))


@contextlib.contextmanager
def reading(path: str) -> Iterator[None]:
  """Says in a line what TensorFlow says in many when a checkpoint does not fit.

  Args:
    path: of the checkpoint that the block restores.

  Raises:
    CheckpointError: it is damaged, or was written by another version.
  """
  try:
    yield
  except (tf.errors.OpError, AssertionError, ValueError, TypeError) as error:
    raise CheckpointError(
      f'cannot read the checkpoint {path}: {type(error).__name__}; it is '
      'damaged or of another version, begin anew in a new --workdir'
    ) from error
