"""Tests of nat_tf.affordable."""

from __future__ import annotations

import itertools

from absl.testing import parameterized
import hypothesis
from hypothesis import strategies
import numpy as np
import tensorflow as tf

from nat_tf import affordable
from nat_tf import agent
from nat_tf import edge_costs
from nat_tf import layout
from nat_tf import plan_mixture
from nat_tf import policy
from nat_tf import policy_model
from nat_tf import sampling
from nat_tf import skeletons
from nat_tf import spaces
from nat_tf import transitions
from nat_tf.affordable import Allowance

# One cell with two edges and three operations, which cost 4, 1 and 0.
_MASK = np.ones([1, 1, 2, 3], bool)
_PRICES = np.array([[[[[4, 1, 0], [4, 1, 0]]]]])
_LOGITS = np.log([[[[0.7, 0.2, 0.1], [0.6, 0.1, 0.3]]]]).astype(np.float32)
_PROBABILITIES = np.exp(_LOGITS[0, 0])


def _actions(logits=_LOGITS, mask=_MASK):
  return policy_model.masked_categorical(tf.constant(logits), tf.constant(mask))


def _allowance(*limits, prices=_PRICES):
  return Allowance(prices, np.array([limits]))


def _spent(operations, prices):
  """Sums `[batch, ...]` operations' prices, naively: `[batch, measures]`."""
  return np.array(
    [
      [
        sum(measure[c, e, one[c, e]] for c, e in np.ndindex(one.shape))
        for measure in price
      ]
      for one, price in zip(np.asarray(operations), prices)
    ]
  )


