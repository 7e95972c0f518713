"""Tests of nat_tf.command."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized

from nat_tf import command
from nat_tf import train_config

_SCRIPT = """
from nat_tf import command

import os
import signal
import time

from absl import flags

from nat_tf import input_error
from nat_tf import stopping

flags.DEFINE_string('workdir', None, 'where')
_DO = flags.DEFINE_string('do', '', 'what to do')
_COUNT = flags.DEFINE_integer('count', 1, 'how many', lower_bound=1)


def main(argv):
  if _DO.value == 'refuse':
    raise input_error.InputError('the input\\n  is wrong')
  if _DO.value == 'interrupt':
    raise KeyboardInterrupt
  if _DO.value == 'stop':
    with command.resumable('/some where/w'):
      os.kill(os.getpid(), signal.SIGTERM)
      time.sleep(10)
  if _DO.value == 'step':
    with command.resumable('/some where/w'):
      raise stopping.Stopped(signal.SIGINT, 7)
  if _DO.value == 'talk':
    for _ in range(100_000):
      print('much')
  if _DO.value == 'write':
    open('/none/file', 'w')
  if _DO.value == 'grow':
    raise MemoryError
  if _DO.value == 'exhaust':
    raise type('ResourceExhaustedError', (Exception,), {})('OOM')
  if _DO.value == 'output':
    print(command.output('made/here', 'output'))
  if _DO.value == 'break':
    raise ValueError('a fault of the program')
  print(os.getcwd(), _COUNT.value, os.environ['TF_CPP_MIN_LOG_LEVEL'])


if __name__ == '__main__':
  command.run(main)
"""


_LINE_SCRIPT = """
from nat_tf import command

from absl import flags

_DO = flags.DEFINE_string('do', '', 'what to do')
_COUNT = flags.DEFINE_integer('count', 1, 'how many')
_PLAIN = flags.DEFINE_bool('plain', True, 'whether it is plain')
_SOME = flags.DEFINE_multi_string('some', None, 'some of them')
_WORKDIR = flags.DEFINE_string('workdir', None, 'where')

if __name__ == '__main__':
  command.run(lambda _: print(command.line()))
