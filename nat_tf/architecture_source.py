"""Finds the architecture that a user means by a command's `--architecture`."""

from __future__ import annotations

import os

from nat_tf import architecture_json
from nat_tf import genotype
from nat_tf import nasbench201
from nat_tf import zoo
from nat_tf.architecture import Architecture
from nat_tf.architecture import ArchitectureError
from nat_tf.printable import printable

_LONGEST_LABEL = 40


class UnresolvedError(ArchitectureError):
  """A text names no architecture; the message says what would."""


def resolve(text: str, directory: str | os.PathLike[str] = '') -> Architecture:
  """Returns the architecture that a text names.

  Args:
    text: the name of a published cell (`zoo.names()`); or a genotype,
      `Genotype(normal=[...], ...)`; or the string form of a NAS-Bench-201 cell,
      `|...|+|...|+|...|`; or the path of a file that holds one of the last two
      or JSON. A name goes before a file of that name; say `./darts` for the
      file.
    directory: what relative paths start from; default: the current directory.

  Raises:
    UnresolvedError: it is none of these, or the file cannot be read.
    ArchitectureError: what was found is malformed; the message names the file.
  """
  text = text.strip()
  try:
    return zoo.load(text)
  except zoo.UnknownArchitectureError as error:
    unknown = (
      f'{error}, the path of a file of JSON or text, Genotype(...), or '
      '|operation~0|+...'
    )
  if _is_form(text):
    form = nasbench201 if text.startswith('|') else genotype
    return form.from_text(text)
  path = os.path.join(directory, text)
  content = _read(path) if text else None
  if content is None:
    # No published name has a dot or a slash.
    missing = '/' in text or '.' in text
    raise UnresolvedError(
      f'there is no file {ascii(path[-80:])}' if missing else unknown
    )
  try:
    return _parsed(content)
  except ArchitectureError as error:
    raise type(error)(f'{path}: {error}') from None


def check_kept(text: object) -> None:
  """Checks that a text from a file names no other file.

  Args:
    text: what a configuration keeps of an architecture: its text or published
      name; or what is no text, about which nothing is said here.

  Raises:
    UnresolvedError: it would be the path of a file.
  """
  if not isinstance(text, str):
    return
  if text.strip() not in zoo.names() and not _is_form(text.strip()):
    raise UnresolvedError(
      f'the architecture {ascii(text[:40])} is not the text of one; a '
      'configuration holds Genotype(...), not the path of a file'
    )


def label(text: str) -> str:
  """Returns what to call the architecture that a text names.

  Args:
    text: as given to `resolve`. A genotype's text is too long for a name; of a
      path it is the last two parts that tell it from others.
  """
  text = text.strip()
  if _is_form(text):
    return text if len(text) <= _LONGEST_LABEL else 'input'
  # It is printed and drawn; a path need not be in UTF-8.
  end = printable('/'.join(text.split('/')[-2:]))
  return end if len(end) <= _LONGEST_LABEL else 'input'


def _is_form(text: str) -> bool:
  """Whether a text is an architecture itself and not the name of one."""
  return text.startswith('|') or ('Genotype' in text and '(' in text)


def _read(path: str) -> bytes | None:
  """Reads a file as far as the largest architecture goes, and a byte more.

  Returns:
    None where there is no such file.
  """
  try:
    with open(path, 'rb') as file:
      return file.read(architecture_json.MAX_BYTES + 1)
  # ValueError: the text holds a null byte and cannot be a path.
  except (FileNotFoundError, ValueError):
    return None
  except OSError as error:
    raise UnresolvedError(
      f'cannot read {ascii(path[:80])}: {error.strerror}'
    ) from None


def _parsed(content: bytes) -> Architecture:
  """Reads JSON or a text form: what a file holds decides, not its name."""
  if len(content) > architecture_json.MAX_BYTES:
    raise UnresolvedError('too large for an architecture')
  try:
    text = content.decode('utf-8-sig')
  except UnicodeDecodeError:
    raise UnresolvedError('not a text file in UTF-8') from None
  if text.lstrip().startswith('{'):
    return architecture_json.from_json(text)
  if text.lstrip().startswith('|'):
    return nasbench201.from_text(text)
  return genotype.from_text(text)
