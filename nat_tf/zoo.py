"""Published cells by name.

The cells stand in `zoo_searched.py` and `zoo_nat.py`, with their sources.
"""

from __future__ import annotations

import difflib

from nat_tf import hand_made
from nat_tf import zoo_nat
from nat_tf import zoo_searched
from nat_tf.architecture import Architecture
from nat_tf.architecture import ArchitectureError


class UnknownArchitectureError(ArchitectureError):
  """No published cell goes by a name."""


_ZOO = {**zoo_searched.CELLS, **zoo_nat.CELLS}


def names() -> tuple[str, ...]:
  """Returns the names of all published architectures."""
  return (*_ZOO, *hand_made.names())


def load(name: str) -> Architecture:
  """Returns a published architecture.

  Args:
    name: one of `names()`.

  Raises:
    UnknownArchitectureError: no cell goes by that name; the message proposes
      the closest.
  """
  if name in hand_made.names():
    return hand_made.load(name)
  if name not in _ZOO:
    close = difflib.get_close_matches(name[:40].lower(), names(), n=1)
    hint = f'did you mean {close[0]}? ' if close else ''
    raise UnknownArchitectureError(
      f'unknown architecture {name[:40]!r}; {hint}known are '
      f'{", ".join(names())}'
    )
  return _ZOO[name]
