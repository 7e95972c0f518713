"""Tests of nat_tf.transitions."""

from __future__ import annotations

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from nat_tf import transitions
from nat_tf import vocabulary
from nat_tf import zoo
from nat_tf.architecture import Architecture
from nat_tf.architecture import ArchitectureError
from nat_tf.architecture import Cell
from nat_tf.architecture import Edge

_METHOD = tuple(operation.name for operation in vocabulary.METHOD)
_ALL = tuple(operation.name for operation in vocabulary.ALL)
_POOL_5 = ['max_pool_5x5', 'avg_pool_5x5']
_POOL_3 = ['max_pool_3x3', 'avg_pool_3x3']
_POOL_2 = ['max_pool_2x2', 'avg_pool_2x2']
_FREE = ['skip', 'null']

# NAT++'s whole table (method, section 2), typed in; a row also holds itself.
_NAT_PLUS_PLUS = {
  'conv_5x5': [
    *('conv_3x3', 'conv_1x1', 'sep_conv_5x5', 'sep_conv_3x3'),
    *('dil_conv_5x5', 'dil_conv_3x3', *_POOL_5, *_POOL_3, *_FREE),
  ],
  'conv_3x3': ['conv_1x1', 'sep_conv_3x3', 'dil_conv_3x3', *_POOL_3, *_FREE],
  'conv_1x1': _FREE,
  'sep_conv_5x5': [
    *('sep_conv_3x3', 'dil_conv_5x5', 'dil_conv_3x3'),
    *(*_POOL_5, *_POOL_3, *_FREE),
  ],
  'sep_conv_3x3': ['dil_conv_3x3', *_POOL_3, *_FREE],
  'dil_conv_5x5': ['dil_conv_3x3', *_POOL_5, *_POOL_3, *_FREE],
  'dil_conv_3x3': [*_POOL_3, *_FREE],
  'max_pool_5x5': ['avg_pool_5x5', *_POOL_3, *_FREE],
  'avg_pool_5x5': ['max_pool_5x5', *_POOL_3, *_FREE],
  'max_pool_3x3': ['avg_pool_3x3', *_FREE],
  'avg_pool_3x3': ['max_pool_3x3', *_FREE],
  'skip': ['null'],
  'null': ['skip'],
}

# The same of all operations, those beyond the method's 13 included.
_BEYOND = {
  'conv_7x1_1x7': [
    *('conv_3x1_1x3', 'sep_conv_7x7', 'sep_conv_5x5', 'sep_conv_3x3'),
    *('dil_conv_5x5', 'dil_conv_3x3', *_POOL_5, *_POOL_3, *_POOL_2, *_FREE),
  ],
  'conv_3x1_1x3': [
    *('sep_conv_3x3', 'dil_conv_3x3', *_POOL_3, *_POOL_2, *_FREE),
  ],
  'sep_conv_7x7': [
    *('sep_conv_5x5', 'sep_conv_3x3', 'dil_conv_5x5', 'dil_conv_3x3'),
    *(*_POOL_5, *_POOL_3, *_POOL_2, *_FREE),
  ],
  'inverted_residual_e6_3x3': [
    *('inverted_residual_e1_3x3', 'dil_conv_3x3', *_POOL_3, *_POOL_2, *_FREE),
  ],
  'inverted_residual_e1_3x3': ['dil_conv_3x3', *_POOL_3, *_POOL_2, *_FREE],
  'max_pool_2x2': ['avg_pool_2x2', *_FREE],
  'avg_pool_2x2': ['max_pool_2x2', *_FREE],
  **_NAT_PLUS_PLUS,
}


def _row(name: str, operation: str, among=_ALL) -> list[str]:
  row = transitions.allowed(name, among)[among.index(operation)]
  return [after for after, may in zip(among, row) if may]


