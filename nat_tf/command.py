"""What all commands share: where they run, what they hide, how they fail.

Import this before TensorFlow: what TensorFlow and Gym print when they are
loaded is decided here.
"""

from __future__ import annotations

from collections.abc import Callable
import gc
import os
import sys

# What is imported lives as long as the process. Looking through it for garbage
# takes a quarter of the time of the imports, and a second at the end; `run`
# sets it aside.
_THRESHOLDS = gc.get_threshold()
gc.set_threshold(100_000, 20, 10)

# Before the imports below: TensorFlow reads it once. Its warnings about
# accelerators that the machine does not have are no news; errors still raise.
os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

from absl import app  # noqa: E402
from absl import flags  # noqa: E402
from gym_notices import notices  # noqa: E402

from nat_tf import input_error  # noqa: E402

# The notice that Gym, which TF-Agents loads, prints about itself.
notices.notices.clear()


def run(main: Callable[[list[str]], None]):
  """Runs a command; exits with 1 and one line where the input is wrong.

  Args:
    main: takes what stands on the command line beside the flags.
  """
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
    except input_error.InputError as error:
      fail(str(error))
    except KeyboardInterrupt:
      fail('interrupted')

  app.run(checked, flags_parser=_parse)


def path(text: str) -> str:
  """Returns a path that stays right wherever it is used.

  Args:
    text: relative to where the user called, absolute, from home (`~`), or with
      a scheme, as in `gs://bucket/data`.
  """
  if '://' in text:
    return text
  return os.path.abspath(os.path.expanduser(text))


def fail(message: str):
  """Prints one line and exits with 1."""
  line = ' '.join(message.split())
  print(f'error: {line}', file=sys.stderr, flush=True)
  sys.exit(1)


def _parse(argv: list[str]) -> list[str]:
  """Parses flags; absl would print the usage of them all."""
  try:
    return flags.FLAGS(argv)
  except flags.Error as error:
    fail(f'{error}; --help lists all flags')
    raise
