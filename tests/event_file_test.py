"""Tests of nat_tf.event_file."""

from __future__ import annotations

import os
import resource

from absl.testing import absltest
import numpy as np
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.backend.event_processing import plugin_event_accumulator
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

  def _read(self) -> plugin_event_accumulator.EventAccumulator:
    """As TensorBoard does without its data server."""
    reader = plugin_event_accumulator.EventAccumulator(self.folder)
    return reader.Reload()

  def test_what_a_resumed_run_does_again_counts_once(self):
    # Step 3 was taken before the run was killed, but no checkpoint held it.
    first = event_file.EventFile(self.folder)
    for step in (1, 2, 3):
      first.add(step, {'a': float(step)})
    first.close()
    second = event_file.EventFile(self.folder, 3)
    second.add(3, {'a': 30.0})
    second.close()
    found = [
      (event.step, float(tf.make_ndarray(event.tensor_proto)))
      for event in self._read().Tensors('a')
    ]
    self.assertEqual(found, [(1, 1.0), (2, 2.0), (3, 30.0)])

  def test_every_number_of_a_histogram_has_its_bar(self):
    events = event_file.EventFile(self.folder)
    events.add(1, counts={'h': np.array([5, 0, 2])})
    (event,) = self._read().Tensors('h')
    np.testing.assert_array_equal(
      tf.make_ndarray(event.tensor_proto),
      [[-0.5, 0.5, 5], [0.5, 1.5, 0], [1.5, 2.5, 2]],
    )

  def test_an_image_tells_its_size(self):
    pixels = np.zeros([3, 7, 1], np.uint8)
    png = tf.io.encode_png(pixels).numpy()
    events = event_file.EventFile(self.folder)
    events.add(1, images={'i': png}, texts={'t': '*a*'})
    (event,) = self._read().Tensors('i')
    self.assertEqual(
      tf.make_ndarray(event.tensor_proto).tolist(), [b'7', b'3', png]
    )
    (event,) = self._read().Tensors('t')
    self.assertEqual(tf.make_ndarray(event.tensor_proto).item(), b'*a*')

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
