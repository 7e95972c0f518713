"""Runs commands in forks of one process, which has imported what is slow.

TensorFlow and what builds on it take four seconds to import, more than many a
command itself. A fork is a process of its own all the same: it has its own
flags, state, outputs and exit code, and imports nat_tf by itself.
"""

from __future__ import annotations

import atexit
import functools
import importlib
import json
import os
import pathlib
import runpy
import subprocess
import sys
import tempfile
from typing import Any

# Apple's libraries cannot be used after a fork.
POSSIBLE = sys.platform == 'linux'
# Without nat_tf's own modules: whether a command imports those it needs is part
# of what is tested.
_SLOW = (
  'matplotlib.figure',
  'spektral',
  'tensorflow',
  'tensorflow_datasets',
  'tensorflow_probability',
  'tf_agents.agents',
)


def run(
  module: str, arguments: tuple[str, ...], environment: dict[str, str], cwd: str
) -> subprocess.CompletedProcess[str]:
  """Runs a command to its end.

  Args:
    module: with its package.
    arguments: the flags.
    environment: variables.
    cwd: where the process is.
  """
  with tempfile.TemporaryDirectory() as folder:
    outputs = [os.path.join(folder, name) for name in ('out', 'err')]
    server = _server(environment['PYTHONPATH'], cwd)
    request = {
      'module': module,
      'arguments': arguments,
      'environment': environment,
      'outputs': outputs,
    }
    print(json.dumps(request), file=server.stdin, flush=True)
    code = int(server.stdout.readline())
    out, err = (pathlib.Path(path).read_text('utf-8') for path in outputs)
  return subprocess.CompletedProcess([module, *arguments], code, out, err)


@functools.cache
def _server(path: str, cwd: str) -> Any:
  """Returns the process that forks; it ends when this one does."""
  server: Any = subprocess.Popen(
    [sys.executable, '-m', __name__],
    cwd=cwd,
    env={**os.environ, 'PYTHONPATH': path},
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    text=True,
  )

  def end():
    server.stdin.close()
    server.wait()
    server.stdout.close()

  atexit.register(end)
  return server


def _next() -> dict[str, Any]:
  """Answers requests by exit codes; returns in a fork, with its request."""
  for line in sys.stdin:
    child = os.fork()
    if not child:
      return json.loads(line)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(code, flush=True)
  sys.exit()


def _redirect(*outputs: str):
  """Gives a fork its own standard files."""
  os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
  for number, path in enumerate(outputs, 1):
    os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)


def _main():
  # First, as every command does.
  importlib.import_module('nat_tf.command')
  for name in _SLOW:
    importlib.import_module(name)
  request = _next()
  # Python draws anew after a fork; NumPy would draw the same in all of them.
  importlib.import_module('numpy').random.seed()
  _redirect(*request['outputs'])
  os.environ.clear()
  os.environ.update(request['environment'])
  sys.argv[1:] = request['arguments']
  runpy.run_module(request['module'], run_name='__main__', alter_sys=True)


if __name__ == '__main__':
  _main()
