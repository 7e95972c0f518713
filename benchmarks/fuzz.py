"""Gives all parsers many inputs that are wrong; see tests/fuzzing.py.

bazel run //benchmarks:fuzz -- --inputs=100000
"""

from __future__ import annotations

import time

from nat_tf import command  # isort: skip

from absl import flags

from tests import fuzzing

_INPUTS = flags.DEFINE_integer(
  'inputs',
  100_000,
  'inputs for every parser; what reads files or takes long gets a share of '
  'them. 1 or more.',
  lower_bound=1,
)
_ONLY = flags.DEFINE_list(
  'only', [''], 'beginnings of the names of parsers, joined by commas.'
)


def main(argv: list[str]):
  """Runs the command."""
  del argv  # `command.run` refuses any.
  with fuzzing.file_parsers() as files:
    for parser in (*fuzzing.parsers(), *files):
      if parser.name.startswith(tuple(_ONLY.value)):
        begun = time.monotonic()
        tally = fuzzing.fuzz(parser, _INPUTS.value, repeatable=False)
        print(
          f'{parser.name}: {tally.taken + tally.refused:,} inputs, '
          f'{tally.taken:,} taken, slowest {1e3 * tally.slowest:.1f} ms, '
          f'{time.monotonic() - begun:.0f} s',
          flush=True,
        )


if __name__ == '__main__':
  command.run(main)
