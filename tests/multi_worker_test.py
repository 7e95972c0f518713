"""Tests of several workers, one of which is killed: as a user starts them."""

from __future__ import annotations

import pathlib
import signal
import tempfile
import time

from absl.testing import absltest

from tests import command_line
from tests import killing
from tests import local_cluster

# Seconds; for what takes less than a minute on an idle machine.
_PATIENCE = 300.0
_CELL = (
  '|nor_conv_3x3~0|+|nor_conv_3x3~0|none~1|+'
  '|skip_connect~0|avg_pool_3x3~1|nor_conv_1x1~2|'
)
_SEARCH = (
  '--space=nasbench201',
  f'--architecture={_CELL}',
  '--cells=1',
  '--channels=4',
  '--epochs=2',
  '--weights_steps=60',
  '--policy_steps=2',
  '--policy_batch=3',
  '--batch_size=16',
  '--candidates=2',
)


class TwoWorkersTest(absltest.TestCase):
  """Worker 1 is killed in the middle and called again.

  worker 0   ----------------lost--starts anew-----------------> end
  worker 1   -------------KILL          -----------------------> end
  mirrored   --------------------------------------------------> end
  """

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    folder = tempfile.TemporaryDirectory()
    cls.addClassCleanup(folder.cleanup)
    cls.home = pathlib.Path(folder.name)
    cls.cluster = local_cluster.addresses(2)
    cls.processes = []
    cls.addClassCleanup(cls._stop_all)
    first = [cls.worker(number) for number in range(2)]
    cls._wait(lambda: cls._checkpoints() or cls._ended(first))
    cls.at_kill = cls._checkpoints()
    first[1].send_signal(signal.SIGKILL)
    cls.killed = first[1].wait()
    again = cls.worker(1)
    # The lowest number of what is kept from now on.
    cls.newest = killing.number_of(cls.home / 'workers' / 'checkpoints')
    cls.later = cls._wait_for_newer(again)
    cls.outputs = [
      one.communicate(timeout=_PATIENCE)[0] for one in (first[0], again)
    ]
    cls.statuses = [first[0].returncode, again.returncode]
    cls.mirrored = command_line.run(
      'search',
      *_SEARCH,
      '--strategy=mirrored',
      '--virtual_devices=2',
      f'--workdir={cls.home / "mirrored"}',
      cwd=str(cls.home),
    )

  @classmethod
  def worker(cls, number):
    """Starts one of the two."""
    with local_cluster.worker(cls.cluster, number):
      process = command_line.start(
        'search',
        *_SEARCH,
        '--strategy=multi_worker',
        '--checkpoint_minutes=0.001',
        f'--workdir={cls.home / "workers"}',
        cwd=str(cls.home),
      )
    cls.processes.append(process)
    return process

  @classmethod
  def _checkpoints(cls):
    return sorted((cls.home / 'workers' / 'checkpoints').glob('*.index'))

  @classmethod
  def _wait_for_newer(cls, process):
    """Returns the first number that is kept after the kill."""
    folder = cls.home / 'workers' / 'checkpoints'
    known = set(cls._checkpoints())
    cls._wait(lambda: set(cls._checkpoints()) - known or cls._ended([process]))
    return killing.number_of(folder)

  @classmethod
  def _ended(cls, processes):
    return any(one.poll() is not None for one in processes)

  @classmethod
  def _wait(cls, condition):
    end = time.monotonic() + _PATIENCE
    while not condition():
      if time.monotonic() > end:
        raise TimeoutError('no checkpoint was written')
      time.sleep(0.01)

  @classmethod
  def _stop_all(cls):
    for process in cls.processes:
      if process.poll() is None:
        process.kill()
      process.stdout.close()

  def test_one_was_killed_and_both_ended(self):
    self.assertEqual(self.killed, -signal.SIGKILL)
    self.assertNotEmpty(self.at_kill)
    self.assertEqual(self.statuses, [0, 0], self.outputs)
    self.assertEqual(self.mirrored.returncode, 0, self.mirrored.stderr)

  def test_no_checkpoint_was_lost(self):
    self.assertIn('another worker was lost', self.outputs[0])
    self.assertNotIn('passed over', ''.join(self.outputs))
    # It goes on from what was kept: what is kept next is newer, and the old
    # ones go only one by one.
    self.assertGreater(self.newest, 0)
    self.assertGreater(self.later, self.newest)
    self.assertNotIn('from the beginning', ''.join(self.outputs))

  def test_result_is_that_of_two_devices_of_one_process(self):
    both = [self.home / name for name in ('workers', 'mirrored')]
    # 124 steps: 2 * (60 + 2), so the last checkpoint has that number.
    for one in both:
      self.assertTrue((one / 'checkpoints' / 'ckpt-124.index').exists())
    rows = [killing.rows(one / 'learning.csv') for one in both]
    self.assertLen(rows[0], 2)
    for found, expected in zip(*rows):
      self.assertEqual(set(found), set(expected))
      for name, value in expected.items():
        self.assertAlmostEqual(
          float(found[name]), float(value), delta=1e-4, msg=name
        )
    found, expected = (killing.tensors(one) for one in both)
    self.assertEqual(set(found), set(expected))
    for name, value in expected.items():
      if value.dtype.kind == 'f':
        self.assertLess(abs(found[name] - value).max(initial=0), 1e-4, name)
      else:
        self.assertEqual(found[name].tolist(), value.tolist(), name)
    texts = [(one / 'transformed.json').read_bytes() for one in both]
    self.assertEqual(*texts)

  def test_one_worker_alone_speaks_and_writes(self):
    self.assertIn('multiply-adds', self.outputs[0])
    self.assertNotIn('multiply-adds', self.outputs[1])
    self.assertNotIn('search on', self.outputs[1])
    self.assertNotIn('Traceback', ''.join(self.outputs))


if __name__ == '__main__':
  absltest.main()
