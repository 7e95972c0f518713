"""What is left of a cluster starts anew when one of its processes is lost."""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import os
import sys
import threading
from typing import Any

import tensorflow as tf

from nat_tf import strategies
from nat_tf import temporary

# How often this process was started anew and got no further.
_COUNT = 'NAT_TF_RESTARTS'
_MOST = 20
# What Python does where a thread fails.
_USUAL = threading.excepthook


@contextlib.contextmanager
def when_lost(strategy: tf.distribute.Strategy) -> Iterator[None]:
  """Starts this process anew if another one is lost in the block.

  It then waits for the other one to be started again, and goes on from the last
  checkpoint like any run. None leaves the block before the chief is through it:
  a chief that was lost in its last work would wait in vain for the others.

  Args:
    strategy: of the run; where it has one process, nothing is done.

  Raises:
    StrategyError: other processes were lost again and again.
  """
  if not strategies.has_workers(strategy):
    yield
    return
  threading.excepthook = _without_lost
  try:
    yield
    _end_together(strategy)
  except strategies.LOST as error:
    count = int(os.environ.get(_COUNT, '0')) + 1
    if count > _MOST:
      raise strategies.StrategyError(
        f'workers were lost {count} times; the last error was: '
        f'{" ".join(str(error).split())[:200]}'
      ) from error
    print(
      'warning: another worker was lost; waiting for it to be started again, '
      'to go on from the last checkpoint',
      file=sys.stderr,
      flush=True,
    )
    os.environ[_COUNT] = str(count)
    temporary.remove_all()
    os.execv(sys.executable, [sys.executable, *_called(), *sys.argv[1:]])


def got_on():
  """Notes that steps were taken, and kept, since this process was started."""
  os.environ.pop(_COUNT, None)


def _end_together(strategy: tf.distribute.Strategy):
  """Waits for the chief, and then for who waits for it.

  Raises:
    tf.errors.OpError: the chief, or another one, was lost before.
  """
  try:
    strategies.meet(strategy)
  except tf.errors.OpError:
    # Who is lost now is missed by nobody: all is written.
    if strategies.is_chief(strategy):
      return
    raise
  with contextlib.suppress(tf.errors.OpError):
    strategies.meet(strategy)


def _called() -> list[str]:
  """Returns what Python was called with before the flags."""
  spec = getattr(sys.modules['__main__'], '__spec__', None)
  return ['-m', spec.name] if spec else [sys.argv[0]]


def _without_lost(found: Any):
  """Says what ended a thread, but for those that watched what was lost."""
  if not issubclass(found.exc_type, strategies.LOST):
    _USUAL(found)
