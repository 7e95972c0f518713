"""What all commands share: where they run, what they hide, how they fail.

Import this before TensorFlow: what TensorFlow and Gym print when they are
loaded is decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
import contextlib
import dataclasses
import gc
import os
import re
import shlex
import shutil
import signal
import sys
import time
from typing import Any, TypeVar

# What is imported lives as long as the process. Looking through it for garbage
# takes a quarter of the time of the imports, and a second at the end; `run`
# sets it aside.
_THRESHOLDS = gc.get_threshold()
gc.set_threshold(100_000, 20, 10)


def _interrupted(number: int, frame: Any):
  """Ends the process by Ctrl-C while it is still being loaded.

  TensorFlow's imports would swallow the exception, or show where it struck;
  nothing has begun that could be lost.
  """
  del number, frame
  os.write(2, b'error: interrupted\n')
  os._exit(_INTERRUPTED)


# As if the process had died of SIGINT.
_INTERRUPTED = 130
# Until `run`; who is called with SIGINT ignored goes on ignoring it.
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
  signal.signal(signal.SIGINT, _interrupted)

# Before the imports below: TensorFlow reads it once. Its warnings about
# accelerators that the machine does not have are no news; errors still raise.
os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

from absl import app  # noqa: E402
from absl import flags  # noqa: E402
from absl import logging  # noqa: E402
from gym_notices import notices  # noqa: E402

from nat_tf import input_error  # noqa: E402

# A frozen dataclass, as `setting` makes them.
Config = TypeVar('Config', bound=Any)

_NO_MEMORY = (
  'out of memory; smaller --batch_size, --channels, --cells or --image_size '
  'need less, where the command has them'
)

# What absl lets Python say of a wrong value, and what is meant.
_PLAIN = {
  r'invalid literal for int\(\).*': 'it must be a whole number',
  r'Exceeds the limit .* for integer string conversion.*': 'it is too long',
  r'could not convert string to float.*': 'it must be a number',
  r"\('Non-boolean argument to boolean flag'.*\)": 'it must be true or false',
  r"ERROR:: Unable to open flagfile: \[Errno \d+\] (.*): '(.*)'": (
    r'cannot read the flag file \2: \1'
  ),
  r'^(flag --\w+=.{60}).{60,}(: it)': r'\1...\2',
}
# What absl says of each flag that must be given and is not.
_MISSING = re.compile(r'Flag (--\w+) must have a value other than None\.')
_CHOICES = re.compile(r'value should be one of <(.*)>')
# What absl adds to the help of a flag that may be given several times.
_REPEATED = ';\n    repeat this option to specify a list of values'
_MORE_HELP = (
  '--flagfile=F reads flags from a file; --helpfull lists those of libraries, '
  'too.'
)
# Commands that make their own workdir.
_MAKERS = ('search', 'train', 'compare', 'tabular')
_LONGEST = 300
_LONGEST_LINE = 2000
# What is longer gets a line for every flag.
_LONGEST_COMMAND = 50

# The notice that Gym, which TF-Agents loads, prints about itself.
notices.notices.clear()


def run(main: Callable[[list[str]], None]):
  """Runs a command; exits with 1 and one line where the input is wrong.

  Args:
    main: takes what stands on the command line beside the flags.
  """
  if signal.getsignal(signal.SIGINT) is _interrupted:
    signal.signal(signal.SIGINT, signal.default_int_handler)
  gc.freeze()
  gc.set_threshold(*_THRESHOLDS)
  # `bazel run` starts a command elsewhere; paths are meant from here.
  os.chdir(os.environ.get('BUILD_WORKING_DIRECTORY', '.'))

  def checked(argv: list[str]):
    try:
      if len(argv) > 1:
        raise input_error.InputError(
          f'unexpected argument {argv[1]!r}; options are written --name=value'
        )
      main(argv)
      # Here, where it can be said in a line that it cannot be written.
      sys.stdout.flush()
    except input_error.InputError as error:
      fail(str(error))
    except KeyboardInterrupt:
      fail('interrupted', _INTERRUPTED)
    except BrokenPipeError:
      _stop_quietly()
    except OSError as error:
      where = f'{error.filename}: ' if error.filename is not None else ''
      fail(f'{where}{error.strerror or error}')
    except MemoryError:
      fail(_NO_MEMORY)
    except Exception as error:
      # TensorFlow's; to load it for its name would take seconds.
      if type(error).__name__ != 'ResourceExhaustedError':
        raise
      fail(_NO_MEMORY)

  app.run(checked, flags_parser=_parse)


@contextlib.contextmanager
def resumable(workdir: str) -> Iterator[None]:
  """Lets a run in the block be told to stop; says then how to go on.

  The command then exits with 128 and the signal's number, as if it had died of
  it.

  Args:
    workdir: of the run.
  """
  # Late, for commands that run nothing must not load more than they need.
  from nat_tf import stopping

  try:
    with stopping.raised():
      yield
  except stopping.Stopped as stopped:
    kept = ''
    if stopped.step is not None:
      kept = f' after step {stopped.step}, which is kept'
    _leave(
      f'stopped by {stopped.signal.name}{kept}; go on with: {_again(workdir)}',
      128 + stopped.signal,
    )


def _again(workdir: str) -> str:
  """Returns the line that calls this command again, on the same workdir."""
  given = flags.FLAGS['workdir'].value is not None
  own = [] if given else [f'--workdir={workdir}']
  return shlex.join([*_called(), *sys.argv[1:], *own])


def _called() -> list[str]:
  """Returns how this command was called, up to its first flag."""
  name = _name()
  if 'BUILD_WORKSPACE_DIRECTORY' in os.environ:
    bazel = os.environ.get('NAT_TF_BAZELW', 'bazel')
    return [bazel, 'run', f'//nat_tf:{name}', '--']
  # Python 3.9 does not know what was typed.
  python = getattr(sys, 'orig_argv', [sys.executable])[0]
  return [python, '-m', f'nat_tf.{name}']


def line() -> str:
  """Returns what makes the command's result again, to be pasted.

  It is called as it was, with its own flags that were given and are not the
  defaults, as the user wrote them; what stood in a flag file is spelled out. A
  run of its own needs its own directory: `--workdir` is left out where the
  command makes one.
  """
  name = _name()
  words = [
    word
    for flag in flags.FLAGS.get_key_flags_for_module(sys.argv[0])
    if flag.present and flag.value != flag.default
    for word in _written(flag)
  ]
  words = [w for w in words if name not in _MAKERS or not _is_workdir(w)]
  called = _called()
  if not words:
    return shlex.join([word for word in called if word != '--'])
  start, whole = shlex.join(called), shlex.join(words)
  if len(whole) <= _LONGEST_COMMAND:
    return f'{start} {whole}'
  return ' \\\n  '.join([start, *map(shlex.quote, words)])


def _name() -> str:
  """Returns what this command is called."""
  return os.path.splitext(os.path.basename(sys.argv[0]))[0]


def tensorboard(events: str) -> str:
  """Returns the line that shows event files.

  Args:
    events: their directory.
  """
  called = ['tensorboard']
  # The Python of Bazel, or of an environment that is not entered, has no
  # programs on the path.
  if shutil.which(called[0]) is None:
    called = [sys.executable, '-m', 'tensorboard.main']
  return shlex.join([*called, f'--logdir={events}'])


def _written(flag: flags.Flag) -> list[str]:
  """Returns a flag with its value as words of a command line."""
  if isinstance(flag, flags.MultiFlag):
    return [f'--{flag.name}={value}' for value in flag.value]
  return [flag.serialize()]


def _is_workdir(word: str) -> bool:
  return word.startswith('--workdir=')


def path(text: str) -> str:
  """Returns a path that stays right wherever it is used.

  Args:
    text: relative to where the user called, absolute, from home (`~`), or with
      a scheme, as in `gs://bucket/data`.
  """
  _check_path(text)
  if '://' in text:
    return text
  return os.path.abspath(os.path.expanduser(text))


def output(text: str, flag: str) -> str:
  """Returns the path of a directory that results can be written to.

  Found out before there are any: they may take hours.

  Args:
    text: as `path` takes it, but without a scheme.
    flag: name of the flag that holds it, for messages.

  Raises:
    InputError: it cannot be made or written.
  """
  _check_path(text)
  article = 'an' if flag[0] in 'aeiou' else 'a'
  remedy = f'give {article} --{flag} that can be written'
  if '://' in text:
    raise input_error.InputError(f'cannot write to {text}; {remedy}')
  folder = path(text)
  # Nothing is made yet: what follows may refuse.
  existing = folder
  while not os.path.lexists(existing):
    existing = os.path.dirname(existing)
  if not os.path.isdir(existing):
    raise input_error.InputError(
      f'cannot write to {folder}: {existing} is no directory; {remedy}'
    )
  if not os.access(existing, os.W_OK | os.X_OK):
    raise input_error.InputError(
      f'cannot write to {folder}: {existing} may not be written; {remedy}'
    )
  return folder


def workdir(text: str | None, name: str) -> str:
  """Returns where a run goes.

  Args:
    text: where the user wants it, see `path`; None for a new directory.
    name: what it is, for that; may hold the name of a data set.
  """
  safe = name.replace('/', '_').replace(':', '_')
  stamp = time.strftime('%Y%m%d-%H%M%S')
  return path(text or f'nat_tf_runs/{safe}-{stamp}')


def with_data_dir(config: Config) -> Config:
  """Returns a configuration whose data directory is right from anywhere.

  A workdir remembers it for commands that are called elsewhere.

  Args:
    config: has a field `data_dir`, a path as the user gave it or None.
  """
  if config.data_dir is None:
    return config
  return dataclasses.replace(config, data_dir=path(config.data_dir))


def mute():
  """Lets this process print nothing but warnings and errors from now on.

  Of several processes that run together one speaks.
  """
  sys.stdout = open(os.devnull, 'w', encoding='utf-8')  # noqa: SIM115


def fail(message: str, status: int = 1):
  """Prints one line and exits.

  Args:
    message: what is wrong.
    status: the exit code.
  """
  line = ' '.join(message.split())
  if len(line) > _LONGEST_LINE:
    line = f'{line[:_LONGEST_LINE]}...'
  _leave(f'error: {line}', status)


def _leave(line: str, status: int):
  """Prints a line on standard error and exits."""
  print(line, file=sys.stderr, flush=True)
  try:
    sys.stdout.flush()
  except (OSError, ValueError):
    _drop_output()
  sys.exit(status)


def _check_path(text: str):
  try:
    text.encode('utf-8')
  except UnicodeEncodeError:
    raise input_error.InputError(
      f'the path {ascii(text[:80])} is not in UTF-8'
    ) from None
  if '\0' in text:
    raise input_error.InputError(
      f'the path {ascii(text[:80])} holds a null character'
    )


def _stop_quietly():
  """Exits with 1: who read the output wants no more of it, nor of a message."""
  _drop_output()
  sys.exit(1)


def _drop_output():
  """Empties the buffer, which would fail once more when Python exits."""
  with contextlib.suppress(OSError, ValueError):
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Help(flags.BooleanFlag):
  """Stands for absl's flag; prints the command's flags as `_help` has them."""

  def __init__(self, name: str, short_name: str):
    super().__init__(name, False, 'show this help', short_name)
    self.allow_override = True

  def parse(self, argument: Any):
    """Prints the help and exits, unless it says no."""
    if not self._parse(argument):
      return
    try:
      print(_help(), flush=True)
    except BrokenPipeError:
      _drop_output()
    sys.exit(0)


def _help() -> str:
  """Returns what the command does, and its flags in the order of the source.

  What must be given comes first.
  """
  usual = f'bazel run //nat_tf:{_name()} --'
  doc = sys.modules['__main__'].__doc__ or ''
  own = flags.FLAGS.get_key_flags_for_module(sys.argv[0])
  ordered = sorted(own, key=lambda flag: not _is_required(flag))
  return '\n'.join(
    [
      doc.replace(usual, shlex.join(_called())),
      *map(_described, ordered),
      '',
      _MORE_HELP,
    ]
  ).lstrip('\n')


def _described(flag: flags.Flag) -> str:
  """Returns what `--help` says of a flag, in lines of at most 80 columns."""
  text = f'--{"[no]" if flag.boolean else ""}{flag.name}: {_meaning(flag)}'
  if _is_required(flag):
    text += ' Must be given.'
  if flag.default_as_str and flag.default not in ('', []):
    text += f' (default: {flag.default_as_str[1:-1]})'
  return flags.text_wrap(text, length=80, indent='    ', firstline_indent='  ')


def _meaning(flag: flags.Flag) -> str:
  """Returns what a flag is, choices as a configuration's flags have them."""
  meaning = flag.help.removesuffix(_REPEATED)
  choices = getattr(flag.parser, 'enum_values', [])
  if not choices:
    return meaning
  meaning = meaning.removeprefix(f'<{"|".join(choices)}>: ').removesuffix('.')
  return f'{meaning}; one of {", ".join(choices)}.'


