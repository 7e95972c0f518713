"""Tests of nat_tf.architecture_json."""

from __future__ import annotations

import json
import os
import time

from absl.testing import absltest
from absl.testing import parameterized

from nat_tf import architecture_json
from nat_tf import zoo
from nat_tf.architecture import Architecture
from nat_tf.architecture import Cell
from nat_tf.architecture import Edge
from nat_tf.architecture_json import ArchitectureJsonError

#   0 --skip--> 1 --conv--> 2
_SMALL = Architecture.of(
  normal=Cell(1, 3, (Edge(0, 1, 'skip'), Edge(1, 2, 'conv_3x3')), (1, 2))
)
_SMALL_JSON = """{
  "schema_version": 1,
  "cells": {
    "normal": {
      "inputs": 1,
      "vertices": 3,
      "edges": [
        {"source": 0, "target": 1, "operation": "skip"},
        {"source": 1, "target": 2, "operation": "conv_3x3"}
      ],
      "concat": [1, 2]
    }
  }
}
"""


def _json(cell=(), edge=(), **document) -> str:
  """The small cell's JSON with other values; None leaves a key out."""

  def changed(values, changes):
    values = {**values, **dict(changes)}
    return {key: value for key, value in values.items() if value is not None}

  whole = json.loads(_SMALL_JSON)
  normal = changed(whole['cells']['normal'], cell)
  if isinstance(normal.get('edges'), list) and len(normal['edges']) > 1:
    normal['edges'][1] = changed(normal['edges'][1], edge)
  whole['cells']['normal'] = normal
  return json.dumps(changed(whole, document))


class ToJsonTest(parameterized.TestCase):
  def test_writes_one_edge_a_line(self):
    self.assertEqual(architecture_json.to_json(_SMALL), _SMALL_JSON)

  @parameterized.parameters(*zoo.names())
  def test_round_trip(self, name):
    architecture = zoo.load(name)
    text = architecture_json.to_json(architecture)
    self.assertEqual(architecture_json.from_json(text), architecture)

  def test_refuses_a_cell_name_that_it_could_not_read(self):
    odd = Architecture((('a"b', _SMALL['normal']),))
    with self.assertRaisesRegex(
      ArchitectureJsonError, 'a name has up to 40 letters, digits and _'
    ):
      architecture_json.to_json(odd)

  def test_refuses_more_edges_than_it_could_read(self):
    edges = (Edge(0, 1, 'skip'),) * 10_001
    wide = Architecture.of(normal=Cell(1, 2, edges, (1,)))
    with self.assertRaisesRegex(
      ArchitectureJsonError, 'has 10001 edges; at most 10000'
    ):
      architecture_json.to_json(wide)


