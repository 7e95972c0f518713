"""Reads and writes the genotype text of DARTS and of NAT, for any architecture.

DARTS (Liu et al., ICLR 2019) writes a pair of cells as

    Genotype(normal=[('sep_conv_3x3', 0), ...], normal_concat=range(2, 6),
             reduce=[...], reduce_concat=[2, 3, 4, 5])

with two pairs (operation, source) for every intermediate vertex, in the order
of the vertices; NAT's public code writes triples (operation, source, target).
Other cells stand there in the same way under their own names, as many as there
are; what is not of two inputs says so, all cells at once or one alone:

    Genotype(inputs=1, stem=[('conv_3x3', 0, 1)], stem_concat=[1],
             stage_2=[...], stage_2_concat=[5], stage_2_inputs=2)

and `network='resnet20'` says what the cells stand in, where that is no pair of
cells that is repeated (`skeletons.py`).

Elsewhere such text goes through `eval`. Here a reader of exactly this grammar
takes it, without recursion, so that no text can run anything or go deep.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
import dataclasses
import re
from typing import NamedTuple

from nat_tf import skeletons
from nat_tf import vocabulary
from nat_tf.architecture import CELLS
from nat_tf.architecture import NORMAL
from nat_tf.architecture import REDUCTION
from nat_tf.architecture import Architecture
from nat_tf.architecture import ArchitectureError
from nat_tf.architecture import Cell
from nat_tf.architecture import Edge

# Inputs of a cell that does not say: the outputs of the two cells before it.
_INPUTS = 2

# Far above a published pair of cells (about 600) and a network of 60 cells of 8
# edges each (up to 20,000).
MAX_CHARACTERS = 100_000

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

# What JSON takes as a cell's name, too.
_MAX_NAME = 40
_CELL_NAME = re.compile(rf'[A-Za-z_][A-Za-z0-9_]{{0,{_MAX_NAME - 1}}}')

# The genotype's name of the second cell of the usual pair; ours is longer.
_REDUCE = 'reduce'

# A field `<cell>` holds edges, `<cell>_concat` and `<cell>_inputs` the rest,
# and this one the inputs of all cells.
_INPUTS_FIELD = 'inputs'
_NETWORK_FIELD = 'network'
_CONCAT_SUFFIX, _INPUTS_SUFFIX = '_concat', '_inputs'

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
    An architecture of the cells that the text names, in its order; `reduce`
    becomes `reduction`, and of a pair `normal` comes first.

  Raises:
    GenotypeError: the text is not a genotype, or a cell of it is malformed.
  """
  if len(text) > MAX_CHARACTERS:
    raise GenotypeError(
      f'the genotype has {len(text)} characters; at most {MAX_CHARACTERS} are '
      'read'
    )
  fields = _Reader(text).genotype()
  cells = [(part.name, part.cell(fields.inputs)) for part in fields.parts()]
  return Architecture(tuple(cells), fields.network)


def to_text(architecture: Architecture) -> str:
  """Writes a genotype: pairs where the cell allows them, triples elsewhere.

  Args:
    architecture: any of up to 1000 vertices a cell.

  Returns:
    One line; `from_text` makes an equal architecture of it.

  Raises:
    GenotypeError: `from_text` would refuse it: a cell's name is not a field's,
      or the architecture is too large.
  """
  names = [name for name, _ in architecture.cells]
  inputs = {cell.inputs for _, cell in architecture.cells}
  common = inputs.pop() if len(inputs) == 1 else _INPUTS
  fields = []
  if architecture.network != CELLS:
    fields.append(f"{_NETWORK_FIELD}='{architecture.network}'")
  if common != _INPUTS:
    fields.append(f'{_INPUTS_FIELD}={common}')
  for name, cell in architecture.cells:
    _check_writable(name, cell)
    # Only a genotype of the usual pair is one of DARTS.
    field = name
    if names == [NORMAL, REDUCTION] and name == REDUCTION:
      field = _REDUCE
    fields.append(f'{field}=[{", ".join(_edges_text(cell))}]')
    fields.append(f'{field}{_CONCAT_SUFFIX}={list(cell.concat)}')
    if cell.inputs != common:
      fields.append(f'{field}{_INPUTS_SUFFIX}={cell.inputs}')
  text = f'Genotype({", ".join(fields)})'
  if len(text) > MAX_CHARACTERS:
    raise GenotypeError(
      f'the genotype would have {len(text)} characters; at most '
      f'{MAX_CHARACTERS} are read'
    )
  return text


