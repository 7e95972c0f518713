"""The string form of NAS-Bench-201's cells.

Dong and Yang (NAS-Bench-201, ICLR 2020) write a cell of four vertices as

    |nor_conv_1x1~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|

with one part for each of the vertices 1, 2 and 3, in which every vertex before
it stands once, in order, with the operation on the edge from there. The last
vertex is the cell's output. No TensorFlow here.
"""

from __future__ import annotations

from nat_tf import vocabulary
from nat_tf.architecture import NORMAL
from nat_tf.architecture import Architecture
from nat_tf.architecture import ArchitectureError
from nat_tf.architecture import Cell
from nat_tf.architecture import Edge

# What its cells stand in.
NETWORK = 'nasbench201'

_VERTICES = 4
_EDGES = tuple((s, t) for t in range(1, _VERTICES) for s in range(t))

# Our name of every operation that occurs, and the benchmark's.
_WRITTEN = {
  'null': 'none',
  'skip': 'skip_connect',
  'conv_1x1': 'nor_conv_1x1',
  'conv_3x3': 'nor_conv_3x3',
  'avg_pool_3x3': 'avg_pool_3x3',
}

# Several times the longest cell that there is (92 characters).
MAX_CHARACTERS = 400


class CellStringError(ArchitectureError):
  """A text is not a cell's string form; the message says where."""


def from_text(text: str) -> Architecture:
  """Reads a cell's string form.

  Args:
    text: as above; operations may also have our own names.

  Returns:
    An architecture with the one cell `normal`.

  Raises:
    CellStringError: the text is not a cell.
  """
  edges = tuple(
    Edge(source, target, operation)
    for (source, target), operation in zip(_EDGES, operations(text))
  )
  cell = Cell(1, _VERTICES, edges, (_VERTICES - 1,))
  return Architecture(((NORMAL, cell),), NETWORK)


def operations(text: str) -> list[str]:
  """Returns the operations of a cell's six edges, by our names.

  Args:
    text: a cell's string form.

  Raises:
    CellStringError: the text is not a cell.
  """
  if len(text) > MAX_CHARACTERS:
    raise CellStringError(
      f'the cell has {len(text)} characters; at most {MAX_CHARACTERS} are read'
    )
  parts = text.strip().split('+')
  if len(parts) != _VERTICES - 1:
    raise CellStringError(
      f'cell {ascii(text[:40])}: {len(parts)} parts joined by +; there must be '
      f'{_VERTICES - 1}, one for each of the vertices 1 to {_VERTICES - 1}'
    )
  found: list[str] = []
  for target, part in enumerate(parts, start=1):
    found += _incoming(target, part)
  return found


def to_text(architecture: Architecture) -> str:
  """Writes the string form of a cell.

  Args:
    architecture: one of the NAS-Bench-201 space.

  Returns:
    One line; `from_text` makes an equal architecture of it.

  Raises:
    CellStringError: the string form cannot hold such an architecture.
  """
  names = [name for name, _ in architecture.cells]
  if names != [NORMAL]:
    raise CellStringError(
      f'the string form has the one cell {NORMAL}; the architecture has '
      f'{", ".join(names)}'
    )
  cell = architecture[NORMAL]
  edges = {(edge.source, edge.target): edge.operation for edge in cell.edges}
  if (
    (cell.inputs, cell.concat) != (1, (_VERTICES - 1,))
    or len(cell.edges) != len(_EDGES)
    or set(edges) != set(_EDGES)
  ):
    raise CellStringError(
      'the string form is for cells of one input and three more vertices, each '
      'joined once to all before it, the last of them the output'
    )
  for (source, target), operation in edges.items():
    if operation not in _WRITTEN:
      raise CellStringError(
        f'edge {source} -> {target}: the string form has no {operation}; it '
        f'has {", ".join(_WRITTEN)}'
      )
  parts = (
    ''.join(f'{_WRITTEN[edges[s, target]]}~{s}|' for s in range(target))
    for target in range(1, _VERTICES)
  )
  return '+'.join(f'|{part}' for part in parts)


def _incoming(target: int, part: str) -> list[str]:
  """Reads `|operation~0|operation~1|…`, the edges into one vertex."""
  wanted = '|'.join(f'operation~{source}' for source in range(target))
  entries = part.split('|')
  if len(entries) != target + 2 or entries[0] or entries[-1]:
    raise CellStringError(
      f'vertex {target}: found {ascii(part[:40])} where |{wanted}| should be'
    )
  found = []
  for source, entry in enumerate(entries[1:-1]):
    name, mark, number = entry.partition('~')
    if not mark or number != str(source):
      raise CellStringError(
        f'vertex {target}: found {ascii(entry[:40])} where operation~{source} '
        'should be'
      )
    try:
      operation = vocabulary.operation(name).name
    except vocabulary.UnknownOperationError:
      operation = ''
    if operation not in _WRITTEN:
      raise CellStringError(
        f'edge {source} -> {target}: unknown operation {ascii(name[:40])}; '
        f'known are {", ".join(_WRITTEN.values())}'
      )
    found.append(operation)
  return found
