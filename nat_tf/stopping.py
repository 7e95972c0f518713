"""Being told to stop: SIGTERM and Ctrl-C are noted until a step is done."""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import os
import signal
import threading
from typing import Any

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stopped(Exception):
  """A run was told to stop, and did so with a checkpoint.

  Attributes:
    signal: which one told it.
    step: the last one that was taken.
  """

  def __init__(self, number: int, step: int):
    super().__init__(f'{signal.Signals(number).name} after step {step}')
    self.signal = signal.Signals(number)
    self.step = step


class Notice:
  """What has told this process to stop.

  Attributes:
    signal: the number of the first signal; None before any.
  """

  def __init__(self):
    self.signal: int | None = None

  @contextlib.contextmanager
  def taken(self) -> Iterator[None]:
    """Notes signals in the block instead of ending the process by them.

    A second one ends it at once, as it would without this. Outside of the main
    thread, where Python handles no signals, nothing is noted.
    """
    if threading.current_thread() is not threading.main_thread():
      yield
      return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number in SIGNALS:
      signal.signal(number, self._note)
    try:
      yield
    finally:
      for number, handler in before.items():
        signal.signal(number, handler)

  def _note(self, number: int, frame: Any):
    del frame
    if self.signal is not None:
      signal.signal(number, signal.SIG_DFL)
      os.kill(os.getpid(), number)
    self.signal = number
