"""Fields of a configuration that know their meaning and their range.

A configuration is a frozen dataclass whose fields are made by `setting`. The
same words and bounds serve its check on construction and a command's flags.
"""

from __future__ import annotations

from collections.abc import Sequence
import dataclasses
import json
import math
from typing import Any, ClassVar, TypeVar

from absl import flags

from nat_tf import input_error
from nat_tf import json_input

_HUGE = 2**31

Config = TypeVar('Config', bound='Settings')


class ConfigError(input_error.InputError):
  """A configuration is wrong; the message names the value and its range."""


@dataclasses.dataclass(frozen=True)
class Range:
  """Which numbers are allowed.

  Attributes:
    least: the smallest one.
    above: all must be larger than this.
    below: all must be smaller than this.
    even: whether only even ones are.
  """

  least: float | None = None
  above: float | None = None
  below: float | None = None
  even: bool = False

  def __contains__(self, value: float) -> bool:
    return (
      (self.least is None or value >= self.least)
      and (self.above is None or value > self.above)
      and (self.below is None or value < self.below)
      and not (self.even and value % 2)
    )

  def __str__(self) -> str:
    parts = ['even'] if self.even else []
    parts += [] if self.least is None else [f'{self.least} or more']
    parts += [] if self.above is None else [f'above {self.above}']
    parts += [] if self.below is None else [f'below {self.below}']
    return ' and '.join(parts)


COUNT = Range(least=1)
NOT_NEGATIVE = Range(least=0)
POSITIVE = Range(above=0)
SHARE = Range(above=0, below=1)
BELOW_ONE = Range(least=0, below=1)
SEED = Range(least=0, below=2**31)  # TensorFlow's seeds are int32.


def setting(
  default: Any,
  meaning: str,
  *,
  range: Range | None = None,  # pylint: disable=redefined-builtin
  choices: Sequence[str] = (),
  flag: bool = True,
) -> Any:
  """Makes a field of a configuration.

  Args:
    default: its default; decides its type. None stands for a text.
    meaning: what it is, with its unit; becomes the flag's help.
    range: which numbers are allowed.
    choices: which texts are allowed.
    flag: whether a command has a flag for it.
  """
  metadata = {
    'meaning': meaning,
    'range': range,
    'choices': tuple(choices),
    'flag': flag,
  }
  return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class Settings:
  """Base of configurations.

  Attributes:
    noun: what a run with such a configuration is called.
    again: what another call with the same configuration is for.
    formerly: values of fields that older texts lack, where the default means
      something else than what was done then.

  Raises:
    ConfigError: on construction, when a value is of another type than its
      field's or out of its range.
  """

  noun: ClassVar[str] = 'run'
  again: ClassVar[str] = 'to go on'
  formerly: ClassVar[dict[str, Any]] = {}

  def __post_init__(self):
    for field in dataclasses.fields(self):
      _check(field, getattr(self, field.name))

  def to_json(self) -> str:
    """Returns the configuration as text, one value a line."""
    return json.dumps(dataclasses.asdict(self), indent=2) + '\n'

  @classmethod
  def from_json(cls: type[Config], text: str | bytes) -> Config:
    """Reads what `to_json` wrote.

    Args:
      text: the JSON, as text or in UTF-8.

    Raises:
      ConfigError: the text is not such a configuration.
    """
    try:
      values = json_input.parse(text)
      if not isinstance(values, dict):
        raise ConfigError(f'it must be a mapping, not {type(values).__name__}')
      known = {field.name for field in dataclasses.fields(cls)}
      for name in values:
        if name not in known:
          raise ConfigError(
            f'unknown setting {ascii(name[:40])}; it may be of another command '
            'or of another version of nat_tf'
          )
      cls.check_kept(values)
      return cls(**{**cls.formerly, **values})
    except input_error.InputError as error:
      raise ConfigError(f'not a valid configuration: {error}') from None

  @classmethod
  def check_kept(cls, values: dict[str, Any]):
    """Checks values that were read, before anything is made of them.

    Raises:
      InputError: one of them is not what a run would have kept.
    """

  @classmethod
  def define_flags(cls):
    """Defines a flag for every field that should have one.

    They are this module's: a command whose `--help` should list them calls
    `flags.adopt_module_key_flags(setting)`.
    """
    for field in cls._flags():
      _define_flag(field)

  @classmethod
  def from_flags(cls: type[Config]) -> Config:
    """Returns the configuration that the flags describe.

    Raises:
      ConfigError: a value is out of its range.
    """
    names = [field.name for field in cls._flags()]
    return cls(**{name: flags.FLAGS[name].value for name in names})

  @classmethod
  def _flags(cls) -> list[dataclasses.Field]:
    return [one for one in dataclasses.fields(cls) if one.metadata['flag']]


def _type(field: dataclasses.Field) -> type:
  return str if field.default is None else type(field.default)


def _check(field: dataclasses.Field, value: Any):
  wanted, kind = field.metadata, _type(field)
  if value is None and field.default is None:
    return
  if isinstance(value, float) and not math.isfinite(value):
    raise ConfigError(f'--{field.name} is {value}; it must be a finite number')
  if type(value) is not kind and not (kind is float and type(value) is int):
    raise ConfigError(
      f'--{field.name} is {ascii(value)[:40]}; it must be of type '
      f'{kind.__name__}'
    )
  if wanted['range'] is not None and value not in wanted['range']:
    raise ConfigError(
      f'--{field.name} is {value}; it must be {wanted["range"]}'
    )
  # TensorFlow counts in 32 bits here and there.
  if isinstance(value, int) and value >= _HUGE:
    raise ConfigError(f'--{field.name} is {value}; it must be below {_HUGE}')
  if wanted['choices'] and value not in wanted['choices']:
    known = ', '.join(wanted['choices'])
    raise ConfigError(
      f'--{field.name} is {ascii(str(value)[:40])}; it must be one of {known}'
    )


def _define_flag(field: dataclasses.Field):
  meaning = field.metadata['meaning']
  if field.metadata['range'] is not None:
    meaning += f'; {field.metadata["range"]}'
  if field.metadata['choices']:
    meaning += f'; one of {", ".join(field.metadata["choices"])}'
  define = {
    str: flags.DEFINE_string,
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    bool: flags.DEFINE_bool,
  }[_type(field)]
  define(field.name, field.default, f'{meaning}.')