"""


class FailTest(absltest.TestCase):
  def test_prints_one_line_and_exits_with_1(self):
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors):
      with self.assertRaises(SystemExit) as caught:
        command.fail('a\n  long\tstory\n')
    self.assertEqual(errors.getvalue(), 'error: a long story\n')
    self.assertEqual(caught.exception.code, 1)


class RunTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = os.path.realpath(self.create_tempdir().full_path)
    self.script = os.path.join(self.folder, 'script.py')
    with open(self.script, 'w', encoding='utf-8') as file:
      file.write(_SCRIPT)

  def _run(self, *arguments: str, **environment: str):
    """Runs the script; returns what it left behind."""
    inherited = {
      name: value
      for name, value in os.environ.items()
      if name not in ('BUILD_WORKING_DIRECTORY', 'TF_CPP_MIN_LOG_LEVEL')
    }
    return subprocess.run(
      [sys.executable, self.script, *arguments],
      env={
        **inherited,
        'PYTHONPATH': os.pathsep.join(
          os.path.abspath(path) for path in sys.path
        ),
        **environment,
      },
      cwd=self.folder,
      capture_output=True,
      text=True,
      check=False,
    )

  def assertFails(self, done, line):
    self.assertEqual((done.stdout, done.stderr), ('', f'error: {line}\n'))
    self.assertEqual(done.returncode, 1)

  def test_runs(self):
    done = self._run('--count=7')
    self.assertEqual(done.stdout, f'{self.folder} 7 3\n')
    self.assertEqual((done.stderr, done.returncode), ('', 0))

  def test_wrong_input_is_one_line(self):
    self.assertFails(self._run('--do=refuse'), 'the input is wrong')

  def test_an_interruption_is_one_line(self):
    done = self._run('--do=interrupt')
    self.assertEqual((done.stdout, done.stderr), ('', 'error: interrupted\n'))
    self.assertEqual(done.returncode, 128 + signal.SIGINT)

  def test_an_interruption_while_loading_is_one_line(self):
    # Where it strikes an import, as that of TensorFlow, that would hide it.
    with open(self.script, 'w', encoding='utf-8') as file:
      file.write(
        'from nat_tf import command\n'
        'import os\nimport signal\n'
        'try:\n  os.kill(os.getpid(), signal.SIGINT)\n'
        'except BaseException:\n  pass\n'
        'command.run(lambda _: print("went on"))\n'
      )
    done = self._run()
    self.assertEqual((done.stdout, done.stderr), ('', 'error: interrupted\n'))
    self.assertEqual(done.returncode, 128 + signal.SIGINT)

  def test_a_stop_says_how_to_go_on(self):
    called = f'{sys.executable} -m nat_tf.script'
    for arguments, environment, line, status in (
      (
        ['--do=stop'],
        {},
        f'stopped by SIGTERM; go on with: {called} --do=stop '
        "'--workdir=/some where/w'",
        128 + signal.SIGTERM,
      ),
      (
        ['--do=step', '--workdir=a b'],
        {},
        'stopped by SIGINT after step 7, which is kept; go on with: '
        f"{called} --do=step '--workdir=a b'",
        128 + signal.SIGINT,
      ),
      (
        ['--do=stop', '--workdir=w'],
        {'BUILD_WORKSPACE_DIRECTORY': '/x'},
        'stopped by SIGTERM; go on with: bazel run //nat_tf:script -- '
        '--do=stop --workdir=w',
        128 + signal.SIGTERM,
      ),
    ):
      done = self._run(*arguments, **environment)
      self.assertEqual(done.stdout, '')
      *heard, last = done.stderr.splitlines()
      self.assertEqual(last, line)
      if '--do=stop' in arguments:
        (said,) = heard
        self.assertEqual(
          said, 'SIGTERM: stopping; a second signal ends it at once'
        )
      else:
        self.assertEmpty(heard)
      self.assertEqual(done.returncode, status)

  def test_a_reader_that_has_enough_is_no_error(self):
    # As in `describe --json | head -n 1`.
    for lines in (1, 100):
      done = subprocess.run(
        f'{sys.executable} {self.script} --do=talk | head -n {lines}',
        shell=True,
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)},
        cwd=self.folder,
        capture_output=True,
        text=True,
        check=False,
      )
      self.assertEqual((done.stdout, done.stderr), ('much\n' * lines, ''))

  def test_an_output_that_is_full_is_one_line(self):
    with open('/dev/full', 'w') as full:
      done = subprocess.run(
        [sys.executable, self.script],
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)},
        cwd=self.folder,
        stdout=full,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
      )
    self.assertEqual(done.stderr, 'error: No space left on device\n')
    self.assertEqual(done.returncode, 1)

  def test_an_error_of_the_system_is_one_line(self):
    self.assertFails(
      self._run('--do=write'), '/none/file: No such file or directory'
    )

  def test_too_little_memory_is_one_line(self):
    for what in ('grow', 'exhaust'):
      done = self._run(f'--do={what}')
      self.assertStartsWith(done.stderr, 'error: out of memory; smaller ')
      self.assertLen(done.stderr.splitlines(), 1)
      self.assertEqual(done.returncode, 1)

  def test_an_output_is_not_made_before_it_is_needed(self):
    done = self._run('--do=output')
    self.assertStartsWith(done.stdout, f'{self.folder}/made/here\n')
    self.assertEqual(os.listdir(self.folder), ['script.py'])

  def test_a_fault_of_the_program_shows_where(self):
    done = self._run('--do=break')
    self.assertEqual(done.returncode, 1)
    self.assertStartsWith(done.stderr, 'Traceback')
    self.assertIn('ValueError: a fault of the program', done.stderr)

  @parameterized.parameters(
    (
      '--unknown_flag',
      "Unknown command line flag 'unknown_flag'; --help lists all flags",
    ),
    (
      '--cout=2',
      "Unknown command line flag 'cout'. Did you mean: count ?; --help lists "
      'all flags',
    ),
    (
      '--count=0',
      'flag --count=0: 0 is not a positive integer; --help lists all flags',
    ),
    (
      '--count=some',
      'flag --count=some: it must be a whole number; --help lists all flags',
    ),
  )
  def test_a_wrong_flag_is_one_line(self, argument, line):
    self.assertFails(self._run(argument), line)

  @parameterized.parameters(
    (['do'], '--do must be given'),
    (['do', 'workdir'], '--do and --workdir must be given'),
    (['more', 'do', 'workdir'], '--more, --do and --workdir must be given'),
  )
  def test_missing_flags_are_one_sentence(self, names, sentence):
    with open(self.script, 'w', encoding='utf-8') as file:
      file.write(
        _SCRIPT.replace(
          '\n\ndef',
          "\nflags.DEFINE_integer('more', None, 'how many more')"
          f'\nflags.mark_flags_as_required({names})\n\ndef',
        ).replace("'do', ''", "'do', None")
      )
    self.assertFails(self._run(), f'{sentence}; --help lists all flags')

  def test_an_argument_is_one_line(self):
    self.assertFails(
      self._run('count', '--do=refuse'),
      "unexpected argument 'count'; options are written --name=value",
    )

  def test_help_lists_the_flags(self):
    done = self._run('--help')
    self.assertEqual(
      done.stdout,
      '  --workdir: where\n  --do: what to do\n  --count: how many (default: 1)'
      '\n\n--flagfile=F reads flags from a file; --helpfull lists those of '
      'libraries, too.\n',
    )
    self.assertEqual((done.stderr, done.returncode), ('', 0))
    for other in ('-h', '-help', '--helpshort', '-?'):
      self.assertEqual(self._run('--do=refuse', other).stdout, done.stdout)

  def test_help_has_choices_and_repetitions_in_the_command_s_words(self):
    form = "DEFINE_{}('{}', None, ['a', 'b'], '{}.')"
    with open(self.script, 'w', encoding='utf-8') as file:
      file.write(
        'from nat_tf import command\n'
        'from absl import flags\n'
        f'flags.{form.format("enum", "one", "which")}\n'
        f'flags.{form.format("multi_enum", "more", "which ones")}\n'
        "flags.DEFINE_multi_string('any', [], 'what. May be repeated.')\n"
        'command.run(print)\n'
      )
    self.assertStartsWith(
      self._run('--help').stdout,
      '  --one: which; one of a, b.\n'
      '  --more: which ones; one of a, b.\n'
      '  --any: what. May be repeated.\n\n',
    )
    for name in ('one', 'more'):
      self.assertFails(
        self._run(f'--{name}=c'),
        f'flag --{name}=c: it must be one of a, b; --help lists all flags',
      )

  def test_help_begins_with_what_it_does_and_must_be_given(self):
    with open(self.script, 'w', encoding='utf-8') as file:
      file.write(
        '"""Does it.\n\nbazel run //nat_tf:script -- --do=it\n"""\n'
        + _SCRIPT.replace(
          '\n\ndef', "\nflags.mark_flag_as_required('do')\n\ndef"
        )
      )
    help_ = self._run('-h').stdout
    self.assertStartsWith(
      help_,
      f'Does it.\n\n{sys.executable} -m nat_tf.script --do=it\n\n'
      '  --do: what to do Must be given.\n  --workdir: where\n',
    )

  def test_paths_are_meant_from_where_bazel_was_called(self):
    # A flag file is a path too, and is read before `main`.
    called = self.create_tempdir().full_path
    with open(os.path.join(called, 'a.flags'), 'w', encoding='utf-8') as file:
      file.write('--count=9\n')
    done = self._run('--flagfile=a.flags', BUILD_WORKING_DIRECTORY=called)
    self.assertEqual(done.stdout, f'{os.path.realpath(called)} 9 3\n')

  def test_keeps_the_user_s_log_level(self):
    done = self._run(TF_CPP_MIN_LOG_LEVEL='0')
    self.assertEndsWith(done.stdout, ' 0\n')

  def test_gym_prints_no_notice(self):
    # As in the commands, which load Gym before they call `run`.
    with open(self.script, 'w', encoding='utf-8') as file:
      file.write('from nat_tf import command\nimport gym\n')
    done = self._run()
    self.assertEqual((done.stderr, done.returncode), ('', 0))


