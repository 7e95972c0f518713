"""Nothing loads pickles or evaluates text; hostile JSON costs no time."""

from __future__ import annotations

import ast
import os
import pathlib
import time

from absl.testing import absltest
from absl.testing import parameterized

from nat_tf import architecture_json
from nat_tf import data
from nat_tf import input_error
from nat_tf import json_input
from nat_tf import search_config
from nat_tf import train_config
from nat_tf import training_summary
from nat_tf import workdir
from tests import bad_files

# Not resolved: under Bazel it is where this test's own copies are.
_ROOT = pathlib.Path(__file__).absolute().parent.parent

# Evaluates text, or runs what a file says.
_CALLS = {'eval', 'exec', 'compile', '__import__', 'execfile'}
_METHODS = {
  ('importlib', 'import_module'),
  ('os', 'popen'),
  ('os', 'system'),
  ('pickle', 'load'),
  ('pickle', 'loads'),
  # Of Keras: it makes whatever classes the file names, and lambdas.
  ('models', 'load_model'),
  ('saving', 'load_model'),
  ('np', 'load'),
  ('numpy', 'load'),
  ('joblib', 'load'),
  ('yaml', 'load'),
}
_MODULES = {
  'cPickle',
  'cloudpickle',
  'dill',
  'joblib',
  'marshal',
  'pickle',
  'runpy',
  'shelve',
  'yaml',
}

# The package nats_bench, which a user installs and whose files are pickles that
# it opens itself (docs/reliability.md).
_PERMITTED = [('nats_bench_table.py', 'importlib.import_module')]


def _found(path: pathlib.Path) -> list[str]:
  """Returns what a file calls that runs or unpickles what it is given."""
  found = []
  for node in ast.walk(ast.parse(path.read_text('utf-8'))):
    if isinstance(node, ast.Import):
      found += [a.name for a in node.names if a.name.split('.')[0] in _MODULES]
    if isinstance(node, ast.ImportFrom):
      if (node.module or '').split('.')[0] in _MODULES:
        found.append(str(node.module))
    if isinstance(node, ast.keyword) and node.arg == 'allow_pickle':
      found.append('allow_pickle')
    if not isinstance(node, ast.Call):
      continue
    called = node.func
    if isinstance(called, ast.Name) and called.id in _CALLS:
      found.append(called.id)
    if isinstance(called, ast.Attribute):
      owner = called.value
      name = getattr(owner, 'attr', getattr(owner, 'id', ''))
      if (name, called.attr) in _METHODS:
        found.append(f'{name}.{called.attr}')
  return found


class SourcesTest(absltest.TestCase):
  def test_nothing_unpickles_or_evaluates(self):
    # What is imported lies beside this package's modules, under Bazel too.
    files = sorted(pathlib.Path(workdir.__file__).parent.glob('*.py'))
    self.assertNotEmpty(files)
    found = [(path.name, what) for path in files for what in _found(path)]
    self.assertEqual(found, _PERMITTED)

  def test_finds_what_is_forbidden(self):
    path = pathlib.Path(self.create_tempfile('a.py').full_path)
    for text, what in (
      ('import pickle', ['pickle']),
      ('from pickle import loads', ['pickle']),
      ('eval("1")', ['eval']),
      ('exec("1")', ['exec']),
      ('import numpy as np\nnp.load("a", allow_pickle=True)', None),
      ('tf.keras.models.load_model("a")', ['models.load_model']),
    ):
      path.write_text(text, 'utf-8')
      if what is None:
        self.assertCountEqual(_found(path), ['allow_pickle', 'np.load'])
      else:
        self.assertEqual(_found(path), what)


class HostileJsonTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path

  def _refused(self, content: str | bytes, name: str, read):
    path = os.path.join(self.folder, name)
    with open(path, 'wb') as file:
      file.write(content.encode() if isinstance(content, str) else content)
    begun = time.thread_time()
    with self.assertRaises(input_error.InputError) as caught:
      read(path)
    self.assertLess(time.thread_time() - begun, 1)
    self.assertLess(len(str(caught.exception)), 1000)

  @parameterized.named_parameters(
    (wrong.replace(' ', '_').replace(',', ''), content)
    for wrong, content, _ in bad_files.HOSTILE
  )
  def test_is_refused_within_a_second(self, content):
    search = workdir.Workdir(self.folder, search_config.SearchConfig)
    train = workdir.Workdir(self.folder, train_config.TrainConfig)
    self._refused(content, 'config.json', lambda _: search.config())
    self._refused(content, 'config.json', lambda _: train.config())
    self._refused(content, 'architecture.json', architecture_json.load)
    self._refused(
      content, 'summary.json', lambda _: training_summary.read(train)
    )
    self._refused(
      content,
      'preprocessing.json',
      lambda path: data.DatasetInfo.from_dict(json_input.read(path)),
    )

  def test_no_more_is_read_than_needed(self):
    # A file without an end; who reads it all runs out of memory.
    with self.assertRaisesRegex(json_input.JsonError, 'larger than'):
      json_input.read('/dev/zero')
    with self.assertRaisesRegex(input_error.InputError, 'larger than'):
      architecture_json.load('/dev/zero')
    os.symlink('/dev/zero', os.path.join(self.folder, 'config.json'))
    with self.assertRaisesRegex(workdir.WorkdirError, 'larger than'):
      workdir.Workdir(self.folder, search_config.SearchConfig).config()


class PathsTest(parameterized.TestCase):
  @parameterized.parameters(
    '/etc/passwd', '../darts.json', 'darts.json', '~/darts', '', '/dev/zero'
  )
  def test_a_configuration_leads_to_no_file(self, path):
    text = f'{{"space": "one", "architecture": "{path}", "held_out": 3}}'
    for kind, own in (
      (search_config.SearchConfig, text),
      (train_config.TrainConfig, f'{{"architecture": "{path}"}}'),
    ):
      with self.assertRaisesRegex(
        input_error.InputError, 'is not the text of one'
      ):
        kind.from_json(own)

  def test_a_configuration_may_hold_a_text_or_a_name(self):
    text = bad_files.TRAINED.to_json()
    self.assertEqual(
      train_config.TrainConfig.from_json(text), bad_files.TRAINED
    )
    train_config.TrainConfig.from_json('{"architecture": "darts"}')


if __name__ == '__main__':
  absltest.main()
