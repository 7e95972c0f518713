"""Architectures as JSON, the form in which they are kept and exchanged.

    {
      "schema_version": 1,
      "cells": {
        "normal": {
          "inputs": 2,
          "vertices": 6,
          "edges": [
            {"source": 0, "target": 2, "operation": "sep_conv_3x3"},
            ...
          ],
          "concat": [2, 3, 4, 5]
        },
        "reduction": {...}
      }
    }

Where the cells are not a pair that is repeated, `"network"` beside `"cells"`
names the network that they stand in (`skeletons.py`), for example `"resnet20"`.

The reader is strict: what it does not know it refuses, so that a misspelt key
is never a silent default.
"""

from __future__ import annotations

import json
import os
import re
from typing import Any, NoReturn

from nat_tf import atomic_file
from nat_tf import json_input
from nat_tf import skeletons
from nat_tf import vocabulary
from nat_tf.architecture import CELLS
from nat_tf.architecture import Architecture
from nat_tf.architecture import ArchitectureError
from nat_tf.architecture import Cell
from nat_tf.architecture import Edge

SCHEMA_VERSION = 1

# Far above any cell in use, and little enough to refuse the rest at once.
MAX_BYTES = json_input.MAX_BYTES
MAX_EDGES = 10_000

# Numbers are vertices; Python's own limit on digits depends on its version.
_MAX_DIGITS = 5

_NAME = re.compile('[A-Za-z_][A-Za-z0-9_]{0,39}')
_CELL_KEYS = ('inputs', 'vertices', 'edges', 'concat')
_EDGE_KEYS = ('source', 'target', 'operation')


class ArchitectureJsonError(ArchitectureError):
  """JSON does not hold an architecture; the message names cell and edge."""


def to_json(architecture: Architecture) -> str:
  """Writes an architecture as JSON, one edge a line, ending in a line break.

  Raises:
    ArchitectureJsonError: `from_json` would refuse it (a cell's name, or too
      many edges).
  """
  _check_count(sum(1 for _ in architecture.edges()))
  cells = ',\n'.join(
    f'    "{_name(name)}": {_cell_json(cell)}'
    for name, cell in architecture.cells
  )
  network = architecture.network
  named = '' if network == CELLS else f'  "network": "{_name(network)}",\n'
  return (
    f'{{\n  "schema_version": {SCHEMA_VERSION},\n{named}'
    f'  "cells": {{\n{cells}\n  }}\n}}\n'
  )


def from_json(text: str | bytes) -> Architecture:
  """Reads an architecture from JSON.

  Args:
    text: the JSON, as text or in UTF-8.

  Raises:
    ArchitectureJsonError: the text is not JSON of this schema, or too large.
  """
  document = _parsed(text)
  _check_keys(
    'the document', document, ('schema_version', 'cells'), optional=('network',)
  )
  version = document['schema_version']
  if version != SCHEMA_VERSION or isinstance(version, bool):
    raise ArchitectureJsonError(
      f'schema_version is {_shown(version)}; this version reads '
      f'{SCHEMA_VERSION}'
    )
  cells = document['cells']
  if not isinstance(cells, dict) or not cells:
    raise ArchitectureJsonError('cells must be an object of at least one cell')
  _check_count(sum(_count(cell) for cell in cells.values()))
  network = document.get('network', CELLS)
  if network not in skeletons.names():
    raise ArchitectureJsonError(
      f'network is {_shown(network)}; it must be one of '
      f'{", ".join(skeletons.names())}'
    )
  return Architecture(
    tuple((_name(name), _cell(name, cells[name])) for name in cells), network
  )


def save(path: str | os.PathLike[str], architecture: Architecture) -> None:
  """Writes an architecture to a JSON file, wholly or not at all.

  Raises:
    ArchitectureJsonError: see `to_json`.
    OSError: the file cannot be written.
  """
  text = to_json(architecture)
  with atomic_file.replacing(path) as temporary:
    with open(temporary, 'w', encoding='utf-8', newline='\n') as file:
      file.write(text)


def load(path: str | os.PathLike[str]) -> Architecture:
  """Reads an architecture from a JSON file.

  Raises:
    ArchitectureJsonError: see `from_json`; the message names the file.
    OSError: the file cannot be read.
  """
  with open(path, 'rb') as file:
    content = file.read(MAX_BYTES + 1)
  try:
    return from_json(content)
  except ArchitectureJsonError as error:
    raise ArchitectureJsonError(f'{os.fspath(path)}: {error}') from None


