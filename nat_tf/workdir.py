"""The directory that a command fills and that later commands read."""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import copy
import dataclasses
import json
import os
import tempfile
from typing import Any

from nat_tf import atomic_file
from nat_tf import directory_lock
from nat_tf import input_error
from nat_tf import json_input
from nat_tf import setting
from nat_tf import temporary

_LONGEST = 40


class WorkdirError(input_error.InputError):
  """A directory is not what is needed; the message says what it lacks."""


class Workdir:
  """Names and writes the files of a run.

  Attributes:
    path: the directory.
  """

  def __init__(self, path: str, kind: type[setting.Settings]):
    """Names the files; touches nothing.

    Args:
      path: the directory.
      kind: type of the configuration of what fills it.

    Raises:
      WorkdirError: it is an address on the network.
    """
    if '://' in path:
      raise WorkdirError(
        f'cannot use the directory {path}; give a --workdir on this machine'
      )
    self.path = os.path.abspath(path)
    self._kind = kind
    self._elsewhere: tempfile.TemporaryDirectory | None = None

  def aside(self) -> Workdir:
    """Returns the directory as those see it who are not to fill it.

    Of several processes that run together one fills the directory. The others
    read from it, and what they write goes where it is deleted in the end.
    """
    other = copy.copy(self)
    other._elsewhere = temporary.directory()
    return other

  @property
  def config_file(self) -> str:
    """The configuration, JSON."""
    return os.path.join(self.path, 'config.json')

  @property
  def checkpoints(self) -> str:
    """Directory of the checkpoints."""
    return os.path.join(self.path, 'checkpoints')

  @property
  def events(self) -> str:
    """Directory of TensorBoard's event files."""
    return os.path.join(self._written, 'events')

  @property
  def is_aside(self) -> bool:
    """Whether another process fills the directory; see `aside`."""
    return self._elsewhere is not None

  @property
  def _written(self) -> str:
    """Directory that files are written to."""
    return self._elsewhere.name if self._elsewhere else self.path

  def file(self, name: str) -> str:
    """Returns the path of any other file of the directory."""
    return os.path.join(self.path, name)

  def check(self, config: setting.Settings):
    """Checks, touching nothing, that the directory can be a run's.

    Raises:
      WorkdirError: it holds something else or another run.
    """
    noun = self._kind.noun
    if self._listed() and (known := self.config()) != config:
      others = ', '.join(
        f'--{field.name}={_short(getattr(known, field.name))}'
        for field in dataclasses.fields(known)
        if getattr(known, field.name) != getattr(config, field.name)
      )
      raise WorkdirError(
        f'{self.path} holds a {noun} with other settings: {others}; give a new '
        f'--workdir, or the same settings {self._kind.again}'
      )

  def create(self, config: setting.Settings):
    """Makes the directory for a run, or finds it as that run left it.

    Raises:
      WorkdirError: it holds something else, another run, or cannot be made.
    """
    self.check(config)
    self._make()
    if not self._listed():
      self.write_text('config.json', config.to_json())

  @contextlib.contextmanager
  def filled(self, config: setting.Settings) -> Iterator[None]:
    """Makes the directory for a run, and keeps other runs out of it meanwhile.

    Raises:
      LockError: another process fills it.
      WorkdirError: see `create`.
    """
    self.check(config)
    if self._elsewhere:
      yield
      return
    self._make()
    with contextlib.ExitStack() as stack:
      try:
        stack.enter_context(directory_lock.held(self.path))
      except OSError as error:
        raise self._unusable(error) from None
      for folder in (self.path, self.checkpoints):
        atomic_file.tidy(folder)
      self.create(config)
      yield

  def _make(self):
    try:
      os.makedirs(self.path, exist_ok=True)
    except OSError as error:
      raise self._unusable(error) from None

  def _listed(self) -> list[str]:
    """Returns what a run has written to the directory."""
    try:
      names = os.listdir(self.path)
    except FileNotFoundError:
      return []
    except OSError as error:
      raise self._unusable(error) from None
    return [
      name
      for name in names
      if name != directory_lock.FILE and not name.startswith(atomic_file.PREFIX)
    ]

  def _unusable(self, error: OSError) -> WorkdirError:
    return WorkdirError(
      f'cannot make or read the directory {self.path}: {error.strerror}; '
      'give a --workdir that can be written'
    )

  def config(self) -> Any:
    """Reads the configuration.

    Raises:
      WorkdirError: the directory does not belong to such a run.
    """
    noun = self._kind.noun
    if not os.path.isdir(self.path):
      raise WorkdirError(
        f'there is no directory {self.path}; give the --workdir of a {noun}'
      )
    try:
      with open(self.config_file, 'rb') as file:
        return self._kind.from_json(file.read(json_input.MAX_BYTES + 1))
    except FileNotFoundError:
      raise WorkdirError(
        f'{self.path} is not the workdir of a {noun}: it holds no config.json; '
        f'give the --workdir of a {noun}, or a new one to begin one'
      ) from None
    except OSError as error:
      raise WorkdirError(
        f'cannot use {self.config_file}: {error.strerror}'
      ) from None
    except input_error.InputError as error:
      raise WorkdirError(f'cannot use {self.config_file}: {error}') from None

  @contextlib.contextmanager
  def replacing(self, name: str) -> Iterator[str]:
    """Lets a file of the directory be written; see `atomic_file.replacing`.

    Raises:
      WorkdirError: it cannot be written.
    """
    path = os.path.join(self._written, name)
    try:
      with atomic_file.replacing(path) as temporary:
        yield temporary
    except OSError as error:
      raise WorkdirError(
        f'cannot write {path}: {error.strerror or error}'
      ) from None

  def write_text(self, name: str, text: str):
    """Writes a file of the directory, wholly or not at all.

    Raises:
      WorkdirError: it cannot be written.
    """
    with self.replacing(name) as temporary:
      with open(temporary, 'w', encoding='utf-8') as file:
        file.write(text)

  def read_json(self, name: str) -> dict[str, Any]:
    """Reads a JSON file of the directory.

    Raises:
      WorkdirError: it cannot be read, or is no mapping.
    """
    path = self.file(name)
    try:
      return json_input.read(path)
    except OSError as error:
      raise WorkdirError(f'cannot use {path}: {error.strerror}') from None
    except json_input.JsonError as error:
      raise WorkdirError(f'cannot use {path}: {error}') from None

  def add_json(self, name: str, values: dict[str, Any]):
    """Adds values to a JSON file, which need not be there yet.

    Raises:
      WorkdirError: it cannot be read or written, or is no mapping.
    """
    self.write_json(name, {**self.before_adding(name), **values})

  def before_adding(self, name: str) -> dict[str, Any]:
    """Returns what a JSON file holds that is to be added to, {} before any.

    Raises:
      WorkdirError: it cannot be read, or is no mapping.
    """
    path = self.file(name)
    try:
      return json_input.read(path)
    except FileNotFoundError:
      return {}
    except (OSError, json_input.JsonError) as error:
      reason = getattr(error, 'strerror', None) or error
      raise WorkdirError(
        f'cannot add to {path}: {reason}; move it away'
      ) from None

  def write_json(self, name: str, value: Any):
    """Writes a JSON file of the directory; see `write_text`."""
    self.write_text(name, json.dumps(value, indent=2) + '\n')


def _short(value: Any) -> str:
  """Returns a value as far as a line has room for it."""
  text = str(value)
  return text if len(text) <= _LONGEST else f'{text[:_LONGEST]}...'