def _is_required(flag: flags.Flag) -> bool:
  return any('other than None' in one.message for one in flag.validators)


def _parse(argv: list[str]) -> list[str]:
  """Parses flags; absl would print the usage of them all."""
  # They take the places of what absl has just defined.
  for name, short in (('help', 'h'), ('helpshort', '?')):
    flags.DEFINE_flag(_Help(name, short), module_name='absl.app')
  try:
    rest = flags.FLAGS(argv)
    # What TensorFlow says of writing in the background is no news.
    if not flags.FLAGS['verbosity'].present:
      logging.set_verbosity(logging.WARNING)
    return rest
  except flags.Error as error:
    fail(f'{_plain(str(error))[:_LONGEST]}; --help lists all flags')
    raise
  except UnicodeDecodeError:
    fail('a --flagfile is not a text file in UTF-8')
    raise


def _plain(message: str) -> str:
  """Returns what absl says of wrong flags in words of the command."""
  *others, last = _MISSING.findall(message) or ['']
  if last:
    listed = f'{", ".join(others)} and {last}' if others else last
    return f'{listed} must be given'
  for words, plain in _PLAIN.items():
    message = re.sub(words, plain, message, flags=re.DOTALL)
  return _CHOICES.sub(
    lambda found: f'it must be one of {found[1].replace("|", ", ")}', message
  )