class FromJsonTest(parameterized.TestCase):
  def test_reads_text(self):
    self.assertEqual(architecture_json.from_json(_SMALL_JSON), _SMALL)

  def test_reads_bytes(self):
    self.assertEqual(architecture_json.from_json(_SMALL_JSON.encode()), _SMALL)

  def test_reads_bytes_with_a_byte_order_mark(self):
    content = b'\xef\xbb\xbf' + _SMALL_JSON.encode()
    self.assertEqual(architecture_json.from_json(content), _SMALL)

  def test_reads_other_spellings(self):
    text = _SMALL_JSON.replace('"skip"', '"skip_connect"')
    self.assertEqual(architecture_json.from_json(text), _SMALL)

  @parameterized.named_parameters(
    (
      'not_json',
      '{"cells": ',
      r'not JSON: Expecting value: line 1 column 11 \(char 10\)',
    ),
    ('empty', '', 'not JSON'),
    (
      'a_list',
      '[]',
      'the document is a list; it must be an object of schema_v',
    ),
    ('version', _json(schema_version=2), 'schema_version is 2; .* reads 1'),
    ('version_text', _json(schema_version='1'), 'schema_version is "1"'),
    ('version_bool', _json(schema_version=True), 'schema_version is true'),
    ('no_version', _json(schema_version=None), '"schema_version" is missing'),
    (
      'unknown_key',
      _json(colour='red'),
      'the document: unknown key "colour"; known are schema_version, cells, n',
    ),
    (
      'network',
      _json(network='resnet'),
      'network is "resnet"; it must be one of',
    ),
    ('network_list', _json(network=[]), 'network is a list; it must be one of'),
    ('no_cells', _json(cells={}), 'an object of at least one cell'),
    ('cells_list', _json(cells=[1]), 'an object of at least one cell'),
    ('cell_text', _json(cells={'normal': 'x'}), 'normal cell is "x"; it must'),
    ('cell_name', _json(cells={'a\nb': {}}), r'a cell is called "a\\nb"'),
  )
  def test_refuses_documents(self, text, message):
    with self.assertRaisesRegex(ArchitectureJsonError, message):
      architecture_json.from_json(text)

  @parameterized.named_parameters(
    ('unknown_key', {'outputs': 1}, 'normal cell: unknown key "outputs"'),
    ('missing', {'inputs': None}, 'normal cell: the key "inputs" is missing'),
    (
      'inputs_text',
      {'inputs': '1'},
      'normal cell: inputs is "1"; it must be an integer',
    ),
    ('vertices_bool', {'vertices': True}, 'normal cell: vertices is true'),
    ('concat', {'concat': 2}, 'normal cell: concat is 2; it must be a list'),
    ('concat_text', {'concat': ['2']}, 'a vertex in concat is "2"'),
    ('edges', {'edges': {}}, 'edges is an object; it must be a list'),
    ('no_edges', {'edges': []}, 'normal cell: vertex 1 has no incoming edge'),
    ('vertices', {'vertices': 1}, 'normal cell: 1 vertices with 1 inputs'),
    ('many_vertices', {'vertices': 99_999}, 'vertex 3 has no incoming edge'),
    ('an_edge_text', {'edges': ['x']}, 'normal cell: edge 0 is "x"; it must'),
  )
  def test_refuses_cells(self, cell, message):
    with self.assertRaisesRegex(ArchitectureJsonError, message):
      architecture_json.from_json(_json(cell=cell))

  @parameterized.named_parameters(
    ('unknown_key', {'weight': 1}, 'normal cell: edge 1: unknown key "weight"'),
    ('missing', {'target': None}, 'edge 1: the key "target" is missing'),
    (
      'source_text',
      {'source': '0'},
      'edge 1: source is "0"; it must be an int',
    ),
    ('target_list', {'target': [1]}, 'edge 1: target is a list'),
    (
      'operation',
      {'operation': 3},
      'edge 1: operation is 3; it must be a name',
    ),
    (
      'unknown_operation',
      {'operation': 'conv_9x9'},
      r"normal cell: edge 1 \(1 -> 2\): unknown operation 'conv_9x9'",
    ),
    (
      'line_break_in_an_operation',
      {'operation': 'a\nb'},
      r"edge 1 \(1 -> 2\): unknown operation 'a\\nb'",
    ),
    (
      'cycle',
      {'source': 2, 'target': 1},
      r'normal cell: edge 1 \(2 -> 1, conv_3x3\): it reads a vertex that is '
      'computed later',
    ),
    (
      'out_of_range',
      {'source': 7},
      r'normal cell: edge 1 \(7 -> 2, conv_3x3\): source 7 is out of range',
    ),
  )
  def test_refuses_edges(self, edge, message):
    with self.assertRaisesRegex(ArchitectureJsonError, message):
      architecture_json.from_json(_json(edge=edge))

  @parameterized.named_parameters(
    ('duplicate_key', '{"cells": {}, "cells": {}}', 'the key "cells" twice'),
    ('nan', '{"schema_version": NaN}', 'found the number NaN'),
    ('infinity', '{"schema_version": -Infinity}', 'the number -Infinity'),
    ('fraction', '{"schema_version": 1.0}', 'the number 1.0'),
    ('long_number', '[' + '9' * 500_000 + ']', 'at most 5 digits'),
    ('deep', '[' * 400_000, 'nested too deeply'),
    ('deep_objects', '{"a":' * 150_000, 'nested too deeply'),
    ('too_large', ' ' * 1_000_001, 'larger than 1000000 bytes'),
    ('not_utf_8', b'\xff\xfe', 'not in UTF-8'),
    ('null_byte', '\0', 'not JSON'),
    ('surrogate', '{"\\ud800": 1}', r'unknown key "\\ud800"'),
  )
  def test_refuses_hostile_text_in_a_moment_and_one_line(self, text, message):
    start = time.monotonic()
    with self.assertRaisesRegex(ArchitectureJsonError, message) as caught:
      architecture_json.from_json(text)
    self.assertLess(time.monotonic() - start, 1)
    self.assertNotIn('\n', str(caught.exception))
    self.assertLess(len(str(caught.exception)), 500)

  def test_refuses_too_many_edges(self):
    edge = {'source': 0, 'target': 1, 'operation': 'skip'}
    text = _json(cell={'edges': [edge] * 10_001}).replace(' ', '')
    with self.assertRaisesRegex(
      ArchitectureJsonError, 'has 10001 edges; at most 10000 are read'
    ):
      architecture_json.from_json(text)


class FileTest(absltest.TestCase):
  def test_round_trip(self):
    path = os.path.join(self.create_tempdir(), 'darts.json')
    architecture_json.save(path, zoo.load('darts'))
    self.assertEqual(architecture_json.load(path), zoo.load('darts'))

  def test_same_architecture_same_bytes(self):
    folder = self.create_tempdir().full_path
    for name in ('a', 'b'):
      architecture_json.save(os.path.join(folder, name), zoo.load('enas'))
    with open(os.path.join(folder, 'a'), 'rb') as file:
      first = file.read()
    with open(os.path.join(folder, 'b'), 'rb') as file:
      self.assertEqual(first, file.read())

  def test_an_error_names_the_file(self):
    path = self.create_tempfile('broken.json', '{').full_path
    with self.assertRaisesRegex(
      ArchitectureJsonError, r'broken\.json: not JSON'
    ):
      architecture_json.load(path)

  def test_refuses_a_file_that_never_ends(self):
    with self.assertRaisesRegex(ArchitectureJsonError, 'larger than'):
      architecture_json.load('/dev/zero')

  def test_a_missing_file_is_an_os_error(self):
    with self.assertRaises(FileNotFoundError):
      architecture_json.load('/nowhere/at/all.json')

  def test_a_refused_architecture_leaves_the_old_file(self):
    folder = self.create_tempdir()
    path = folder.create_file('old.json', 'old').full_path
    odd = Architecture((('a b', _SMALL['normal']),))
    with self.assertRaises(ArchitectureJsonError):
      architecture_json.save(path, odd)
    with open(path, encoding='utf-8') as file:
      self.assertEqual(file.read(), 'old')
    self.assertEqual(os.listdir(folder.full_path), ['old.json'])


if __name__ == '__main__':
  absltest.main()
