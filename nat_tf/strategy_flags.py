"""The flags that say on which devices a command computes."""

from __future__ import annotations

from absl import flags
import tensorflow as tf

from nat_tf import cluster
from nat_tf import command
from nat_tf import strategies
from nat_tf import workdir as workdir_lib

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


def counting() -> str:
  """Returns the flag that says how many devices there are; empty for none."""
  return '--virtual_devices' if _VIRTUAL_DEVICES.value else ''


def create(
  given: str | None, workdir: workdir_lib.Workdir
) -> tuple[tf.distribute.Strategy, workdir_lib.Workdir]:
  """Returns the devices that the flags describe, and what this process fills.

  Of several processes that run together one, the chief, speaks and fills the
  workdir; the others are muted, and get the workdir as `aside` returns it.

  Args:
    given: the value of --workdir, if it was given.
    workdir: of the run.

  Raises:
    cluster.ClusterError: see `strategies.create` and `cluster.wait`.
    strategies.StrategyError: see `strategies.create`; or several machines have
      no directory in common.
  """
  if _STRATEGY.value == 'multi_worker' and given is None:
    raise strategies.StrategyError(
      '--strategy=multi_worker needs a --workdir, one that all workers reach'
    )
  wanted = _STRATEGY.value, _VIRTUAL_DEVICES.value
  strategies.check(*wanted)
  if _STRATEGY.value == 'multi_worker':
    with command.resumable(workdir.path):
      cluster.wait()
  strategy = strategies.create(*wanted)
  if strategies.is_chief(strategy):
    return strategy, workdir
  command.mute()
  return strategy, workdir.aside()
