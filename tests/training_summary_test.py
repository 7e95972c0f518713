"""Tests of nat_tf.training_summary."""

from __future__ import annotations

import json

from absl.testing import absltest
from absl.testing import parameterized

from nat_tf import train_config
from nat_tf import training_summary
from nat_tf import workdir
from tests import bad_files


class ReadTest(parameterized.TestCase):
  def _read(self, text: str):
    folder = self.create_tempdir()
    folder.create_file('summary.json', text)
    return training_summary.read(
      workdir.Workdir(folder.full_path, train_config.TrainConfig)
    )

  def test_returns_all_that_is_there(self):
    text = bad_files.summary(test_accuracy=1.0, more='x')
    self.assertEqual(self._read(text), json.loads(text))

  @parameterized.parameters(
    ({'params': 1.5}, 'params is 1.5; it must be a whole number'),
    ({'madds': -1}, 'madds is -1; it must be a whole number'),
    ({'seconds': None}, 'seconds is None; it must be a number'),
    ({'test_accuracy': True}, 'test_accuracy is True; it must be 0 to 1'),
    ({'validation_accuracy': 2}, 'validation_accuracy is 2; it must be 0 to 1'),
  )
  def test_refuses(self, changes, message):
    with self.assertRaisesRegex(workdir.WorkdirError, message):
      self._read(bad_files.summary(**changes))


if __name__ == '__main__':
  absltest.main()
