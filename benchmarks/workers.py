"""Kills one of two workers that compare architectures, and calls it again.

bazel run //benchmarks:workers -- --killed=1

Both must end, and with what two devices of one process find.
"""

from __future__ import annotations

import pathlib
import signal
import subprocess
import tempfile
import time

from nat_tf import command  # isort: skip

from absl import flags
import numpy as np

from tests import command_line
from tests import killing
from tests import local_cluster

_KILLED = flags.DEFINE_integer(
  'killed',
  1,
  'which worker, in the second training; 0 is the chief, -1 for none.',
  lower_bound=-1,
  upper_bound=1,
)

_ARCHITECTURES = ('resblock', 'vggblock')
_COMPARE = (
  f'--architectures={",".join(_ARCHITECTURES)}',
  '--seeds=1',
  '--latency=false',
  '--epochs=2',
  '--warmup_epochs=0',
  '--batch_size=64',
  '--cells=2',
  '--channels=4',
  # Low: at the usual one rounding errors grow tenfold a step in the first.
  '--learning_rate=0.001',
)


def _start(folder: str, cluster: list[str], index: int) -> subprocess.Popen:
  with local_cluster.worker(cluster, index):
    return command_line.start(
      'compare',
      *_COMPARE,
      '--strategy=multi_worker',
      '--checkpoint_minutes=0.001',
      '--workdir=workers',
      cwd=folder,
    )


def _run(folder: str) -> list[int]:
  """Returns with what the workers end."""
  cluster = local_cluster.addresses(2)
  workers = [_start(folder, cluster, index) for index in range(2)]
  if _KILLED.value >= 0:
    last = f'workers/{_ARCHITECTURES[1]}/seed-0/checkpoints'
    while not killing.number_of(pathlib.Path(folder, last)):
      if any(one.poll() is not None for one in workers):
        raise RuntimeError(workers[0].communicate()[0][-2000:])
      time.sleep(0.05)
    workers[_KILLED.value].send_signal(signal.SIGKILL)
    workers[_KILLED.value].communicate()
    workers[_KILLED.value] = _start(folder, cluster, _KILLED.value)
  for one in workers:
    one.communicate()
  return [one.returncode for one in workers]


def _apart(folder: str, name: str) -> tuple[float, float]:
  """Returns how far apart losses and variables of a training are."""
  runs = [
    pathlib.Path(folder, run, name, 'seed-0') for run in ('workers', 'mirrored')
  ]
  rows = [killing.rows(one / 'training.csv') for one in runs]
  losses = [
    abs(float(found[key]) - float(expected[key]))
    for found, expected in zip(*rows)
    for key in ('loss', 'validation_loss')
  ]
  found, expected = map(killing.tensors, runs)
  variables = [
    np.abs(found[key] - value).max(initial=0)
    for key, value in expected.items()
    if value.dtype.kind == 'f'
  ]
  return max(losses), float(max(variables))


def main(argv: list[str]):
  """Runs the command."""
  del argv  # `command.run` refuses any.
  with tempfile.TemporaryDirectory() as folder:
    print(f'the workers ended with {_run(folder)}', flush=True)
    own = ('--strategy=mirrored', '--virtual_devices=2', '--workdir=mirrored')
    one = command_line.run('compare', *_COMPARE, *own, cwd=folder)
    print(f'two devices of one process with {one.returncode}')
    for name in _ARCHITECTURES:
      losses, variables = _apart(folder, name)
      print(
        f'{name}: losses at most {losses:.1e} apart, variables {variables:.1e}'
      )


if __name__ == '__main__':
  command.run(main)
