"""What README, CONTRIBUTING and docs/ tell a reader to call still works."""

from __future__ import annotations

import ast
from collections.abc import Iterator
import contextlib
import dataclasses
import importlib
import importlib.util
import multiprocessing
import os
import pathlib
import re
import subprocess
import sys
from unittest import mock

from absl import flags
from absl.testing import absltest
from absl.testing import flagsaver
from absl.testing import parameterized

from nat_tf import architecture_source
from nat_tf import data
from nat_tf import setting

# Loaded here once; every program below then starts in a fork.
from nat_tf import training  # noqa: F401
from nat_tf import transformer  # noqa: F401
from tests import documents
from tests import pages
from tests import stranger

_BLOCKS = [
  block for name in documents.names() for block in documents.blocks(name)
]
_ARCHITECTURES = 'architecture', 'transformed'


def _programs() -> dict[str, list[documents.Command]]:
  """Returns all calls by the module that is called, as shown and shortened."""
  programs: dict[str, list[documents.Command]] = {}
  for name in documents.names():
    for command in documents.commands(name):
      module = f'{command.package}.{command.name}'
      calls = programs.setdefault(module, [])
      calls.append(command)
      if command.package == 'nat_tf':
        more = pages.shortened(command.name, command.arguments)
        calls.append(dataclasses.replace(command, arguments=tuple(more)))
  return programs


_PROGRAMS = _programs()


def _settings(of: type = setting.Settings) -> Iterator[type]:
  """Yields the configurations that the flags of this process describe."""
  for one in of.__subclasses__():
    yield from _settings(one)
    fields = [
      field.name
      for field in dataclasses.fields(one)
      if field.metadata.get('flag')
    ]
    if all(name in flags.FLAGS for name in fields):
      yield one


def _fault(command: documents.Command) -> str:
  """Returns what the program would say of a call's flags; empty for nothing."""
  # A loop of the shell fills such words in.
  given = [word for word in command.arguments if word[0] != '$']
  try:
    rest = flags.FLAGS([command.name, *given])[1:]
    if rest:
      return f'unexpected {rest}'
    for one in _settings():
      one.from_flags()
    for name in _ARCHITECTURES:
      text = flags.FLAGS[name].value if name in flags.FLAGS else None
      # A file is there only after what stands before the call.
      if text and not re.search(r'[$./]', text):
        architecture_source.resolve(text)
  except (flags.Error, ValueError) as error:
    return str(error)
  return ''


def _faults(module: str, connection):
  """Sends the faults of all calls of a program, from a process of its own."""
  os.chdir(documents.ROOT)
  importlib.import_module(module)
  found = []
  for command in _PROGRAMS[module]:
    with flagsaver.flagsaver():
      fault = _fault(command)
    if fault:
      found.append(f'{command.where}: {" ".join(command.arguments)}: {fault}')
  connection.send(found)


def _faults_of(module: str) -> list[str]:
  # Programs define flags of the same names, so each has a process.
  context = multiprocessing.get_context('fork')
  here, there = context.Pipe()
  process = context.Process(target=_faults, args=(module, there))
  process.start()
  there.close()
  try:
    return here.recv()
  except EOFError:
    return [f'{module} cannot be loaded']
  finally:
    process.join()


class CommandsTest(parameterized.TestCase):
  @parameterized.parameters(
    *(name for name in _PROGRAMS if not name.startswith('tests.'))
  )
  def test_flags_are_those_of_today(self, module):
    self.assertEqual(_faults_of(module), [])

  def test_programs_of_tests_are_there(self):
    for module, (first, *_) in _PROGRAMS.items():
      self.assertIsNotNone(importlib.util.find_spec(module), first.where)

  def test_every_command_is_shown(self):
    shown = {name for name in _PROGRAMS if name.startswith('nat_tf.')}
    folder = documents.ROOT / 'nat_tf'
    programs = {
      f'nat_tf.{path.stem}'
      for path in folder.glob('*.py')
      if 'command.run(main)' in path.read_text('utf-8')
    }
    self.assertEqual(shown, programs)

  # Else the tests above would pass by finding nothing.
  @parameterized.parameters(
    ('--epochs=many',),
    ('--no_such_flag=1',),
    ('--epochs=0',),
    ('--architecture=dart',),
    ('--flagfile=flags/none.flags',),
    ('stray',),
  )
  def test_finds_what_is_wrong(self, word):
    wrong = documents.Command('here', 'nat_tf', 'search', (word,))
    right = documents.Command('there', 'nat_tf', 'search', ('--epochs=3',))
    with _only('nat_tf.search', [right, wrong, right]):
      (fault,) = _faults_of('nat_tf.search')
    self.assertStartsWith(fault, f'here: {word}: ')

  def test_reads_commands_as_a_shell_does(self):
    text = (
      'for a in x; do\n'
      "  bazel run //nat_tf:draw -- --title='a; b' \\\n"
      '    --output=$a  # why\n'
      'done\n'
      'python -m nat_tf.train && ./bazelw run //benchmarks:fuzz -- --inputs=1\n'
      "cat <<'END'\nbazel run //nat_tf:search\nEND\n"
    )
    self.assertEqual(
      [
        (one.package, one.name, one.arguments)
        for one in documents.calls(text, 'here')
      ],
      [
        ('nat_tf', 'draw', ('--title=a; b', '--output=$a')),
        ('nat_tf', 'train', ()),
        ('benchmarks', 'fuzz', ('--inputs=1',)),
      ],
    )


@contextlib.contextmanager
def _only(module: str, commands: list[documents.Command]) -> Iterator[None]:
  usual = _PROGRAMS[module]
  _PROGRAMS[module] = commands
  try:
    yield
  finally:
    _PROGRAMS[module] = usual


