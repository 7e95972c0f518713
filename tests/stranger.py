"""Runs every code block of the README in order in a fresh clone.

python3 -m tests.stranger [--full] [--keep]

Needs no package. What is done otherwise than a reader would do it stands as a
comment before the block:

    <!-- stranger: skip, for … -->    it is not run
    <!-- stranger: flags --x=1 -->    every command of nat_tf gets these, too
    <!-- stranger: first … -->        a command to be run before it

`--full` leaves these flags out and takes hours; `--keep` leaves the clone.
"""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

from tests import documents

_RUN = re.compile(r'(bazelw run //nat_tf:\w+)( --)?((?:\\\n|[^\n])*)')
_SHELL = ['bash', '-euo', 'pipefail', '-c']


def script(block: documents.Block, full: bool) -> str | None:
  """Returns what is run of a block; None if nothing is.

  Args:
    block: of the README.
    full: whether commands run with no other flags than those that are shown.
  """
  kinds: dict[str, list[str]] = {'flags': [], 'first': [], 'skip,': []}
  for note in block.notes:
    kind, _, rest = note.partition(' ')
    kinds[kind].append(rest)
  if kinds['skip,'] or block.language not in ('sh', 'python'):
    return None
  if block.language == 'python':
    return python(block.text)
  text = block.text
  if kinds['flags'] and not full:
    more = ' '.join(kinds['flags'])
    text = _RUN.sub(lambda run: _with_flags(run, more), text)
  return '\n'.join([*kinds['first'], text])


def python(text: str) -> str:
  """Returns what runs a text of Python's, for the shell."""
  return f"python - <<'END'\n{text}END\n"


def _with_flags(run: re.Match, more: str) -> str:
  # What learns; the other commands have no such flags.
  if not run[1].endswith((':search', ':train')):
    return run[0]
  return f'{run[1]} --{run[3]} {more}'


@contextlib.contextmanager
def cloned(keep: bool = False) -> Iterator[pathlib.Path]:
  """Yields a fresh clone, which is deleted in the end.

  Args:
    keep: whether it stays instead.
  """
  home = pathlib.Path(tempfile.mkdtemp(prefix='stranger-'))
  clone = home / 'nat_tf'
  subprocess.run(
    ['git', 'clone', '--quiet', str(documents.ROOT), str(clone)], check=True
  )
  try:
    yield clone
  finally:
    if keep:
      print(f'kept {clone}')
    else:
      shutil.rmtree(home)


def passes(
  where: str, text: str, clone: pathlib.Path, programs: pathlib.Path
) -> bool:
  """Runs a script in a clone; prints it and what became of it.

  Args:
    where: it stands.
    text: of it, for the shell.
    clone: where it is run.
    programs: a directory whose programs are found before all others.
  """
  print(f'{where}:\n{text}', flush=True)
  environment = {**os.environ, 'PATH': f'{programs}:{os.environ["PATH"]}'}
  started = time.monotonic()
  result = subprocess.run(
    [*_SHELL, text], cwd=clone, env=environment, stdin=subprocess.DEVNULL
  )
  seconds = time.monotonic() - started
  print(
    f'{where}: exit code {result.returncode} after {seconds:.0f} s', flush=True
  )
  return not result.returncode


def main(argv: list[str]) -> int:
  """Clones and runs; returns the exit code."""
  full, keep = '--full' in argv, '--keep' in argv
  with cloned(keep) as clone:
    try:
      return _run_all(clone, full)
    finally:
      subprocess.run(['./bazelw', 'shutdown'], cwd=clone, check=False)
      if not keep:
        subprocess.run(
          ['./bazelw', 'clean', '--expunge'], cwd=clone, check=False
        )


def _run_all(clone: pathlib.Path, full: bool) -> int:
  """Runs the blocks; stops at the first that fails."""
  for block in documents.blocks('README.md'):
    text = script(block, full)
    if text is None:
      if block.language:
        print(f'{block.where}: not run: {", ".join(block.notes)}', flush=True)
    # As if `. .venv/bin/activate` held on from block to block.
    elif not passes(block.where, text, clone, clone / '.venv' / 'bin'):
      return 1
  return 0


if __name__ == '__main__':
  sys.exit(main(sys.argv[1:]))
