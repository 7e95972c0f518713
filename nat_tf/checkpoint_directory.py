"""Checkpoints of a directory, none of which may lie elsewhere or be foreign.

The file `checkpoint` says which there are. Where it is gone or damaged, or what
it names is, the files beside it count; what cannot be read is passed over for
the one before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
import contextlib
import os
import re
import shutil
import sys
import time
from typing import Any

from google.protobuf import text_format
import tensorflow as tf
from tensorflow.python.training import checkpoint_state_pb2

from nat_tf import atomic_file
from nat_tf import input_error
from nat_tf import tensorflow_error

_STATE = 'checkpoint'
# Bytes that are read at a time.
_CHUNK = 1 << 20
# Two paths and two times; far above.
_MAX_BYTES = 100_000
_NAME = re.compile(r'\w{1,40}-([0-9]{1,9})', re.ASCII)
_INDEX = re.compile(rf'({_NAME.pattern})\.index', re.ASCII)
# Added to the names of what could not be read, but may be whole.
_ASIDE = '.aside'
# How often is looked again where a run removes what was just found.
_LOOKS = 20
# What TensorFlow writes of ours: whole, and while it does.
_PART = re.compile(
  r'(ckpt-[0-9]{1,9})(\.index|\.data-\d{5}-of-\d{5}|_temp)|'
  r'checkpoint\.tmp[0-9a-f]{32}',
  re.ASCII,
)


class CheckpointError(input_error.InputError):
  """A checkpoint cannot be used; the message names it."""


class ElsewhereError(CheckpointError):
  """The file `checkpoint` leads out of its directory."""


def readable(directory: str) -> str | None:
  """Returns the path of the last checkpoint that is whole; None before any.

  All of it is read for that, and held against its checksums. What is passed
  over is said in one line on standard error; not where a run has written a new
  one meanwhile, and may have removed the old one: then that is looked at.

  Args:
    directory: of the checkpoints; need not exist.

  Raises:
    CheckpointError: the file `checkpoint` names what is not of this directory;
      or there were checkpoints, and none of them can be read.
  """
  for _ in range(_LOOKS):
    before = _content(directory)
    try:
      path, warning = _last(directory)
    except CheckpointError:
      if _content(directory) == before:
        raise
      continue
    if not warning or _content(directory) == before:
      break
  else:
    path, warning = _last(directory)
  if warning:
    print(warning, file=sys.stderr, flush=True)
  return path


def used(directory: str, use: Callable[[str], Any]) -> str | None:
  """Has the last checkpoint used that is whole; for who only reads.

  A run that fills the directory meanwhile may remove it: then its next one is
  used.

  Args:
    directory: of the checkpoints; need not exist.
    use: takes the path, and restores it.

  Returns:
    The path; None before any.

  Raises:
    CheckpointError: see `readable` and `reading`.
  """
  for look in range(_LOOKS):
    path = readable(directory)
    if path is None:
      return None
    try:
      with reading(path):
        use(path)
      break
    except CheckpointError:
      if os.path.exists(f'{path}.index') or look == _LOOKS - 1:
        raise
  return path


def _content(directory: str) -> bytes | None:
  """Returns what the file `checkpoint` holds, as far as it matters."""
  try:
    with open(os.path.join(directory, _STATE), 'rb') as file:
      return file.read(_MAX_BYTES)
  except OSError:
    return None


def _last(directory: str) -> tuple[str | None, str]:
  """Returns what `readable` does, and what is to be said of it."""
  stated: CheckpointError | None = None
  try:
    known = _recorded(directory)
  except ElsewhereError:
    raise
  except CheckpointError as error:
    stated, known = error, []
  files = [path for path in _present(directory) if path not in known]
  faults: list[str] = []
  first = ''
  for path in [*known, *files]:
    fault = damage(path)
    if fault is None:
      return path, _warning(directory, faults, known, stated, path)
    first = first or fault
    faults.append(f'{os.path.basename(path)} ({fault})')
  if stated is not None:
    raise stated
  if latest(directory) is not None:
    raise _unreadable(known[0], first)
  if faults:
    if not _never_finished(files):
      raise _unreadable(files[0], first)
  return None, _warning(directory, faults, known, stated, None)


def latest(directory: str) -> str | None:
  """Returns the path that the file `checkpoint` names; None before any.

  `tf.train.CheckpointManager` believes that file, wherever its paths lead, and
  deletes what it names. Call this, or `readable`, before one is made.

  Args:
    directory: of the checkpoints; need not exist.

  Raises:
    CheckpointError: the file `checkpoint` is damaged, or names what is not a
      checkpoint of this directory.
  """
  known = _recorded(directory)
  if not known:
    return None
  if not os.path.exists(f'{known[0]}.index'):
    raise CheckpointError(
      f'{os.path.join(directory, _STATE)} names {os.path.basename(known[0])}, '
      'which is not there; begin anew in a new --workdir'
    )
  return known[0]


def damage(path: str) -> str | None:
  """Returns what is wrong with the files of a checkpoint; None if nothing is.

  Args:
    path: of the checkpoint.
  """
  if not os.path.exists(f'{path}.index'):
    return 'it is not there'
  try:
    reader = tf.train.load_checkpoint(path)
    for name in reader.get_variable_to_shape_map():
      reader.get_tensor(name)
  except (tf.errors.OpError, IndexError, ValueError, RuntimeError) as error:
    return tensorflow_error.reason(error)
  return None


def record(directory: str, path: str | None):
  """Makes the file `checkpoint` say that a checkpoint is the last one.

  Older ones that are there stay. Newer ones are removed if they are damaged,
  and else set aside under other names, which is said: what could not be read
  may be whole. What a run left half-written is removed. Only for who holds the
  workdir.

  Args:
    directory: of the checkpoints; need not exist.
    path: the checkpoint, as `readable` found it; None for none at all.
  """
  if not os.path.isdir(directory):
    return
  kept = []
  if path:
    older = [x for x in _present(directory) if number(x) < number(path)]
    kept = [os.path.basename(x) for x in (path, *older)]
    # TensorFlow deletes those with a time, after the last one to be preserved.
    now = time.time()
    state = checkpoint_state_pb2.CheckpointState(
      model_checkpoint_path=kept[0],
      all_model_checkpoint_paths=kept[::-1],
      all_model_checkpoint_timestamps=[now - i for i in range(len(kept))][::-1],
      last_preserved_timestamp=now - len(kept),
    )
    with atomic_file.replacing(os.path.join(directory, _STATE)) as temporary:
      with open(temporary, 'w', encoding='utf-8') as file:
        file.write(text_format.MessageToString(state))
  for newer in _present(directory):
    if os.path.basename(newer) not in kept and not _is_damaged(newer):
      _set_aside(newer)
  tidy(directory, kept)


def tidy(directory: str, kept: Sequence[str] | None = None):
  """Removes what was left half-written, as far as that can be done.

  Args:
    directory: of the checkpoints; need not exist.
    kept: names of the checkpoints to keep; None for all that are whole.
  """
  with contextlib.suppress(OSError):
    for name in os.listdir(directory):
      path, match = os.path.join(directory, name), _PART.fullmatch(name)
      if match is None:
        continue
      if match.group(2) == '_temp':
        shutil.rmtree(path, ignore_errors=True)
      elif kept is not None and match.group(1) not in kept:
        os.remove(path)


def number(path: str) -> int:
  """Returns the number of a checkpoint.

  Raises:
    ValueError: it is not called as ours are.
  """
  name = os.path.basename(path)
  match = _NAME.fullmatch(name)
  if match is None:
    raise ValueError(f'it names {ascii(name[:40])}; names are ckpt-<step>')
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
    raise _unreadable(path, type(error).__name__) from error


def _unreadable(path: str, why: str) -> CheckpointError:
  return CheckpointError(
    f'cannot read the checkpoint {path}: {why}; it is damaged or of another '
    'version, begin anew in a new --workdir'
  )


def _recorded(directory: str) -> list[str]:
  """Returns the paths in the file `checkpoint`, the last one first.

  Raises:
    CheckpointError: see `latest`.
  """
  file = os.path.join(directory, _STATE)
  try:
    with open(file, 'rb') as opened:
      content = opened.read(_MAX_BYTES + 1)
  except (FileNotFoundError, NotADirectoryError):
    return []
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
  paths = [
    state.model_checkpoint_path,
    *reversed(state.all_model_checkpoint_paths),
  ]
  for path in paths:
    where = os.path.abspath(os.path.join(directory, path))
    if os.path.dirname(where) != os.path.abspath(directory):
      raise ElsewhereError(
        f'{file} names {ascii(path[:80])}, which is not in {directory}; '
        'checkpoints are read from their own directory only'
      )
  names = [os.path.basename(path) for path in paths]
  return [
    os.path.join(directory, name)
    for name in dict.fromkeys(names)
    if _NAME.fullmatch(name)
  ]


def _present(directory: str) -> list[str]:
  """Returns the checkpoints whose index is there, the highest number first."""
  try:
    matches = map(_INDEX.fullmatch, os.listdir(directory))
  except OSError:
    return []
  paths = [
    os.path.join(directory, match.group(1)) for match in matches if match
  ]
  return sorted(paths, key=number, reverse=True)


def _parts(path: str) -> list[str]:
  """Returns the paths of the files of a checkpoint."""
  directory, name = os.path.split(path)
  return [
    os.path.join(directory, part)
    for part in os.listdir(directory)
    if (match := _PART.fullmatch(part))
    and match.group(1) == name
    and match.group(2) != '_temp'
  ]


def _is_legible(path: str) -> bool:
  """Returns whether the system lets the files of a checkpoint be read."""
  try:
    for part in _parts(path):
      with open(part, 'rb') as file:
        while file.read(_CHUNK):
          pass
  except OSError:
    return False
  return True


def _is_damaged(path: str) -> bool:
  """Returns whether a checkpoint can be read, and yet is not whole."""
  return _is_legible(path) and damage(path) is not None


def _set_aside(path: str):
  """Gives the files of a checkpoint names that nobody looks for."""
  for part in _parts(path):
    os.replace(part, f'{part}{_ASIDE}')
  print(
    f'warning: {path} could not be read, but may be whole; its files are kept '
    f'as {os.path.basename(path)}.*{_ASIDE}',
    file=sys.stderr,
    flush=True,
  )


def _never_finished(files: Sequence[str]) -> bool:
  """Returns whether damaged ones are but the first one, half-written.

  The file `checkpoint` follows the first. Where there are others it was lost;
  and what the system does not let be read may be whole.

  Args:
    files: paths of all the checkpoints of a directory without that file.
  """
  if len(files) > 1:
    return False
  return _is_legible(files[0])


def _warning(
  directory: str,
  faults: Sequence[str],
  known: Sequence[str],
  stated: CheckpointError | None,
  path: str | None,
) -> str:
  """Returns what was passed over, as a line; empty if nothing was."""
  parts = [f'passed over {", ".join(faults)}'] if faults else []
  if stated is not None:
    parts.insert(0, str(stated).rpartition('; ')[0])
  elif path is not None and not known:
    parts.insert(0, f'{os.path.join(directory, _STATE)} is not there')
  if not parts:
    return ''
  going = os.path.basename(path) if path else 'the beginning'
  return (
    f'warning: checkpoints in {directory}: {"; ".join(parts)}; going on from '
    f'{going}'
  )
