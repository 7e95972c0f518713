"""Keeping a run, so that whatever ends it little is lost.

    every so many minutes, in the end, and when told to stop:

    weights, optimisers, counters ──copied──► a thread ──► ckpt-<step>
    what the log has summed up ───────────►┘      then the file `checkpoint`

A checkpoint may be in the middle of an epoch. Data and random draws are
functions of the seed and of numbers of steps, so that with it a run goes on
exactly.
"""

from __future__ import annotations

import atexit
from collections.abc import Callable, Iterator
import contextlib
import json
import math
import os
import signal
import time
from typing import Any

import tensorflow as tf

from nat_tf import checkpoint_directory
from nat_tf import preemption
from nat_tf import restart
from nat_tf import stopping
from nat_tf import strategies
from nat_tf import temporary
from nat_tf import tensorflow_error

# How many are kept: the last one, and others for when it cannot be read.
KEPT = 3
# Steps between two looks of several workers at the chief's clock.
_LOOK = 20

# What a checkpoint holds beside variables, for JSON.
Notes = dict[str, Any]


class _Text(tf.train.experimental.PythonState):
  """A text in a checkpoint."""

  def __init__(self):
    self.text = '{}'

  def serialize(self) -> str:
    """Returns what is kept."""
    return self.text

  def deserialize(self, value: bytes):
    """Takes what was kept."""
    self.text = value.decode('utf-8')

  @tf.autograph.experimental.do_not_convert
  def _copy_trackable_to_cpu(self, object_map: Any):
    # TensorFlow copies so what it writes in the background. The text is
    # exchanged only when nothing is being written.
    del object_map