def _is_cell_name(name: str) -> bool:
  taken = name in (_INPUTS_FIELD, _NETWORK_FIELD)
  return not taken and bool(_CELL_NAME.fullmatch(name))


def _check_writable(name: str, cell: Cell) -> None:
  taken = name == _REDUCE or name.endswith((_CONCAT_SUFFIX, _INPUTS_SUFFIX))
  if taken or not _is_cell_name(name):
    raise GenotypeError(
      f'a cell is called {ascii(name[:_MAX_NAME])}; in a genotype a name has '
      f'up to {_MAX_NAME} letters, digits and _, is not {_REDUCE}, '
      f'{_INPUTS_FIELD} or {_NETWORK_FIELD} and does not end in '
      f'{_CONCAT_SUFFIX} or {_INPUTS_SUFFIX}'
    )
  if cell.vertices > 10**_MAX_DIGITS:
    raise GenotypeError(
      f'{name} cell: {cell.vertices} vertices; a genotype numbers at most '
      f'{10**_MAX_DIGITS}'
    )


def _edges_text(cell: Cell) -> Iterator[str]:
  paired = [cell.inputs + i // 2 for i in range(2 * len(cell.intermediates))]
  pairs = [edge.target for edge in cell.edges] == paired
  for edge in cell.edges:
    operation = _WRITTEN.get(edge.operation, edge.operation)
    target = '' if pairs else f', {edge.target}'
    yield f"('{operation}', {edge.source}{target})"


@dataclasses.dataclass
class _Part:
  """What a genotype's fields say of one cell.

  Attributes:
    name: the cell's.
    field: what the text calls it.
    edges: pairs (operation, source) or triples (..., target).
    concat: the vertices that make its output.
    inputs: number of its input vertices, where it has its own.
  """

  name: str
  field: str
  edges: list[tuple] | None = None
  concat: Sequence[int] | None = None
  inputs: int | None = None

  def cell(self, inputs: int) -> Cell:
    """Makes the cell.

    Args:
      inputs: the number of input vertices of cells that have no own.
    """
    if self.edges is None or self.concat is None:
      missing = self.field + (_CONCAT_SUFFIX if self.edges else '')
      raise GenotypeError(
        f'the genotype lacks {missing}; a cell needs {self.field} and '
        f'{self.field}{_CONCAT_SUFFIX}'
      )
    inputs = self.inputs if self.inputs is not None else inputs
    return _cell(self.name, inputs, self.edges, self.concat)


def _cell(
  name: str, inputs: int, entries: list[tuple], concat: Sequence[int]
) -> Cell:
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
    end = target[0] if target else inputs + index // 2
    edge = Edge(source, end, operation)
    try:
      vocabulary.operation(operation)
    except vocabulary.UnknownOperationError as error:
      where = f'{name} cell: edge {index} ({edge.source} -> {edge.target})'
      raise GenotypeError(f'{where}: {error}') from None
    edges.append(edge)
  vertices = max(edge.target for edge in edges) + 1
  try:
    return Cell(inputs, vertices, tuple(edges), tuple(concat))
  except ArchitectureError as error:
    raise GenotypeError(f'{name} cell: {error}') from None


class _Fields:
  """The fields of a genotype, as they are read.

  Attributes:
    inputs: number of input vertices of the cells that do not say.
    network: what the cells stand in.
  """

  def __init__(self):
    self.inputs = _INPUTS
    self.network = CELLS
    self._seen: set[str] = set()
    self._parts: dict[str, _Part] = {}

  def add(self, field: str) -> None:
    """Notes that the text has a field.

    Raises:
      GenotypeError: it had it before.
    """
    if field in self._seen:
      raise GenotypeError(f'the genotype holds {field} twice')
    self._seen.add(field)

  def part(self, field: str) -> _Part:
    """Returns what is known of the cell of a field without its suffix.

    Raises:
      GenotypeError: the cell has been called otherwise.
    """
    name = REDUCTION if field == _REDUCE else field
    part = self._parts.setdefault(name, _Part(name, field))
    if part.field != field:
      raise GenotypeError(
        f'the genotype holds {part.field} and {field}, which are one cell'
      )
    return part

  def parts(self) -> list[_Part]:
    """Returns all cells, in the text's order.

    Raises:
      GenotypeError: there is none.
    """
    if not self._parts:
      raise GenotypeError('the genotype holds no cell')
    parts = list(self._parts.values())
    if {part.field for part in parts} == {NORMAL, _REDUCE}:
      # DARTS's fields have names; their order in a text means nothing.
      parts.sort(key=lambda part: part.field != NORMAL)
    return parts


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

  def genotype(self) -> _Fields:
    """Takes `[NAME =] Genotype(field=value, ...)` to the end of the text."""
    word = self._take('name', 'Genotype(...)')
    if self._next.text == '=':
      self._take('=')
      word = self._take('name', 'Genotype(...)')
    if word.text != 'Genotype':
      raise _unexpected(word, 'Genotype(...)')
    fields = _Fields()
    for _ in self._items('('):
      self._field(fields)
    self._take('end', 'the end of the genotype')
    return fields

  def _field(self, fields: _Fields) -> None:
    token = self._take('name', f'the name of a cell or {_INPUTS_FIELD}')
    base, suffix = token.text, ''
    for end in (_CONCAT_SUFFIX, _INPUTS_SUFFIX):
      if base.endswith(end):
        base, suffix = base[: -len(end)], end
        break
    of_all = token.text in (_INPUTS_FIELD, _NETWORK_FIELD)
    if not of_all and not _is_cell_name(base):
      raise _unexpected(
        token, f'the name of a cell, of up to {_MAX_NAME} characters,'
      )
    fields.add(token.text)
    self._take('=')
    if token.text == _INPUTS_FIELD:
      fields.inputs = self._count()
    elif token.text == _NETWORK_FIELD:
      fields.network = self._network()
    elif suffix == _CONCAT_SUFFIX:
      fields.part(base).concat = self._concat()
    elif suffix == _INPUTS_SUFFIX:
      fields.part(base).inputs = self._count()
    else:
      part = fields.part(base)
      part.edges = self._edges(part.name)

  def _network(self) -> str:
    start, names = self._next, skeletons.names()
    name = self._take('string', 'the name of a network in quotes').text[1:-1]
    if name not in names:
      raise _unexpected(start, f'one of {", ".join(names)}')
    return name

  def _edges(self, name: str) -> list[tuple]:
    entries = [self._entry() for _ in self._items('([')]
    if not entries:
      raise GenotypeError(f'{name} cell: it has no edges')
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

  def _concat(self) -> Sequence[int]:
    start = self._next
    if start.kind != 'name':
      return [self._integer() for _ in self._items('([')]
    self._take('name')
    ends = [self._integer() for _ in self._items('(')]
    if start.text != 'range' or len(ends) not in (1, 2):
      raise _unexpected(start, 'a list of vertices or range(first, end)')
    return range(*ends)

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

  def _count(self) -> int:
    return self._integer('a number of vertices')

  def _integer(self, expected: str = 'the number of a vertex') -> int:
    token = self._take('integer', expected)
    if len(token.text) > _MAX_DIGITS:
      raise _unexpected(token, f'{expected} of at most {_MAX_DIGITS} digits')
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
