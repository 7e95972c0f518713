"""Writes docs/api.md: the docstrings of nat_tf, in the groups of the README.

  python3 tools/api_page.py          writes it
  python3 tools/api_page.py --check  exits with 1 where it is stale

It reads the sources and loads none of them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
import pathlib
import re
import sys
from typing import Union

_ROOT = pathlib.Path(__file__).resolve().parent.parent
_PAGE = _ROOT / 'docs' / 'api.md'
_WIDTH = 80

_HEAD = """\
# API

<!-- Written by `python3 tools/api_page.py`. -->

What is public in `nat_tf/`, from the docstrings, in the groups of the
[map of the code](../README.md#map-of-the-code).
"""

_Documented = Union[ast.FunctionDef, ast.ClassDef]
_SECTION = re.compile(r'(Args|Attributes|Raises|Returns|Yields):')
_ENTRY = re.compile(r'  (\*{0,2}[\w.]+(?:, [\w.]+)*): ?(.*)')
_CODE = re.compile(r'(`[^`]*`)')


def groups(readme: str) -> list[tuple[str, list[str]]]:
  """Returns what the README calls each group of modules, and its modules."""
  table = readme.partition('## Map of the code')[2].partition('\n## ')[0]
  rows = re.findall(r'^\| (`\w+`.*?) \| (.*) \|$', table, re.MULTILINE)
  return [(title, re.findall(r'`(\w+)`', names)) for names, title in rows]


def page(readme: str, sources: dict[str, str]) -> str:
  """Returns the text of the page.

  Args:
    readme: has a table of all modules.
    sources: texts of the modules by their names.

  Raises:
    ValueError: a module is not in the table, or twice, or not there.
  """
  grouped = groups(readme)
  listed = [name for _, names in grouped for name in names]
  wrong = {name for name in listed if listed.count(name) > 1}
  wrong |= set(listed) ^ set(sources)
  if wrong:
    raise ValueError(
      f'{", ".join(sorted(wrong))}: the map of the code in README.md must have '
      'every module once'
    )
  contents = [
    f'* {title}: {", ".join(f"[{name}](#{name})" for name in names)}'
    for title, names in grouped
  ]
  parts = [_HEAD, '\n'.join(contents) + '\n']
  for title, names in grouped:
    # A module may be named like its group; links mean the module.
    parts.append(f'## Group: {title}\n')
    parts += [_module(name, sources[name]) for name in names]
  return '\n'.join(parts)


def prose(docstring: str) -> str:
  """Returns a docstring in Google's style as Markdown."""
  lines, section = [], ''
  for line in docstring.splitlines():
    found = _SECTION.fullmatch(line)
    if found:
      section = found[1]
      lines += [f'*{section}*', '']
    elif not section:
      # What is indented is code there, too.
      lines.append(line if line[:4] == '    ' else _escaped(line))
    else:
      entry = _ENTRY.fullmatch(line)
      if entry and section not in ('Returns', 'Yields'):
        lines.append(f'* `{entry[1]}`: {_escaped(entry[2])}'.rstrip())
      else:
        lines.append(_escaped(line[2:]))
  return '\n'.join(lines).strip() + '\n'


def _escaped(text: str) -> str:
  """Returns a line that Markdown shows as it is, but for `code`."""
  return ''.join(
    part if part[:1] == '`' else re.sub(r'([<*])', r'\\\1', part)
    for part in _CODE.split(text)
  )


def _module(name: str, source: str) -> str:
  tree = ast.parse(source)
  parts = [f'### {name}\n', *_prose_of(tree)]
  for node in tree.body:
    if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and _public(node):
      parts += _explained(node, source)
  return '\n'.join(parts)


def _public(node: _Documented) -> bool:
  return not node.name.startswith('_')


def _explained(
  node: _Documented, source: str, owner: str = ''
) -> Iterator[str]:
  """Yields what a reader writes, what it means, and so for its methods."""
  if isinstance(node, ast.FunctionDef):
    yield _shown(_signature(node, source, owner))
    yield from _prose_of(node)
    return
  yield _shown(_constructor(node, source))
  yield from _prose_of(node)
  for one in node.body:
    # A method without a docstring is explained by what it overrides.
    if isinstance(one, ast.FunctionDef) and _public(one):
      if ast.get_docstring(one):
        yield from _explained(one, source, f'{node.name}.')


def _shown(signature: str) -> str:
  # Not `python`: that is for code that can be run.
  return f'```py\n{signature}\n```\n'


def _prose_of(node: ast.Module | _Documented) -> Iterator[str]:
  docstring = ast.get_docstring(node, clean=False)
  if docstring:
    # Not cleaned: where all but the first line is code, it would seem none.
    margin = re.compile(f'^ {{0,{node.body[0].col_offset}}}', re.MULTILINE)
    yield prose(margin.sub('', docstring))


def _constructor(node: ast.ClassDef, source: str) -> str:
  """Returns a class with what it is made of, or else with its bases."""
  for one in node.body:
    if isinstance(one, ast.FunctionDef) and one.name == '__init__':
      return _joined(f'class {node.name}', _arguments(one, source), '')
  bases = [_text(base, source) for base in node.bases]
  return (
    _joined(f'class {node.name}', bases, '') if bases else f'class {node.name}'
  )


def _signature(node: ast.FunctionDef, source: str, owner: str) -> str:
  name = f'{owner}{node.name}'
  gives = f' -> {_text(node.returns, source)}' if node.returns else ''
  marks = {_text(mark, source) for mark in node.decorator_list}
  if {'property', 'functools.cached_property'} & marks:
    return f'{name}{gives}'
  return _joined(name, _arguments(node, source), gives)


def _arguments(node: ast.FunctionDef, source: str) -> list[str]:
  """Returns the arguments as they are written, without self and cls."""
  given = node.args
  plain = [*given.posonlyargs, *given.args]
  missing = len(plain) - len(given.defaults)
  defaults = [None] * missing + list(given.defaults)
  found = [_argument(*pair, source) for pair in zip(plain, defaults)]
  if found and plain[0].arg in ('self', 'cls'):
    del found[0]
  if given.vararg:
    found.append(f'*{_argument(given.vararg, None, source)}')
  elif given.kwonlyargs:
    found.append('*')
  found += [
    _argument(*pair, source)
    for pair in zip(given.kwonlyargs, given.kw_defaults)
  ]
  if given.kwarg:
    found.append(f'**{_argument(given.kwarg, None, source)}')
  return found


def _argument(node: ast.arg, default: ast.expr | None, source: str) -> str:
  text = node.arg
  if node.annotation:
    text += f': {_text(node.annotation, source)}'
  if default is not None:
    text += f' = {_text(default, source)}'
  return text


def _joined(name: str, arguments: list[str], gives: str) -> str:
  line = f'{name}({", ".join(arguments)}){gives}'
  if len(line) <= _WIDTH:
    return line
  inside = ''.join(f'  {argument},\n' for argument in arguments)
  return f'{name}(\n{inside}){gives}'


def _text(node: ast.AST, source: str) -> str:
  """Returns what stands in the source, in one line.

  Not `ast.unparse`, which differs from one Python to the next.
  """
  return ' '.join((ast.get_source_segment(source, node) or '').split())


def main(argv: list[str]) -> int:
  """Writes or checks the page."""
  sources = {
    path.stem: path.read_text(encoding='utf-8')
    for path in (_ROOT / 'nat_tf').glob('*.py')
    if path.stem != '__init__'
  }
  try:
    text = page((_ROOT / 'README.md').read_text(encoding='utf-8'), sources)
  except ValueError as error:
    print(error)
    return 1
  if _PAGE.exists() and _PAGE.read_text(encoding='utf-8') == text:
    return 0
  if '--check' in argv:
    print('docs/api.md is not up to date; run python3 tools/api_page.py')
    return 1
  _PAGE.write_text(text, encoding='utf-8')
  return 0


if __name__ == '__main__':
  sys.exit(main(sys.argv[1:]))
