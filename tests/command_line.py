"""Runs commands as a user does, for tests."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

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


def run(module: str, *arguments: str, cwd: str):
  """Runs a command as `bazel run` does: from elsewhere."""
  environment = {
    **os.environ,
    'BUILD_WORKING_DIRECTORY': cwd,
    'PYTHONPATH': os.pathsep.join([str(ROOT), *sys.path]),
  }
  return subprocess.run(
    [sys.executable, '-m', f'nat_tf.{module}', *arguments],
    cwd=ROOT,
    env=environment,
    capture_output=True,
    text=True,
    check=False,
  )


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
