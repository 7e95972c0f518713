"""Tests of nat_tf.strategies: what is chosen, and what is refused."""

from __future__ import annotations

import os
from unittest import mock
import urllib.error
import urllib.request

from absl.testing import parameterized
import tensorflow as tf

from nat_tf import strategies

_CLUSTER = {'worker': ['a:1', 'b:2']}
_EMPTY = {name: '' for name in strategies._TPU_VARIABLES}


def _resolved(kind, index, cluster):
  """Returns a strategy that knows a cluster it has not joined."""
  strategy = mock.Mock(spec=tf.distribute.MultiWorkerMirroredStrategy)
  strategy.cluster_resolver = (
    tf.distribute.cluster_resolver.SimpleClusterResolver(
      tf.train.ClusterSpec(cluster), task_type=kind, task_id=index
    )
  )
  return strategy


class CreateTest(parameterized.TestCase):
  def test_none_is_one_device(self):
    strategy = strategies.create('none')
    self.assertEqual(strategy.num_replicas_in_sync, 1)
    self.assertIs(strategy, tf.distribute.get_strategy())

  def test_mirrored_takes_what_there_is(self):
    strategy = strategies.create('mirrored')
    gpus = tf.config.list_logical_devices('GPU')
    self.assertEqual(strategy.num_replicas_in_sync, max(1, len(gpus)))

  @parameterized.parameters(
    #  TPU named  GPUs  virtual  chosen
    (True, 0, 0, 'tpu'),
    (True, 2, 0, 'tpu'),
    (False, 2, 0, 'mirrored'),
    (False, 0, 2, 'mirrored'),
    (False, 0, 0, 'none'),
  )
  def test_auto(self, named, gpus, virtual, chosen):
    name = {'TPU_NAME': 'local'} if named else {}
    with (
      mock.patch.dict(os.environ, {**_EMPTY, **name}),
      mock.patch.object(strategies, '_gpus', lambda: [None] * gpus),
    ):
      self.assertEqual(strategies._found(virtual), chosen)

  def test_no_tpu_is_said_in_a_line(self):
    missing = ValueError('Please provide a TPU Name\nto connect to.')
    resolver = 'TPUClusterResolver'
    with mock.patch.object(
      tf.distribute.cluster_resolver, resolver, side_effect=missing
    ):
      with self.assertRaisesRegex(
        strategies.StrategyError, 'no TPU can be used: .* Name to connect'
      ):
        strategies.create('tpu')

  def test_a_name_that_no_tpu_has_is_said_in_a_line(self):
    # TensorFlow asks the network for it.
    gone = urllib.error.URLError('Name or service not known')
    with (
      mock.patch.dict(os.environ, {**_EMPTY, 'TPU_NAME': 'gone'}),
      mock.patch.object(urllib.request, 'urlopen', side_effect=gone),
      self.assertRaisesRegex(strategies.StrategyError, 'no TPU can be used'),
    ):
      strategies.create('tpu')

  @parameterized.parameters(
    ('wide', 0, 'unknown strategy'),
    ('tpu', 2, 'virtual_devices is 2'),
    ('none', 1, 'virtual_devices is 1'),
  )
  def test_refuses(self, name, virtual, message):
    with self.assertRaisesRegex(strategies.StrategyError, message):
      strategies.create(name, virtual)


class ChiefTest(parameterized.TestCase):
  @parameterized.parameters(
    ('worker', 0, None, True),
    ('worker', 1, None, False),
    ('chief', 0, {'chief': ['c:1'], **_CLUSTER}, True),
    ('worker', 0, {'chief': ['c:1'], **_CLUSTER}, False),
  )
  def test_one_writes(self, kind, index, cluster, expected):
    strategy = _resolved(kind, index, cluster or _CLUSTER)
    self.assertEqual(strategies.is_chief(strategy), expected)
    self.assertEqual(
      strategies.task(strategy), f'/job:{kind}/replica:0/task:{index}'
    )

  def test_one_process_is_its_own_chief(self):
    one = tf.distribute.get_strategy()
    self.assertTrue(strategies.is_chief(one))
    self.assertIsNone(strategies.task(one))

  def test_a_cluster_of_nobody_has_no_workers(self):
    alone = _resolved(None, None, {})
    self.assertFalse(strategies.has_workers(alone))
    self.assertTrue(strategies.is_chief(alone))
    self.assertIsNone(strategies.task(alone))


if __name__ == '__main__':
  tf.test.main()
