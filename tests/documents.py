"""The code blocks, commands and links of the project's documents."""

from __future__ import annotations

from collections.abc import Iterator
import dataclasses
import pathlib
import re
import shlex

# Not resolved: under Bazel it is where a test's own copies are.
ROOT = pathlib.Path(__file__).absolute().parent.parent

_BLOCK = re.compile(r'^```(\w*)\n(.*?)^```$', re.MULTILINE | re.DOTALL)
_NOTE = re.compile(r'<!-- stranger: (.*?) -->\n')
_CODE = re.compile(r'`([^`]+)`')
# As in: (`T` is `bazel run //nat_tf:tabular -- --seeds=2`).
_SHORT = re.compile(r'`(\w)` is `([^`]+)`')
_LINK = re.compile(r'(?:\]\(|\bsrc="|\bsrcset=")([^)\s"]+)[)"]')
_TARGET = re.compile(r'//(\w+):(\w+)')
_MODULE = re.compile(r'(nat_tf|tests)\.(\w+)')
# Where a command ends and another begins.
_ENDS = {';', '&&', '||', '|', '&', '#', '\n'}


@dataclasses.dataclass(frozen=True)
class Block:
  """A code block.

  Attributes:
    document: its path from the root.
    line: where it stands.
    language: `sh`, `python`, `json` or nothing.
    text: what is in it.
    notes: the comments before it that say what `stranger` does otherwise.
  """

  document: str
  line: int
  language: str
  text: str
  notes: tuple[str, ...]

  @property
  def where(self) -> str:
    """The place, for messages."""
    return f'{self.document}:{self.line}'


@dataclasses.dataclass(frozen=True)
class Command:
  """A call of one of the project's programs.

  Attributes:
    where: it stands, for messages.
    package: `nat_tf`, `benchmarks` or `tests`.
    name: of the module.
    arguments: its flags.
  """

  where: str
  package: str
  name: str
  arguments: tuple[str, ...]


def names() -> list[str]:
  """Returns the paths of all documents from the root."""
  paths = sorted(ROOT.glob('*.md'))
  paths += sorted((ROOT / 'docs').glob('*.md'))
  return [str(path.relative_to(ROOT)) for path in paths]


def read(document: str) -> str:
  """Returns the text of a document."""
  return (ROOT / document).read_text('utf-8')


def blocks(document: str) -> list[Block]:
  """Returns the code blocks of a document in their order."""
  text, found, end = read(document), [], 0
  for match in _BLOCK.finditer(text):
    # Notes stand directly before their block.
    before = text[end : match.start()].rpartition('\n\n')[2]
    line = text.count('\n', 0, match.start()) + 1
    notes = tuple(_NOTE.findall(before))
    found.append(Block(document, line, match[1], match[2], notes))
    end = match.end()
  return found


def commands(document: str) -> list[Command]:
  """Returns the calls of the project's programs, in blocks and in lines."""
  found = [
    command
    for block in blocks(document)
    if block.language == 'sh'
    for command in calls(block.text, block.where)
  ]
  return found + commands_of_lines(document)


def commands_of_lines(document: str) -> list[Command]:
  """Returns the calls of the project's programs that stand in no block."""
  text, found = _BLOCK.sub('', read(document)), []
  short = dict(_SHORT.findall(text))
  for code in _CODE.findall(text):
    code = ' '.join(code.split())
    first, _, rest = code.partition(' ')
    if first in short and first != code:
      code = ' '.join(f'{short[first]} {rest}'.split())
    found += calls(code, document)
  return found


def rest(document: str) -> str:
  """Returns the text of a document without blocks and code."""
  return _CODE.sub('', _BLOCK.sub('', read(document)))


def calls(text: str, where: str) -> Iterator[Command]:
  """Yields the calls in a text of the shell's.

  Args:
    text: lines of a script.
    where: it stands, for messages.
  """
  lines = re.sub(
    r"<<'(\w+)'\n.*?^\1$", '', text, flags=re.DOTALL | re.MULTILINE
  )
  for line in lines.replace('\\\n', ' ').splitlines():
    if 'bazel' not in line and 'python' not in line:
      continue
    words = _words(line)
    for number, word in enumerate(words):
      target = _TARGET.fullmatch(word) if 'run' in words[:number] else None
      module = _MODULE.fullmatch(word) if '-m' in words[:number] else None
      program = target or module
      if program is None:
        continue
      rest = words[number + 1 :]
      ends = [k for k, word in enumerate(rest) if word in _ENDS]
      rest = rest[: ends[0]] if ends else rest
      arguments = rest[1:] if rest[:1] == ['--'] else rest
      yield Command(where, program[1], program[2], tuple(arguments))


def links(document: str) -> list[str]:
  """Returns what a document links to within the project."""
  found = _LINK.findall(_BLOCK.sub('', read(document)))
  return [link for link in found if '://' not in link]


def headings(document: str) -> set[str]:
  """Returns what links to the headings of a document end with."""
  lines = _BLOCK.sub('', read(document)).splitlines()
  titles = [line.lstrip('#').strip() for line in lines if line[:1] == '#']
  # As GitHub makes them: lower case, without marks, blanks as hyphens.
  return {
    re.sub(r'[^\w\- ]', '', title.lower()).replace(' ', '-') for title in titles
  }


def _words(line: str) -> list[str]:
  lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
  lexer.whitespace_split = True
  return list(lexer)
