"""The flag that asks for the profiler; no setting of a run."""

from __future__ import annotations

import re

from absl import flags

_PROFILE_STEPS = flags.DEFINE_string(
  'profile_steps',
  None,
  "first and last step that TensorFlow's profiler records for TensorBoard, as "
  'in 10,20; counted from 1 in this call (default: none).',
)
_LARGEST = 2**31


def _range(text: str) -> tuple[int, int] | None:
  """Returns the first and the last step; None where these are none."""
  # Short ones, for Python refuses to read numbers of many digits.
  if not re.fullmatch(r'[0-9]{1,10},[0-9]{1,10}', text):
    return None
  first, last = map(int, text.split(','))
  return (first, last) if 1 <= first <= last < _LARGEST else None


flags.register_validator(
  'profile_steps',
  lambda text: text is None or _range(text) is not None,
  'it must be the first and the last step, 1 or more, as in 10,20',
)


def steps() -> tuple[int, int] | None:
  """Returns what the flag says."""
  text = _PROFILE_STEPS.value
  return None if text is None else _range(text)
