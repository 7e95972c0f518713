"""Changes to a configuration, written on one line: `steps=500,samples=4`."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, TypeVar

from nat_tf.setting import ConfigError

Config = TypeVar('Config')

# Of a value; Python reads long numbers slowly, and messages repeat names.
_LONGEST = 40
_SWITCHES = {'true': True, 'false': False}


def apply(config: Config, text: str, flag: str) -> Config:
  """Returns a configuration with some of its fields changed.

  Args:
    config: a dataclass with fields of type int, float, bool and str; its whole
      numbers are counts.
    text: `field=value` joined by commas; nothing where it is empty.
    flag: name of the flag that holds the text, for messages.

  Raises:
    ConfigError: a field is unknown, or a value of another type or out of its
      range.
  """
  changes: dict[str, Any] = {}
  for part in filter(None, text.split(',')):
    name, mark, value = (word.strip() for word in part.partition('='))
    known = {
      field.name: getattr(config, field.name)
      for field in dataclasses.fields(config)  # type: ignore[arg-type]
    }
    if not mark or name not in known:
      raise ConfigError(
        f'--{flag}: found {ascii(part[:40])} where field=value should be; '
        f'fields are {", ".join(known) or "none"}'
      )
    changes[name] = _parsed(value, type(known[name]), f'--{flag}: {name}')
  try:
    return dataclasses.replace(config, **changes)  # type: ignore[type-var]
  except ValueError as error:
    raise ConfigError(f'--{flag}: {error}') from None


def _parsed(value: str, kind: type, where: str) -> Any:
  if len(value) > _LONGEST:
    raise ConfigError(
      f'{where} is {ascii(value[:40])}...; it has more than {_LONGEST} '
      'characters'
    )
  if kind is bool:
    if value.lower() not in _SWITCHES:
      raise ConfigError(
        f'{where} is {ascii(value[:40])}; it must be true or false'
      )
    return _SWITCHES[value.lower()]
  try:
    parsed = kind(value)
  except ValueError:
    raise ConfigError(
      f'{where} is {ascii(value[:40])}; it must be of type {kind.__name__}'
    ) from None
  if kind is int and parsed < 1:
    raise ConfigError(f'{where} is {parsed}; it must be 1 or more')
  if kind is float and not math.isfinite(parsed):
    raise ConfigError(f'{where} is {parsed}; it must be a finite number')
  return parsed
