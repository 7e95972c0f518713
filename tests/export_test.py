"""The command `export`, from outside."""

from __future__ import annotations

import json
import os
import pathlib

from absl.testing import absltest
import tensorflow as tf

from tests import command_line

_TRAINING = (
  '--architecture=resnet20',
  '--channels=2',
  '--epochs=1',
  '--warmup_epochs=0',
  '--data_dir=.',
)


class ExportTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.here = self.create_tempdir().full_path

  def run_command(self, module: str, *arguments: str):
    return command_line.run(module, *arguments, cwd=self.here)

  def test_exports_what_was_trained(self):
    trained = self.run_command('train', *_TRAINING, '--workdir=w')
    self.assertEqual(trained.returncode, 0, trained.stderr)
    arguments = ('--workdir=w', '--export_dir=models')
    result = self.run_command('export', *arguments)
    self.assertEqual(result.returncode, 0, result.stderr)
    self.assertEmpty(result.stderr)
    models = os.path.join(self.here, 'models')
    self.assertIn(f'in {models}/1: saved_model.pb', result.stdout)
    manifest = pathlib.Path(models, '1', 'assets.extra', 'export.json')
    summary = json.loads(pathlib.Path(self.here, 'w/summary.json').read_text())
    found = json.loads(manifest.read_text())
    self.assertEqual(found['params']['analytic'], summary['params'])
    for name, accuracy in found['accuracies'].items():
      self.assertEqual(accuracy, summary[name])
    self.assertLen(found['accuracies'], 2)

    with self.subTest('all forms, measured as in training'):
      result = self.run_command(
        'export', *arguments, '--tflite', '--reduced=dynamic'
      )
      self.assertEqual(result.returncode, 0, result.stderr)
      rows = result.stdout.splitlines()[2:6]
      self.assertEqual(
        [row[: row.index('  ')] for row in rows],
        ['trained', 'SavedModel', 'TFLite float32', 'TFLite dynamic'],
      )
      accuracy = f'{100 * summary["validation_accuracy"]:.2f} %'
      self.assertEndsWith(rows[0], accuracy)
      self.assertEndsWith(rows[1], accuracy)

    with self.subTest('the next version stands beside'):
      self.assertCountEqual(os.listdir(models), ['1', '2'])
      signatures = tf.saved_model.load(os.path.join(models, '2')).signatures
      self.assertIn('encoded', signatures)

    with self.subTest('a file is no directory'):
      pathlib.Path(self.here, 'file').write_text('')
      result = self.run_command('export', arguments[0], '--export_dir=file')
      self.assertEqual(result.returncode, 1)
      self.assertEqual(
        result.stderr,
        f'error: cannot write to {self.here}/file: {self.here}/file is no '
        'directory; give an --export_dir that can be written\n',
      )

    with self.subTest('accuracies need the data'):
      result = self.run_command(
        'export', *arguments, '--tflite', '--data_dir=nowhere'
      )
      self.assertEqual(result.returncode, 1)
      self.assertStartsWith(result.stderr, 'error: ')
      self.assertIn(f'{self.here}/nowhere', result.stderr)
      self.assertLen(result.stderr.splitlines(), 1)
      self.assertCountEqual(os.listdir(models), ['1', '2'])

  def test_needs_a_training(self):
    os.mkdir(os.path.join(self.here, 'empty'))
    for name, words in (
      ('nowhere', 'there is no directory'),
      ('empty', 'is not the workdir of a training'),
    ):
      result = self.run_command(
        'export', f'--workdir={name}', '--export_dir=models'
      )
      self.assertEqual(result.returncode, 1)
      self.assertStartsWith(result.stderr, 'error: ')
      self.assertIn(words, result.stderr)
      self.assertLen(result.stderr.splitlines(), 1)
      self.assertNotIn('models', os.listdir(self.here))


if __name__ == '__main__':
  absltest.main()
