"""Being told to stop: SIGTERM and Ctrl-C are noted until a step is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
import contextlib
import os
import signal
import threading
from typing import Any

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stopped(BaseException):
  """A run was told to stop.

  As `KeyboardInterrupt` it is no `Exception`: what prepares a data set takes
  each of those for a fault of the data.

  Attributes:
    signal: which one told it.
    step: of the checkpoint that was written for that; None if none was.
  """

  def __init__(self, number: int, step: int | None = None):
    super().__init__(f'{signal.Signals(number).name} after step {step}')
    self.signal = signal.Signals(number)
    self.step = step


@contextlib.contextmanager
def raised() -> Iterator[None]:
  """Has SIGTERM and Ctrl-C raise `Stopped` in the block, wherever it is."""
  with _handled(_raise):
    yield


def _raise(number: int, frame: Any):
  del frame
  raise Stopped(number)


@contextlib.contextmanager
def _handled(handler: Callable[[int, Any], None]) -> Iterator[None]:
  """Has a function called by signals, if this is Python's main thread."""
  if threading.current_thread() is not threading.main_thread():
    yield
    return
  before = {number: signal.signal(number, handler) for number in SIGNALS}
  try:
    yield
  finally:
    for number, former in before.items():
      signal.signal(number, former)


class Notice:
  """What has told this process to stop.

  Args:
    then: called when the first signal was noted.

  Attributes:
    signal: the number of the first signal; None before any.
  """

  def __init__(self, then: Callable[[], None] = lambda: None):
    self._then = then
    self.signal: int | None = None

  @contextlib.contextmanager
  def taken(self) -> Iterator[None]:
    """Notes signals in the block instead of ending the process by them.

    A second one ends it at once, as it would without this. Outside of the main
    thread, where Python handles no signals, nothing is noted.
    """
    with _handled(self._note):
      yield

  def _note(self, number: int, frame: Any):
    del frame
    if self.signal is not None:
      signal.signal(number, signal.SIG_DFL)
      os.kill(os.getpid(), number)
    self.signal = number
    self._then()
