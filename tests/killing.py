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
# Share of the kills that may come before the first step.
_EARLY = 0.25
# From a checkpoint to the kill that it is waited for with, at most, seconds.
_AFTER = 0.5


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
    self._steps = 0
    self._start_up = 0.0

  def whole(self):
    """Runs the search that the others are held against."""
    folder, begun = self._folder / 'whole' / 'checkpoints', time.monotonic()
    process = self._start('whole')
    while process.poll() is None and not number_of(folder):
      time.sleep(_LOOK)
    self._start_up = time.monotonic() - begun
    self._check(process)
    self._steps = number_of(folder)

  def killed(self, name: str, kills: int) -> Outcome:
    """Runs one that is killed so often, if it does not end before."""
    folder = self._folder / name / 'checkpoints'
    done: list[Kill] = []
    for number in range(1, kills + 1):
      before, process = number_of(folder), self._start(name)
      # The last one aims at what is being written, the others at anything.
      self._wait(process, folder, before, aimed=number == kills)
      process.send_signal(signal.SIGKILL)
      process.communicate()
      if process.returncode != -signal.SIGKILL:
        break  # Its steps were over before; what comes after them is short.
      done.append(_kill(folder, before))
    self._check(self._start(name))
    return Outcome(done, list(self._differences(name)))

  def _wait(self, process: Any, folder: pathlib.Path, before: int, aimed: bool):
    """Returns at the moment to kill, or where the search has ended."""
    if not aimed and self._random.random() < _EARLY:
      time.sleep(self._random.uniform(0, self._start_up))
      return
    # Before the last steps, so that there are some left.
    last = max(before + 1, self._steps * 9 // 10)
    wanted = self._random.randint(before + 1, last)
    while process.poll() is None and number_of(folder) < wanted:
      time.sleep(_LOOK)
    if not aimed:
      time.sleep(self._random.uniform(0, _AFTER))
    while aimed and process.poll() is None and not half_written(folder):
      time.sleep(_LOOK)

  def _check(self, process: Any):
    """Waits until a search ends, which it must do without an error."""
    output, _ = process.communicate()
    if process.returncode:
      raise RuntimeError(
        f'a search ended with {process.returncode}: {output[-2000:]}'
      )

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


def _kill(folder: pathlib.Path, before: int) -> Kill:
  """Returns what a kill has met, by what was left."""
  after = number_of(folder)
  moment = 'steps' if after > before else 'start-up'
  return Kill('writing' if half_written(folder) else moment, after)


def half_written(folder: pathlib.Path) -> bool:
  """Whether a checkpoint is being written."""
  try:
    names = os.listdir(folder)
  except FileNotFoundError:
    return False
  whole = {name.partition('.')[0] for name in names if '.index' in name}
  parts = {name.partition('.')[0] for name in names if '.data' in name}
  return parts != whole or any(name.endswith('_temp') for name in names)


def number_of(folder: pathlib.Path) -> int:
  """Returns the number of the last checkpoint whose index is there."""
  found = [
    checkpoint_directory.number(str(path.with_suffix('')))
    for path in folder.glob('ckpt-*.index')
  ]
  return max(found, default=0)