def _cell_json(cell: Cell) -> str:
  edges = ',\n'.join(
    f'        {{"source": {edge.source}, "target": {edge.target}, '
    f'"operation": "{edge.operation}"}}'
    for edge in cell.edges
  )
  return (
    f'{{\n      "inputs": {cell.inputs},\n      "vertices": {cell.vertices},\n'
    f'      "edges": [\n{edges}\n      ],\n'
    f'      "concat": {list(cell.concat)}\n    }}'
  )


def _parsed(text: str | bytes) -> Any:
  """Parses JSON without duplicate keys, fractions, NaN, or long numbers."""
  try:
    return json_input.parse(text, _MAX_DIGITS, _refuse_number)
  except json_input.JsonError as error:
    raise ArchitectureJsonError(str(error)) from None


def _refuse_number(text: str) -> NoReturn:
  raise ArchitectureJsonError(
    f'found the number {text[:20]}; an architecture has integers only'
  )


def _cell(name: str, value: Any) -> Cell:
  where = f'{name} cell'
  _check_keys(where, value, _CELL_KEYS)
  for key in ('inputs', 'vertices'):
    _check_integer(f'{where}: {key}', value[key])
  for key in ('edges', 'concat'):
    if not isinstance(value[key], list):
      raise ArchitectureJsonError(
        f'{where}: {key} is {_shown(value[key])}; it must be a list'
      )
  for vertex in value['concat']:
    _check_integer(f'{where}: a vertex in concat', vertex)
  edges = tuple(
    _edge(f'{where}: edge {index}', edge)
    for index, edge in enumerate(value['edges'])
  )
  try:
    return Cell(
      value['inputs'], value['vertices'], edges, tuple(value['concat'])
    )
  except ArchitectureError as error:
    raise ArchitectureJsonError(f'{where}: {error}') from None


def _edge(where: str, value: Any) -> Edge:
  _check_keys(where, value, _EDGE_KEYS)
  for key in ('source', 'target'):
    _check_integer(f'{where}: {key}', value[key])
  name = value['operation']
  if not isinstance(name, str):
    raise ArchitectureJsonError(
      f'{where}: operation is {_shown(name)}; it must be a name'
    )
  try:
    vocabulary.operation(name)
  except vocabulary.UnknownOperationError as error:
    where = f'{where} ({value["source"]} -> {value["target"]})'
    raise ArchitectureJsonError(f'{where}: {error}') from None
  return Edge(**value)


def _check_keys(
  where: str,
  value: Any,
  keys: tuple[str, ...],
  optional: tuple[str, ...] = (),
) -> None:
  if not isinstance(value, dict):
    raise ArchitectureJsonError(
      f'{where} is {_shown(value)}; it must be an object of {", ".join(keys)}'
    )
  known = keys + optional
  for key in value:
    if key not in known:
      raise ArchitectureJsonError(
        f'{where}: unknown key {_shown(key)}; known are {", ".join(known)}'
      )
  for key in keys:
    if key not in value:
      raise ArchitectureJsonError(f'{where}: the key "{key}" is missing')


def _check_integer(where: str, value: Any) -> None:
  if not isinstance(value, int) or isinstance(value, bool):
    raise ArchitectureJsonError(
      f'{where} is {_shown(value)}; it must be an integer'
    )


def _name(name: str) -> str:
  if not _NAME.fullmatch(name):
    raise ArchitectureJsonError(
      f'a cell is called {_shown(name)}; a name has up to 40 letters, digits '
      'and _'
    )
  return name


def _count(cell: Any) -> int:
  edges = cell.get('edges') if isinstance(cell, dict) else None
  return len(edges) if isinstance(edges, list) else 0


def _check_count(edges: int) -> None:
  if edges > MAX_EDGES:
    raise ArchitectureJsonError(
      f'the architecture has {edges} edges; at most {MAX_EDGES} are read'
    )


def _shown(value: Any) -> str:
  """A value on one line of ASCII, not longer than a message bears."""
  if isinstance(value, (dict, list)):
    return {dict: 'an object', list: 'a list'}[type(value)]
  return json.dumps(value)[:40]