class SampleTest(tf.test.TestCase, parameterized.TestCase):
  def _frequencies(self, allowance, count=20_000):
    drawn = affordable.sample(_actions(), _MASK, allowance, count, [3, 4])
    codes = drawn.numpy()[:, 0, 0] @ [3, 1]
    return np.bincount(codes, minlength=9).reshape(3, 3) / count

  @parameterized.parameters(False, True)
  def test_what_fits_is_what_the_policy_draws(self, mixture):
    actions = _mixture() if mixture else _actions()
    drawn = affordable.sample(actions, _MASK, _allowance(8), 50, [1, 2])
    self.assertAllEqual(drawn, actions.sample(50, seed=[1, 2]))

  def test_only_what_does_not_fit_is_drawn_again(self):
    # On average the policy spends 3 + 2.5: not more than 7, but 4 + 4 is.
    drawn = affordable.sample(_actions(), _MASK, _allowance(7), 200, [1, 2])
    free = _actions().sample(200, seed=[1, 2])
    fits = _spent(free[:, 0], np.repeat(_PRICES, 200, 0))[:, 0] <= 7
    self.assertBetween(fits.mean(), 0.3, 0.9)
    self.assertAllEqual(drawn[fits], free[fits])
    spent = _spent(drawn[:, 0], np.repeat(_PRICES, 200, 0))
    self.assertAllLessEqual(spent, 7)

  def test_distribution_is_the_policys_among_what_is_open(self):
    # Either edge is served first; then the other has no more than 7 - 4 left.
    p, q = _PROBABILITIES
    expected = np.outer(p, q)
    rest = expected[0, 0]
    expected[0, 0] = 0.0
    expected[0, 1:] += rest / 2 * q[1:] / q[1:].sum()
    expected[1:, 0] += rest / 2 * p[1:] / p[1:].sum()
    self.assertAllClose(
      self._frequencies(_allowance(7)), expected, atol=0.012, rtol=0
    )

  def test_a_policy_that_spends_too_much_becomes_thrifty(self):
    # With nothing but the walk, one edge would take 4 nearly every time and
    # the other nothing. The thrifty policy often takes 1 and 1.
    found = self._frequencies(_allowance(4))
    self.assertEqual(found[0, 0] + found[0, 1] + found[1, 0], 0.0)
    self.assertGreater(found[1, 1], 0.15 * 0.2 / 0.7)
    self.assertBetween(found[0, 2], 0.1, 0.6)

  def test_nothing_to_spend(self):
    drawn = affordable.sample(_actions(), _MASK, _allowance(0), 9, [1, 2])
    self.assertAllEqual(drawn, np.full([9, 1, 1, 2], 2))

  def test_less_than_the_least_is_refused(self):
    with self.assertRaisesRegex(
      tf.errors.InvalidArgumentError, 'not even the cheapest'
    ):
      affordable.sample(_actions(), _MASK, _allowance(-1), 9, [1, 2])

  def test_reproduces_by_seed(self):
    first, same, other = (
      affordable.sample(_actions(), _MASK, _allowance(4), 30, [0, seed])
      for seed in (1, 1, 2)
    )
    self.assertAllEqual(first, same)
    self.assertNotAllEqual(first, other)

  def test_amounts_beyond_32_bits_are_exact(self):
    large = 2**53 + 1
    prices = np.array([[[[[large, 1, 0], [1, 1, 0]]]]])
    for limit, most in ((large, large), (large - 1, 2)):
      drawn = affordable.sample(
        _actions(), _MASK, _allowance(limit, prices=prices), 300, [1, 2]
      )
      spent = _spent(drawn[:, 0], np.repeat(prices, 300, 0))
      self.assertEqual(spent.max(), most)

  @parameterized.parameters(np.nan, np.inf, -np.inf, 1e30)
  def test_no_logits_break_the_limits(self, value):
    logits = np.full_like(_LOGITS, value)
    logits[..., 1] = 0.0
    for limit in range(8):
      drawn = affordable.sample(
        _actions(logits), _MASK, _allowance(limit), 20, [1, 2]
      )
      likely = affordable.likeliest(_actions(logits), _MASK, _allowance(limit))
      for one in (*drawn.numpy(), likely.numpy()):
        self.assertLessEqual(_spent(one, _PRICES)[0, 0], limit)

  def test_measures_that_exclude_one_another(self):
    # Whatever is cheap in one measure is dear in the other: only what is kept
    # in reserve shows that something fits.
    prices = np.array([[[[[4, 0, 1], [4, 0, 1]]], [[[0, 4, 1], [0, 4, 1]]]]])
    drawn = affordable.sample(
      _actions(), _MASK, _allowance(4, 4, prices=prices), 200, [1, 2]
    )
    spent = _spent(drawn[:, 0], np.repeat(prices, 200, 0))
    self.assertAllLessEqual(spent, 4)


def _mixture():
  logits = np.stack([_LOGITS, np.roll(_LOGITS, 1, axis=-1)], axis=1)
  return plan_mixture.PlanMixture(
    tf.constant([[0.3, 0.0]]), tf.constant(logits), tf.constant(_MASK)
  )