class WorkdirTest(absltest.TestCase):
  def test_is_where_the_user_wants_it(self):
    self.assertEqual(command.workdir('w', 'a'), os.path.join(os.getcwd(), 'w'))

  def test_is_one_directory_whatever_the_data_set_is_called(self):
    found = command.workdir(None, 'compare-imagenet_resized/32x32:3.0.2')
    folder, name = os.path.split(found)
    self.assertEqual(folder, os.path.join(os.getcwd(), 'nat_tf_runs'))
    self.assertRegex(
      name, r'^compare-imagenet_resized_32x32_3\.0\.2-\d{8}-\d{6}$'
    )

  def test_data_directories_are_right_from_anywhere(self):
    config = train_config.TrainConfig(data_dir='d')
    self.assertEqual(
      command.with_data_dir(config).data_dir, os.path.join(os.getcwd(), 'd')
    )
    config = train_config.TrainConfig()
    self.assertEqual(command.with_data_dir(config), config)


class TensorboardTest(absltest.TestCase):
  def test_is_called_by_what_is_there(self):
    there = self.create_tempdir()
    there.create_file('tensorboard')
    os.chmod(os.path.join(there.full_path, 'tensorboard'), 0o755)
    for path, called in (
      (there.full_path, 'tensorboard'),
      ('/none', f'{sys.executable} -m tensorboard.main'),
    ):
      with mock.patch.dict(os.environ, PATH=path):
        line = command.tensorboard('/a b/events')
      self.assertEqual(line, f"{called} '--logdir=/a b/events'")


