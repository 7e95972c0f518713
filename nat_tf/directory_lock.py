"""One run at a time in a directory, told by a lock that dies with the run."""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import fcntl
import os

from nat_tf import input_error

FILE = '.lock'


class LockError(input_error.InputError):
  """Another process fills the directory; the message names both."""


@contextlib.contextmanager
def held(directory: str) -> Iterator[None]:
  """Keeps other processes that ask for it out of a directory.

  The system gives the lock back however the process ends, so that none is ever
  left behind; the file stays. A file system without locks keeps nobody out.

  Args:
    directory: must exist.

  Raises:
    LockError: another process holds it.
    OSError: the file cannot be made.
  """
  path = os.path.join(directory, FILE)
  descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
  try:
    try:
      fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
      holder = os.read(descriptor, 20).decode('ascii', 'replace').strip()
      raise LockError(
        f'{directory} is being filled by process {holder or "unknown"}; wait '
        'for it, stop it, or give another --workdir'
      ) from None
    except OSError:
      pass
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f'{os.getpid()}\n'.encode('ascii'), 0)
    yield
  finally:
    os.close(descriptor)
