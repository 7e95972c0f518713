"""Tests of nat_tf.exhaustive."""

from __future__ import annotations

import os
import unittest

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from nat_tf import accuracy_table
from nat_tf import enumeration
from nat_tf import exhaustive
from nat_tf import spaces
from nat_tf import transitions

# Three edges with four operations: 64 cells.
_SPACE = spaces.Space(
  name='small',
  cells=('normal',),
  inputs=1,
  targets=(1, 2, 2),
  operations=('conv_3x3', 'avg_pool_3x3', 'skip', 'null'),
  sizes=(2,),
  loose_ends=(False,),
  graphs=(spaces.Graph.full((0, 0, 1), (2,), 4),),
)


def _table(seed: int, digits: int = 6) -> accuracy_table.AccuracyTable:
  """Accuracies at random; of few digits, so that there are equal ones."""
  valid, test = np.random.default_rng(seed).random([2, 64]).round(digits)
  return accuracy_table.AccuracyTable(_SPACE, 'toy', valid, test)


def _reachable(allowed: np.ndarray, code: int) -> list[int]:
  """Naive: all cells that one may become."""
  before = enumeration.operations(_SPACE, code)[0]
  return [
    other
    for other in range(64)
    if all(
      allowed[b, a]
      for b, a in zip(before, enumeration.operations(_SPACE, other)[0])
    )
  ]


class OracleTest(parameterized.TestCase):
  @parameterized.product(transitions=('nat', 'nat++'), digits=(6, 1))
  def test_against_a_naive_search(self, **kwargs):
    allowed = transitions.allowed(kwargs['transitions'], _SPACE.operations)
    table = _table(1, kwargs['digits'])
    expected = [
      max(_reachable(allowed, code), key=lambda c: (table.valid[c], -c))
      for code in range(64)
    ]
    np.testing.assert_array_equal(exhaustive.oracle(table, allowed), expected)


class RandomSearchTest(parameterized.TestCase):
  @parameterized.parameters('nat', 'nat++')
  def test_one_and_two_draws_against_enumeration(self, name):
    allowed = transitions.allowed(name, _SPACE.operations)
    table = _table(2)
    inputs = np.array([3, 60, 17, 0])
    means = exhaustive.random_search(table, allowed, inputs, [1, 2])
    for i, code in enumerate(inputs):
      reachable = _reachable(allowed, code)
      one = np.mean(table.test[reachable])
      pairs = [
        table.test[max(a, b, key=lambda c: table.valid[c])]
        for a in reachable
        for b in reachable
      ]
      np.testing.assert_allclose(means[:, i], [one, np.mean(pairs)])

  def test_ten_draws_against_drawing(self):
    allowed = transitions.allowed('nat', _SPACE.operations)
    table = _table(3)
    reachable = np.array(_reachable(allowed, 0))
    drawn = np.random.default_rng(4).choice(reachable, [100_000, 10])
    best = drawn[np.arange(100_000), table.valid[drawn].argmax(axis=1)]
    (mean,) = exhaustive.random_search(table, allowed, np.array([0]), [10])
    # Four standard errors.
    error = 4 * table.test[best].std() / np.sqrt(100_000)
    np.testing.assert_allclose(mean, table.test[best].mean(), atol=error)

  def test_many_draws_find_the_oracle(self):
    allowed = transitions.allowed('nat', _SPACE.operations)
    table, inputs = _table(5), np.arange(64)
    (means,) = exhaustive.random_search(table, allowed, inputs, [10_000])
    best = table.test[exhaustive.oracle(table, allowed)]
    np.testing.assert_allclose(means, best, atol=1e-6)


@unittest.skipUnless(
  os.environ.get('NAT_TF_SHARED'),
  'NAT_TF_SHARED is not set: no table of NAS-Bench-201',
)
class NasBench201Test(absltest.TestCase):
  def test_headroom_is_what_was_measured_elsewhere(self):
    # Method, section 8, on 1,500 random inputs; here on all.
    table = accuracy_table.read_csv(
      os.path.join(os.environ['NAT_TF_SHARED'], 'nasbench201', 'cifar10.csv')
    )
    allowed = transitions.allowed('nat', table.space.operations)
    everything = np.arange(15_625)
    best = table.test[exhaustive.oracle(table, allowed)].mean()
    means = exhaustive.random_search(table, allowed, everything, [1, 100])
    one, hundred = means.mean(axis=1)
    beta = table.test.mean()
    self.assertAlmostEqual(best, 0.859, delta=0.002)
    self.assertAlmostEqual(one, 0.646, delta=0.005)
    self.assertAlmostEqual((hundred - beta) / (best - beta), 0.99, delta=0.01)


if __name__ == '__main__':
  absltest.main()
