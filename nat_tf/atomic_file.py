"""Files that appear complete or not at all."""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import os
import re
import shutil
import tempfile

# Of what a process leaves behind that is ended meanwhile.
PREFIX = '.nat_tf-'
# As `tempfile` calls it.
_LEFT = re.compile(rf'{re.escape(PREFIX)}[a-z0-9_]{{8}}')


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[str]:
  """Lets a file be written aside and put in place when it is complete.

      with atomic_file.replacing('summary.json') as temporary:
        with open(temporary, 'w', encoding='utf-8') as file:
          file.write(text)

  Args:
    path: the file to make or replace; its directory must exist.

  Yields:
    Path to write to: same file system and same suffix. When the block ends it
    is brought to the disk and becomes `path`; when it raises it is removed, and
    what `path` held stays.

  Raises:
    OSError: the directory cannot be written, or `path` is a directory.
  """
  path = os.fspath(path)
  folder, name = os.path.split(path)
  # A link stays a link: its target is what gets replaced.
  if os.path.islink(path):
    folder, name = os.path.split(os.path.realpath(path))
  if not os.path.isdir(folder or '.'):
    raise FileNotFoundError(f'{path}: there is no directory {folder}')
  # A directory of its own, and not `mkstemp`, whose file only its owner may
  # read: the block creates the file itself, with the user's usual mode.
  folder = folder or '.'
  with tempfile.TemporaryDirectory(prefix=PREFIX, dir=folder) as aside:
    temporary = os.path.join(aside, name)
    yield temporary
    # Else a power failure could leave the name on the disk without the content.
    _synchronise(temporary)
    os.replace(temporary, os.path.join(folder, name))
    _synchronise(folder)


def tidy(folder: str):
  """Removes what processes that were ended meanwhile have left in a directory.

  Only for who knows that nobody else writes to it.

  Args:
    folder: need not exist.
  """
  with contextlib.suppress(OSError):
    for name in os.listdir(folder):
      if _LEFT.fullmatch(name):
        shutil.rmtree(os.path.join(folder, name), ignore_errors=True)


def _synchronise(path: str):
  """Has the system bring a file or a directory to the disk."""
  descriptor = os.open(path, os.O_RDONLY)
  try:
    # Some file systems cannot, for directories above all.
    with contextlib.suppress(OSError):
      os.fsync(descriptor)
  finally:
    os.close(descriptor)
