"""Tests of nat_tf.budget_flags."""

from __future__ import annotations

from absl.testing import absltest
from absl.testing import flagsaver

from nat_tf import budget
from nat_tf import budget_flags
from nat_tf.budget import Budget


class BudgetFlagsTest(absltest.TestCase):
  def test_default_is_the_inputs_cost(self):
    self.assertEqual(budget_flags.from_flags(), Budget())

  @flagsaver.flagsaver(
    max_params='3M', max_madds='80%', max_latency_ms='1.5', cost_tolerance='5%'
  )
  def test_every_flag_has_its_part(self):
    self.assertEqual(
      budget_flags.from_flags(),
      Budget.of(
        max_params='3M',
        max_madds='80%',
        max_latency_ms='1.5',
        cost_tolerance='5%',
      ),
    )

  def test_errors_name_the_flag(self):
    for name in ('max_params', 'max_madds', 'max_latency_ms', 'cost_tolerance'):
      with flagsaver.flagsaver(**{name: 'much'}):
        with self.assertRaisesRegex(
          budget.BudgetError, f"^--{name} is 'much'; it must be a "
        ):
          budget_flags.from_flags()


if __name__ == '__main__':
  absltest.main()
