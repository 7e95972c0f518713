"""What ends a search or a training, and that it goes on from there."""

from __future__ import annotations

import glob
import os
import pathlib
import resource
import shlex
import signal
import subprocess
import sys
import tempfile
import time

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from nat_tf import checkpoint_directory
from tests import command_line
from tests import killing

# 48 steps: long enough to be told to stop within.
_SEARCH = (
  *command_line.SMALL,
  '--epochs=12',
  '--weights_steps=3',
)
_TRAIN = (
  '--architecture=resblock',
  '--epochs=30',
  '--warmup_epochs=0',
  '--batch_size=64',
  '--cells=2',
  '--channels=4',
)
_LONGEST = 300  # seconds


def _when(condition):
  """Waits until something is so."""
  until = time.monotonic() + _LONGEST
  while not condition():
    if time.monotonic() > until:
      raise TimeoutError
    time.sleep(0.01)


def _last_line(process):
  return process.stderr.splitlines()[-1]


class FaultsTestCase(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(
      tempfile.mkdtemp(dir=absltest.get_default_test_tmpdir())
    ).resolve()

  def stopped(self, number, table, command, *arguments):
    """Tells a command to stop when its first epoch is over.

    Args:
      number: the signal.
      table: path, with stars, of the file that is there then.
      command: of nat_tf.
      *arguments: the flags.
    """
    process = command_line.start(
      command, *arguments, cwd=str(self.folder), stderr=subprocess.PIPE
    )
    _when(lambda: glob.glob(f'{self.folder}/{table}') or process.poll())
    process.send_signal(number)
    out, err = process.communicate()
    return subprocess.CompletedProcess(
      process.args, process.returncode, out, err
    )

  def again(self, line):
    """Runs the command line that a stopped command gave."""
    words = shlex.split(line.partition('; go on with: ')[2])
    self.assertEqual(words[1], '-m')
    return command_line.run(
      words[2].removeprefix('nat_tf.'), *words[3:], cwd=str(self.folder)
    )

  def rows(self, path):
    return killing.rows(self.folder / path)


class SearchTest(FaultsTestCase):
  def test_stopped_killed_and_out_of_room(self):
    # One after the other, on one workdir; in the end all is as if nothing had
    # been.
    whole = command_line.run(
      'search', *_SEARCH, '--workdir=whole', cwd=str(self.folder)
    )
    self.assertEqual(whole.returncode, 0, whole.stderr)

    stopped = self.stopped(
      signal.SIGTERM, 'nat_tf_runs/*/learning.csv', 'search', *_SEARCH
    )
    (workdir,) = glob.glob(f'{self.folder}/nat_tf_runs/*')
    line = _last_line(stopped)
    self.assertEqual(stopped.returncode, 128 + signal.SIGTERM, stopped.stderr)
    self.assertRegex(
      line,
      r'^stopped by SIGTERM after step \d+, which is kept; go on with: .* -m '
      rf'nat_tf.search .*--workdir={workdir}$',
    )
    self._run_out_of_room(workdir)
    self._kill(workdir)

    done = self.again(line)
    self.assertEqual(done.returncode, 0, done.stderr)
    self.assertRegex(done.stdout, r'(?m)^goes on (at|after) epoch \d+ of 12$')
    self._assert_equal(self.folder / 'whole', pathlib.Path(workdir))

  def _run_out_of_room(self, workdir):
    """The next checkpoint is larger than any file may be."""
    before = checkpoint_directory.readable(f'{workdir}/checkpoints')
    size = os.path.getsize(f'{before}.data-00000-of-00001') // 2

    def limit():
      resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    full = command_line.run(
      'search',
      *_SEARCH,
      f'--workdir={workdir}',
      '--checkpoint_minutes=0',
      cwd=str(self.folder),
      preexec_fn=limit,
    )
    self.assertEqual(full.returncode, 1, full.stderr)
    self.assertRegex(
      _last_line(full),
      rf'^error: cannot write a checkpoint to {workdir}/checkpoints: File too '
      rf'large; .*{os.path.basename(before)} is intact',
    )
    self.assertEqual(
      checkpoint_directory.readable(f'{workdir}/checkpoints'), before
    )

  def _kill(self, workdir):
    """Kills it while it writes, and harms what was written last."""
    before = checkpoint_directory.readable(f'{workdir}/checkpoints')
    process = command_line.start(
      'search',
      *_SEARCH,
      f'--workdir={workdir}',
      '--checkpoint_minutes=0',
      cwd=str(self.folder),
    )
    folder = pathlib.Path(workdir, 'checkpoints')
    # More than one must be whole, for the last one is harmed below.
    number = checkpoint_directory.number(before)
    _when(
      lambda: (
        killing.number_of(folder) > number + 2 and killing.half_written(folder)
      )
    )
    process.kill()
    process.communicate()
    last = checkpoint_directory.readable(str(folder))
    os.truncate(f'{last}.data-00000-of-00001', 1000)

  def _assert_equal(self, one, other):
    self.assertEqual(
      killing.rows(one / 'learning.csv'),
      killing.rows(other / 'learning.csv'),
    )
    expected, found = killing.tensors(one), killing.tensors(other)
    self.assertEqual(set(expected), set(found))
    for name, value in expected.items():
      np.testing.assert_array_equal(value, found[name], name)
    self.assertEqual(
      (one / 'transformed.json').read_bytes(),
      (other / 'transformed.json').read_bytes(),
    )


# Told to stop while digits are prepared: argv is the command and its flags.
_PREPARING = """
import importlib, os, signal, sys
command = importlib.import_module('nat_tf.command')
module = importlib.import_module(f'nat_tf.{sys.argv[1]}')
from nat_tf import data_preparation
data_preparation._generated = lambda _: os.kill(os.getpid(), signal.SIGTERM)
sys.argv = sys.argv[1:]
command.run(module.main)
"""


class PreparingTest(FaultsTestCase):
  def test_is_said_in_a_line_before_the_first_step(self):
    (self.folder / 'data').mkdir()
    started = []
    for command, own in (
      ('search', ()),
      ('compare', ('--architectures=darts,enas',)),
    ):
      flags = (*own, '--data_dir=data', f'--workdir={command}')
      process = subprocess.Popen(
        [sys.executable, '-c', _PREPARING, command, *flags],
        cwd=self.folder,
        env={**os.environ, 'PYTHONPATH': str(command_line.ROOT)},
        stderr=subprocess.PIPE,
        text=True,
      )
      started.append((command, shlex.join(flags), process))
    for command, flags, process in started:
      said = process.communicate()[1].splitlines()
      self.assertEqual(process.returncode, 128 + signal.SIGTERM, said)
      self.assertEqual(
        said[-1],
        f'stopped by SIGTERM; go on with: {sys.executable} -m '
        f'nat_tf.{command} {flags}',
      )
    self.assertEqual(os.listdir(self.folder), ['data'])


class TrainTest(FaultsTestCase):
  def test_train_goes_on_where_it_was_interrupted(self):
    arguments = (*_TRAIN, '--workdir=w')
    stopped = self.stopped(signal.SIGINT, 'w/training.csv', 'train', *arguments)
    self.assertEqual(stopped.returncode, 128 + signal.SIGINT, stopped.stderr)
    line = _last_line(stopped)
    self.assertRegex(line, r'^stopped by SIGINT after step \d+, which is kept')
    done = self.again(line)
    self.assertEqual(done.returncode, 0, done.stderr)
    self.assertRegex(done.stdout, r'(?m)^\w+ goes on at epoch \d+ of 30$')
    whole = command_line.run(
      'train', *_TRAIN, '--workdir=whole', cwd=str(self.folder)
    )
    self.assertEqual(whole.returncode, 0, whole.stderr)
    self.assertEqual(
      self.rows('w/training.csv'), self.rows('whole/training.csv')
    )

  def test_compare_goes_on_where_it_stopped(self):
    stopped = self.stopped(
      signal.SIGTERM,
      'c/resblock/*/training.csv',
      'compare',
      '--architectures=resblock,vggblock',
      '--seeds=1',
      '--latency=false',
      '--workdir=c',
      *_TRAIN[1:],
    )
    self.assertEqual(stopped.returncode, 128 + signal.SIGTERM, stopped.stderr)
    line = _last_line(stopped)
    self.assertRegex(
      line, r'after step \d+, .* -m nat_tf.compare .*--workdir=c'
    )
    step = int(line.split('step ')[1].split(',')[0])
    folder = self.folder / 'c' / 'resblock' / 'seed-0' / 'checkpoints'
    self.assertEqual(killing.number_of(folder), step)
    self.assertGreater(step, 0)
    done = self.again(line)
    self.assertEqual(done.returncode, 0, done.stderr)
    self.assertRegex(
      done.stdout,
      r'(?m)^resblock, seed 0 \(1 of 2\) goes on at epoch \d+ of 30$',
    )
    self.assertLen(self.rows('c/resblock/seed-0/training.csv'), 30)
    self.assertLen(self.rows('c/vggblock/seed-0/training.csv'), 30)


if __name__ == '__main__':
  absltest.main()
