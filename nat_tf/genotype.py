"""Reads and writes the genotype text of DARTS and of NAT.

DARTS (Liu et al., ICLR 2019) writes a pair of cells as

    Genotype(normal=[('sep_conv_3x3', 0), ...], normal_concat=range(2, 6),
             reduce=[...], reduce_concat=[2, 3, 4, 5])

with two pairs (operation, source) for every intermediate vertex, in the order
of the vertices; NAT's public code writes triples (operation, source, target).
Elsewhere such text goes through `eval`. Here a reader of exactly this grammar
takes it, without recursion, so that no text can run anything or go deep.
"""

from __future__ import annotations

from collections.abc import Iterator
import re
from typing import NamedTuple

from nat_tf import vocabulary
from nat_tf.architecture import NORMAL
from nat_tf.architecture import REDUCTION
from nat_tf.architecture import Architecture
from nat_tf.architecture import ArchitectureError
from nat_tf.architecture import Cell
from nat_tf.architecture import Edge

# Both inputs of a genotype's cell: the outputs of the two cells before it.
_INPUTS = 2

# Far above any cell that was published (about 600 characters).
MAX_CHARACTERS = 20_000

# Vertices have at most three digits: no text can ask for a vast range.
_TOKEN = re.compile(
  r"""(?P<space>(?:\s|\#[^\n]*)+)
  | (?P<name>[A-Za-z_]\w*)
  | (?P<integer>\d+)
  | (?P<string>'[^'\\\n]*'|"[^"\\\n]*")
  | (?P<mark>[()\[\],=])""",
  re.VERBOSE | re.ASCII,
)
_MAX_DIGITS = 3

# The genotype's name of a cell, and ours.
_CELLS = {'normal': NORMAL, 'reduce': REDUCTION}

# DARTS's names where ours differ.
_WRITTEN = {'skip': 'skip_connect', 'null': 'none'}


class GenotypeError(ArchitectureError):
  """A genotype's text is malformed; the message says where."""


def from_text(text: str) -> Architecture:
  """Reads a genotype.

  Args:
    text: `Genotype(...)`, of pairs or of triples; a `NAME = ` before it and
      comments are allowed.

  Returns:
    An architecture with the cells `normal` and `reduction`.

  Raises:
    GenotypeError: the text is not a genotype, or a cell of it is malformed.
  """
  if len(text) > MAX_CHARACTERS:
    raise GenotypeError(
      f'the genotype has {len(text)} characters; at most {MAX_CHARACTERS} are '
      'read'
    )
  fields = _Reader(text).genotype()
  return Architecture(
    tuple(
      (name, _cell(name, fields[field], fields[f'{field}_concat']))
      for field, name in _CELLS.items()
    )
  )


def to_text(architecture: Architecture) -> str:
  """Writes a genotype: pairs where the cell allows them, triples elsewhere.

  Args:
    architecture: one with the cells `normal` and `reduction`, of two inputs.

  Returns:
    One line; `from_text` makes an equal architecture of it.

  Raises:
    GenotypeError: a genotype cannot hold such an architecture.
  """
  names = [name for name, _ in architecture.cells]
  if names != list(_CELLS.values()):
    raise GenotypeError(
      f'a genotype has the cells {", ".join(_CELLS.values())}; the '
      f'architecture has {", ".join(names)}'
    )
  fields = []
  for field, name in _CELLS.items():
    cell = architecture[name]
    if cell.inputs != _INPUTS:
      raise GenotypeError(
        f'{name} cell: {cell.inputs} inputs; a genotype has {_INPUTS}'
      )
    fields.append(f'{field}=[{", ".join(_edges_text(cell))}]')
    fields.append(f'{field}_concat={list(cell.concat)}')
  return f'Genotype({", ".join(fields)})'