class LineTest(absltest.TestCase):
  def _line(self, name: str, *arguments: str, **environment: str) -> str:
    """Returns what a command says that is called so, by default by Bazel."""
    environment = environment or {'BUILD_WORKSPACE_DIRECTORY': '/x'}
    inherited = {
      name: value
      for name, value in os.environ.items()
      if name not in ('BUILD_WORKSPACE_DIRECTORY', 'NAT_TF_BAZELW')
    }
    script = self.create_tempfile(f'{name}.py', _LINE_SCRIPT).full_path
    done = subprocess.run(
      [sys.executable, script, *arguments],
      env={
        **inherited,
        'PYTHONPATH': os.pathsep.join(sys.path),
        **environment,
      },
      capture_output=True,
      text=True,
      check=True,
    )
    return done.stdout.strip()

  def test_holds_what_is_not_the_default(self):
    self.assertEqual(self._line('ranking'), 'bazel run //nat_tf:ranking')
    self.assertEqual(
      self._line('ranking', '--count=1', '--do=a b', '--some=x', '--some=y'),
      "bazel run //nat_tf:ranking -- '--do=a b' --some=x --some=y",
    )

  def test_is_what_was_called(self):
    for environment, called, no_flag in (
      ({'LANG': 'C'}, f'{sys.executable} -m nat_tf.search', ''),
      ({'BUILD_WORKSPACE_DIRECTORY': '/x'}, 'bazel run //nat_tf:search', '--'),
      (
        {'BUILD_WORKSPACE_DIRECTORY': '/x', 'NAT_TF_BAZELW': './bazelw'},
        './bazelw run //nat_tf:search',
        '--',
      ),
    ):
      self.assertEqual(self._line('search', **environment), called)
      self.assertEqual(
        self._line('search', '--count=2', **environment),
        ' '.join(filter(None, (called, no_flag, '--count=2'))),
      )

  def test_a_long_one_has_a_line_for_each(self):
    long = 'x' * 60
    self.assertEqual(
      self._line('ranking', f'--do={long}', '--noplain'),
      f'bazel run //nat_tf:ranking -- \\\n  --do={long} \\\n  --noplain',
    )

  def test_what_stands_in_a_flag_file_is_spelled_out(self):
    file = self.create_tempfile('f.flags', '--count=3\n--do=it\n').full_path
    self.assertEqual(
      self._line('ranking', f'--flagfile={file}'),
      'bazel run //nat_tf:ranking -- --do=it --count=3',
    )

  def test_a_new_run_gets_a_new_directory(self):
    self.assertEqual(
      self._line('search', '--workdir=w', '--do=it'),
      'bazel run //nat_tf:search -- --do=it',
    )
    self.assertEqual(
      self._line('ranking', '--workdir=w'),
      'bazel run //nat_tf:ranking -- --workdir=w',
    )


if __name__ == '__main__':
  absltest.main()
