"""Tests of nat_tf.genotype."""

from __future__ import annotations

import time

from absl.testing import absltest
from absl.testing import parameterized

from nat_tf import genotype
from nat_tf import zoo
from nat_tf.architecture import Architecture
from nat_tf.architecture import ArchitectureError
from nat_tf.architecture import Cell
from nat_tf.architecture import Edge

#   0 --skip--> 2 --conv--> 3
#   1 --sep---> 2 --null--> 3
_CELL = Cell(
  2,
  4,
  (
    Edge(0, 2, 'skip'),
    Edge(1, 2, 'sep_conv_3x3'),
    Edge(2, 3, 'conv_1x1'),
    Edge(2, 3, 'null'),
  ),
  (2, 3),
)
_BOTH = Architecture.of(normal=_CELL, reduction=_CELL)
_PAIRS = (
  "[('skip_connect', 0), ('sep_conv_3x3', 1), ('conv_1x1', 2), ('none', 2)]"
)
_TRIPLES = (
  "[('skip_connect', 0, 2), ('sep_conv_3x3', 1, 2), ('conv_1x1', 2, 3), "
  "('null', 2, 3)]"
)


def _text(normal=_PAIRS, concat='[2, 3]', reduce=_PAIRS) -> str:
  return (
    f'Genotype(normal={normal}, normal_concat={concat}, reduce={reduce}, '
    f'reduce_concat=[2, 3])'
  )


class FromTextTest(parameterized.TestCase):
  @parameterized.named_parameters(
    ('pairs', _text()),
    ('triples', _text(normal=_TRIPLES)),
    ('range', _text(concat='range(2, 4)')),
    ('tuple', _text(concat='(2, 3,)')),
    (
      'edges_as_lists',
      _text(normal=_PAIRS.replace('(', '[').replace(')', ']')),
    ),
    ('edges_in_a_tuple', _text(normal=f'({_PAIRS[1:-1]})')),
    ('double_quotes', _text().replace("'", '"')),
    ('name_before', f'DARTS_V2 = {_text()}'),
    ('lines_and_comments', '# Found by me\n' + _text().replace(', ', ' ,\n  ')),
    ('comma_at_the_end', _text()[:-1] + ',\n)\n'),
  )
  def test_reads(self, text):
    self.assertEqual(genotype.from_text(text), _BOTH)

  def test_reads_triples_in_any_order(self):
    shuffled = "[('skip_connect', 2, 3), ('conv_1x1', 0, 2)]"
    cell = genotype.from_text(_text(normal=shuffled))['normal']
    self.assertEqual(cell.edges, (Edge(0, 2, 'conv_1x1'), Edge(2, 3, 'skip')))

  def test_reads_fields_in_any_order(self):
    text = (
      f'Genotype(reduce_concat=[3], reduce={_PAIRS}, normal_concat=[2], '
      f'normal={_PAIRS})'
    )
    architecture = genotype.from_text(text)
    self.assertEqual(architecture['normal'].concat, (2,))
    self.assertEqual(architecture['reduction'].concat, (3,))

  @parameterized.named_parameters(
    (
      'odd_pairs',
      _text(normal="[('skip', 0), ('skip', 1), ('skip', 2)]"),
      'normal cell: 3 pairs; a vertex has two',
    ),
    (
      'mixed',
      _text(reduce="[('skip', 0), ('skip', 1, 2)]"),
      'reduction cell: it mixes pairs and triples',
    ),
    ('no_edges', _text(normal='[]'), 'normal cell: it has no edges'),
    (
      'unknown_operation',
      _text(normal="[('skip', 0), ('sep_conv_3x4', 1)]"),
      r"normal cell: edge 1 \(1 -> 2\): unknown operation 'sep_conv_3x4'; did "
      'you mean sep_conv_3x3',
    ),
    (
      'cycle',
      _text(reduce="[('skip', 3, 2), ('skip', 2, 3)]"),
      r'reduction cell: edge 0 \(3 -> 2, skip\): it reads a vertex that is '
      'computed later',
    ),
    (
      'source_out_of_range',
      _text(normal="[('skip', 0), ('skip', 9)]"),
      r'normal cell: edge 1 \(9 -> 2, skip\): source 9 is out of range',
    ),
    ('concat', _text(concat='[7]'), 'normal cell: concat holds 7'),
    ('twice', _text()[:-1] + ', reduce=[])', 'reduction cell: it has no edges'),
    (
      'field_twice',
      f'Genotype(normal={_PAIRS}, normal={_PAIRS})',
      'the genotype holds normal twice',
    ),
    (
      'field_missing',
      f'Genotype(normal={_PAIRS})',
      'the genotype lacks normal_concat; it needs normal, normal_concat, '
      'reduce, reduce_concat',
    ),
  )
  def test_refuses_cells(self, text, message):
    with self.assertRaisesRegex(genotype.GenotypeError, message):
      genotype.from_text(text)

  @parameterized.named_parameters(
    ('empty', '', r'line 1, column 1: found the end where Genotype\(...\)'),
    ('another_call', 'exec(1)', "column 1: found 'exec' where Genotype"),
    ('unknown_field', 'Genotype(stem=[])', "found 'stem' where one of normal"),
    ('unfinished', 'Genotype(normal=[', r'found the end where \( or \['),
    (
      'after_the_end',
      _text() + ' 1',
      "found '1' where the end of the genotype",
    ),
    (
      'second_line',
      'Genotype(\n  normal=3)',
      r"line 2, column 10: found '3' where \( or \[ should be",
    ),
    (
      'four_in_an_edge',
      _text(normal="[('skip', 0, 2, 3)]"),
      r"\('operation', source\) or \('operation', source, target\) should be",
    ),
    (
      'operation_without_quotes',
      _text(normal='[(skip, 0)]'),
      "found 'skip' where the name of an operation in quotes",
    ),
    (
      'no_comma',
      _text(normal="[('skip' 0)]"),
      r"found '0' where ',' or '\)' should be",
    ),
    ('step', _text(concat='range(2, 6, 1)'), r'range\(first, end\) should be'),
  )
  def test_says_where_the_text_is_wrong(self, text, message):
    with self.assertRaisesRegex(genotype.GenotypeError, message):
      genotype.from_text(text)