def _edges_text(cell: Cell) -> Iterator[str]:
  paired = [_INPUTS + i // 2 for i in range(2 * len(cell.intermediates))]
  pairs = [edge.target for edge in cell.edges] == paired
  for edge in cell.edges:
    operation = _WRITTEN.get(edge.operation, edge.operation)
    target = '' if pairs else f', {edge.target}'
    yield f"('{operation}', {edge.source}{target})"


def _cell(name: str, entries: list[tuple], concat: list[int]) -> Cell:
  """Makes a cell of pairs (operation, source) or triples (..., target)."""
  if len({len(entry) for entry in entries}) > 1:
    raise GenotypeError(
      f'{name} cell: it mixes pairs and triples; use one form'
    )
  if len(entries[0]) == 2 and len(entries) % 2:
    raise GenotypeError(
      f'{name} cell: {len(entries)} pairs; a vertex has two, so their number '
      'must be even'
    )
  edges = []
  for index, (operation, source, *target) in enumerate(entries):
    # Pairs do not say their target: each vertex has the next two.
    end = target[0] if target else _INPUTS + index // 2
    edge = Edge(source, end, operation)
    try:
      vocabulary.operation(operation)
    except vocabulary.UnknownOperationError as error:
      where = f'{name} cell: edge {index} ({edge.source} -> {edge.target})'
      raise GenotypeError(f'{where}: {error}') from None
    edges.append(edge)
  vertices = max(edge.target for edge in edges) + 1
  try:
    return Cell(_INPUTS, vertices, tuple(edges), tuple(concat))
  except ArchitectureError as error:
    raise GenotypeError(f'{name} cell: {error}') from None


class _Token(NamedTuple):
  kind: str
  text: str
  line: int
  column: int


class _Reader:
  """Reads the grammar from left to right; every method takes what it names."""

  def __init__(self, text: str):
    self._tokens = _tokens(text)
    self._next = next(self._tokens)

  def genotype(self) -> dict[str, list]:
    """Takes `[NAME =] Genotype(field=value, ...)` to the end of the text."""
    word = self._take('name', 'Genotype(...)')
    if self._next.text == '=':
      self._take('=')
      word = self._take('name', 'Genotype(...)')
    if word.text != 'Genotype':
      raise _unexpected(word, 'Genotype(...)')
    fields: dict[str, list] = {}
    for _ in self._items('('):
      name, value = self._field()
      if name in fields:
        raise GenotypeError(f'the genotype holds {name} twice')
      fields[name] = value
    self._take('end', 'the end of the genotype')
    for name in _fields():
      if name not in fields:
        raise GenotypeError(f'the genotype lacks {name}; it needs {_listed()}')
    return fields

  def _field(self) -> tuple[str, list]:
    token = self._take('name', f'one of {_listed()}')
    if token.text not in _fields():
      raise _unexpected(token, f'one of {_listed()}')
    self._take('=')
    if token.text.endswith('_concat'):
      return token.text, self._concat()
    return token.text, self._edges(token)

  def _edges(self, field: _Token) -> list[tuple]:
    entries = [self._entry() for _ in self._items('([')]
    if not entries:
      raise GenotypeError(f'{_CELLS[field.text]} cell: it has no edges')
    return entries

  def _entry(self) -> tuple:
    start = self._next
    entry: list = []
    for index, _ in enumerate(self._items('([')):
      entry.append(self._integer() if index else self._string())
    if len(entry) not in (2, 3):
      raise _unexpected(
        start, "('operation', source) or ('operation', source, target)"
      )
    return tuple(entry)

  def _concat(self) -> list[int]:
    start = self._next
    if start.kind != 'name':
      return [self._integer() for _ in self._items('([')]
    self._take('name')
    ends = [self._integer() for _ in self._items('(')]
    if start.text != 'range' or len(ends) not in (1, 2):
      raise _unexpected(start, 'a list of vertices or range(first, end)')
    return list(range(*ends))

  def _items(self, openings: str) -> Iterator[None]:
    """Takes brackets and commas around items that the caller takes."""
    opening = self._take(openings, ' or '.join(openings))
    closing = {'(': ')', '[': ']'}[opening.text]
    while self._next.text != closing:
      yield
      if self._next.text != closing:
        self._take(',', f"',' or '{closing}'")
    self._take(closing)

  def _string(self) -> str:
    return self._take('string', 'the name of an operation in quotes').text[1:-1]

  def _integer(self) -> int:
    token = self._take('integer', 'the number of a vertex')
    if len(token.text) > _MAX_DIGITS:
      raise _unexpected(token, f'a vertex of at most {_MAX_DIGITS} digits')
    return int(token.text)

  def _take(self, kind: str, expected: str = '') -> _Token:
    """Takes a token of a kind, or one of the marks that `kind` lists."""
    token = self._next
    found = token.text if token.kind == 'mark' else token.kind
    if found != kind and not (token.kind == 'mark' and found in kind):
      raise _unexpected(token, expected or repr(kind))
    if token.kind != 'end':
      self._next = next(self._tokens)
    return token


def _tokens(text: str) -> Iterator[_Token]:
  """Yields the tokens of a text, and one of kind `end`."""
  at, line, line_start = 0, 1, 0
  while at < len(text):
    match = _TOKEN.match(text, at)
    if match is None:
      token = _Token('character', text[at], line, at - line_start + 1)
      raise _unexpected(token, 'a genotype')
    found = match.group()
    kind = match.lastgroup or ''
    if kind != 'space':
      yield _Token(kind, found, line, at - line_start + 1)
    if '\n' in found:
      line += found.count('\n')
      line_start = at + found.rindex('\n') + 1
    at = match.end()
  yield _Token('end', '', line, at - line_start + 1)


def _unexpected(token: _Token, expected: str) -> GenotypeError:
  found = ascii(token.text[:40]) if token.kind != 'end' else 'the end'
  return GenotypeError(
    f'genotype, line {token.line}, column {token.column}: found {found} where '
    f'{expected} should be'
  )


def _fields() -> tuple[str, ...]:
  return tuple(name for field in _CELLS for name in (field, f'{field}_concat'))


def _listed() -> str:
  return ', '.join(_fields())
