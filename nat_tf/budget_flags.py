"""The flags that say what a transformation may cost."""

from __future__ import annotations

from absl import flags

from nat_tf.budget import Budget

_FORM = (
  "a number, or a share of the input's in percent: 2500000, 2.5M, 3.1e6, 80%"
)
_MILLISECONDS = "a number, or a share of the input's in percent: 12, 0.5, 80%"

_MAX_PARAMS = flags.DEFINE_string(
  'max_params',
  None,
  f'most parameters of the transformed network; {_FORM} (default: 100%).',
)
_MAX_MADDS = flags.DEFINE_string(
  'max_madds',
  None,
  f'most multiply-adds of the transformed network; {_FORM} (default: 100%).',
)
_MAX_LATENCY_MS = flags.DEFINE_string(
  'max_latency_ms',
  None,
  'most milliseconds that the transformed network may take for an image on '
  "this device, estimated from the time of the input's whole network and those "
  f'of single operations; {_MILLISECONDS} (default: no limit, nothing is '
  'timed).',
)
_COST_TOLERANCE = flags.DEFINE_string(
  'cost_tolerance',
  '0%',
  "by how much the transformed network may exceed the input's parameters and "
  'multiply-adds where no limit above forbids it; in percent.',
)


def from_flags() -> Budget:
  """Returns the budget that the flags describe.

  Raises:
    budget.BudgetError: a value makes no sense.
  """
  return Budget.of(
    _MAX_PARAMS.value,
    _MAX_MADDS.value,
    _MAX_LATENCY_MS.value,
    _COST_TOLERANCE.value,
  )
