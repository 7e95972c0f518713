"""Several workers stop after the same step and go on from it."""

from __future__ import annotations

import http.server
import os
import signal
import subprocess
import sys
import threading
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import tensorflow as tf

from nat_tf import checkpoint_directory
from nat_tf import checkpoints
from tests import command_line
from tests import local_cluster

# Counts steps, one scalar all-reduced in each, outside of the strategy's scope;
# ends after the step argv[2]. Does so argv[4] times, in a directory each. The
# worker argv[5] is told to stop before it writes a checkpoint.
_WORKER = """
import os, signal, sys, time
import tensorflow as tf
from nat_tf import checkpoint_directory, checkpoints, stopping

steps, minutes, runs = int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
strategy = tf.distribute.MultiWorkerMirroredStrategy()

def check():
  if strategy.cluster_resolver.task_id == int(sys.argv[5]):
    os.kill(os.getpid(), signal.SIGTERM)

def run(directory):
  with strategy.scope():
    found = checkpoint_directory.readable(directory)
    value = tf.Variable(0.0)
    kept = checkpoints.Checkpoints(
      directory, found, minutes, check, value=value
    )

  @tf.function
  def add():
    def one():
      context = tf.distribute.get_replica_context()
      value.assign_add(context.all_reduce('SUM', tf.constant(1.0)))
    strategy.run(one)

  print('from', kept.step, value.numpy(), flush=True)
  with kept.running():
    for step in range(kept.step + 1, steps + 1):
      add()
      time.sleep(0.02)
      kept.after_step(step)
      if step % 10 == 0:
        print('step', step, flush=True)
    print('last', os.path.basename(kept.last or 'none'), flush=True)
    kept.finish(steps)
  print('ended', steps, value.numpy(), flush=True)

try:
  for number in range(runs):
    run(sys.argv[1] + str(number or ''))
    print(signal.getsignal(signal.SIGTERM).name, flush=True)
except stopping.Stopped as stopped:
  print('stopped', stopped.signal.name, stopped.step, flush=True)
except checkpoint_directory.CheckpointError as error:
  print(error, flush=True)
"""


class _Metadata(http.server.BaseHTTPRequestHandler):
  """Answers as on a machine of Google Cloud."""

  def do_GET(self):
    self.send_response(200)
    self.end_headers()
    self.wfile.write(b'NONE')

  def log_message(self, *args):
    del args


class PreemptionTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = os.path.join(self.create_tempdir().full_path, 'c')

  def workers(self, steps, minutes=10.0, runs=1, told=-1, other=None):
    hosts = local_cluster.addresses(2)
    numbers = [str(number) for number in (steps, minutes, runs, told)]
    started = []
    for index in range(2):
      folder = other if index and other else self.folder
      process = subprocess.Popen(
        [sys.executable, '-c', _WORKER, folder, *numbers],
        env={
          **os.environ,
          'TF_CONFIG': local_cluster.config(hosts, index),
          'TF_CPP_MIN_LOG_LEVEL': '3',
          'PYTHONPATH': os.pathsep.join([str(command_line.ROOT), *sys.path]),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
      )
      self.addCleanup(process.kill)
      started.append(process)
    return started

  def ends(self, workers):
    """Returns the last lines that they print."""
    lines = []
    for process in workers:
      out, err = process.communicate(timeout=240)
      self.assertEqual(process.returncode, 0, err[-3000:])
      lines.append(out.splitlines()[-1])
    return lines

  def on_google_cloud(self):
    server = http.server.ThreadingHTTPServer(('localhost', 0), _Metadata)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    self.addCleanup(server.server_close)
    self.addCleanup(server.shutdown)
    self.enter_context(
      mock.patch.dict(
        os.environ,
        GCE_METADATA_IP=f'localhost:{server.server_port}',
        NO_PROXY='localhost',
      )
    )

  @parameterized.parameters(signal.SIGTERM, signal.SIGINT)
  def test_all_stop_after_the_same_step(self, number):
    if number == signal.SIGTERM:
      # There TensorFlow's handler takes no part by itself.
      self.on_google_cloud()
    workers = self.workers(100_000)
    for process in workers:
      self.assertEqual(process.stdout.readline(), 'from 0 0.0\n')
      self.assertEqual(process.stdout.readline(), 'step 10\n')
    # Not the chief: the one that the machine wants back.
    workers[1].send_signal(number)
    first, second = self.ends(workers)
    self.assertRegex(first, r'^stopped SIGTERM \d+$')
    self.assertEqual(first.replace('SIGTERM', number.name), second)
    step = int(first.split()[2])
    # Only the chief has written to the directory.
    self.assertEqual(
      sorted(os.listdir(self.folder)),
      [
        'checkpoint',
        f'ckpt-{step}.data-00000-of-00001',
        f'ckpt-{step}.index',
      ],
    )
    # All go on from there, and write after the same steps: after every one.
    again = self.workers(step + 5, minutes=0.0)
    self.assertEqual(
      [one.communicate(timeout=240)[0].splitlines() for one in again],
      2
      * [
        [
          f'from {step} {2.0 * step}',
          *(f'step {x}' for x in range(step + 1, step + 6) if x % 10 == 0),
          f'last ckpt-{step + 5}',
          f'ended {step + 5} {2.0 * (step + 5)}',
          'SIG_DFL',
        ]
      ],
    )
    self.assertEqual(os.listdir(os.path.dirname(self.folder)), ['c'])

  def test_directories_of_their_own_are_refused(self):
    value = tf.Variable(10.0)
    checkpoints.Checkpoints(self.folder, None, 10.0, value=value).finish(5)
    elsewhere = f'{self.folder}-elsewhere'
    lines = self.ends(self.workers(9, other=elsewhere))
    for step, line in zip((5, 0), lines):
      self.assertStartsWith(line, f'this worker would go on from step {step}, ')
      self.assertIn('the same --workdir', line)

  def test_all_stop_where_one_is_told_after_the_last_step(self):
    self.assertEqual(
      self.ends(self.workers(5, runs=2, told=1)), 2 * ['stopped SIGTERM 5']
    )

  def test_one_run_after_another_in_the_same_process(self):
    workers = self.workers(100, runs=3)
    for process in workers:
      # The first run is over, and the second one has begun.
      for line in ('SIG_DFL\n', 'step 10\n'):
        while (printed := process.stdout.readline()) != line:
          self.assertNotEqual(printed, '')
    workers[1].send_signal(signal.SIGTERM)
    first, second = self.ends(workers)
    self.assertRegex(first, r'^stopped SIGTERM \d+$')
    self.assertEqual(first, second)
    self.assertEqual(
      checkpoint_directory.readable(f'{self.folder}1'),
      f'{self.folder}1/ckpt-{first.split()[2]}',
    )

  def test_another_version_is_said_in_a_line(self):
    other = tf.Variable([0.0, 0.0])
    checkpoints.Checkpoints(self.folder, None, 10.0, value=other).finish(3)
    lines = self.ends(self.workers(5))
    expected = f'cannot read the checkpoint {self.folder}/ckpt-3: '
    for line in lines:
      self.assertStartsWith(line, expected)
      self.assertIn('of another version', line)


if __name__ == '__main__':
  absltest.main()
