"""Tests of nat_tf.checkpoint_directory; see `bad_files` for what is wrong."""

from __future__ import annotations

import contextlib
import io
import os
import pathlib
import shutil
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from nat_tf import checkpoint_directory


class DirectoryTestCase(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path
    values = np.arange(1000, dtype=np.float32)
    self.checkpoint = tf.train.Checkpoint(value=tf.Variable(values))

  def save(self, *numbers: int) -> str:
    manager = tf.train.CheckpointManager(self.checkpoint, self.folder, 3)
    for number in numbers:
      path = manager.save(checkpoint_number=number)
    return path

  def path(self, name: str) -> pathlib.Path:
    return pathlib.Path(self.folder, name)


class LatestTest(DirectoryTestCase):
  def test_none_before_any(self):
    self.assertIsNone(checkpoint_directory.latest(self.folder))
    self.assertIsNone(checkpoint_directory.latest(f'{self.folder}/none'))

  def test_is_what_tensorflow_finds(self):
    for number in (1, 2, 3):
      self.save(number)
      found = checkpoint_directory.latest(self.folder)
      self.assertEqual(found, tf.train.latest_checkpoint(self.folder))
      self.assertEqual(checkpoint_directory.number(found), number)

  def test_a_directory_may_be_moved(self):
    self.save(4)
    moved = os.path.join(self.create_tempdir().full_path, 'moved')
    os.rename(self.folder, moved)
    os.mkdir(self.folder)
    self.assertEqual(
      checkpoint_directory.latest(moved), os.path.join(moved, 'ckpt-4')
    )

  @parameterized.parameters(
    checkpoint_directory.latest, checkpoint_directory.readable
  )
  def test_names_only_files_of_its_own(self, function):
    self.save(1)
    state = self.path('checkpoint')
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
          function(self.folder)


def _cut(path: pathlib.Path):
  path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _flip(path: pathlib.Path):
  content = bytearray(path.read_bytes())
  content[len(content) // 2] ^= 1
  path.write_bytes(content)


def _empty(path: pathlib.Path):
  path.write_bytes(b'')


_DATA, _INDEX = '.data-00000-of-00001', '.index'


class ReadableTest(DirectoryTestCase):
  """Of the checkpoints 10, 20 and 30 the last one that is whole."""

  def setUp(self):
    super().setUp()
    self.save(10, 20, 30)

  def found(self):
    """Returns the number that is found, and what is said."""
    error = io.StringIO()
    with contextlib.redirect_stderr(error):
      path = checkpoint_directory.readable(self.folder)
    if path is None:
      return None, error.getvalue()
    with checkpoint_directory.reading(path):
      self.checkpoint.restore(path).assert_consumed()
    return checkpoint_directory.number(path), error.getvalue()

  def test_is_the_last_one(self):
    self.assertEqual(self.found(), (30, ''))

  @parameterized.product(
    harm=(_cut, _flip, _empty, os.remove), part=(_DATA, _INDEX)
  )
  def test_damage_is_passed_over_with_one_line(self, harm, part):
    harm(self.path(f'ckpt-30{part}'))
    number, said = self.found()
    self.assertEqual(number, 20)
    self.assertRegex(
      said,
      rf'\Awarning: checkpoints in {self.folder}: passed over ckpt-30 \(.*\); '
      r'going on from ckpt-20\n\Z',
    )
    harm(self.path(f'ckpt-20{part}'))
    number, said = self.found()
    self.assertEqual(number, 10)
    self.assertLen(said.splitlines(), 1)
    self.assertIn('ckpt-20', said)
    harm(self.path(f'ckpt-10{part}'))
    with self.assertRaises(checkpoint_directory.CheckpointError):
      self.found()

  def test_every_flipped_byte_of_an_index_is_noticed_or_harmless(self):
    index = self.path('ckpt-30.index')
    content, before = index.read_bytes(), self.checkpoint.value.numpy()
    for i in range(0, len(content), 7):
      flipped = bytearray(content)
      flipped[i] ^= 0x55
      index.write_bytes(flipped)
      with self.subTest(i):
        self.assertIn(self.found()[0], (20, 30))
        np.testing.assert_array_equal(self.checkpoint.value.numpy(), before)

  @parameterized.parameters(
    (None, 'is not there'),
    (b'', 'is damaged'),
    (b'\xff', 'is damaged'),
    (b'model_checkpoint_path: "ckpt-30', 'is damaged'),
  )
  def test_without_the_file_checkpoint_the_files_count(self, content, words):
    state = self.path('checkpoint')
    if content is None:
      state.unlink()
    else:
      state.write_bytes(content)
    number, said = self.found()
    self.assertEqual(number, 30)
    self.assertRegex(
      said, rf'\Awarning: .*{state} {words}.*; going on from ckpt-30\n\Z'
    )

  def test_a_file_checkpoint_that_names_what_is_not_there(self):
    state = self.path('checkpoint')
    state.write_text('model_checkpoint_path: "ckpt-40"\n', 'utf-8')
    number, said = self.found()
    self.assertEqual(number, 30)
    self.assertIn('passed over ckpt-40 (it is not there); going on', said)

  def test_a_first_one_that_was_never_finished(self):
    # The file `checkpoint` is written after it.
    for name in os.listdir(self.folder):
      os.remove(self.path(name))
    self.path('ckpt-10.index').write_bytes(b'half')
    number, said = self.found()
    self.assertIsNone(number)
    self.assertIn('passed over ckpt-10', said)
    self.assertEndsWith(said, '; going on from the beginning\n')

  @parameterized.parameters(2, 3)
  def test_several_damaged_ones_were_finished(self, count):
    self.path('checkpoint').unlink()
    for name in ('ckpt-10', 'ckpt-20', 'ckpt-30')[count:]:
      for part in (_DATA, _INDEX):
        self.path(f'{name}{part}').unlink()
    for name in ('ckpt-10', 'ckpt-20', 'ckpt-30')[:count]:
      _flip(self.path(f'{name}{_DATA}'))
    with self.assertRaisesRegex(
      checkpoint_directory.CheckpointError,
      f'cannot read the checkpoint .*ckpt-{count}0: .*it is damaged',
    ):
      self.found()

  def test_one_that_may_not_be_read_may_be_whole(self):
    for name in os.listdir(self.folder):
      if not name.startswith('ckpt-30'):
        self.path(name).unlink()
    data = self.path(f'ckpt-30{_DATA}')
    data.unlink()
    data.mkdir()
    with self.assertRaisesRegex(
      checkpoint_directory.CheckpointError, 'ckpt-30: Is a directory'
    ):
      self.found()

  def test_a_run_that_writes_meanwhile(self):
    damage = checkpoint_directory.damage

    def late(path):
      # As the run takes three steps while the first one is looked at.
      if path.endswith('ckpt-30'):
        self.save(40, 50, 60)
      return damage(path)

    with mock.patch.object(checkpoint_directory, 'damage', late):
      self.assertEqual(self.found(), (60, ''))

  def test_a_run_that_removes_what_was_found(self):
    seen = []

    def restore(path):
      seen.append(os.path.basename(path))
      if len(seen) == 1:
        self.save(40, 50, 60)
      self.checkpoint.restore(path).assert_consumed()

    found = checkpoint_directory.used(self.folder, restore)
    self.assertEqual(seen, ['ckpt-30', 'ckpt-60'])
    self.assertEqual(found, str(self.path('ckpt-60')))
    self.assertIsNone(checkpoint_directory.used(f'{self.folder}/none', restore))
    # What is there and does not fit is tried once.
    other = tf.train.Checkpoint(other=tf.Variable(0.0))
    with self.assertRaisesRegex(
      checkpoint_directory.CheckpointError, 'ckpt-60: AssertionError'
    ):
      checkpoint_directory.used(
        self.folder, lambda path: other.restore(path).assert_consumed()
      )

  def test_nothing(self):
    shutil.rmtree(self.folder)
    self.assertEqual(self.found(), (None, ''))


class RecordTest(DirectoryTestCase):
  def test_tensorflow_goes_on_from_it(self):
    self.save(10, 20, 30)
    other = self.path('notes.txt')
    other.write_text('mine', 'utf-8')
    self.path('ckpt-30_temp').mkdir()
    self.path('ckpt-31_temp').mkdir()
    _flip(self.path(f'ckpt-30{_DATA}'))
    checkpoint_directory.record(self.folder, str(self.path('ckpt-20')))
    manager = tf.train.CheckpointManager(self.checkpoint, self.folder, 3)
    self.assertEqual(manager.latest_checkpoint, str(self.path('ckpt-20')))
    self.assertEqual(
      manager.checkpoints, [str(self.path(f'ckpt-{n}')) for n in (10, 20)]
    )
    self.assertEqual(
      sorted(os.listdir(self.folder)),
      [
        'checkpoint',
        'ckpt-10.data-00000-of-00001',
        'ckpt-10.index',
        'ckpt-20.data-00000-of-00001',
        'ckpt-20.index',
        'notes.txt',
      ],
    )
    # What it took over it removes in its turn.
    for number in (31, 32, 33):
      manager.save(checkpoint_number=number)
    self.assertLen([x for x in os.listdir(self.folder) if 'index' in x], 3)

  def test_what_may_be_whole_is_set_aside(self):
    # That it cannot be read is simulated: the tests may run as root.
    data = self.path(f'ckpt-40{_DATA}')
    self.save(20, 30, 40)
    content = data.read_bytes()
    data.unlink()
    data.symlink_to(data)
    # This one could not be read then, and can be now.
    whole = self.path(f'ckpt-30{_DATA}').read_bytes()
    with contextlib.redirect_stderr(io.StringIO()) as said:
      checkpoint_directory.record(self.folder, str(self.path('ckpt-20')))
    self.assertEqual(
      sorted(os.listdir(self.folder)),
      [
        'checkpoint',
        f'ckpt-20{_DATA}',
        f'ckpt-20{_INDEX}',
        *(
          f'ckpt-{number}{part}.aside'
          for number in (30, 40)
          for part in (_DATA, _INDEX)
        ),
      ],
    )
    self.assertEqual(self.path(f'ckpt-30{_DATA}.aside').read_bytes(), whole)
    self.assertIn(
      f'warning: {self.folder}/ckpt-40 could not be read, but may be whole; '
      'its files are kept as ckpt-40.*.aside\n',
      said.getvalue(),
    )
    # Nothing reads or removes them, until they get their names back.
    checkpoint_directory.record(self.folder, str(self.path('ckpt-20')))
    aside = self.path(f'ckpt-40{_DATA}.aside')
    aside.unlink()
    data.write_bytes(content)
    self.path(f'ckpt-40{_INDEX}.aside').rename(self.path(f'ckpt-40{_INDEX}'))
    self.assertIsNone(checkpoint_directory.damage(str(self.path('ckpt-40'))))

  def test_of_nothing(self):
    checkpoint_directory.record(f'{self.folder}/none', None)
    self.path('ckpt-1.index').write_bytes(b'half')
    checkpoint_directory.record(self.folder, None)
    self.assertEqual(os.listdir(self.folder), [])


class ReadingTest(DirectoryTestCase):
  def test_says_it_in_a_line(self):
    path = self.save(1)
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
