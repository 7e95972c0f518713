"""TensorFlow's profiler for some steps of a run."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from nat_tf import training_callbacks


class StepProfiler:
  """Records what happens in some steps, for TensorBoard's "Profile".

  Args:
    directory: gets `plugins/profile/<time>/`.
    steps: the first and the last one, of this call, from 1; None for none.
  """

  def __init__(self, directory: str, steps: tuple[int, int] | None):
    self._directory = directory
    self._first, self._last = steps or (0, 0)
    self._taken = 0
    self._runs = False
    self._begin_or_end()

  def after_step(self):
    """Takes in a step that is done."""
    self._taken += 1
    self._begin_or_end()

  def close(self):
    """Ends the recording, where the run ended first."""
    if self._runs:
      self._runs = False
      tf.profiler.experimental.stop()

  def _begin_or_end(self):
    if self._taken == self._last:
      self.close()
    elif self._taken == self._first - 1:
      tf.profiler.experimental.start(self._directory)
      self._runs = True


class Profiling(training_callbacks.Callback):
  """Records steps of Keras's `fit`.

  Args:
    profiler: records them.
  """

  def __init__(self, profiler: StepProfiler):
    super().__init__()
    self._profiler = profiler

  def on_train_batch_end(self, batch: int, logs: Any = None):
    """Takes in a step."""
    self._profiler.after_step()
