"""Tests of nat_tf.edge_costs."""

from __future__ import annotations

import dataclasses

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np

from nat_tf import cost
from nat_tf import edge_costs
from nat_tf import hand_made
from nat_tf import layout
from nat_tf import sampling
from nat_tf import skeletons
from nat_tf import spaces
from nat_tf import transitions
from nat_tf import zoo
from nat_tf.architecture import Architecture

# Method, section 7.
_CIFAR10 = layout.NetworkConfig(20, 36, (32, 32), 3, 10, skeletons.CELLS)
_DARTS = zoo.load('darts')


def _config(space):
  return layout.NetworkConfig(17, 16, (15, 16), 1, 100, space.skeleton)


class EdgeCostsTest(parameterized.TestCase):
  @parameterized.parameters(*spaces.SPACES)
  def test_adds_up_to_the_cost_of_the_network(self, name):
    # Random architectures of the space, and random operations on their graphs.
    space = spaces.SPACES[name]
    config = _config(space)
    rng = np.random.default_rng(0)
    random = spaces.Encoding(
      *(x.numpy() for x in sampling.RandomSampler(space)(20, [0, 0]))
    )
    for i in range(20):
      one = spaces.Encoding(*(x[i] for x in random))
      costs = edge_costs.measure(space.decode(one), space, config)
      self.assertEqual(costs.edges.dtype, np.int64)
      operations = rng.integers(len(space.operations), size=one.present.shape)
      other = one._replace(
        operations=np.where(one.present, operations, space.index('null'))
      )
      totals = costs.total(np.stack([one.operations, other.operations]))
      for total, encoding in zip(totals, (one, other)):
        alpha = space.decode(encoding)
        self.assertTrue(cost.network(alpha, config).within(cost.Cost(*total)))
      self.assertEqual(
        tuple(costs.own), cost.network(space.decode(one), config)
      )

  # Hand-made networks have other channels, sizes and graphs in every block.
  @parameterized.product(name=hand_made.names(), form=skeletons.FORMS)
  def test_adds_up_in_hand_made_networks(self, name, form):
    beta = zoo.load(name)
    space = spaces.around('one', beta, 'nat++')
    config = dataclasses.replace(
      _CIFAR10, channels=16, skeleton=skeletons.load(name, form)
    )
    costs = edge_costs.measure(beta, space, config)
    random = sampling.RandomSampler(space)(5, [0, 0])
    for i in range(5):
      one = spaces.Encoding(*(x[i].numpy() for x in random))
      total = cost.Cost(*costs.total(one.operations))
      alpha = space.decode(one)
      self.assertEqual(total, cost.ceiling(alpha, config))
      self.assertTrue(cost.network(alpha, config).within(total))

  # In none of them is there an operation that does not reach the output, so
  # that all may stay as they are at their own cost.
  @parameterized.parameters(*zoo.names())
  def test_is_exact_for_published_architectures(self, name):
    beta = zoo.load(name)
    space = spaces.around('one', beta, 'nat')
    config = dataclasses.replace(
      _CIFAR10, skeleton=skeletons.load(beta.network)
    )
    costs = edge_costs.measure(beta, space, config)
    total = costs.total(space.encode(beta).operations)
    self.assertEqual(tuple(total), cost.network(beta, config))
    self.assertEqual(tuple(costs.own), cost.network(beta, config))

  #   resblock: nothing reads input 0, so preparing it is no part of its cost;
  #   the first skip from there pays for it
  def test_an_edge_pays_for_the_input_that_it_alone_reads(self):
    beta = zoo.load('resblock')
    space = spaces.DARTS
    cells = dict(beta.cells)
    operations = [edge.operation for edge in cells['normal'].edges]
    operations[0] = 'skip'
    cells['normal'] = cells['normal'].with_operations(operations)
    alpha = Architecture(tuple(cells.items()))
    costs = edge_costs.measure(beta, space, _CIFAR10)
    total = costs.total(space.encode(alpha).operations)
    self.assertEqual(tuple(total), cost.network(alpha, _CIFAR10))
    self.assertGreater(total[0], costs.own[0])

  def test_inputs_are_given_up_where_nothing_else_fits(self):
    # The least: skips from one input of every cell, and no others.
    costs = edge_costs.measure(_DARTS, spaces.DARTS, _CIFAR10)
    encoding = spaces.DARTS.encode(_DARTS)
    allowed = transitions.allowed('nat', spaces.DARTS.operations)[
      encoding.operations
    ]
    least = costs.least(allowed)
    self.assertLess(least[0], 0.3 * costs.own[0])
    fixed, open_ = costs.fitting(least, allowed)
    np.testing.assert_array_equal(fixed, least)
    reads = [
      sorted(
        {
          int(encoding.sources[cell, edge])
          for edge in range(8)
          if open_[cell, edge, spaces.DARTS.index('skip')]
        }
        & {0, 1}
      )
      for cell in range(2)
    ]
    self.assertEqual([len(one) for one in reads], [1, 1])

    with self.subTest('and none where all fits'):
      fixed, open_ = costs.fitting(costs.own, allowed)
      np.testing.assert_array_equal(open_, allowed)

  def test_counts_beyond_32_bits(self):
    costs = edge_costs.measure(
      _DARTS,
      spaces.DARTS,
      layout.NetworkConfig(20, 96, (224, 224), 3, 1000, skeletons.CELLS),
    )
    total = costs.total(spaces.DARTS.encode(_DARTS).operations)
    self.assertGreater(total[edge_costs.MADDS], 2**32)

  def test_least_is_all_null_and_one_input_of_every_cell(self):
    allowed = np.ones([2, 8, len(spaces.DARTS.operations)], bool)
    costs = edge_costs.measure(_DARTS, spaces.DARTS, _CIFAR10)
    dearer = costs.inputs.max(axis=-1).sum(axis=-1)
    np.testing.assert_array_equal(costs.least(allowed), costs.fixed - dearer)

  def test_least_keeps_to_what_is_allowed(self):
    operations = spaces.DARTS.encode(_DARTS).operations
    itself = np.eye(len(spaces.DARTS.operations), dtype=bool)[operations]
    costs = edge_costs.measure(_DARTS, spaces.DARTS, _CIFAR10)
    self.assertSequenceEqual(
      costs.least(itself).tolist(), cost.network(_DARTS, _CIFAR10)
    )

  def test_time_is_the_third_measure(self):
    operations = spaces.DARTS.encode(_DARTS).operations
    times = np.arange(2 * 8 * 13).reshape(2, 8, 13)
    seen = []

    def latency(*arguments):
      seen.append(arguments)
      return 1_000, times

    allowed = times % 2 == 0
    costs = edge_costs.measure(_DARTS, spaces.DARTS, _CIFAR10, allowed, latency)
    total = costs.total(operations)
    self.assertEqual(
      total[edge_costs.NANOSECONDS],
      1_000 + sum(times[i][operations[i]] for i in np.ndindex(2, 8)),
    )
    self.assertEqual(tuple(total[:2]), cost.network(_DARTS, _CIFAR10))
    self.assertIs(seen[0][-1], allowed)

  def test_a_slot_that_is_not_there_costs_nothing(self):
    # In the `micro` space a DARTS cell leaves the slots of vertex 6 empty.
    costs = edge_costs.measure(_DARTS, spaces.MICRO, _CIFAR10)
    self.assertFalse(costs.edges[:, :, 8:].any())
    self.assertTrue(costs.edges[:, :, :8].any())


if __name__ == '__main__':
  absltest.main()
