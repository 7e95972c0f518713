"""Measuring functions side by side, and writing down what came out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any, NamedTuple

from nat_tf import atomic_file


def seconds(function: Callable[[], object]) -> float:
  """Returns how long one call takes, in seconds of wall-clock time."""
  start = time.perf_counter()
  function()
  return time.perf_counter() - start


class Times(NamedTuple):
  """How long calls took.

  Attributes:
    wall: median seconds by the clock on the wall.
    processor: median seconds of all cores together.
  """

  wall: float
  processor: float


def side_by_side(
  functions: dict[str, Callable[[], object]], repeats: int
) -> dict[str, float]:
  """Returns the median seconds of a call of each function; see `both`."""
  return {name: one.wall for name, one in both(functions, repeats).items()}


def both(
  functions: dict[str, Callable[[], object]], repeats: int
) -> dict[str, Times]:
  """Returns the median seconds of a call of each function.

  They take turns, so that a machine that grows slower or faster in the course
  of the measurement favours none.

  Args:
    functions: what to call; each is called once before, unmeasured.
    repeats: measured calls of each.
  """
  times: dict[str, list[Times]] = {name: [] for name in functions}
  for function in functions.values():
    function()
  for _ in range(repeats):
    for name, function in functions.items():
      start = time.process_time()
      wall = seconds(function)
      times[name].append(Times(wall, time.process_time() - start))
  return {
    name: Times(*map(statistics.median, zip(*values)))
    for name, values in times.items()
  }


def peak_memory_of(module: str, arguments: Sequence[str]) -> int:
  """Runs a command in a process of its own; returns its peak memory in bytes.

  Args:
    module: of the command.
    arguments: its flags; a temporary `--workdir` is added.

  Raises:
    RuntimeError: the command failed.
  """
  paths = os.pathsep.join(os.path.abspath(path) for path in sys.path)
  with tempfile.TemporaryDirectory() as directory:
    done = subprocess.run(
      [sys.executable, '-m', module, f'--workdir={directory}/run', *arguments],
      env={**os.environ, 'PYTHONPATH': paths},
      capture_output=True,
      text=True,
    )
  if done.returncode:
    raise RuntimeError(f'{module} failed: {done.stderr[-500:]}')
  return _bytes(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)


def write(path: str, values: dict[str, Any]):
  """Writes measured values as JSON, whole or not at all.

  Args:
    path: of the file.
    values: by name.
  """
  with atomic_file.replacing(path) as temporary:
    with open(temporary, 'w', encoding='utf-8') as file:
      json.dump(values, file, indent=2)
      file.write('\n')


def _bytes(maximum: int) -> int:
  """Converts what the system reports: kilobytes, on macOS bytes."""
  return maximum if sys.platform == 'darwin' else 1024 * maximum