class HostileTest(parameterized.TestCase):
  @parameterized.named_parameters(
    ('brackets', _text(normal='[' * 15_000)),
    ('minus_signs', _text(normal='-' * 15_000 + '1')),
    ('attributes', 'Genotype' + '.a' * 9_000),
    ('power', _text(concat='range(0, 10**12)')),
    ('huge_range', _text(concat='range(0, 1000000000000)')),
    ('huge_integer', _text(concat='[' + '9' * 15_000 + ']')),
    ('many_vertices', _text(normal="[('skip', 0, 999)]")),
    ('null_byte', _text() + '\0'),
    ('surrogate', '\ud800'),
    ('other_digits', _text(concat='[\u0662]')),
    ('escape', _text(normal=r"[('\x41', 0), ('skip', 0)]")),
    ('call', _text(normal="__import__('os').getcwd()")),
    ('open_quote', _text(normal="[('skip")),
    ('line_in_an_operation', _text(normal="[('a\nb', 0), ('skip', 0)]")),
    ('too_long', _text() + ' ' * 1_000_000),
  )
  def test_is_refused_in_a_moment_and_one_line(self, text):
    start = time.monotonic()
    with self.assertRaises(ArchitectureError) as caught:
      genotype.from_text(text)
    self.assertLess(time.monotonic() - start, 1)
    message = str(caught.exception)
    self.assertNotIn('\n', message)
    self.assertLess(len(message), 500)
    message.encode('ascii')

  def test_says_how_much_is_too_long(self):
    with self.assertRaisesRegex(
      genotype.GenotypeError, 'has 20001 characters; at most 20000 are read'
    ):
      genotype.from_text(' ' * 20_001)


class ToTextTest(parameterized.TestCase):
  def test_writes_pairs(self):
    self.assertEqual(genotype.to_text(_BOTH), _text())

  def test_writes_triples_where_a_vertex_has_not_two_edges(self):
    # 0 --skip--> 2 and nothing else.
    cell = Cell(2, 3, (Edge(0, 2, 'skip'),), (2,))
    text = genotype.to_text(Architecture.of(normal=cell, reduction=_CELL))
    self.assertStartsWith(
      text, "Genotype(normal=[('skip_connect', 0, 2)], normal_concat=[2], "
    )

  @parameterized.parameters(*zoo.names())
  def test_round_trip(self, name):
    architecture = zoo.load(name)
    text = genotype.to_text(architecture)
    self.assertEqual(genotype.from_text(text), architecture)

  def test_round_trip_of_three_edges_a_vertex(self):
    edges = tuple(Edge(s, 2, n) for s, n in [(1, 'skip'), (0, 'null')])
    cell = Cell(2, 3, (*edges, Edge(0, 2, 'conv_3x3')), (2,))
    architecture = Architecture.of(normal=cell, reduction=_CELL)
    text = genotype.to_text(architecture)
    self.assertEqual(genotype.from_text(text), architecture)

  def test_refuses_other_cells(self):
    with self.assertRaisesRegex(
      genotype.GenotypeError,
      'has the cells normal, reduction; the architecture has normal',
    ):
      genotype.to_text(Architecture.of(normal=_CELL))

  def test_refuses_another_number_of_inputs(self):
    cell = Cell(1, 2, (Edge(0, 1, 'skip'),), (1,))
    with self.assertRaisesRegex(
      genotype.GenotypeError, 'reduction cell: 1 inputs; a genotype has 2'
    ):
      genotype.to_text(Architecture.of(normal=_CELL, reduction=cell))


if __name__ == '__main__':
  absltest.main()
