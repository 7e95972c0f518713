"""On which devices a run computes; all of it goes through `tf.distribute`."""

from __future__ import annotations

from collections.abc import Callable
import functools
import os
from typing import Any

import tensorflow as tf

from nat_tf import cluster
from nat_tf import input_error

NAMES = ('auto', 'none', 'mirrored', 'multi_worker', 'tpu')

# Where TensorFlow looks for the address of a TPU.
_TPU_VARIABLES = ('TPU_NAME', 'KUBE_GOOGLE_CLOUD_TPU_ENDPOINTS')

# What TensorFlow raises when another process is gone. It says itself that only
# a restart resets its collective operations.
LOST = (
  tf.errors.UnavailableError,
  tf.errors.AbortedError,
  tf.errors.CancelledError,
  tf.errors.DeadlineExceededError,
)


class StrategyError(input_error.InputError):
  """The devices that were asked for cannot be used; the message says why."""


def check(name: str, virtual_devices: int = 0):
  """Refuses what can be seen to be impossible without touching a device.

  Args:
    name: see `create`.
    virtual_devices: see `create`.

  Raises:
    ClusterError, StrategyError: see `create`.
  """
  if name not in NAMES:
    raise StrategyError(
      f'unknown strategy {name!r}; known are {", ".join(NAMES)}'
    )
  if virtual_devices and name not in ('auto', 'mirrored'):
    raise StrategyError(
      f'--virtual_devices is {virtual_devices}, but --strategy={name} does not '
      'compute on them; leave it out or give --strategy=mirrored'
    )
  if name == 'multi_worker':
    cluster.read()


def create(
  name: str = 'auto', virtual_devices: int = 0
) -> tf.distribute.Strategy:
  """Returns how computation is spread over devices.

  Call it before TensorFlow computes anything: neither virtual devices nor a
  cluster can be set up later.

  Args:
    name: `none`, one device; `mirrored`, all GPUs of this machine, or where
      there are none all CPU devices; `multi_worker`, the machines that the
      environment variable TF_CONFIG lists; `tpu`, the TPU that TensorFlow's own
      environment variables name; `auto`, a TPU where they name one, else
      mirrored where there are GPUs or virtual devices, else none.
    virtual_devices: parts that the CPU is divided into, to try out what several
      devices do; 0 leaves it whole.

  Raises:
    ClusterError: TF_CONFIG does not say who computes together.
    StrategyError: there are no such devices.
  """
  check(name, virtual_devices)
  if virtual_devices:
    _divide_cpu(virtual_devices)
  if name == 'auto':
    name = _found(virtual_devices)
  if name == 'tpu':
    return _tpu()
  if name == 'multi_worker':
    return _multi_worker()
  if name == 'mirrored':
    kind = 'CPU' if virtual_devices or not _gpus() else 'GPU'
    devices = tf.config.list_logical_devices(kind)
    return tf.distribute.MirroredStrategy([one.name for one in devices])
  return tf.distribute.get_strategy()


def is_chief(strategy: tf.distribute.Strategy) -> bool:
  """Returns whether this process writes files; one of each run does."""
  resolver = strategy.cluster_resolver
  if resolver is None or not has_workers(strategy):
    return True
  kind, number = resolver.task_type, resolver.task_id
  if resolver.cluster_spec().as_dict().get('chief'):
    return kind == 'chief'
  return kind == 'worker' and number == 0


def has_workers(strategy: tf.distribute.Strategy) -> bool:
  """Returns whether other processes take part."""
  if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
    return False
  # Without TF_CONFIG it is a cluster of this process alone.
  resolver = strategy.cluster_resolver
  return bool(resolver and resolver.cluster_spec().jobs)


def total(strategy: tf.distribute.Strategy, values: Any) -> tf.Tensor:
  """Returns the sum of what every device of every process hands over.

  All processes must call it.

  Args:
    strategy: of the run.
    values: `[...]` floats of one shape, this process's.
  """
  return _adder(strategy)(tf.constant(values, tf.float64))


