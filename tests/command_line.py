"""Runs commands as a user does, for tests."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
from typing import Any

from tests import forked_commands

# Not resolved: under Bazel it is where this test's own copies are.
ROOT = pathlib.Path(__file__).absolute().parent.parent
# Learns in seconds: two cells of four channels, one epoch.
SMALL = (
  '--epochs=1',
  '--weights_steps=2',
  '--policy_steps=1',
  '--policy_batch=2',
  '--cells=2',
  '--channels=2',
  '--batch_size=8',
  '--candidates=2',
)


# Commands that have been started by themselves.
_started: set[str] = set()


def run(module: str, *arguments: str, cwd: str, **options: Any):
  """Runs a command as `bazel run` does: from elsewhere.

  The first run of a command starts Python; later ones may be forks of a process
  that has imported TensorFlow, see `forked_commands`.

  Args:
    module: of nat_tf.
    *arguments: the flags.
    cwd: where the user is.
    **options: of `subprocess.Popen`; with some, every run starts Python.
  """
  if forked_commands.POSSIBLE and module in _started and not options:
    return forked_commands.run(
      f'nat_tf.{module}', arguments, _environment(cwd), str(ROOT)
    )
  _started.add(module)
  process = start(
    module, *arguments, cwd=cwd, stderr=subprocess.PIPE, **options
  )
  out, err = process.communicate()
  return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def start(module: str, *arguments: str, cwd: str, **options: Any):
  """Starts a command; see `run`. Both outputs come together if nothing else."""
  usual: dict[str, Any] = {'stderr': subprocess.STDOUT}
  return subprocess.Popen(
    [sys.executable, '-m', f'nat_tf.{module}', *arguments],
    cwd=ROOT,
    env=_environment(cwd),
    stdout=subprocess.PIPE,
    text=True,
    **{**usual, **options},
  )


def _environment(cwd: str) -> dict[str, str]:
  return {
    **os.environ,
    'BUILD_WORKING_DIRECTORY': cwd,
    'PYTHONPATH': os.pathsep.join([str(ROOT), *sys.path]),
  }


def saved_model_cli(path: str) -> str:
  """Returns what TensorFlow's own tool shows of a SavedModel."""
  module = 'tensorflow.python.tools.saved_model_cli'
  return subprocess.run(
    [sys.executable, '-m', module, 'show', '--all', f'--dir={path}'],
    env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)},
    capture_output=True,
    text=True,
    check=True,
  ).stdout
