"""Tests of nat_tf.tabular_config and of nat_tf.recipes."""

from __future__ import annotations

from absl.testing import absltest
from absl.testing import parameterized

from nat_tf import policy
from nat_tf import recipes
from nat_tf import setting
from nat_tf.tabular_config import TabularConfig


class TabularConfigTest(parameterized.TestCase):
  def test_all_policies_are_compared_unless_some_are_chosen(self):
    self.assertEqual(TabularConfig().policy_names(), list(policy.POLICIES))
    some = TabularConfig(policies='lstm, gcn')
    self.assertEqual(some.policy_names(), ['lstm', 'gcn'])

  def test_seeds_follow_one_another(self):
    self.assertEqual(TabularConfig(seed=5, seeds=3).seed_list(), [5, 6, 7])

  def test_json_round_trip(self):
    config = TabularConfig(table='a.csv', training='steps=3')
    self.assertEqual(TabularConfig.from_json(config.to_json()), config)

  @parameterized.parameters(
    ({'policies': 'gnc'}, "--policies: unknown policy 'gnc'; known are edges"),
    ({'policies': ''}, "unknown policy ''"),
    ({'policies': 'gcn,gcn'}, '--policies names a policy twice: gcn,gcn'),
    ({'model': 'layers=1'}, '--model changes one policy; choose it with'),
    ({'seeds': 0}, '--seeds is 0; it must be 1 or more and below 1000'),
    ({'steps': -1}, '--steps is -1; it must be 0 or more'),
    ({'points': 0}, '--points is 0; it must be 1 or more'),
    ({'transitions': 'nat+'}, "--transitions is 'nat\\+'; it must be one of"),
    ({'seed': 2**31 - 1}, '--seed is 2147483647'),
  )
  def test_wrong_values_are_refused(self, values, words):
    with self.assertRaisesRegex(setting.ConfigError, words):
      TabularConfig(**values)


class RecipeTest(parameterized.TestCase):
  def test_rate_and_entropy_fall_to_0(self):
    config = recipes.Recipe(
      steps=100, learning_rate=0.1, entropy=2.0
    ).agent_config()
    for schedule, start, steps in (
      (config.learning_rate, 0.1, 100),
      (config.entropy, 2.0, 80),
    ):
      self.assertEqual((schedule.start, schedule.end), (start, 0.0))
      self.assertEqual(schedule.steps, steps)

  def test_without_annealing_they_stay(self):
    config = recipes.Recipe(anneal=False).agent_config()
    self.assertIsNone(config.learning_rate.end)
    self.assertIsNone(config.entropy.end)

  @parameterized.parameters(*policy.POLICIES)
  def test_every_policy_has_one_that_fits(self, name):
    recipes.recipe(name).agent_config()

  @parameterized.parameters(
    ({'steps': 0}, 'steps is 0; it must be 1 or more'),
    ({'inputs': 0}, 'inputs is 0'),
    ({'learning_rate': 0.0}, 'learning_rate is 0.0'),
    ({'entropy': -1.0}, 'entropy -1.0'),
  )
  def test_wrong_numbers_are_refused(self, values, words):
    with self.assertRaisesRegex(setting.ConfigError, words):
      recipes.Recipe(**values)


if __name__ == '__main__':
  absltest.main()
