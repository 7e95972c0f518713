"""What a transformation may cost: as a user says it, and as plain numbers.

Without a word the limit is what the input costs itself, in parameters and in
multiply-adds (method, section 1). A tolerance raises both: the papers are loose
about skips of stride 2, which replace a null and have weights.
"""

from __future__ import annotations

from collections.abc import Sequence
import dataclasses
import fractions
import math
import re

import numpy as np

from nat_tf import input_error
from nat_tf.cost import Cost
from nat_tf.edge_costs import EdgeCosts

_NUMBER = re.compile(r'([0-9]+\.?[0-9]*(?:[eE][+-]?[0-9]+)?)([kMG%]?)')
_FACTORS = {'': 1, 'k': 10**3, 'M': 10**6, 'G': 10**9}
# Where numbers are of another size than those of parameters.
_EXAMPLES = {'max_latency_ms': 'a number of milliseconds (12, 0.5)'}
_MILLISECOND = 10**6  # Nanoseconds, in which time is counted.


class BudgetError(input_error.InputError):
  """A budget makes no sense, or nothing fits it."""


@dataclasses.dataclass(frozen=True)
class Limit:
  """The most that something may cost.

  Attributes:
    text: as the user wrote it.
    value: the number, or the share of the input's cost.
    relative: whether it is such a share.
  """

  text: str
  value: fractions.Fraction
  relative: bool

  def resolve(self, source: int, unit: int = 1) -> int:
    """Returns the limit as a whole number.

    Args:
      source: what the input costs.
      unit: how much of it the unit is that the user wrote.
    """
    return math.floor(self.value * (source if self.relative else unit))


def limit(text: str | None, flag: str) -> Limit | None:
  """Reads a limit.

  Args:
    text: a number such as `2500000`, `3.1e6`, `400M` (k, M and G are thousand,
      million and milliard), or a share of the input's cost such as `80%`; None
      for no limit.
    flag: name of the flag that holds it, for messages.

  Raises:
    BudgetError: it is neither, or not above 0.
  """
  if text is None:
    return None
  found = _parsed(text)
  if found is None:
    example = _EXAMPLES.get(flag, 'a number (2500000, 3.1e6, 2.5M)')
    raise BudgetError(
      f'--{flag} is {ascii(text[:40])}; it must be {example} or a share of the '
      "input's cost (80%)"
    )
  if found.value <= 0:
    raise BudgetError(f'--{flag} is {ascii(text[:40])}; it must be above 0')
  return found


def tolerance(text: str, flag: str = 'cost_tolerance') -> fractions.Fraction:
  """Reads by how much the input's own cost may be exceeded.

  Args:
    text: a percentage such as `0%` or `2.5%`.
    flag: name of the flag that holds it, for messages.

  Raises:
    BudgetError: it is no percentage.
  """
  found = _parsed(text)
  if found is None or not found.relative:
    raise BudgetError(
      f"--{flag} is {ascii(text[:40])}; it must be a share of the input's cost "
      'in percent, 0% or more (5%)'
    )
  return found.value


@dataclasses.dataclass(frozen=True)
class Budget:
  """What a transformation may cost, whatever the input.

  Attributes:
    max_params: parameters; None for the input's.
    max_madds: multiply-adds; None for the input's.
    max_latency_ms: milliseconds an image, estimated from parts; None: time is
      of no interest.
    tolerance: share of the input's parameters and multiply-adds by which each
      may be exceeded, where no smaller limit forbids it.
  """

  max_params: Limit | None = None
  max_madds: Limit | None = None
  max_latency_ms: Limit | None = None
  tolerance: fractions.Fraction = fractions.Fraction(0)

  @classmethod
  def of(
    cls,
    max_params: str | None = None,
    max_madds: str | None = None,
    max_latency_ms: str | None = None,
    cost_tolerance: str = '0%',
  ) -> Budget:
    """Reads a budget, each part as the flag of its name takes it.

    Args:
      max_params: see `limit`.
      max_madds: see `limit`.
      max_latency_ms: see `limit`, in milliseconds.
      cost_tolerance: see `tolerance`.

    Raises:
      BudgetError: a part makes no sense.
    """
    return cls(
      limit(max_params, 'max_params'),
      limit(max_madds, 'max_madds'),
      limit(max_latency_ms, 'max_latency_ms'),
      tolerance(cost_tolerance),
    )

  @property
  def timed(self) -> bool:
    """Whether it limits time."""
    return self.max_latency_ms is not None

  def limits(self, costs: EdgeCosts, allowed: np.ndarray) -> np.ndarray:
    """Returns what the whole network may cost, `[measures]` int64.

    Args:
      costs: of whatever the input may become; with time, where it is limited.
      allowed: `[cells, edges, operations]` bool, what its edges may become.

    Raises:
      BudgetError: nothing that the input may become fits.
    """
    source = [int(value) for value in costs.own]
    least = [int(value) for value in costs.least(allowed)]
    own = [math.floor((1 + self.tolerance) * value) for value in source]
    wanted = (
      ('max_params', self.max_params, 1),
      ('max_madds', self.max_madds, 1),
      ('max_latency_ms', self.max_latency_ms, _MILLISECOND),
    )
    limits = []
    for measure, (flag, most, unit) in enumerate(wanted[: len(source)]):
      # Time has no limit by itself: where it is not limited it is not measured.
      bounds = own[measure : measure + 1] if measure < len(Cost._fields) else []
      if most is not None:
        bounds.append(most.resolve(source[measure], unit))
      limits.append(min(bounds))
      if most is not None and limits[-1] < least[measure]:
        raise BudgetError(
          f'--{flag}={most.text}: nothing that the architecture may become '
          f'costs so little; the least possible is {_shares(least, source)}'
        )
    # No limit needs to be beyond what 64 bits hold.
    return np.minimum(limits, np.iinfo(np.int64).max // 2).astype(np.int64)


def _shares(values: Sequence[int], source: Sequence[int]) -> str:
  """Returns costs in words and as shares of the input's."""
  return ', '.join(
    f'{part} ({100 * value / whole:.2f}%)'
    for part, value, whole in zip(_parts(values), values, source)
  )


def _parts(values: Sequence[int]) -> list[str]:
  parts = [f'{values[0]:,} parameters', f'{values[1]:,} multiply-adds']
  return parts + [f'{ns / _MILLISECOND:.3f} ms' for ns in values[2:]]


def _parsed(text: str) -> Limit | None:
  match = _NUMBER.fullmatch(text.strip()) if len(text) <= 40 else None
  if match is None:
    return None
  number, suffix = match.groups()
  # Beyond these, exact arithmetic would not end: 1e999999999.
  if not math.isfinite(float(number)):
    return None
  value = fractions.Fraction(number if float(number) else 0)
  if suffix == '%':
    return Limit(text, value / 100, True)
  return Limit(text, value * _FACTORS[suffix], False)
