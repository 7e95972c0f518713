"""Tests of nat_tf.event_file."""

from __future__ import annotations

import os
import resource

from absl.testing import absltest
from tensorboard.backend.event_processing import event_accumulator
import tensorflow as tf

from nat_tf import event_file


class EventFileTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = os.path.join(self.create_tempdir().full_path, 'events')

  def test_tensorboard_reads_it(self):
    events = event_file.EventFile(self.folder)
    for step in (1, 2):
      events.add(step, {'a/b': step / 2, 'c': -1.0})
    events.close()
    reader = event_accumulator.EventAccumulator(self.folder)
    reader.Reload()
    found = {
      tag: [
        (event.step, float(tf.make_ndarray(event.tensor_proto)))
        for event in reader.Tensors(tag)
      ]
      for tag in reader.Tags()['tensors']
    }
    self.assertEqual(
      found, {'a/b': [(1, 0.5), (2, 1.0)], 'c': [(1, -1.0), (2, -1.0)]}
    )

  def test_a_directory_that_cannot_be_made(self):
    with open(self.folder, 'w', encoding='utf-8'):
      pass
    with self.assertRaisesRegex(
      event_file.EventFileError,
      f'cannot write event files to {self.folder}: .+; make room or rights',
    ):
      event_file.EventFile(self.folder)

  def test_a_full_disk(self):
    events = event_file.EventFile(self.folder)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
      with self.assertRaisesRegex(
        event_file.EventFileError, 'event files to .*: File too large; make'
      ):
        for step in range(1000):
          events.add(step, {'a': 1.0})
    finally:
      resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


if __name__ == '__main__':
  absltest.main()