class AllowedTest(parameterized.TestCase):
  @parameterized.parameters(*_NAT_PLUS_PLUS.items())
  def test_nat_plus_plus_is_the_published_table(self, operation, others):
    self.assertCountEqual(
      _row('nat++', operation, _METHOD), [operation, *others]
    )

  @parameterized.parameters(*_BEYOND.items())
  def test_nat_plus_plus_follows_from_type_and_kernel(self, operation, others):
    self.assertCountEqual(_row('nat++', operation), [operation, *others])

  def test_every_operation_has_its_row(self):
    self.assertCountEqual(_NAT_PLUS_PLUS, _METHOD)
    self.assertCountEqual(_BEYOND, _ALL)

  @parameterized.parameters(*(n for n in _ALL if n not in _FREE))
  def test_nat_lets_computation_become_skip_or_null_only(self, operation):
    self.assertCountEqual(_row('nat', operation), [operation, *_FREE])

  @parameterized.parameters(*_FREE)
  def test_nat_lets_skip_and_null_become_one_another(self, operation):
    self.assertCountEqual(_row('nat', operation), _FREE)

  @parameterized.parameters(*transitions.TRANSITIONS)
  def test_an_operation_may_remain(self, name):
    self.assertTrue(transitions.allowed(name, _ALL).diagonal().all())

  @parameterized.parameters(*transitions.TRANSITIONS)
  def test_two_steps_reach_no_more_than_one(self, name):
    table = transitions.allowed(name, _ALL).astype(int)
    np.testing.assert_array_equal(table @ table > 0, table > 0)

  def test_nat_plus_plus_allows_all_that_nat_allows(self):
    nat = transitions.allowed('nat', _ALL)
    self.assertTrue(transitions.allowed('nat++', _ALL)[nat].all())

  @parameterized.parameters(*transitions.TRANSITIONS)
  def test_only_the_two_poolings_and_skip_and_null_go_both_ways(self, name):
    table = transitions.allowed(name, _ALL)
    pairs = np.argwhere(np.triu(table & table.T, k=1))
    both = [tuple(sorted((_ALL[i], _ALL[j]))) for i, j in pairs]
    poolings = [tuple(sorted(pair)) for pair in (_POOL_5, _POOL_3, _POOL_2)]
    expected = [('null', 'skip')] + (poolings if name == 'nat++' else [])
    self.assertCountEqual(both, expected)

  def test_order_is_that_of_the_operations_given(self):
    np.testing.assert_array_equal(
      transitions.allowed('nat', ('null', 'conv_3x3')),
      [[True, False], [True, True]],
    )

  def test_other_spellings(self):
    np.testing.assert_array_equal(
      transitions.allowed('nat', ('none', 'skip_connect', 'nor_conv_3x3')),
      [[True, True, False], [True, True, False], [True, True, True]],
    )

  def test_refuses_unknown_transitions(self):
    with self.assertRaisesRegex(
      transitions.UnknownTransitionsError,
      r"unknown transitions 'nat3'; known are nat, nat\+\+",
    ):
      transitions.allowed('nat3', _ALL)

  def test_refuses_unknown_operations(self):
    with self.assertRaisesRegex(
      vocabulary.UnknownOperationError, "unknown operation 'conv_7x7'"
    ):
      transitions.allowed('nat', ('conv_7x7',))


#   0 --first--> 1 --second--> 2
def _chain(first: str, second: str, concat=(2,)) -> Architecture:
  edges = (Edge(0, 1, first), Edge(1, 2, second))
  return Architecture.of(normal=Cell(1, 3, edges, concat))


class CheckTest(parameterized.TestCase):
  @parameterized.parameters(
    *(name for name in zoo.names() if name.startswith('nat'))
  )
  def test_published_cells_obey_their_rules(self, name):
    rules, source = name.split('_', 1)
    transitions.check(zoo.load(source), zoo.load(name), rules)

  @parameterized.product(
    name=zoo.names(), transitions_name=transitions.TRANSITIONS
  )
  def test_every_published_cell_may_remain(self, name, transitions_name):
    transitions.check(zoo.load(name), zoo.load(name), transitions_name)

  def test_what_nat_plus_plus_allows_nat_may_forbid(self):
    with self.assertRaisesRegex(
      transitions.ForbiddenTransitionError,
      r'normal cell: edge 4 \(1 -> 4, sep_conv_3x3\): nat forbids sep_conv_3x3 '
      '-> dil_conv_3x3; allowed are sep_conv_3x3, skip, null',
    ):
      transitions.check(zoo.load('darts'), zoo.load('nat++_darts'), 'nat')

  def test_names_the_forbidden_edge(self):
    with self.assertRaisesRegex(
      transitions.ForbiddenTransitionError,
      r'normal cell: edge 1 \(1 -> 2, skip\): nat\+\+ forbids skip -> '
      'conv_1x1; allowed are skip, null',
    ):
      transitions.check(
        _chain('skip', 'skip'), _chain('null', 'conv_1x1'), 'nat++'
      )

  def test_the_transition_that_breaks_the_rules_of_the_release(self):
    # NAONet's reduction cell, 0 -> 3, in the public code of NAT++.
    with self.assertRaisesRegex(
      transitions.ForbiddenTransitionError,
      r'nat\+\+ forbids conv_1x1 -> avg_pool_3x3',
    ):
      transitions.check(
        _chain('conv_1x1', 'skip'), _chain('avg_pool_3x3', 'skip'), 'nat++'
      )

  def test_refuses_different_graphs(self):
    with self.assertRaisesRegex(ArchitectureError, 'not on one graph'):
      transitions.check(
        _chain('skip', 'skip'), _chain('skip', 'skip', concat=(1,)), 'nat'
      )

  def test_refuses_unknown_transitions(self):
    chain = _chain('skip', 'skip')
    with self.assertRaisesRegex(
      transitions.UnknownTransitionsError, 'unknown transitions'
    ):
      transitions.check(chain, chain, '')


if __name__ == '__main__':
  absltest.main()
