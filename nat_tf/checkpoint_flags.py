"""The flag that says how often a run is kept.

It is no setting of the run: a workdir does not remember it, for what a run
learns does not depend on it.
"""

from __future__ import annotations

import math

from absl import flags

_CHECKPOINT_MINUTES = flags.DEFINE_float(
  'checkpoint_minutes',
  10.0,
  'minutes from one checkpoint to the next; 0 or more, 0 for one after every '
  'step. One is written in the end and on SIGTERM and Ctrl-C as well.',
)
flags.register_validator(
  'checkpoint_minutes',
  lambda value: math.isfinite(value) and value >= 0,
  'it must be a finite number, 0 or more',
)


def minutes() -> float:
  """Returns what the flag says."""
  return _CHECKPOINT_MINUTES.value
