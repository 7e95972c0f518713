"""Tests of nat_tf.random_transformation."""

from __future__ import annotations

import collections
import itertools
import math
from unittest import mock

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from nat_tf import budget
from nat_tf import cost
from nat_tf import description
from nat_tf import edge_costs
from nat_tf import nasbench201
from nat_tf import random_transformation
from nat_tf import spaces
from nat_tf import transitions
from nat_tf import zoo
from nat_tf.architecture import Architecture
from nat_tf.architecture import ArchitectureError
from nat_tf.architecture import Cell
from nat_tf.budget import Budget


def _config(architecture: Architecture):
  return description.network_config(architecture.network, 'cifar10')


def _passes(cell: Cell) -> bool:
  """Whether a path leads from an input to the output."""

  def fed(vertex: int) -> bool:
    return vertex < cell.inputs or any(
      fed(edge.source)
      for edge in cell.edges
      if edge.target == vertex and edge.operation != 'null'
    )

  return any(fed(vertex) for vertex in cell.concat)


class TransformTest(parameterized.TestCase):
  @parameterized.parameters(
    ('darts', 'nat', '60%', 0.95),
    ('darts', 'nat++', '90%', 0.95),
    ('darts', 'nat', None, 0.95),
    ('resblock', 'nat', None, 0.9),
    ('resnet20', 'nat', '60%', 0.95),
    ('resnet20', 'nat++', '95%', 0.95),
    # The cheapest are those that pass nothing on.
    ('vgg16', 'nat', '1%', 0.1),
    ('mobilenetv2', 'nat++', '70%', 0.95),
  )
  def test_keeps_to_budget_and_rules(self, name, rules, max_madds, least):
    architecture = zoo.load(name)
    config = _config(architecture)
    found = random_transformation.transform(
      architecture, config, rules, Budget.of(max_madds=max_madds), draws=40
    )
    self.assertNotEqual(found.transformed, architecture)
    transitions.check(architecture, found.transformed, rules)
    for _, cell in found.transformed.cells:
      self.assertTrue(_passes(cell))
    before = cost.network(architecture, config)
    after = cost.network(found.transformed, config)
    self.assertEqual(tuple(found.costs), after)
    self.assertEqual(tuple(found.source_costs), before)
    self.assertTrue(after.within(before))
    limit = float((max_madds or '100%').rstrip('%')) / 100 * before.madds
    self.assertLessEqual(after.madds, limit)
    self.assertGreaterEqual(after.madds, least * limit)

  def test_the_seed_decides(self):
    architecture = zoo.load('resnet20')
    config, limits = _config(architecture), Budget.of(max_madds='60%')
    found = [
      random_transformation.transform(
        architecture, config, 'nat', limits, seed, draws=20
      ).transformed
      for seed in (1, 1, 2)
    ]
    self.assertEqual(found[0], found[1])
    self.assertNotEqual(found[0], found[2])

  def test_limits_parameters_and_time(self):
    def latency(architecture, space, config, allowed):
      # Nanoseconds: convolutions take 50, all else nothing.
      del architecture, config
      work = ['conv' in name for name in space.operations]
      return 100, 50 * np.broadcast_to(np.int64(work), allowed.shape)

    architecture = zoo.load('darts')
    config = description.network_config('cells', 'cifar10', 3, 2, 8)
    found = random_transformation.transform(
      architecture,
      config,
      'nat',
      Budget.of(max_params='70%', max_latency_ms='90%'),
      draws=20,
      latency=latency,
    )
    self.assertLen(found.costs, 3)
    self.assertLessEqual(found.costs[0], 0.7 * found.source_costs[0])
    self.assertLessEqual(found.costs[2], 0.9 * found.source_costs[2])

  def test_refuses(self):
    architecture = zoo.load('darts')
    config = _config(architecture)
    with self.assertRaisesRegex(budget.BudgetError, 'the least possible is'):
      random_transformation.transform(
        architecture, config, 'nat', Budget.of(max_madds='1%')
      )
    with self.assertRaisesRegex(ArchitectureError, 'has the cells normal'):
      random_transformation.transform(zoo.load('vgg16'), config, 'nat')

  def test_says_when_chance_finds_nothing(self):
    architecture = zoo.load('vgg16')
    with mock.patch.object(
      random_transformation._Chance,
      '_passes',
      lambda _, operations: np.zeros(operations.shape[:2], bool),
    ):
      with self.assertRaisesRegex(budget.BudgetError, '^none of 3 random'):
        random_transformation.transform(
          architecture, _config(architecture), 'nat', draws=3
        )


class DistributionTest(parameterized.TestCase):
  @parameterized.parameters(-4.0, 0.0, 3.0)
  def test_follows_its_formula(self, taste):
    # 3 * 2 * 3 * 2 * 2 * 3 = 216 transformations, each counted.
    architecture = nasbench201.from_text(
      '|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+'
      '|skip_connect~0|none~1|avg_pool_3x3~2|'
    )
    config = _config(architecture)
    space = spaces.around('one', architecture, 'nat')
    costs = edge_costs.measure(architecture, space, config)
    chance = random_transformation._Chance(
      architecture, space, config, costs, 10 * costs.own, seed=0
    )
    choices = [np.flatnonzero(slot) for slot in space.choices()[0]]
    weights = {}
    for operations in itertools.product(*choices):
      one = np.array([operations])
      if _passes(chance.decode(one)['normal']):
        # Shares of the limits; the dearest operation, the 3x3, counts as 1.
        shares = (costs.total(one) - costs.fixed) / costs.own
        conv = costs.edges[:, 0, 0].max(axis=-1) / costs.own
        weights[operations] = math.exp(taste * shares.sum() / conv.sum())
    self.assertLess(len(weights), 216)
    draws = 20_000
    drawn = chance._drawn(draws, taste)
    counts = collections.Counter(map(tuple, drawn[:, 0].tolist()))
    self.assertContainsSubset(counts, weights)
    total = sum(weights.values())
    chi_square = sum(
      (counts[key] - draws * weight / total) ** 2 / (draws * weight / total)
      for key, weight in weights.items()
    )
    # Its mean is the number of freedoms, its variance twice that.
    freedoms = len(weights) - 1
    self.assertLess(abs(chi_square - freedoms), 4 * math.sqrt(2 * freedoms))


class TableTest(absltest.TestCase):
  def test_lines(self):
    source = zoo.load('darts')
    found = random_transformation.RandomTransformation(
      source,
      zoo.load('nat_darts'),  # Five edges differ.
      np.array([4_000_000, 500_000_000, 2_000_000]),
      np.array([3_000_000, 400_000_000, 1_500_000]),
      np.array([4_000_000, 410_000_000, 1_600_000]),
      55,
    )
    self.assertEqual(
      random_transformation.table(found, 'darts'),
      """\
                       parameters  multiply-adds  latency*
input (darts)           4,000,000    500,000,000   2.00 ms
budget                  4,000,000    410,000,000   1.60 ms
random transformation   3,000,000    400,000,000   1.50 ms
change                    -25.0 %        -20.0 %   -25.0 %
* an estimate for this device, the sum of its parts
5 edges changed; the dearest of 55 draws that the budget allows""",
    )


if __name__ == '__main__':
  absltest.main()
