"""Tests of nat_tf.genotype."""

from __future__ import annotations

import random
import time

from absl.testing import absltest
from absl.testing import parameterized

from nat_tf import genotype
from nat_tf import vocabulary
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


def _random_architecture(seed: int) -> Architecture:
  """Up to 8 cells of up to 3 inputs and 8 more vertices of up to 4 edges."""
  draw = random.Random(seed)
  names = ['normal', 'reduction', *(f'cell_{i}' for i in range(6))]
  operations = [operation.name for operation in vocabulary.ALL]
  cells = []
  for name in draw.sample(names, draw.randint(1, len(names))):
    inputs, computed = draw.randint(1, 3), draw.randint(1, 8)
    vertices = range(inputs, inputs + computed)
    fewest, most = draw.choice([(2, 2), (1, 4)])
    edges = [
      Edge(draw.randrange(target), target, draw.choice(operations))
      for target in vertices
      for _ in range(draw.randint(fewest, most))
    ]
    concat = draw.sample(vertices, draw.randint(1, computed))
    cells.append(
      (name, Cell(inputs, inputs + computed, tuple(edges), tuple(concat)))
    )
  return Architecture(tuple(cells))


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

  # One alone, and a pair that is not in DARTS's order.
  @parameterized.parameters(
    (f'normal={_PAIRS}, normal_concat=[2, 3]', ['normal']),
    (f'reduce={_PAIRS}, reduce_concat=[2, 3]', ['reduction']),
    (
      f'reduce={_PAIRS}, reduce_concat=[2, 3], stem={_TRIPLES}, '
      f'stem_concat=[2, 3], normal={_PAIRS}, normal_concat=[2, 3]',
      ['reduction', 'stem', 'normal'],
    ),
    (
      f'reduction={_PAIRS}, reduction_concat=[2, 3], normal={_PAIRS}, '
      'normal_concat=[2, 3]',
      ['reduction', 'normal'],
    ),
  )
  def test_reads_other_cells_in_the_texts_order(self, fields, names):
    self.assertEqual(
      genotype.from_text(f'Genotype({fields})'),
      Architecture(tuple((name, _CELL) for name in names)),
    )

  #   0 --skip--> 1 --null--> 2      and the same of inputs 0 and 1.
  def test_reads_inputs_of_all_cells_and_of_one(self):
    text = (
      "Genotype(a=[('skip', 0, 1), ('null', 1, 2)], a_concat=[2], b_inputs=2, "
      "b=[('skip', 0, 2), ('null', 1, 2)], b_concat=[2], inputs=1)"
    )
    self.assertEqual(
      genotype.from_text(text),
      Architecture.of(
        a=Cell(1, 3, (Edge(0, 1, 'skip'), Edge(1, 2, 'null')), (2,)),
        b=Cell(2, 3, (Edge(0, 2, 'skip'), Edge(1, 2, 'null')), (2,)),
      ),
    )

  def test_pairs_start_at_the_first_vertex_after_the_inputs(self):
    text = "Genotype(inputs=3, a=[('skip', 0), ('skip', 2)], a_concat=[3])"
    self.assertEqual(
      genotype.from_text(text)['a'],
      Cell(3, 4, (Edge(0, 3, 'skip'), Edge(2, 3, 'skip')), (3,)),
    )

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
    ('twice', _text()[:-1] + ', reduce=[])', 'the genotype holds reduce twice'),
    (
      'both_names',
      _text()[:-1] + f', reduction={_PAIRS})',
      'the genotype holds reduce and reduction, which are one cell',
    ),
    ('no_cell', 'Genotype(inputs=1)', 'the genotype holds no cell'),
    (
      'inputs',
      f'Genotype(inputs=0, normal={_PAIRS}, normal_concat=[2])',
      'normal cell: inputs must be an integer of 1 or more',
    ),
    (
      'inputs_of_no_cell',
      _text()[:-1] + ', stem_inputs=1)',
      'the genotype lacks stem; a cell needs stem and stem_concat',
    ),
    (
      'field_twice',
      f'Genotype(normal={_PAIRS}, normal={_PAIRS})',
      'the genotype holds normal twice',
    ),
    (
      'field_missing',
      f'Genotype(normal={_PAIRS})',
      'the genotype lacks normal_concat; a cell needs normal and normal_concat',
    ),
  )
  def test_refuses_cells(self, text, message):
    with self.assertRaisesRegex(genotype.GenotypeError, message):
      genotype.from_text(text)

  @parameterized.named_parameters(
    ('empty', '', r'line 1, column 1: found the end where Genotype\(...\)'),
    ('another_call', 'exec(1)', "column 1: found 'exec' where Genotype"),
    (
      'number_as_a_field',
      'Genotype(1=[])',
      "found '1' where the name of a cell or inputs should be",
    ),
    (
      'long_name',
      f'Genotype({"a" * 41}=[])',
      'where the name of a cell, of up to 40 characters, should be',
    ),
    (
      'name_that_is_taken',
      'Genotype(inputs_concat=[])',
      "found 'inputs_concat' where the name of a cell",
    ),
    (
      'inputs_as_a_list',
      'Genotype(inputs=[1])',
      r"found '\[' where a number of vertices should be",
    ),
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
    ('many_inputs', f'Genotype(inputs={"9" * 15_000}, normal=[])'),
    ('long_name', f'Genotype({"a" * 90_000}=[])'),
    ('many_fields', 'Genotype(' + ''.join(f'a{i}=[],' for i in range(9_999))),
    (
      'many_ranges',
      'Genotype('
      + ''.join(f'a{i}_concat=range(0, 999),' for i in range(3_000)),
    ),
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
      genotype.GenotypeError, 'has 100001 characters; at most 100000 are read'
    ):
      genotype.from_text(' ' * 100_001)


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

  @parameterized.parameters(*range(50))
  def test_round_trip_of_a_random_architecture(self, seed):
    architecture = _random_architecture(seed)
    text = genotype.to_text(architecture)
    self.assertEqual(genotype.from_text(text), architecture)
    self.assertEqual(genotype.to_text(genotype.from_text(text)), text)

  def test_writes_other_cells_under_their_names(self):
    one = Cell(1, 2, (Edge(0, 1, 'skip'),), (1,))
    self.assertEqual(
      genotype.to_text(Architecture.of(stem=one)),
      "Genotype(inputs=1, stem=[('skip_connect', 0, 1)], stem_concat=[1])",
    )
    two = Cell(2, 3, (Edge(0, 2, 'skip'), Edge(1, 2, 'skip')), (2,))
    self.assertEqual(
      genotype.to_text(Architecture.of(stem=one, normal=two)),
      "Genotype(stem=[('skip_connect', 0, 1)], stem_concat=[1], stem_inputs=1, "
      "normal=[('skip_connect', 0), ('skip_connect', 1)], normal_concat=[2])",
    )

  def test_the_order_of_the_usual_pair_is_kept(self):
    turned = Architecture.of(reduction=_CELL, normal=_CELL)
    self.assertEqual(genotype.from_text(genotype.to_text(turned)), turned)

  def test_round_trip_of_a_network_of_60_cells_of_8_edges(self):
    # In triples, because vertex 3 has three edges and vertex 4 has one.
    targets = (2, 2, 3, 3, 3, 4, 5, 5)
    edges = tuple(Edge(t - 1, t, 'dil_conv_5x5') for t in targets)
    cell = Cell(2, 6, edges, (2, 3, 4, 5))
    cells = tuple((f'cell_{i:035}', cell) for i in range(60))
    architecture = Architecture(cells)
    text = genotype.to_text(architecture)
    self.assertIn("('dil_conv_5x5', 4, 5)", text)
    self.assertEqual(genotype.from_text(text), architecture)

  @parameterized.parameters(
    *('', 'a b', '1', 'b\xe4d', 'a' * 41, 'a\n'),
    *('inputs', 'reduce', 'a_concat', 'a_inputs'),
  )
  def test_refuses_names_that_are_no_fields(self, name):
    with self.assertRaisesRegex(
      genotype.GenotypeError, 'a name has up to 40 letters, digits and _, is'
    ):
      genotype.to_text(Architecture(((name, _CELL),)))

  def test_refuses_more_vertices_than_it_could_read(self):
    edges = tuple(Edge(0, target, 'skip') for target in range(1, 1_001))
    with self.assertRaisesRegex(
      genotype.GenotypeError, 'normal cell: 1001 vertices; .* at most 1000'
    ):
      genotype.to_text(Architecture.of(normal=Cell(1, 1_001, edges, (1,))))

  def test_refuses_more_characters_than_it_could_read(self):
    edges = (Edge(0, 1, 'max_pool_3x3'),) * 4_500
    with self.assertRaisesRegex(
      genotype.GenotypeError, 'would have 1.* characters; at most 100000'
    ):
      genotype.to_text(Architecture.of(normal=Cell(1, 2, edges, (1,))))


if __name__ == '__main__':
  absltest.main()
