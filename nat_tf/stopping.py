"""Being told to stop: SIGTERM and Ctrl-C are noted until a step is done.

Python handles a signal when its main thread is back from what it computes, and
a step that compiles is away for minutes. So a thread hears of signals as well:
it says at once that the first was heard, and ends the process at the second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
import contextlib
import os
import signal
import threading
import time
from typing import Any

SIGNALS = (signal.SIGTERM, signal.SIGINT)
# Seconds in which a signal counts once: who tells a command and then its whole
# group, as `timeout` does, tells the command twice.
_ONCE = 0.3
# Standard error.
_ERROR = 2

# The thread of the outermost block that handles signals.
_listener: _Listener | None = None


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
  """Has SIGTERM and Ctrl-C raise `Stopped` in the block, wherever it is.

  A second one ends the process at once.
  """
  with _handled(_raise, 'stopping'):
    yield


def _raise(number: int, frame: Any):
  del frame
  raise Stopped(number)


@contextlib.contextmanager
def _handled(handler: Callable[[int, Any], None], does: str) -> Iterator[None]:
  """Has a function called by signals, if this is Python's main thread.

  Args:
    handler: takes a signal's number, and Python's frame.
    does: what the process does after the first signal, for the user.
  """
  if threading.current_thread() is not threading.main_thread():
    yield
    return
  with _heard(does):
    before = {number: signal.signal(number, handler) for number in SIGNALS}
    try:
      yield
    finally:
      for number, former in before.items():
        signal.signal(number, former)


@contextlib.contextmanager
def _heard(does: str) -> Iterator[None]:
  """Has a thread listen in the block."""
  global _listener
  if _listener is not None:
    before, _listener.does = _listener.does, does
    try:
      yield
    finally:
      _listener.does = before
    return
  _listener = _Listener(does)
  try:
    yield
  finally:
    _listener.close()
    _listener = None


class _Listener:
  """A thread that hears of signals while the main one computes.

  Args:
    does: see `_handled`; may be changed.
  """

  def __init__(self, does: str):
    self.does = does
    self._first: float | None = None
    self._output, self._input = os.pipe()
    # Python writes every signal's number there, wherever the main thread is.
    os.set_blocking(self._input, False)
    self._former = signal.set_wakeup_fd(self._input, warn_on_full_buffer=False)
    self._thread = threading.Thread(target=self._listen, daemon=True)
    self._thread.start()

  def close(self):
    """Ends the thread."""
    signal.set_wakeup_fd(self._former)
    os.close(self._input)
    self._thread.join()
    os.close(self._output)

  def _listen(self):
    while number := os.read(self._output, 1):
      if number[0] in SIGNALS:
        self._hear(signal.Signals(number[0]))

  def _hear(self, number: signal.Signals):
    now = time.monotonic()
    if self._first is None:
      self._first = now
      again = 'Ctrl-C again' if number == signal.SIGINT else 'a second signal'
      _say(f'{number.name}: {self.does}; {again} ends it at once')
    elif now > self._first + _ONCE:
      _say(
        f'{number.name}: ended at once; the same --workdir goes on from the '
        'last checkpoint'
      )
      # As if the process had died of it.
      os._exit(128 + number)


def _say(line: str):
  """Writes a line, and not by `print`: the main thread may hold its lock."""
  # Below the line that shows the progress.
  begin = '\n' if os.isatty(_ERROR) else ''
  with contextlib.suppress(OSError):
    os.write(_ERROR, f'{begin}{line}\n'.encode())


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

    A second one ends it at once. Outside of the main thread, where Python
    handles no signals, nothing is noted.
    """
    with _handled(self._note, 'stopping after this step, which is kept'):
      yield

  def _note(self, number: int, frame: Any):
    del frame
    if self.signal is None:
      self.signal = number
      self._then()
