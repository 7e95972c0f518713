"""Every published architecture, from its name to what became of it."""

from __future__ import annotations

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from nat_tf import agent
from nat_tf import architecture_json
from nat_tf import cost
from nat_tf import description
from nat_tf import edge_costs
from nat_tf import environment
from nat_tf import genotype
from nat_tf import policy
from nat_tf import spaces
from nat_tf import transitions
from nat_tf import zoo
from nat_tf.budget import Budget
from nat_tf.transformer import Terms


class ZooJourneyTest(tf.test.TestCase, parameterized.TestCase):
  #   name -> JSON and text and back -> its space -> a policy's transformations
  #   at no more than its cost, and at less -> description of the last -> JSON
  #   and back
  @parameterized.product(name=zoo.names(), rules=transitions.TRANSITIONS)
  def test_is_transformed(self, name, rules):
    beta = zoo.load(name)
    self.assertEqual(beta, _written_and_read(beta))
    config = description.network_config(beta.network, 'cifar10')
    own = cost.network(beta, config)
    actor = policy.create('edges', spaces.around('one', beta, rules), stay=2.0)
    costs = edge_costs.measure(beta, actor.space, config)
    for share in (1.0, 0.6, 0.3):
      budget = Budget.of(*(f'{100 * share:g}%',) * 2)
      for alpha in self._transformed(beta, rules, actor, costs, budget):
        transitions.check(beta, alpha, rules)
        spent = cost.network(alpha, config)
        self.assertLessEqual(spent.params, share * own.params)
        self.assertLessEqual(spent.madds, share * own.madds)
    self.assertEqual(alpha, _written_and_read(alpha))
    described = description.describe(name, alpha, config)
    self.assertEqual(described.total.cost, cost.network(alpha, config))

  def _transformed(self, beta, rules, actor, costs, budget):
    """Returns the most probable transformation and two samples."""
    space = actor.space
    allowed = transitions.allowed(rules, space.operations)
    encoding = space.encode(beta)
    mask = environment.observe(space, allowed, encoding)['mask'].numpy()
    terms = Terms(costs, budget.limits(costs, mask), mask)
    candidates = agent.transform(
      actor, allowed, spaces.stack([encoding]), 2, [0, 1], terms.allowance()
    )
    return [
      space.decode(spaces.Encoding(*(np.asarray(x[0, i]) for x in candidates)))
      for i in range(3)
    ]


def _written_and_read(architecture):
  """Returns what comes back from JSON, after it came back from text."""
  text = genotype.to_text(architecture)
  return architecture_json.from_json(
    architecture_json.to_json(genotype.from_text(text))
  )


if __name__ == '__main__':
  tf.test.main()
