"""Temporary directories of a process, removed also where it is replaced."""

from __future__ import annotations

import contextlib
import tempfile
import weakref

_MADE: weakref.WeakSet[tempfile.TemporaryDirectory] = weakref.WeakSet()


def directory() -> tempfile.TemporaryDirectory:
  """Returns a new directory, removed with the last reference to it."""
  made = tempfile.TemporaryDirectory(prefix='nat_tf-')
  _MADE.add(made)
  return made


def remove_all():
  """Removes all of them; `os.exec` would leave them behind."""
  for made in list(_MADE):
    with contextlib.suppress(OSError):
      made.cleanup()
