"""Tests of nat_tf.pareto."""

from __future__ import annotations

from absl.testing import absltest

from nat_tf import edge_costs
from nat_tf import layout
from nat_tf import pareto
from nat_tf import policy
from nat_tf import skeletons
from nat_tf import spaces
from nat_tf import transformer as transformer_lib
from nat_tf import transitions
from nat_tf import zoo
from nat_tf.budget import Budget
from nat_tf.budget import BudgetError
from nat_tf.cost import Cost
from nat_tf.search_config import SearchConfig
from nat_tf.transformer import Measured

_DARTS = zoo.load('darts')


def _measured(madds, accuracy, params=0):
  return Measured(_DARTS, Cost(params, madds), accuracy)


class FrontTest(absltest.TestCase):
  def _check(self, contenders, expected):
    found = pareto.front([_measured(*one) for one in contenders])
    self.assertEqual(found, [_measured(*contenders[i]) for i in expected])

  def test_what_costs_more_must_be_better(self):
    # 0.6 at 5 is no better than at 3, and 0.1 at 4 is worse.
    self._check([(5, 0.6), (3, 0.6), (1, 0.2), (4, 0.1), (7, 0.7)], [2, 1, 4])

  def test_of_the_same_cost_the_best(self):
    self._check([(5, 0.2), (5, 0.4), (5, 0.3)], [1])

  def test_of_equals_the_one_with_the_fewest_parameters(self):
    self._check([(5, 0.4, 9), (5, 0.4, 7), (5, 0.4, 8)], [1])

  def test_of_equals_the_first(self):
    first, second = _measured(5, 0.4), _measured(5, 0.4)
    self.assertIs(pareto.front([first, second])[0], first)

  def test_one(self):
    self._check([(5, 0.0)], [0])

  def test_is_that_of_what_the_search_gains(self):
    # The second is more accurate, the third separates better.
    first, second, third = (
      Measured(_DARTS, Cost(0, madds), accuracy, separation=separation)
      for madds, accuracy, separation in (
        (1, 0.5, 0.30),
        (2, 0.9, 0.30),
        (3, 0.4, 0.31),
      )
    )
    self.assertEqual(pareto.front([third, second, first]), [first, third])


class _Transformer(transformer_lib.Transformer):
  """Without any network: `accuracy` maps multiply-adds to an accuracy."""

  def __init__(self, accuracy):  # pylint: disable=super-init-not-called
    self.config = SearchConfig(space='darts')
    self.space = spaces.DARTS
    self.actor = policy.create('random', self.space)
    self._allowed = transitions.allowed('nat', self.space.operations)
    self._worth = accuracy
    self._config = layout.NetworkConfig(8, 4, (8, 8), 1, 10, skeletons.CELLS)
    self.measured = []

  def terms(self, architecture, budget=None):
    operations = self.space.encode(architecture).operations
    allowed = self._allowed[operations]
    costs = edge_costs.measure(architecture, self.space, self._config)
    limits = (budget or Budget()).limits(costs, allowed)
    return transformer_lib.Terms(costs, limits, allowed)

  def basis(self, compared):
    return transformer_lib.Basis(self._config, 100, compared)

  def measure(self, architectures, scores=None, terms=None):
    results = []
    for i, total in enumerate(terms.costs.total(architectures.operations)):
      one = spaces.Encoding(*(x[i] for x in architectures))
      cost = Cost(*map(int, total))
      results.append(
        Measured(self.space.decode(one), cost, self._worth(cost.madds))
      )
    self.measured.append(results)
    return results


class ExploreTest(absltest.TestCase):
  def test_a_front_over_the_whole_range(self):
    transformer = _Transformer(lambda madds: madds / 1e9)
    found = pareto.explore(transformer, _DARTS, candidates=3)
    self.assertGreaterEqual(len(found.points), pareto.POINTS)
    self.assertEqual(found.source.architecture, _DARTS)
    # The dearer the better: the input is the last point, nothing the first.
    self.assertEqual(found.points[-1], found.source)
    terms = transformer.terms(_DARTS)
    madds = [point.cost.madds for point in found.points]
    self.assertEqual(madds[0], terms.costs.fixed[edge_costs.MADDS])
    self.assertEqual(madds, sorted(set(madds)))
    self.assertEqual(found.basis.compared, len(found.contenders))
    for point in found.contenders:
      self.assertTrue(point.cost.within(found.source.cost))
      transitions.check(_DARTS, point.architecture, 'nat')

  def test_nothing_is_measured_twice(self):
    transformer, reports = _Transformer(lambda madds: 0.0), []
    found = pareto.explore(
      transformer,
      _DARTS,
      candidates=3,
      report=lambda done, of: reports.append((done, of)),
    )
    self.assertLen({len(results) for results in transformer.measured}, 1)
    distinct = {one.architecture for one in found.contenders}
    self.assertLen(found.contenders, len(distinct))
    # All are reported on, those measured in vain apart.
    whole = [of for done, of in reports if done == of]
    self.assertEqual([of for done, of in reports if not done], whole)
    self.assertEqual(sum(whole), len(distinct))

  def test_looks_for_more_where_there_are_few(self):
    # Nothing is gained beyond two thirds of what the input costs.
    terms = _Transformer(None).terms(_DARTS)
    enough = int(terms.limits[edge_costs.MADDS]) * 2 // 3
    transformer = _Transformer(lambda madds: min(madds, enough) / 1e9)
    found = pareto.explore(transformer, _DARTS, candidates=1)
    self.assertGreaterEqual(len(found.points), pareto.POINTS)

  def test_keeps_to_the_budget(self):
    transformer = _Transformer(lambda madds: madds / 1e9)
    budget = Budget.of(max_madds='75%', max_params='80%')
    found = pareto.explore(transformer, _DARTS, 3, budget=budget)
    source = found.source.cost
    for one in (*found.contenders, *found.points):
      self.assertLessEqual(one.cost.madds, 0.75 * source.madds)
      self.assertLessEqual(one.cost.params, 0.8 * source.params)

  def test_the_cheapest_may_be_all_there_is(self):
    transformer = _Transformer(lambda madds: -madds / 1e9)
    found = pareto.explore(transformer, _DARTS, candidates=1)
    self.assertLen(found.points, 1)

  def test_reproduces_by_seed(self):
    fronts = [
      pareto.explore(_Transformer(lambda madds: madds / 1e9), _DARTS, 2, seed)
      for seed in (1, 1, 2)
    ]
    self.assertEqual(fronts[0], fronts[1])
    self.assertNotEqual(fronts[0], fronts[2])

  def test_nothing_fits(self):
    with self.assertRaisesRegex(BudgetError, 'least possible'):
      pareto.explore(
        _Transformer(None), _DARTS, budget=Budget.of(max_params='1')
      )


if __name__ == '__main__':
  absltest.main()
