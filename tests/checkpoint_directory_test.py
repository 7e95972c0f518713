"""Tests of nat_tf.checkpoint_directory; see `bad_files` for what is wrong."""

from __future__ import annotations

import os
import pathlib

from absl.testing import absltest
import tensorflow as tf

from nat_tf import checkpoint_directory


class LatestTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path
    self.checkpoint = tf.train.Checkpoint(value=tf.Variable(1.0))

  def _save(self, number: int) -> str:
    manager = tf.train.CheckpointManager(self.checkpoint, self.folder, 2)
    return manager.save(checkpoint_number=number)

  def test_none_before_any(self):
    self.assertIsNone(checkpoint_directory.latest(self.folder))
    self.assertIsNone(checkpoint_directory.latest(f'{self.folder}/none'))

  def test_is_what_tensorflow_finds(self):
    for number in (1, 2, 3):
      self._save(number)
      found = checkpoint_directory.latest(self.folder)
      self.assertEqual(found, tf.train.latest_checkpoint(self.folder))
      self.assertEqual(checkpoint_directory.number(found), number)

  def test_a_directory_may_be_moved(self):
    self._save(4)
    moved = os.path.join(self.create_tempdir().full_path, 'moved')
    os.rename(self.folder, moved)
    os.mkdir(self.folder)
    self.assertEqual(
      checkpoint_directory.latest(moved), os.path.join(moved, 'ckpt-4')
    )

  def test_names_only_files_of_its_own(self):
    self._save(1)
    state = pathlib.Path(self.folder, 'checkpoint')
    for path in ('/tmp/a/ckpt-1', '../a/ckpt-1', 'b/ckpt-1', '/ckpt-1'):
      for line in (
        f'model_checkpoint_path: "{path}"\n',
        'model_checkpoint_path: "ckpt-1"\n'
        f'all_model_checkpoint_paths: "{path}"\n',
      ):
        state.write_text(line, 'utf-8')
        with self.assertRaisesRegex(
          checkpoint_directory.CheckpointError, f'names .*{path}.*which is not'
        ):
          checkpoint_directory.latest(self.folder)

  def test_reading_says_it_in_a_line(self):
    path = self._save(1)
    for error in (
      AssertionError('a\nb'),
      ValueError('shape'),
      tf.errors.NotFoundError(None, None, 'key'),
      tf.errors.DataLossError(None, None, 'sum'),
    ):
      with self.assertRaises(checkpoint_directory.CheckpointError) as caught:
        with checkpoint_directory.reading(path):
          raise error
      self.assertEqual(
        str(caught.exception),
        f'cannot read the checkpoint {path}: {type(error).__name__}; it is '
        'damaged or of another version, begin anew in a new --workdir',
      )


if __name__ == '__main__':
  absltest.main()
