"""Processes of this machine that compute together, as TF_CONFIG lists them."""

from __future__ import annotations

from collections.abc import Sequence
import contextlib
import json
import os
import socket
from unittest import mock


def ports(count: int) -> list[int]:
  """Returns ports that were free a moment ago, no two alike."""
  with contextlib.ExitStack() as stack:
    sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
    for one in sockets:
      one.bind(('localhost', 0))
    return [one.getsockname()[1] for one in sockets]


def addresses(count: int) -> list[str]:
  """Returns addresses that were free a moment ago, no two alike."""
  return [f'localhost:{port}' for port in ports(count)]


def config(workers: Sequence[str], index: int) -> str:
  """Returns the TF_CONFIG of one of the workers at these addresses."""
  task = {'type': 'worker', 'index': index}
  return json.dumps({'cluster': {'worker': list(workers)}, 'task': task})


def worker(
  workers: Sequence[str], index: int
) -> contextlib.AbstractContextManager:
  """Has what is started in the block be one of the workers."""
  return mock.patch.dict(os.environ, TF_CONFIG=config(workers, index))
