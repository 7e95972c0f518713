"""Tests of nat_tf.checkpoints, with a run that counts its steps."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import resource
import signal
import threading
from unittest import mock
import weakref

from absl.testing import absltest
from absl.testing import parameterized
import tensorflow as tf

from nat_tf import checkpoint_directory
from nat_tf import checkpoints
from nat_tf import stopping
from nat_tf import strategies

# Bytes of the variable: enough for a limit below it to be met.
_SIZE = 400_000


class _Run:
  """Adds 1 to a large variable in every step."""

  def __init__(self, directory, minutes=0.0, size=_SIZE, **kwargs):
    self.value = tf.Variable(tf.zeros([size // 4]), name='value')
    self.kept = checkpoints.Checkpoints(
      directory,
      checkpoint_directory.readable(directory),
      minutes,
      value=self.value,
      **kwargs,
    )
    self.step = self.kept.step
    self.notes = self.kept.notes

  def run(self, until, keeps=lambda step: True, after=lambda step: None):
    with self.kept.running(lambda: {'step': self.step}):
      while self.step < until:
        self.step += 1
        self.value.assign_add(tf.ones_like(self.value))
        after(self.step)
        self.kept.after_step(self.step, keeps(self.step))
      self.kept.finish(self.step)


@contextlib.contextmanager
def _files_of(size):
  """Lets no file grow beyond a size, as a disk that is full would not."""
  soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
  try:
    yield
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class CheckpointsTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = os.path.join(self.create_tempdir().full_path, 'w', 'c')

  def numbers(self):
    paths = checkpoint_directory._present(self.folder)
    return sorted(map(checkpoint_directory.number, paths))

  def kept_value(self, number):
    reader = tf.train.load_checkpoint(f'{self.folder}/ckpt-{number}')
    values = reader.get_tensor('value/.ATTRIBUTES/VARIABLE_VALUE')
    self.assertEqual(values.min(), values.max())
    return values[0]

  def test_begins_with_nothing(self):
    run = _Run(self.folder)
    self.assertEqual((run.step, run.notes, run.kept.last), (0, {}, None))

  def test_the_last_three_remain_each_as_it_was_in_its_step(self):
    # A thread writes them while the run adds on.
    _Run(self.folder).run(9)
    self.assertEqual(self.numbers(), [7, 8, 9])
    self.assertEqual([self.kept_value(n) for n in (7, 8, 9)], [7, 8, 9])

  def test_nothing_of_a_run_remains_in_memory(self):
    before = threading.active_count()
    run = _Run(self.folder)
    run.run(3)
    self.assertEqual(threading.active_count(), before)
    value = weakref.ref(run.value)
    del run
    gc.collect()
    self.assertIsNone(value())

  def test_goes_on_with_what_was_noted(self):
    _Run(self.folder).run(3)
    again = _Run(self.folder)
    self.assertEqual((again.step, again.notes), (3, {'step': 3}))
    self.assertEqual(float(again.value[0]), 3)
    again.run(5)
    self.assertEqual(self.numbers(), [3, 4, 5])

  def test_is_written_as_time_goes_by_and_in_the_end(self):
    clock = mock.Mock(return_value=100.0)

    def later(step):
      clock.return_value += 25  # seconds

    with mock.patch.object(checkpoints.time, 'monotonic', clock):
      _Run(self.folder, minutes=1.0).run(10, after=later)
    # After 75 seconds each, and the end.
    self.assertEqual(self.numbers(), [6, 9, 10])

  def test_not_where_a_run_could_not_go_on(self):
    _Run(self.folder).run(6, keeps=lambda step: step % 2 == 1)
    self.assertEqual(self.numbers(), [3, 5, 6])

  def test_the_file_checkpoint_follows_when_all_is_written(self):
    seen = []
    original = tf.train.CheckpointManager._record_state

    def record(manager):
      # On the thread that writes.
      self.assertIsNot(threading.current_thread(), threading.main_thread())
      path = manager.latest_checkpoint
      seen.append((os.path.basename(path), checkpoint_directory.damage(path)))
      original(manager)

    run = _Run(self.folder, minutes=0.0)
    with mock.patch.object(tf.train.CheckpointManager, '_record_state', record):
      with run.kept.running():
        for step in (1, 2):
          run.kept.after_step(step)
    self.assertEqual(
      list(dict.fromkeys(seen)), [('ckpt-1', None), ('ckpt-2', None)]
    )

  def test_mirrored_variables_are_not_written_while_they_change(self):
    # TensorFlow would write them as they are by then.
    with tf.distribute.MirroredStrategy(['CPU:0']).scope():
      _Run(self.folder).run(9)
    self.assertEqual([self.kept_value(n) for n in (7, 8, 9)], [7, 8, 9])
    # The same run goes on without the strategy.
    again = _Run(self.folder)
    again.run(10)
    self.assertEqual(float(again.value[0]), 10)

  def test_what_is_refused_is_not_kept(self):
    class Refused(Exception):
      pass

    def check():
      if float(run.value[0]) == 4:
        raise Refused

    run = _Run(self.folder, check=check)
    with self.assertRaises(Refused):
      run.run(9)
    self.assertEqual(_Run(self.folder).step, 3)

  @parameterized.parameters(signal.SIGTERM, signal.SIGINT)
  def test_a_signal_ends_it_after_the_step(self, number):
    def interrupt(step):
      if step in (4, 5):
        os.kill(os.getpid(), number if step == 4 else signal.SIGCONT)

    run = _Run(self.folder, minutes=10.0)
    with self.assertRaises(stopping.Stopped) as caught:
      # Step 4 cannot be gone on from.
      run.run(9, keeps=lambda step: step != 4, after=interrupt)
    self.assertEqual(caught.exception.signal, number)
    self.assertEqual(caught.exception.step, 5)
    self.assertEqual(self.numbers(), [5])
    again = _Run(self.folder, minutes=10.0)
    again.run(9)
    self.assertEqual(float(again.value[0]), 9)

  def test_a_signal_while_the_last_one_is_written(self):
    def interrupt():
      os.kill(os.getpid(), signal.SIGTERM)

    run = _Run(self.folder, minutes=10.0, check=interrupt)
    with self.assertRaises(stopping.Stopped) as caught:
      run.run(4)
    self.assertEqual(caught.exception.signal, signal.SIGTERM)
    self.assertEqual(caught.exception.step, 4)
    self.assertEqual(self.numbers(), [4])
    # There is nothing left of it then.
    again = _Run(self.folder, minutes=10.0, check=interrupt)
    again.run(4)

  @parameterized.parameters(0.0, 10.0)
  def test_a_full_disk_is_said_in_a_line_and_harms_nothing(self, minutes):
    # In the background and in the foreground.
    _Run(self.folder).run(3)
    run = _Run(self.folder, minutes)
    with self.assertRaises(checkpoint_directory.CheckpointError) as caught:
      with _files_of(_SIZE // 2):
        run.run(6)
    self.assertEqual(
      str(caught.exception),
      f'cannot write a checkpoint to {self.folder}: File too large; make room '
      'or rights, ckpt-3 is intact: the same command goes on from it',
    )
    self.assertNotIn('temp', ' '.join(os.listdir(self.folder)))
    again = _Run(self.folder)
    self.assertEqual(again.step, 3)
    again.run(6)
    self.assertEqual(float(again.value[0]), 6)

  def test_a_disk_that_was_full_for_the_first(self):
    with self.assertRaisesRegex(
      checkpoint_directory.CheckpointError, 'make room or rights, and begin'
    ):
      with _files_of(_SIZE // 2):
        _Run(self.folder).run(6)
    self.assertEqual(_Run(self.folder).step, 0)

  @parameterized.parameters(*strategies.LOST)
  def test_a_lost_worker_is_no_full_disk(self, kind):
    run = _Run(self.folder)
    run.kept._several = True
    lost = kind(None, None, 'Socket closed')
    with mock.patch.object(run.kept._manager, 'save', side_effect=lost):
      with self.assertRaises(kind):
        run.kept.finish(1)
      # Of one process nobody is lost.
      run.kept._several = False
      with self.assertRaises(checkpoint_directory.CheckpointError):
        run.kept.finish(1)

  def test_only_the_chief_writes_to_the_directory(self):
    with mock.patch.object(strategies, 'is_chief', return_value=False):
      run = _Run(self.folder)
    run.run(2)
    self.assertFalse(os.path.exists(self.folder))
    self.assertEqual(os.path.basename(run.kept.last), 'ckpt-2')

  def test_a_directory_that_cannot_be_made(self):
    os.makedirs(os.path.dirname(self.folder))
    with open(self.folder, 'w', encoding='utf-8'):
      pass
    with self.assertRaisesRegex(
      checkpoint_directory.CheckpointError,
      f'cannot write checkpoints to {self.folder}: File exists',
    ):
      _Run(self.folder)

  def test_another_version_is_no_damage(self):
    _Run(self.folder).run(3)
    with self.assertRaisesRegex(
      checkpoint_directory.CheckpointError, 'ckpt-3: .*of another version'
    ):
      _Run(self.folder, size=_SIZE // 2)
    with self.assertRaisesRegex(
      checkpoint_directory.CheckpointError, 'ckpt-3: .*of another version'
    ):
      _Run(self.folder, other=tf.Variable(1.0))
    self.assertEqual(_Run(self.folder).step, 3)

  def test_what_was_passed_over_is_out_of_the_way(self):
    _Run(self.folder).run(3)
    with open(f'{self.folder}/ckpt-3.index', 'wb') as file:
      file.write(b'cut')
    os.mkdir(f'{self.folder}/ckpt-4_temp')
    error = io.StringIO()
    with contextlib.redirect_stderr(error):
      run = _Run(self.folder)
    self.assertLen(error.getvalue().splitlines(), 1)
    self.assertEqual((run.step, self.numbers()), (2, [1, 2]))
    self.assertEqual(
      [x for x in os.listdir(self.folder) if 'temp' in x or '-3' in x], []
    )
    run.run(4)
    self.assertEqual(self.numbers(), [2, 3, 4])


if __name__ == '__main__':
  absltest.main()
