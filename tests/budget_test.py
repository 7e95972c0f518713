"""Tests of nat_tf.budget."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from nat_tf import budget
from nat_tf.budget import Budget
from nat_tf.edge_costs import EdgeCosts

# One cell with two edges; operations cost 7, 2 and 0 parameters, ten times as
# many multiply-adds, and beside them stand 90 and 900.
_COSTS = EdgeCosts(
  np.array([90, 900]),
  np.array([[[[7, 2, 0]] * 2], [[[70, 20, 0]] * 2]]),
  own=np.array([97, 970]),
  inputs=np.zeros([2, 1, 0], np.int64),
  readers=np.zeros([1, 0, 2, 3], bool),
)
_ALL = np.ones([1, 2, 3], bool)


def _timed(ns):
  """The same, where every operation takes that long, the rest 1 ms."""
  return dataclasses.replace(
    _COSTS,
    fixed=np.append(_COSTS.fixed, 1_000_000),
    edges=np.concatenate([_COSTS.edges, np.full([1, 1, 2, 3], ns)]),
    own=np.append(_COSTS.own, 1_000_000 + 2 * ns),
    inputs=np.zeros([3, 1, 0], np.int64),
  )


def _limits(costs=_COSTS, allowed=_ALL, **parts):
  return Budget.of(**parts).limits(costs, allowed).tolist()


class LimitTest(parameterized.TestCase):
  @parameterized.parameters(
    ('2500000', 2_500_000),
    ('3.1e6', 3_100_000),
    ('2.5M', 2_500_000),
    ('400M', 400_000_000),
    ('1.2G', 1_200_000_000),
    ('80k', 80_000),
    (' 7 ', 7),
    ('1E2', 100),
    ('7.9', 7),
  )
  def test_absolute(self, text, expected):
    one = budget.limit(text, 'max_params')
    self.assertFalse(one.relative)
    self.assertEqual(one.resolve(123), expected)

  @parameterized.parameters(
    ('80%', 1000, 800),
    ('100%', 3_351_754, 3_351_754),
    ('12.5%', 99, 12),
    ('150%', 10, 15),
    # In floating point 0.29 * 100 is below 29.
    ('29%', 100, 29),
  )
  def test_share(self, text, source, expected):
    self.assertEqual(budget.limit(text, 'max_params').resolve(source), expected)

  def test_unit(self):
    one = budget.limit('1.5', 'max_latency_ms')
    self.assertEqual(one.resolve(9, unit=1_000_000), 1_500_000)
    self.assertEqual(budget.limit('50%', 'x').resolve(8, unit=1_000_000), 4)

  def test_none(self):
    self.assertIsNone(budget.limit(None, 'max_params'))

  @parameterized.parameters(
    *('', ' ', 'nan', 'inf', '-5', '-5%', '5%%', '400m', '4 M', '1e', '%', 'M'),
    *('1e999', '0x10', '1_000', '1,000', '٣', '9' * 41, '1e999999999'),
  )
  def test_nonsense(self, text):
    with self.assertRaises(budget.BudgetError) as caught:
      budget.limit(text, 'max_madds')
    self.assertEqual(
      str(caught.exception),
      f'--max_madds is {ascii(text[:40])}; it must be a number (2500000, '
      "3.1e6, 2.5M) or a share of the input's cost (80%)",
    )

  def test_nonsense_gets_examples_of_its_own_size(self):
    with self.assertRaisesRegex(budget.BudgetError, 'milliseconds .*0.5.*80%'):
      budget.limit('abc', 'max_latency_ms')
    self.assertEqual(budget.limit('0.5', 'max_latency_ms').resolve(0, 10), 5)

  @parameterized.parameters('0', '0%', '0.0', '1e-999999999')
  def test_nothing(self, text):
    with self.assertRaisesRegex(
      budget.BudgetError, f"^--max_params is '{text}'; it must be above 0$"
    ):
      budget.limit(text, 'max_params')


class ToleranceTest(parameterized.TestCase):
  @parameterized.parameters(
    ('0%', 0), ('5%', Fraction(1, 20)), ('0.1%', Fraction(1, 1000))
  )
  def test_percentage(self, text, expected):
    self.assertEqual(budget.tolerance(text), expected)

  @parameterized.parameters('', '5', '0.05', '-1%', 'nan%', '5M')
  def test_nonsense(self, text):
    with self.assertRaises(budget.BudgetError) as caught:
      budget.tolerance(text)
    self.assertEqual(
      str(caught.exception),
      f"--cost_tolerance is {text!r}; it must be a share of the input's cost "
      'in percent, 0% or more (5%)',
    )


class BudgetTest(parameterized.TestCase):
  def test_by_itself_the_inputs_cost(self):
    self.assertEqual(_limits(), [97, 970])

  def test_tolerance_raises_both(self):
    self.assertEqual(_limits(cost_tolerance='10%'), [106, 1067])

  @parameterized.parameters(
    (dict(max_params='95'), [95, 970]),
    (dict(max_madds='95%'), [97, 921]),
    (dict(max_params='92', max_madds='0.95k'), [92, 950]),
    # A limit above the input's cost permits no more than that.
    (dict(max_params='1M', max_madds='200%'), [97, 970]),
    (dict(max_params='100', cost_tolerance='10%'), [100, 1067]),
    (dict(max_params='1e300'), [97, 970]),
  )
  def test_the_smaller_limit_holds(self, parts, expected):
    self.assertEqual(_limits(**parts), expected)

  def test_time(self):
    costs = _timed(500)
    self.assertEqual(_limits(costs, max_latency_ms='1.1')[2], 1_100_000)
    self.assertEqual(_limits(costs, max_latency_ms='200%')[2], 2_002_000)
    self.assertEqual(_limits(costs, max_latency_ms='100%')[2], 1_001_000)
    self.assertEqual(
      _limits(costs, max_latency_ms='1e300')[2], np.iinfo(np.int64).max // 2
    )

  def test_the_least_fits(self):
    self.assertEqual(_limits(max_params='90', max_madds='900'), [90, 900])

  @parameterized.parameters(
    (dict(max_params='89'), '--max_params=89'),
    (dict(max_madds='92.7%'), '--max_madds=92.7%'),
    (dict(max_madds='1e-300'), '--max_madds=1e-300'),
  )
  def test_nothing_fits(self, parts, where):
    with self.assertRaises(budget.BudgetError) as caught:
      _limits(**parts)
    self.assertEqual(
      str(caught.exception),
      f'{where}: nothing that the architecture may become costs so little; the '
      'least possible is 90 parameters (92.78%), 900 multiply-adds (92.78%)',
    )

  def test_least_of_what_is_allowed(self):
    # The first edge must stay what it is.
    allowed = np.array([[[True, False, False], [True, True, True]]])
    with self.assertRaisesRegex(budget.BudgetError, ' 97 parameters '):
      _limits(allowed=allowed, max_params='96')

  def test_too_little_time(self):
    with self.assertRaisesRegex(
      budget.BudgetError, r'^--max_latency_ms=1: .*, 1\.001 ms \(100\.00%\)$'
    ):
      _limits(_timed(500), max_latency_ms='1')

  def test_whether_time_is_of_interest(self):
    self.assertFalse(Budget.of(max_params='5').timed)
    self.assertTrue(Budget.of(max_latency_ms='5').timed)


if __name__ == '__main__':
  absltest.main()
