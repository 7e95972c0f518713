"""Runs every command of docs/*.md in order, in a fresh clone for each page.

python -m tests.pages [docs/data.md ...]

Runs in the caller's environment, which must have all packages: for `bazel run`
stands `python -m`, since Bazel would make its environment anew in every clone.
(That Bazel's works is for `tests.stranger` to find out, with the README.)
Commands learn for a step or two, on digits; see `shortened`. What is not run
stands in `NOT_RUN`. Goes on after a block that fails, and exits with 1 then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
import os
import pathlib
import re
import shlex
import sys
import tempfile
from typing import NamedTuple

from tests import chromium
from tests import documents
from tests import stranger

# Why a block or line is not run that holds a text.
NOT_RUN = {
  '//benchmarks:scaling': 'takes minutes, and measures this machine',
  '//benchmarks:sharing': 'learns from CIFAR-10',
  '//benchmarks:supernet': 'takes minutes, and measures this machine',
  '//benchmarks:training': 'learns from CIFAR-10',
  '//benchmarks:workers': 'takes minutes; see multi_worker_test',
  'docker run': 'needs Docker',
  'curl localhost': 'needs a server; see serving_test',
  'import grpc': 'needs a server; see serving_test',
  'NAT_TF_EXTRA=cuda': 'needs a GPU',
  'TF_CONFIG': 'needs several machines; see multi_worker_test',
  'tensorboard --logdir': 'serves until it is stopped; see tensorboard_test',
  'tests.monitoring_pictures': 'needs runs that learn',
}
# As above, where there is no Chromium.
_NEEDS_CHROMIUM = 'tests.report_pictures'
_SEARCHED = 'bazel run //nat_tf:search -- --workdir='
_TABLE = 'python -m tests.cell_table cifar10.csv'
# What has been done where a page begins.
FIRST = {
  'docs/architectures.md': f'{_SEARCHED}nat_tf_runs/first',
  'docs/data.md': 'python -m tests.example_photos photos',
  'docs/monitoring.md': _TABLE,
  'docs/performance.md': f'{_SEARCHED}W',
  'docs/policy.md': _TABLE,
  'docs/ranking.md': _TABLE,
  'docs/training.md': f'{_SEARCHED}nat_tf_runs/first',
}
# Lines that stand before one of Python's that supposes them.
_GIVEN = {
  'pixels / 255': 'import numpy\n\npixels = numpy.zeros([1, 8, 8, 1])\n'
}

# Given behind a command's own flags.
_STEPS = '--epochs=1 --dataset=digits --channels=2 '
_SHORT = {
  'search': (
    f'{_STEPS}--warmup=0 --weights_steps=1 --policy_steps=1 --policy_batch=2 '
    '--batch_size=8 --candidates=2 --reward_cells=0'
  ),
  'train': f'{_STEPS}--warmup_epochs=0 --cutout=0',
  'compare': f'{_STEPS}--warmup_epochs=0 --cutout=0 --seeds=1 --latency=false',
  'tabular': '--seeds=1 --steps=1 --points=1',
  'ranking': '--architectures=20 --images=16',
  'transform': '--candidates=2',
  'describe': '--latency=false',
  # Of benchmarks.
  'fuzz': '--inputs=100',
  'kill': '--runs=1',
  'policy': '--batch=8',
  'rewards': '--batches=3 --images=16 --steps=1 --seeds=1',
}
_OWN_DATA = re.compile(r'--dataset=(?!digits|cifar10)')
# These have a number of cells of their own.
_WHOLE = re.compile(r'--architectures?=(vgg|resnet)')
CALLED = re.compile(r'bazelw? run //|python3? -m (nat_tf|tests)\.')


class Step(NamedTuple):
  """A block or a line of a page.

  Attributes:
    where: it stands, for messages.
    text: what is run, for the shell.
    reason: why it is not run; empty if it is.
  """

  where: str
  text: str
  reason: str


def names() -> list[str]:
  """Returns the pages; the one of docstrings is none."""
  every = (name for name in documents.names() if name.startswith('docs/'))
  return [name for name in every if name != 'docs/api.md']


def steps(document: str) -> Iterator[Step]:
  """Yields a page's blocks in order, then the commands within its text."""
  if document in FIRST:
    yield Step(f'before {document}', FIRST[document], '')
  for block in documents.blocks(document):
    text = block.text
    if block.language == 'python':
      given = (lines for part, lines in _GIVEN.items() if part in text)
      text = stranger.python(''.join([*given, text]))
    elif block.language != 'sh':
      if not CALLED.search(text):
        continue
      raise ValueError(f'{block.where}: a command in a block that is not `sh`')
    yield Step(block.where, text, _reason(text))
  for one in documents.commands_of_lines(document):
    target = f'//{one.package}:{one.name}'
    text = shlex.join(['bazel', 'run', target, '--', *one.arguments])
    yield Step(document, text, _reason(text))


def _reason(text: str) -> str:
  reasons = [why for part, why in NOT_RUN.items() if part in text]
  if _NEEDS_CHROMIUM in text and chromium.find() is None:
    reasons.append('needs Chromium')
  return ', '.join(reasons)


def shortened(name: str, arguments: Sequence[str]) -> list[str]:
  """Returns the arguments of a command with those that shorten it.

  Args:
    name: of a program.
    arguments: as the page gives them.
  """
  more = _SHORT.get(name, '').split()
  if any(map(_OWN_DATA.match, arguments)):
    more.remove('--dataset=digits')
  if '--channels=2' in more and not any(map(_WHOLE.match, arguments)):
    more.append('--cells=2')
  return [*arguments, *more]


def _call(target: str, arguments: Sequence[str]):
  """Becomes the program that `bazel run` would run."""
  package, _, name = target.strip('/').partition(':')
  arguments = [word for word in arguments if word != '--']
  arguments = shortened(name, arguments)
  command = [sys.executable, '-m', f'{package}.{name}', *arguments]
  os.execv(command[0], command)


def main(argv: list[str]) -> int:
  """Runs pages, or as `bazel` in one of them; returns the exit code."""
  if argv[:1] == ['run']:
    _call(argv[1], argv[2:])
  failed = [where for document in argv or names() for where in _run(document)]
  print('\n'.join(f'failed: {where}' for where in failed) or 'all passed')
  return 1 if failed else 0


def _run(document: str) -> list[str]:
  """Runs a page; returns where it failed."""
  failed = []
  with tempfile.TemporaryDirectory() as folder, stranger.cloned() as clone:
    programs = pathlib.Path(folder)
    python = shlex.quote(sys.executable)
    (programs / 'python').write_text(f'#!/bin/sh\nexec {python} "$@"\n')
    (programs / 'bazel').write_text(
      '#!/bin/sh\nexec python -m tests.pages "$@"\n'
    )
    for program in programs.iterdir():
      program.chmod(0o755)
    (clone / 'bazelw').unlink()
    (clone / 'bazelw').symlink_to(programs / 'bazel')
    for step in steps(document):
      if step.reason:
        print(f'{step.where}: not run: {step.reason}', flush=True)
      elif not stranger.passes(step.where, step.text, clone, programs):
        failed.append(step.where)
  return failed


if __name__ == '__main__':
  sys.exit(main(sys.argv[1:]))
