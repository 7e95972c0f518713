"""Several workers stop after the same step when one of them is told to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
import contextlib
import functools
import os
import signal
import tempfile

import tensorflow as tf

# Where TensorFlow asks whether it is on a machine of Google Cloud. There its
# handler takes no part on a CPU, whatever it is given (TensorFlow 2.15); on a
# GPU it also asks for announced maintenance.
_GOOGLE = 'GCE_METADATA_IP'


class Handler:
  """TensorFlow's `PreemptionCheckpointHandler`, for one run after another.

  What it tells the cluster it can tell once only, so that a process must have
  no second one: see `handler`.
  """

  def __init__(self):
    former = signal.getsignal(signal.SIGTERM)
    # It restores the last one of its manager, and adds a counter to what that
    # writes, which this one never does.
    with (
      tempfile.TemporaryDirectory(prefix='nat_tf-') as folder,
      _as_anywhere(),
    ):
      self._handler = tf.distribute.experimental.PreemptionCheckpointHandler(
        tf.distribute.get_strategy().cluster_resolver,
        tf.train.CheckpointManager(tf.train.Checkpoint(), folder, 1),
        termination_config=tf.distribute.experimental.TerminationConfig(
          exit_fn=lambda: self._stop(),
          grace_period=0,
          save_fn=lambda step: self._save(step),
        ),
      )
    # It has taken SIGTERM to the end of the process.
    signal.signal(signal.SIGTERM, former or signal.SIG_DFL)
    self._save: Callable[[int], None] = lambda step: None
    self._stop: Callable[[], None] = lambda: None

  @contextlib.contextmanager
  def serving(
    self, save: Callable[[int], None], stop: Callable[[], None]
  ) -> Iterator[None]:
    """Does it for a run in the block.

    Args:
      save: writes a checkpoint of a step.
      stop: is called after that; raises what ends the run.
    """
    former = self._save, self._stop
    self._save, self._stop = save, stop
    try:
      yield
    finally:
      self._save, self._stop = former

  def tell(self):
    """Tells all workers to stop; a signal may call it."""
    self._handler._sigterm_handler_fn(signal.SIGTERM, None)

  def after_step(self, step: int):
    """Saves and stops if it is the step that all workers stop after.

    Args:
      step: how many were taken; all workers must call this after each.
    """
    self._handler.save_checkpoint_if_preempted(step)


@contextlib.contextmanager
def _as_anywhere() -> Iterator[None]:
  """Hides in the block that a machine without GPU is one of Google Cloud."""
  if tf.config.list_physical_devices('GPU'):
    yield
    return
  before = os.environ.get(_GOOGLE)
  # Nothing ever answers there.
  os.environ[_GOOGLE] = 'localhost:0'
  try:
    yield
  finally:
    if before is None:
      del os.environ[_GOOGLE]
    else:
      os.environ[_GOOGLE] = before


@functools.cache
def handler() -> Handler:
  """Returns this process's only one.

  All workers must call it for the first time under the scope of their strategy.
  """
  return Handler()
