"""Tests of nat_tf.strategy_flags."""

from __future__ import annotations

import os
import sys
from unittest import mock

from nat_tf import command  # isort: skip

from absl import flags
from absl.testing import absltest
from absl.testing import flagsaver
import tensorflow as tf

from nat_tf import cluster
from nat_tf import strategies
from nat_tf import strategy_flags
from nat_tf import workdir as workdir_lib
from nat_tf.search_config import SearchConfig


class CreateTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.path = os.path.join(self.create_tempdir().full_path, 'W')
    self.workdir = workdir_lib.Workdir(self.path, SearchConfig)

  def test_one_process_speaks_and_fills(self):
    before = sys.stdout
    strategy, workdir = strategy_flags.create(self.path, self.workdir)
    self.assertIs(strategy, tf.distribute.get_strategy())
    self.assertIs(workdir, self.workdir)
    self.assertIs(sys.stdout, before)

  def test_of_several_one_alone_speaks_and_fills(self):
    done = []
    others = mock.Mock(spec=tf.distribute.MultiWorkerMirroredStrategy)
    with (
      flagsaver.flagsaver(strategy='multi_worker'),
      mock.patch.object(strategies, 'check'),
      # Else signals would be deferred until all others are there.
      mock.patch.object(cluster, 'wait', lambda: done.append('wait')),
      mock.patch.object(
        strategies, 'create', lambda *_: done.append('create') or others
      ),
      mock.patch.object(command, 'mute', lambda: done.append('mute')),
    ):
      for chief in (True, False):
        with mock.patch.object(strategies, 'is_chief', return_value=chief):
          strategy, workdir = strategy_flags.create(self.path, self.workdir)
        self.assertIs(strategy, others)
        self.assertEqual(workdir.is_aside, not chief)
    self.assertEqual(done, ['wait', 'create', 'wait', 'create', 'mute'])
    self.assertFalse(os.path.exists(self.path))


if __name__ == '__main__':
  flags.FLAGS.mark_as_parsed()
  absltest.main()