class BlocksTest(parameterized.TestCase):
  def test_shell_can_be_parsed(self):
    for block in _BLOCKS:
      if block.language == 'sh':
        parsed = subprocess.run(
          ['bash', '-n'], input=block.text, capture_output=True, text=True
        )
        self.assertEqual((parsed.returncode, parsed.stderr), (0, ''), block)

  def test_python_uses_what_is_there(self):
    for block in _BLOCKS:
      if block.language != 'python':
        continue
      tree = ast.parse(block.text, block.where)
      modules = {
        alias.name: importlib.import_module(f'nat_tf.{alias.name}')
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == 'nat_tf'
        for alias in node.names
      }
      for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
          module = modules.get(node.value.id)
          if module is not None:
            self.assertTrue(
              hasattr(module, node.attr), (block.where, node.attr)
            )

  def test_a_builder_of_ones_own_is_read_by_its_name(self):
    (block,) = (
      one
      for one in _BLOCKS
      if one.document == 'docs/data.md' and one.language == 'python'
    )
    here = self.create_tempdir().full_path
    subprocess.run(
      [sys.executable, '-'],
      input=block.text,
      text=True,
      cwd=here,
      check=True,
      capture_output=True,
      env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)},
    )
    config = data.DataConfig('stripes', data_dir=os.path.join(here, 'data'))
    loaded = data.load(config)
    self.assertEqual(loaded.info.image_shape, (16, 16, 1))
    self.assertEqual(loaded.info.label_names, ('lie', 'stand'))
    self.assertEqual(loaded.info.examples, data.Parts(160, 160, 80))
    ((images, labels, _),) = loaded.test_batches(100)
    # Rows differ where stripes lie, columns where they stand.
    rows = images.numpy()[..., 0].mean(axis=2).std(axis=1)
    columns = images.numpy()[..., 0].mean(axis=1).std(axis=1)
    self.assertEqual((columns > rows).tolist(), labels.numpy().tolist())


class LinksTest(absltest.TestCase):
  def test_lead_somewhere(self):
    for document in documents.names():
      for link in documents.links(document):
        path, _, heading = link.partition('#')
        target = pathlib.PurePath(document).parent / path if path else document
        target = os.path.normpath(target)
        self.assertTrue(
          (documents.ROOT / target).exists(), f'{document}: {link}'
        )
        if heading:
          self.assertIn(heading, documents.headings(target), document)


class StrangerTest(absltest.TestCase):
  def _script(self, *notes, text, language='sh', full=False):
    block = documents.Block('README.md', 1, language, text, notes)
    return stranger.script(block, full)

  def test_runs_what_is_shown(self):
    for block in documents.blocks('README.md'):
      if block.language == 'sh' and not block.notes:
        self.assertEqual(stranger.script(block, False), block.text)

  def test_gives_flags_to_what_learns(self):
    text = (
      'bazelw run //nat_tf:search\n'
      'bazelw run //nat_tf:train -- --a=1 \\\n  --b=2\n'
      'bazelw run //nat_tf:export -- --c=3\n'
    )
    given = self._script('flags --x=1', 'first echo', 'flags --y=2', text=text)
    self.assertEqual(
      given,
      'echo\n'
      'bazelw run //nat_tf:search -- --x=1 --y=2\n'
      'bazelw run //nat_tf:train -- --a=1 \\\n  --b=2 --x=1 --y=2\n'
      'bazelw run //nat_tf:export -- --c=3\n',
    )
    self.assertEqual(self._script('flags --x=1', text=text, full=True), text)

  def test_skips_only_what_says_so(self):
    self.assertIsNone(self._script('skip, for fun', text='a'))
    self.assertIsNone(self._script(text='table', language=''))

  def test_refuses_notes_that_it_does_not_know(self):
    with self.assertRaises(KeyError):
      self._script('flag --x=1', text='a')


class PagesTest(parameterized.TestCase):
  @parameterized.parameters(*pages.names())
  def test_every_command_is_run_or_said_not_to_be(self, name):
    found = [
      (one.package, one.name, one.arguments)
      for step in pages.steps(name)
      for one in documents.calls(step.text, step.where)
    ]
    for one in documents.commands(name):
      self.assertIn((one.package, one.name, one.arguments), found)
    # Nor is one shown where nobody looks for it.
    self.assertEmpty(pages.CALLED.findall(documents.rest(name)))

  def test_tables_hold_nothing_else(self):
    self.assertContainsSubset(pages.FIRST, pages.names())
    steps = [step for name in pages.names() for step in pages.steps(name)]
    for text, reason in pages.NOT_RUN.items():
      self.assertTrue(any(text in step.text for step in steps), text)
      self.assertNotEmpty(reason, text)

  def test_shortens_what_learns(self):
    def search(*arguments):
      return pages.shortened('search', arguments)

    self.assertEqual(search('--epochs=9')[:2], ['--epochs=9', '--epochs=1'])
    self.assertIn('--dataset=digits', search('--dataset=cifar10'))
    self.assertNotIn('--dataset=digits', search('--dataset=mine'))
    self.assertIn('--cells=2', search('--architecture=darts'))
    self.assertNotIn('--cells=2', search('--architecture=vgg16'))
    self.assertEqual(pages.shortened('export', ['--a=1']), ['--a=1'])

  def test_refuses_commands_in_blocks_of_another_kind(self):
    block = documents.Block('x', 1, '', 'bazel run //nat_tf:search\n', ())
    with mock.patch.object(documents, 'blocks', return_value=[block]):
      with self.assertRaisesRegex(ValueError, 'x:1: a command in a block'):
        list(pages.steps('docs/zoo.md'))


if __name__ == '__main__':
  absltest.main()
