"""Tests of nat_tf.cluster: who belongs to it, and waiting for them."""

from __future__ import annotations

import contextlib
import io
import json
import os
import socket
import threading
import time
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized

from nat_tf import cluster
from tests import local_cluster

_WORKERS = {'worker': ['a:1', 'B:65535', '[::1]:2']}


def _config(task, members):
  config = {'cluster': members, 'task': task}
  return mock.patch.dict(os.environ, TF_CONFIG=json.dumps(config))


class ReadTest(parameterized.TestCase):
  @parameterized.parameters(
    'null',
    '[]',
    '{"cluster": 1, "task": 2}',
    '{"cluster": {"worker": ["a:1"]}}',
    '{"cluster": {"worker": []}, "task": {"type": "worker", "index": 0}}',
    '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": -1}}',
    '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": ""}}',
    '{"cluster": {"worker": ["a:1"]}, "task": {"type": "chief", "index": 0}}',
    '[' * 10_000,
  )
  def test_refuses_a_cluster_that_is_none(self, text):
    with mock.patch.dict(os.environ, TF_CONFIG=text):
      with self.assertRaisesRegex(cluster.ClusterError, 'TF_CONFIG'):
        cluster.read()

  @parameterized.parameters(
    'a', 'a:', ':1', 'a:0', 'a:65536', 'a:-1', 'a:1.5', 'a:x', 'a:b:1', 'a :1',
    'http://a:1', '[a:1', 'a:1 ', 1, None,
  )  # fmt: skip
  def test_refuses_what_is_no_address(self, address):
    with _config({'type': 'worker', 'index': 0}, {'worker': ['b:2', address]}):
      with self.assertRaisesRegex(
        cluster.ClusterError, 'host:port, ports from 1 to 65535'
      ):
        cluster.read()

  @parameterized.parameters(
    ({'worker': ['a:1', 'b:1', 'a:1']}, 'a:1'),
    ({'worker': ['A:1', 'a:01']}, 'a:1'),
    ({'chief': ['c:3'], 'worker': ['a:1', 'c:3']}, 'c:3'),
  )
  def test_refuses_an_address_twice(self, members, twice):
    with _config({'type': 'worker', 'index': 0}, members):
      with self.assertRaisesRegex(
        cluster.ClusterError, f"lists '{twice}' twice; on the first of two"
      ):
        cluster.read()

  def test_takes_a_cluster(self):
    with _config({'type': 'worker', 'index': 1}, _WORKERS):
      own, others = cluster.read()
    self.assertEqual(own, ('b', 65535))
    self.assertEqual(others, [('a', 1), ('[::1]', 2)])
    with _config({'type': 'chief', 'index': 0}, {'chief': ['c:1'], **_WORKERS}):
      own, others = cluster.read()
    self.assertEqual(own, ('c', 1))
    self.assertEqual(list(map(str, others)), ['a:1', 'b:65535', '[::1]:2'])


class WaitTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    ports = local_cluster.ports(2)
    self.members = {'worker': [f'localhost:{port}' for port in ports]}
    self.other = self.members['worker'][1]
    self.ports = ports
    self.enter_context(_config({'type': 'worker', 'index': 0}, self.members))

  def _wait(self):
    """Returns what is said."""
    with contextlib.redirect_stderr(io.StringIO()) as said:
      cluster.wait()
    return said.getvalue()

  def test_says_for_whom_until_they_are_there(self):
    ended, said = threading.Event(), io.StringIO()

    def wait():
      cluster.wait()
      ended.set()

    with (
      contextlib.redirect_stderr(said),
      mock.patch.object(cluster, '_SILENCE', 0.2),
    ):
      thread = threading.Thread(target=wait, daemon=True)
      thread.start()
      # It can be reached itself, or two that wait would never end.
      until = time.monotonic() + 60
      while not said.getvalue() and time.monotonic() < until:
        time.sleep(0.05)
      socket.create_connection(('localhost', self.ports[0])).close()
      self.assertFalse(ended.is_set())
      with socket.socket() as other:
        other.bind(('localhost', self.ports[1]))
        other.listen()
        self.assertTrue(ended.wait(60))
    self.assertEqual(
      said.getvalue(),
      f'waiting for {self.other}: call the same command there\n',
    )

  def test_gives_up(self):
    with mock.patch.object(cluster, '_LONGEST', 0.1):
      with self.assertRaisesRegex(
        cluster.ClusterError, f'{self.other} did not answer for an hour; call '
      ):
        self._wait()

  def test_a_port_that_is_taken(self):
    with (
      socket.socket() as taken,
      mock.patch.object(cluster, '_SILENCE', 0.1),
    ):
      taken.bind(('', self.ports[0]))
      taken.listen()
      with self.assertRaisesRegex(
        cluster.ClusterError,
        f'cannot listen on port {self.ports[0]}: Address already in use; ',
      ):
        self._wait()


if __name__ == '__main__':
  absltest.main()