@functools.cache
def _adder(strategy: tf.distribute.Strategy) -> Callable[..., tf.Tensor]:
  """Returns what adds up; compiled, for else TensorFlow warns at every call."""
  return tf.function(
    lambda own: strategy.reduce('SUM', strategy.run(lambda: own), axis=None),
    autograph=False,
  )


def meet(strategy: tf.distribute.Strategy):
  """Waits until all processes call it."""
  total(strategy, 0.0).numpy()


def task(strategy: tf.distribute.Strategy) -> str | None:
  """Returns this process's place in the cluster, as `tf.device` takes it."""
  if not has_workers(strategy):
    return None
  resolver = strategy.cluster_resolver
  return f'/job:{resolver.task_type}/replica:0/task:{resolver.task_id}'


def share_out(
  strategy: tf.distribute.Strategy, batches: tf.data.Dataset
) -> Any:
  """Returns batches of which every replica gets its part.

  Args:
    strategy: has as many replicas as a batch is divided into.
    batches: all of one size, a multiple of the number of replicas.

  Returns:
    What iterates over them, as `experimental_distribute_dataset` does.
  """
  if strategy.num_replicas_in_sync == 1:
    return batches
  return strategy.experimental_distribute_dataset(divisible(batches))


def divisible(batches: tf.data.Dataset) -> tf.data.Dataset:
  """Returns batches that `tf.distribute` divides by examples, not by files.

  So that their order is the same on any number of machines.
  """
  options = tf.data.Options()
  options.experimental_distribute.auto_shard_policy = (
    tf.data.experimental.AutoShardPolicy.DATA
  )
  return batches.with_options(options)


def give_each(
  strategy: tf.distribute.Strategy, batches: tf.data.Dataset
) -> Any:
  """Returns batches that every replica gets whole.

  Args:
    strategy: has the replicas.
    batches: all of one shape.

  Returns:
    What iterates over them, as `distribute_datasets_from_function` does.
  """
  if strategy.num_replicas_in_sync == 1:
    return batches

  def copies(context: tf.distribute.InputContext) -> tf.data.Dataset:
    # The replicas that one host feeds take turns at its data set.
    count = context.num_replicas_in_sync // context.num_input_pipelines
    return batches.flat_map(
      lambda *batch: tf.data.Dataset.from_tensors(batch).repeat(count)
    )

  return strategy.distribute_datasets_from_function(copies)


def _gpus() -> list:
  return tf.config.list_physical_devices('GPU')


def _found(virtual_devices: int) -> str:
  if any(os.environ.get(variable) for variable in _TPU_VARIABLES):
    return 'tpu'
  return 'mirrored' if virtual_devices or _gpus() else 'none'


def _divide_cpu(count: int):
  cpu = tf.config.list_physical_devices('CPU')[0]
  parts = [tf.config.LogicalDeviceConfiguration() for _ in range(count)]
  try:
    tf.config.set_logical_device_configuration(cpu, parts)
  except RuntimeError as error:
    raise StrategyError(
      f'cannot divide the CPU into {count} devices: {error}'
    ) from None


def _tpu() -> tf.distribute.Strategy:
  try:
    resolver = tf.distribute.cluster_resolver.TPUClusterResolver()
    tf.config.experimental_connect_to_cluster(resolver)
    tf.tpu.experimental.initialize_tpu_system(resolver)
  except (ValueError, OSError, ImportError, tf.errors.OpError) as error:
    raise StrategyError(
      f'no TPU can be used: {" ".join(str(error).split())[:200]}; set '
      'TPU_NAME to the name or address of one, or to local on its own machine'
    ) from None
  return tf.distribute.TPUStrategy(resolver)


def _multi_worker() -> tf.distribute.Strategy:
  try:
    return tf.distribute.MultiWorkerMirroredStrategy()
  except (ValueError, RuntimeError, tf.errors.OpError) as error:
    raise StrategyError(
      'the cluster of TF_CONFIG cannot be joined: '
      f'{" ".join(str(error).split())[:200]}'
    ) from None
