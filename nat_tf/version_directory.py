"""Numbered versions of a directory, which appear complete or not at all."""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import errno
import os
import tempfile

# What renaming a directory to a name that is taken says, by operating system.
_TAKEN = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)


class Version:
  """A version while it is written, and once it is in place.

  Attributes:
    path: the directory; before it is in place, one to make and to fill.
    number: 0 before it is in place.
  """

  def __init__(self, path: str):
    self.path = path
    self.number = 0


@contextlib.contextmanager
def publishing(folder: str) -> Iterator[Version]:
  """Lets a directory be written aside and put in place when it is complete.

  It becomes `folder/1`, the next one `folder/2` and so on: what TensorFlow
  Serving looks for. Several may publish at once; each gets a version.

      with version_directory.publishing('models') as version:
        tf.saved_model.save(module, version.path)
      print(version.number)

  Args:
    folder: where the versions are; made where it is missing.

  Yields:
    The version. When the block raises, nothing of it stays.

  Raises:
    OSError: the folder cannot be made or written.
  """
  os.makedirs(folder, exist_ok=True)
  # One more directory: that of `tempfile` may be read by its owner only.
  with tempfile.TemporaryDirectory(prefix='.nat_tf-', dir=folder) as aside:
    version = Version(os.path.join(aside, 'version'))
    yield version
    while not version.number:
      number = 1 + max(_numbers(folder), default=0)
      path = os.path.join(folder, str(number))
      try:
        # It replaces no other version: a directory that holds something stays.
        os.rename(version.path, path)
      except OSError as error:
        if error.errno not in _TAKEN:
          raise
      else:
        version.path, version.number = path, number


def _numbers(folder: str) -> list[int]:
  names = os.listdir(folder)
  return [int(name) for name in names if name.isascii() and name.isdigit()]
