"""Every row of docs/reliability.md: what is wrong, and what is then said.

All calls are made by this process and forks of it, one for each command, for
loading TensorFlow takes longer than all the rest.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import pathlib
import re
import signal
import sys
import tempfile
import time
import traceback
from typing import Any
import warnings

from absl import flags
from absl.testing import absltest
from absl.testing import parameterized

from nat_tf import command as command_lib
from tests import bad_input

# Of a call, above all that is refused after a network was made.
_SECONDS = 60

# Loaded before the forks; none of them defines a flag or begins to compute.
_HEAVY = (
  'algorithm',
  'comparison_report',
  'exporting',
  'learning_log',
  'part_latency',
  'policy_study',
  'random_transformation',
  'ranking_report',
  'ranking_study',
  'tabular_report',
  'trained',
)


def _files(folder: str) -> dict[str, int]:
  return {
    str(path.relative_to(folder)): path.stat().st_size
    for path in sorted(pathlib.Path(folder).rglob('*'))
    if path.is_file() or path.is_dir()
  }


def _outcome(main: Any, case: bad_input.Case, folder: str) -> dict[str, Any]:
  """Runs a command as if it were called; returns what it left behind."""
  if case.prepare is not None:
    case.prepare(pathlib.Path(folder))
  before = _files(folder)
  flags.FLAGS.unparse_flags()
  for name in flags.FLAGS:
    flags.FLAGS[name].unparse()
  os.environ['BUILD_WORKING_DIRECTORY'] = folder
  sys.argv = [case.command, *case.line()]
  out, err, status, begun = io.StringIO(), io.StringIO(), None, time.monotonic()
  signal.alarm(_SECONDS)
  # Python's own defaults hide those of packages, the test's do not.
  warnings.simplefilter('ignore')
  with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
    try:
      command_lib.run(main)
    except SystemExit as error:
      status = error.code
    except BaseException:
      traceback.print_exc()
  signal.alarm(0)
  after = _files(folder)
  return {
    'status': status,
    'out': out.getvalue(),
    'err': err.getvalue(),
    'left': [x for x in after if after[x] != before.get(x)],
    'seconds': round(time.monotonic() - begun, 2),
  }


def _run_all(command: str, results: str):
  """Runs all cases of a command; writes a line of JSON for each."""
  main = importlib.import_module(f'nat_tf.{command}').main
  with open(results, 'w', encoding='utf-8') as file:
    for case in bad_input.cases():
      if case.command == command:
        with tempfile.TemporaryDirectory() as folder:
          outcome = _outcome(main, case, os.path.realpath(folder))
        outcome['here'] = os.path.realpath(folder)
        file.write(json.dumps(outcome) + '\n')
        file.flush()


def _pattern(message: str, here: str) -> str:
  parts = message.replace(bad_input.HERE, here).split(bad_input.ANYTHING)
  return '.*'.join(map(re.escape, parts))


class BadInputTest(parameterized.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.folder = cls.enter_class_folder()
    # Where TFDS looks when no --data_dir is given; it reads it once.
    os.environ['TFDS_DATA_DIR'] = cls.folder
    for name in _HEAVY:
      importlib.import_module(f'nat_tf.{name}')

  @classmethod
  def enter_class_folder(cls) -> str:
    folder = tempfile.TemporaryDirectory()
    cls.addClassCleanup(folder.cleanup)
    return folder.name

  @parameterized.parameters(*bad_input.COMMANDS)
  def test_one_line(self, command):
    results = os.path.join(self.folder, command)
    child = os.fork()
    if not child:
      status = 1
      try:
        _run_all(command, results)
        status = 0
      except BaseException:
        traceback.print_exc()
      finally:
        os._exit(status)
    _, status = os.waitpid(child, 0)
    lines = pathlib.Path(results).read_text('utf-8').splitlines()
    cases = [x for x in bad_input.cases() if x.command == command]
    for case, line in zip(cases, lines):
      with self.subTest(case.what()):
        self._check(case, json.loads(line))
    self.assertEqual((status, len(lines)), (0, len(cases)))

  def _check(self, case: bad_input.Case, found: dict[str, Any]):
    pattern = f'error: {_pattern(case.message, found["here"])}\n'
    self.assertRegex(found['err'], rf'\A{pattern}\Z')
    self.assertEqual(found['status'], 1)
    if not case.leaves:
      self.assertEqual((found['out'], found['left']), ('', []))


class DocumentTest(absltest.TestCase):
  def test_tables_are_up_to_date(self):
    self.assertEqual(
      bad_input.DOCUMENT.read_text('utf-8'),
      bad_input.written(),
      'run python -m tests.bad_input',
    )

  def test_every_flag_has_a_row(self):
    for command in bad_input.COMMANDS:
      source = pathlib.Path(command_lib.__file__).with_name(f'{command}.py')
      named = set(re.findall(r"DEFINE_\w+\(\s*'(\w+)'", source.read_text()))
      self.assertNotEmpty(named)
      rows = [x for x in bad_input.cases() if x.command == command]
      tried = {
        argument.lstrip('-').partition('=')[0]
        for case in rows
        for argument in (*case.arguments, case.without)
      }
      self.assertContainsSubset(named, tried, command)


if __name__ == '__main__':
  absltest.main()
