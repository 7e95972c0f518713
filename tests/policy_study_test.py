"""Tests of nat_tf.policy_study, on a space that can be enumerated."""

from __future__ import annotations

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from nat_tf import accuracy_table
from nat_tf import exhaustive
from nat_tf import policy
from nat_tf import policy_study
from nat_tf import recipes
from nat_tf import spaces
from nat_tf import transitions

# Three edges with four operations: 64 cells, 32 to learn from.
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
_NAT = transitions.allowed('nat', _SPACE.operations)


def _table(noise: float = 0.0) -> accuracy_table.AccuracyTable:
  """The first two edges should be both skip or both null; the third, kept.

  Changing one of the first two alone is worse than changing neither: edges
  that are decided one by one must leave a hill to find the other.
  """
  operations = np.indices([4, 4, 4]).reshape(3, -1).T
  first, second, third = operations.T
  valid = np.full(64, 0.4)
  valid[first == second] = 0.5
  valid[(first == 2) & (second == 2)] = 0.8
  valid[(first == 3) & (second == 3)] = 0.9
  valid += np.array([0.05, 0.03, 0.01, 0.0])[third]
  test = valid + noise * np.random.default_rng(0).normal(size=64)
  return accuracy_table.AccuracyTable(_SPACE, 'toy', valid, test)


def _report(taken, metrics):
  del taken, metrics


class BoundsTest(tf.test.TestCase):
  def test_halves(self):
    study = policy_study.Study(_table(), _NAT, 0)
    both = np.concatenate([study.learned_from, study.held_out])
    self.assertCountEqual(both, range(64))
    self.assertLen(study.held_out, 32)
    other = policy_study.Study(_table(), _NAT, 1)
    self.assertNotAllEqual(study.held_out, other.held_out)

  def test_captured_gain_against_its_formula(self):
    table = _table(noise=0.05)
    study = policy_study.Study(table, _NAT, 0)
    beta = table.test[study.held_out]
    best = table.test[exhaustive.oracle(table, _NAT)[study.held_out]]
    alpha = np.linspace(0.4, 0.9, 32)
    expected = 100 * (alpha.mean() - beta.mean()) / (best.mean() - beta.mean())
    self.assertAllClose(study.captured(alpha), expected)
    self.assertAllClose(study.captured(beta), 0)
    self.assertAllClose(study.captured(best), 100)
    bounds = study.bounds()
    self.assertAllClose(bounds.beta, 100 * beta.mean())
    self.assertAllClose(bounds.oracle, 100 * best.mean())
    searched = exhaustive.random_search(table, _NAT, study.held_out, [10])
    self.assertAllClose(bounds.random[10], study.captured(searched))
    self.assertLess(bounds.random[10], bounds.random[100])

  def test_a_table_without_anything_to_gain_is_refused(self):
    flat = np.full(64, 0.5)
    table = accuracy_table.AccuracyTable(_SPACE, 'toy', flat, flat)
    with self.assertRaisesRegex(
      accuracy_table.TableError, 'nothing to gain: .* is 50.00 %'
    ):
      policy_study.Study(table, _NAT, 0)


class TrainTest(tf.test.TestCase, parameterized.TestCase):
  @parameterized.named_parameters(
    ('edges', 'edges', 'nat', 99.0),
    ('edges_nat++', 'edges', 'nat++', 99.0),
    ('lstm', 'lstm', 'nat', 99.0),
    ('gcn', 'gcn', 'nat', 85.0),
  )
  def test_finds_the_optimum_for_inputs_it_never_saw(self, name, rules, least):
    allowed = transitions.allowed(rules, _SPACE.operations)
    study = policy_study.Study(_table(), allowed, 0)
    recipe = recipes.Recipe(
      steps=300, inputs=16, samples=16, learning_rate=3e-3
    )
    config = policy.default_config(name)
    taken = []
    outcome = study.train(
      name, config, recipe, 3, lambda steps, _: taken.append(steps)
    )
    self.assertGreater(outcome.argmax, least)
    self.assertLessEqual(outcome.argmax, 100 + 1e-6)
    self.assertGreaterEqual(outcome.best_of_10, outcome.sample)
    self.assertEqual(taken, sorted(set(taken)))
    self.assertEqual(taken[-1], 300)
    seconds, gains = zip(*outcome.curve)
    self.assertLen(gains, 4)  # Before training, and three times.
    self.assertEqual(seconds[0], 0)
    self.assertEqual(list(seconds), sorted(seconds))
    self.assertEqual(seconds[-1], outcome.seconds)
    self.assertAllClose(gains[-1], outcome.argmax)
    self.assertLess(gains[0], outcome.argmax)

  def test_chance_is_as_good_as_random_search(self):
    study = policy_study.Study(_table(), _NAT, 0)
    config = policy.default_config('random')
    outcome = study.train('random', config, recipes.Recipe(), 3, _report)
    self.assertEqual(outcome.seconds, 0)
    self.assertLen(outcome.curve, 1)
    one, ten = exhaustive.random_search(_table(), _NAT, study.held_out, [1, 10])
    # Drawn once for each of 32 inputs: within four standard errors.
    self.assertAllClose(outcome.sample, study.captured(one), atol=30)
    self.assertAllClose(outcome.best_of_10, study.captured(ten), atol=15)

  def test_same_seed_same_outcome(self):
    recipe = recipes.Recipe(steps=4, inputs=4, samples=2)
    config = policy.default_config('edges')
    first, same = (
      policy_study.Study(_table(), _NAT, seed).train(
        'edges', config, recipe, 2, _report
      )
      for seed in (5, 5)
    )
    for a, b in zip(first[:3], same[:3]):
      self.assertEqual(a, b)
    self.assertEqual(
      [gain for _, gain in first.curve], [gain for _, gain in same.curve]
    )


if __name__ == '__main__':
  tf.test.main()
