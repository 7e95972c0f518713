"""Texts that come from outside, as far as they can be written and shown."""

from __future__ import annotations

import re

# What no document may hold, neither as it is nor escaped: control characters
# and halves of surrogate pairs, which stand for bytes of a path that is not in
# UTF-8.
_UNWRITABLE = re.compile('[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]')


def printable(text: str) -> str:
  """Returns a text with a sign of replacement for whatever cannot be shown."""
  return _UNWRITABLE.sub('\N{REPLACEMENT CHARACTER}', text)
