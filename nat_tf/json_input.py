"""JSON as a user hands it over: bounded, strict, refused in one line."""

from __future__ import annotations

from collections.abc import Callable
import json
import math
import os
from typing import Any

from nat_tf import input_error

# Far above any file of ours, and little enough to refuse the rest at once.
MAX_BYTES = 1_000_000
# Python reads long numbers in the square of their digits.
MAX_DIGITS = 20


class JsonError(input_error.InputError):
  """A text is not the JSON that is read here; the message says why."""


def parse(
  text: str | bytes,
  max_digits: int = MAX_DIGITS,
  number: Callable[[str], Any] | None = None,
) -> Any:
  """Parses JSON of bounded size without duplicate keys, NaN or Infinity.

  Args:
    text: the JSON, as text or in UTF-8.
    max_digits: the most characters of an integer.
    number: makes a value of what is no integer; None for a finite float.

  Raises:
    JsonError: it is something else, too large, too deep, or holds a number
      that is too long or not finite.
  """
  if len(text) > MAX_BYTES:
    raise JsonError(f'the JSON is larger than {MAX_BYTES} bytes')

  def integer(digits: str) -> int:
    if len(digits) > max_digits:
      raise JsonError(
        f'found the number {digits[:20]}; integers have at most {max_digits} '
        'digits'
      )
    return int(digits)

  try:
    if isinstance(text, bytes):
      text = text.decode('utf-8-sig')
    return json.loads(
      text,
      object_pairs_hook=_object,
      parse_constant=number or _finite,
      parse_float=number or _finite,
      parse_int=integer,
    )
  except UnicodeDecodeError:
    raise JsonError('the JSON is not in UTF-8') from None
  except RecursionError:
    raise JsonError('the JSON is nested too deeply') from None
  except json.JSONDecodeError as error:
    raise JsonError(f'not JSON: {error}') from None


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
  """Reads an object from a file.

  Raises:
    JsonError: see `parse`, or it is no object.
    OSError: the file cannot be read.
  """
  with open(path, 'rb') as file:
    value = parse(file.read(MAX_BYTES + 1))
  if not isinstance(value, dict):
    raise JsonError(f'it must be a mapping, not {type(value).__name__}')
  return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
  result: dict[str, Any] = {}
  for key, value in pairs:
    if key in result:
      raise JsonError(f'an object holds the key {json.dumps(key)[:40]} twice')
    result[key] = value
  return result


def _finite(text: str) -> float:
  value = float(text)
  if not math.isfinite(value):
    raise JsonError(f'found the number {text[:20]}; it must be finite')
  return value