class LikeliestTest(tf.test.TestCase, parameterized.TestCase):
  @parameterized.parameters(False, True)
  def test_the_favourite_where_it_fits(self, mixture):
    actions = _mixture() if mixture else _actions()
    likely = affordable.likeliest(actions, _MASK, _allowance(8))
    self.assertAllEqual(likely, actions.mode())

  @parameterized.parameters(
    # 0.7 x 0.6, 0.7 x 0.3, then 0.6 x 0.1 is not as good as 0.2 x 0.3.
    (8, [0, 0]),
    (7, [0, 2]),
    (4, [0, 2]),
    (3, [1, 2]),
    (1, [1, 2]),
    (0, [2, 2]),
  )
  def test_against_enumeration(self, limit, expected):
    likely = affordable.likeliest(_actions(), _MASK, _allowance(limit))
    self.assertAllEqual(likely[0, 0], expected)

  def test_close_to_the_best_of_random_policies(self):
    # Four edges, four operations: all 256 transformations are known.
    rng = np.random.default_rng(0)
    count = 200
    logits = rng.normal(0, 2, [count, 1, 4, 4]).astype(np.float32)
    prices = rng.integers(0, 20, [count, 2, 1, 4, 4])
    prices[..., -1] = 0
    limits = rng.integers(0, 60, [count, 2])
    mask = np.ones([count, 1, 4, 4], bool)
    actions = _actions(logits, mask)
    likely = affordable.likeliest(actions, mask, Allowance(prices, limits))
    self.assertTrue((_spent(likely, prices) <= limits).all())
    found = actions.log_prob(likely).numpy()
    every = np.array(list(itertools.product(range(4), repeat=4)))[:, None, None]
    logs = actions.log_prob(np.repeat(every, count, axis=1)).numpy()
    spent = np.stack(
      [_spent(np.repeat(one, count, axis=0), prices) for one in every]
    )
    best = np.where((spent <= limits).all(-1), logs, -np.inf).max(0)
    self.assertAllLessEqual(found - best, 1e-5)
    # Greedy: not always the best, but mostly, and never far from it.
    self.assertGreater(np.mean(found > best - 1e-5), 0.7)
    self.assertLess(np.mean(best - found), 0.4)


# Small: what a network adds up to is tested with `edge_costs`.
_FRAME = layout.NetworkConfig(4, 4, (8, 8), 1, 10, skeletons.CELLS)
_ACTORS = {
  name: policy.create(name, spaces.MICRO, seed=1)
  for name in ('edges', 'gcn', 'lstm', 'random')
}
_ARCHITECTURES, _SAMPLES = 8, 24


class PropertyTest(tf.test.TestCase):
  """No transformation is over its budget, and none is forbidden."""

  @hypothesis.settings(
    max_examples=50, deadline=None, derandomize=True, database=None
  )
  @hypothesis.given(
    name=strategies.sampled_from(list(_ACTORS)),
    rules=strategies.sampled_from(transitions.TRANSITIONS),
    seed=strategies.integers(0, 2**31 - 1),
    # Of what is between the least and a little more than the input's cost; 1
    # is its cost itself.
    shares=strategies.lists(
      strategies.tuples(
        strategies.floats(0.0, 1.2) | strategies.just(1.0),
        strategies.floats(0.0, 1.2) | strategies.just(1.0),
      ),
      min_size=_ARCHITECTURES,
      max_size=_ARCHITECTURES,
    ),
  )
  def test_random_budgets(self, name, rules, seed, shares):
    space = spaces.MICRO
    allowed = transitions.allowed(rules, space.operations)
    beta = sampling.RandomSampler(space)(_ARCHITECTURES, [seed, 0])
    ones = [spaces.Encoding(*(x[i].numpy() for x in beta)) for i in range(8)]
    costs = [
      edge_costs.measure(space.decode(one), space, _FRAME) for one in ones
    ]
    sources = [c.total(one.operations) for c, one in zip(costs, ones)]
    limits = np.array(
      [
        np.floor(share * (source - c.fixed)).astype(np.int64) + c.fixed
        for share, source, c in zip(np.array(shares), sources, costs)
      ]
    )
    fixed = np.stack([c.fixed for c in costs])
    allowance = Allowance(np.stack([c.edges for c in costs]), limits - fixed)
    candidates = agent.transform(
      _ACTORS[name], allowed, beta, _SAMPLES, [seed, 1], allowance
    )
    after = candidates.operations.numpy()
    self.assertEqual(after.shape[:2], (_ARCHITECTURES, 1 + _SAMPLES))
    for i, one in enumerate(ones):
      self.assertTrue((costs[i].total(after[i]) <= limits[i]).all())
      permitted = allowed[one.operations, after[i]]
      null = after[i] == space.index('null')
      self.assertTrue(np.where(one.present, permitted, null).all())


if __name__ == '__main__':
  tf.test.main()
