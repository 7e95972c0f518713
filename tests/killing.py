"""Searches that are killed and called again, held against one that is not.

A run is killed several times: at random moments, start-up included, and while a
checkpoint is being written. Then it may end.
"""

from __future__ import annotations

from collections.abc import Iterator
import csv
import os
import pathlib
import random
import signal
import subprocess
import time
from typing import Any, NamedTuple

from nat_tf import checkpoint_directory
from tests import command_line

# How often the directory is looked at, seconds.
_LOOK = 0.001
_LATEST = 600.0


class Kill(NamedTuple):
  """One SIGKILL.

  Attributes:
    moment: `start-up`, before the first checkpoint of this call; `steps`; or
      `writing`, where something half-written was left.
    kept: number of the last checkpoint that is whole, 0 for none.
  """

  moment: str
  kept: int


class Outcome(NamedTuple):
  """What became of a run.

  Attributes:
    kills: in their order.
    differences: what is not as in the run that was not killed; empty is right.
  """

  kills: list[Kill]
  differences: list[str]


class Killing:
  """Short searches on digits with the same settings.

  Args:
    folder: gets a directory for each.
    flags: of the search, without the workdir.
    seed: of the moments.
  """

  def __init__(self, folder: str, flags: list[str], seed: int = 0):
    self._folder = pathlib.Path(folder)
    self._flags = flags
    self._random = random.Random(seed)
    self.seconds = 0.0

  def whole(self):
    """Runs the search that the others are held against."""
    begun = time.monotonic()
    self._end('whole')
    self.seconds = time.monotonic() - begun

  def killed(self, name: str, kills: int) -> Outcome:
    """Runs one that is killed so often, or until it ends by itself."""
    done: list[Kill] = []
    for number in range(kills):
      # The last one aims at what is written, the others at anything.
      aimed = number == kills - 1
      kill = self._kill(name, aimed)
      if kill is None:
        break
      done.append(kill)
    self._end(name)
    return Outcome(done, list(self._differences(name)))

  def _kill(self, name: str, aimed: bool) -> Kill | None:
    """Starts the search and kills it; returns None where it ended before."""
    checkpoints = self._folder / name / 'checkpoints'
    before = _number(checkpoints)
    process = self._start(name)
    due = time.monotonic() + self._random.uniform(0, self.seconds)
    while process.poll() is None:
      now = time.monotonic()
      if aimed and now > due - self.seconds / 2 and _half_written(checkpoints):
        break
      if not aimed and now > due or now > due + _LATEST:
        break
      time.sleep(_LOOK)
    process.send_signal(signal.SIGKILL)
    output, _ = process.communicate()
    if process.returncode != -signal.SIGKILL:
      self._check(process.returncode, output)
      return None
    after = _number(checkpoints)
    moment = 'steps' if after > before else 'start-up'
    if _half_written(checkpoints):
      moment = 'writing'
    return Kill(moment, after)

  def _end(self, name: str):
    process = self._start(name)
    output, _ = process.communicate()
    self._check(process.returncode, output)

  def _check(self, status: int, output: str):
    if status:
      raise RuntimeError(f'a search ended with {status}: {output[-2000:]}')

  def _start(self, name: str) -> subprocess.Popen:
    return command_line.start(
      'search',
      *self._flags,
      f'--workdir={self._folder / name}',
      cwd=str(self._folder),
    )

  def _differences(self, name: str) -> Iterator[str]:
    """Returns in what a run is not as the whole one."""
    one, other = self._folder / 'whole', self._folder / name
    for file in ('transformed.json',):
      if (one / file).read_bytes() != (other / file).read_bytes():
        yield file
    if rows(one / 'learning.csv') != rows(other / 'learning.csv'):
      yield 'learning.csv'
    expected, found = tensors(one), tensors(other)
    if set(expected) != set(found):
      yield 'names of variables'
    for key in expected:
      if expected[key].tobytes() != found[key].tobytes():
        yield key


def tensors(workdir: pathlib.Path) -> dict[str, Any]:
  """Returns all variables of the last checkpoint, by name."""
  # Late, for whoever only starts searches needs no TensorFlow.
  import tensorflow as tf

  reader = tf.train.load_checkpoint(str(workdir / 'checkpoints'))
  return {
    name: reader.get_tensor(name)
    for name in reader.get_variable_to_shape_map()
    # How often was saved, and seconds.
    if not name.startswith(('save_counter', 'notes', 'checkpointed_runs'))
    and not name.startswith('_CHECKPOINTABLE')
  }


def rows(path: pathlib.Path) -> list[dict[str, str]]:
  """Returns the rows of a table without what depends on the clock."""
  with open(path, encoding='utf-8', newline='') as file:
    return [
      {key: value for key, value in row.items() if 'second' not in key}
      for row in csv.DictReader(file)
    ]


def _half_written(folder: pathlib.Path) -> bool:
  """Whether a checkpoint is being written."""
  try:
    names = os.listdir(folder)
  except FileNotFoundError:
    return False
  whole = {name.partition('.')[0] for name in names if '.index' in name}
  parts = {name.partition('.')[0] for name in names if '.data' in name}
  return parts != whole or any(name.endswith('_temp') for name in names)


def _number(folder: pathlib.Path) -> int:
  """Returns the number of the last checkpoint whose index is there."""
  found = [
    checkpoint_directory.number(str(path.with_suffix('')))
    for path in folder.glob('ckpt-*.index')
  ]
  return max(found, default=0)
