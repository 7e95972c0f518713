"""The flags that say on which devices a command computes."""

from __future__ import annotations

from absl import flags

from nat_tf import strategies

_STRATEGY = flags.DEFINE_enum(
  'strategy',
  'auto',
  list(strategies.NAMES),
  'devices to compute on: none, one; mirrored, all GPUs of this machine; '
  'multi_worker, the machines that TF_CONFIG lists; tpu, the one that TPU_NAME '
  'names; auto, a TPU where one is named, else mirrored where there are GPUs, '
  'else none.',
)
_VIRTUAL_DEVICES = flags.DEFINE_integer(
  'virtual_devices',
  0,
  'divides the CPU into so many devices, to try out --strategy=mirrored; 0 for '
  'not at all, at most 64.',
  lower_bound=0,
  upper_bound=64,
)


def create(workdir: str | None):
  """Returns the `tf.distribute.Strategy` that the flags describe.

  Args:
    workdir: the value of --workdir, if it was given.

  Raises:
    strategies.StrategyError: see `strategies.create`; or several machines have
      no directory in common.
  """
  if _STRATEGY.value == 'multi_worker' and workdir is None:
    raise strategies.StrategyError(
      '--strategy=multi_worker needs a --workdir, one that all workers reach'
    )
  return strategies.create(_STRATEGY.value, _VIRTUAL_DEVICES.value)