class Checkpoints:
  """Writes checkpoints of a run, numbered by the steps taken.

  A thread writes them, from copies; but for the variables of a strategy that
  mirrors them the run waits, for those TensorFlow 2.15 does not copy. Where
  there are several workers this must be made under their strategy's scope, and
  all of them must call `after_step` with every step.

  Args:
    directory: where they are read from, and written to.
    found: path of the one to go on from, see `checkpoint_directory.readable`;
      None to begin.
    minutes: from one to the next; 0 for one after every step.
    check: called before each; raises what keeps the run from being kept.
    parts: what they hold, by name.

  Raises:
    CheckpointError: `found` is of another version, nothing can be written, or
      several workers found different ones.

  Attributes:
    step: how many steps the run had taken when it was kept; 0 to begin.
    notes: what it noted beside, {} to begin.
    last: path of the last checkpoint; None before any.
  """

  def __init__(
    self,
    directory: str,
    found: str | None,
    minutes: float,
    check: Callable[[], None] = lambda: None,
    **parts: Any,
  ):
    self._seconds = 60 * minutes
    self._check = check
    self._text = _Text()
    self._notes: Callable[[], Notes] = dict
    self._checkpoint = tf.train.Checkpoint(notes=self._text, **parts)
    self._background = not any(
      isinstance(part, tf.distribute.DistributedValues)
      for part in tf.train.TrackableView(self._checkpoint).descendants()
    )
    # The steps may be taken outside of its scope.
    self._strategy = tf.distribute.get_strategy()
    self._several = strategies.has_workers(self._strategy)
    self._directory = self._own(directory, found)
    self._manager = tf.train.CheckpointManager(
      self._checkpoint, self._directory, KEPT
    )
    self._handler = preemption.handler() if self._several else None
    self._notice = stopping.Notice(
      self._handler.tell if self._handler else lambda: None
    )
    self.step = checkpoint_directory.number(found) if found else 0
    if self._several:
      # Before one restores: workers must do the same in the same order.
      self._check_alike()
    if found:
      with checkpoint_directory.reading(found):
        self._checkpoint.restore(found).assert_consumed()
    self.notes: Notes = json.loads(self._text.text)
    self.last = found
    self._saved: int | None = self.step if found else None
    self._begun = time.monotonic()

  @contextlib.contextmanager
  def running(self, notes: Callable[[], Notes] = dict) -> Iterator[None]:
    """Has signals noted in the block, and the writer finished after it.

    Args:
      notes: returns what to note beside the variables.

    Raises:
      CheckpointError: one cannot be written.
      stopping.Stopped: the run was told to stop after its last step.
    """
    self._notes = notes
    self._begun = time.monotonic()
    with self._notice.taken(), self._serving():
      try:
        yield
        self._wait()
        # In the last checkpoint, which no step follows.
        if self._told():
          self._stop()
      except BaseException:
        # What went wrong first is what is told.
        late = (checkpoint_directory.CheckpointError, *strategies.LOST)
        with contextlib.suppress(*late):
          self._wait()
        raise
      finally:
        self._end_writer()

  def _serving(self) -> contextlib.AbstractContextManager[None]:
    """Lets several workers stop after the same step."""
    if self._handler is None:
      return contextlib.nullcontext()
    return self._handler.serving(self.finish, self._stop)

  def after_step(self, step: int, keeps: bool = True):
    """Writes a checkpoint if it is time to, or if the run is told to stop.

    Args:
      step: how many were taken.
      keeps: whether the run could go on from here; else the next one is asked.

    Raises:
      CheckpointError: it cannot be written, or one before could not.
      stopping.Stopped: the run was told to stop; a checkpoint was written.
    """
    if not keeps:
      return
    if self._handler is not None:
      self._handler.after_step(step)
    elif self._notice.signal is not None:
      self.finish(step)
      self._stop()
    if self._due(step):
      self._save(step, self._background)

  def finish(self, step: int):
    """Writes a checkpoint of the last step and waits until it is written.

    Raises:
      CheckpointError: it cannot be written, or one before could not.
    """
    self._save(step, background=False)

  def state(self) -> str:
    """Returns which checkpoint is the last good one, for messages."""
    if self._manager.latest_checkpoint is None:
      return 'there is no checkpoint yet'
    return f'the last good checkpoint is {self._manager.latest_checkpoint}'

  def _save(self, step: int, background: bool):
    """Writes a checkpoint, unless this step has one."""
    self._wait()
    self._begun = time.monotonic()
    if step == self._saved:
      return
    self._check()
    self._text.text = json.dumps(self._notes())
    options = tf.train.CheckpointOptions(
      experimental_enable_async_checkpoint=background
    )
    with self._writing():
      self._manager.save(step, options=options)
    self._saved = step
    restart.got_on()
    if not background:
      self._wait()

  def _wait(self):
    """Waits for the thread that writes.

    Raises:
      CheckpointError: it could not.
    """
    self._manager.sync()
    # TensorFlow keeps the error for the next call, and prints it when there is
    # none.
    writer = getattr(self._checkpoint, '_async_checkpointer_impl', None)
    if writer is not None and writer._async_error is not None:
      error, writer._async_error = writer._async_error, None
      with self._writing():
        raise error
    self.last = self._manager.latest_checkpoint or self.last

  def _end_writer(self):
    """Ends the thread; Python would keep it, and copies of all, to its end."""
    writer = getattr(self._checkpoint, '_async_checkpointer_impl', None)
    if writer is not None:
      atexit.unregister(writer._join_async_save_thread)
      writer._join_async_save_thread()
      self._checkpoint._async_checkpointer_impl = None

  @contextlib.contextmanager
  def _writing(self) -> Iterator[None]:
    """Says in a line why a checkpoint could not be written."""
    try:
      yield
    except (tf.errors.OpError, OSError) as error:
      self._saved = None
      checkpoint_directory.tidy(self._directory)
      if self._several and isinstance(error, strategies.LOST):
        # The disk is as it was: `restart.when_lost` waits for who is gone.
        raise
      own = getattr(error, 'strerror', None)
      why = own or tensorflow_error.reason(error)
      last = os.path.basename(self.last) if self.last else None
      rest = f'{last} is intact: the same command goes on from it'
      raise checkpoint_directory.CheckpointError(
        f'cannot write a checkpoint to {self._directory}: {why}; make room or '
        f'rights, {rest if last else "and begin again"}'
      ) from error

  def _due(self, step: int) -> bool:
    due = time.monotonic() - self._begun >= self._seconds
    if not self._several:
      return due
    # Clocks differ, and all workers must write after the same step.
    if self._seconds and step % _LOOK:
      return False
    return self._any(due and strategies.is_chief(self._strategy))

  def _any(self, mine: bool) -> bool:
    """Returns whether something is so on any worker; all of them must ask."""
    return float(strategies.total(self._strategy, float(mine))) > 0

  def _check_alike(self):
    """Refuses workers that would go on from different steps.

    They have been given different directories, or one that not all of them
    reach.

    Raises:
      CheckpointError: see above.
    """
    step = float(self.step)
    told = strategies.total(self._strategy, [1.0, step, step * step])
    count, steps, squares = told.numpy()
    if not math.isclose(count * squares, steps * steps, rel_tol=1e-14):
      raise checkpoint_directory.CheckpointError(
        f'this worker would go on from step {self.step}, others from others; '
        'give all of them the same --workdir, one that all reach'
      )

  def _own(self, directory: str, found: str | None) -> str:
    """Returns the directory to write to, ready for it."""
    if not strategies.is_chief(self._strategy):
      # TensorFlow wants all workers to write.
      self._temporary = temporary.directory()
      return self._temporary.name
    try:
      checkpoint_directory.record(directory, found)
      os.makedirs(directory, exist_ok=True)
    except OSError as error:
      raise checkpoint_directory.CheckpointError(
        f'cannot write checkpoints to {directory}: {error.strerror}; give a '
        '--workdir that can be written'
      ) from None
    return directory

  def _told(self) -> bool:
    """Returns whether this run is told to stop; all workers must ask."""
    mine = self._notice.signal is not None
    return mine if self._handler is None else self._any(mine)

  def _stop(self):
    raise stopping.Stopped(self._notice.signal or signal.SIGTERM, self._saved)
