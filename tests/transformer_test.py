"""Tests of nat_tf.transformer."""

from __future__ import annotations

import dataclasses
import os
from unittest import mock

import numpy as np
import tensorflow as tf

from nat_tf import agent
from nat_tf import data
from nat_tf import edge_costs
from nat_tf import environment
from nat_tf import nasbench201
from nat_tf import pareto
from nat_tf import reward
from nat_tf import sampling
from nat_tf import search_config
from nat_tf import spaces
from nat_tf import supernet
from nat_tf import transformer as transformer_lib
from nat_tf import transitions
from nat_tf import workdir
from nat_tf.budget import Budget
from nat_tf.budget import BudgetError
from nat_tf.cost import Cost
from tests import small_search

# Both cells:   0 --a--> 2    0 --c--> 3
#               1 --b--> 2    1 --d--> 3     output: 2 and 3
_SPACE = small_search.space(
  (2, 2, 3, 3), graphs=(spaces.Graph.full((0, 1, 0, 1), (2, 3), 4),) * 2
)


def _encoding(normal, reduction='null conv_1x1 conv_1x1 conv_1x1'):
  """Encodes the operations on a, b, c, d of both cells."""
  cells = [normal.split(), reduction.split()]
  operations = [[_SPACE.index(name) for name in cell] for cell in cells]
  return spaces.Encoding(
    np.array(operations, np.int32),
    _SPACE.fixed().sources,
    np.ones([2, 4], bool),
    np.ones([2, 2], bool),
  )


# A skip of stride 2 has weights, so null -> skip in the reduction cell costs
# more, though NAT allows it. The others take convolutions away.
_NORMAL = 'conv_1x1 conv_1x1 conv_1x1 conv_1x1'
_SOURCE = _encoding(_NORMAL)
_COSTLIER = _encoding(_NORMAL, 'skip conv_1x1 conv_1x1 conv_1x1')
_CHEAPER = _encoding('skip conv_1x1 conv_1x1 conv_1x1')
_CHEAPEST = _encoding('skip null conv_1x1 conv_1x1')
_BLIND = _encoding('null null null null', 'null null null null')


def _scores(accuracies, separations=None):
  """Scores `[architectures]`; what is not given must not decide."""
  accuracies = np.array(accuracies, np.float64)
  if separations is None:
    separations = 1 - accuracies
  return supernet.Scores(-accuracies, accuracies, np.array(separations))


class TransformerTestCase(tf.test.TestCase):
  """The small space in the place of `darts`, and one data set for all."""

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    small_search.in_place_of_darts(cls, _SPACE)
    cls.config = small_search.config(
      batch_size=32, final_cells=3, final_channels=4
    )
    cls.dataset = data.load(cls.config.data_config())
    cls.transformer = transformer_lib.Transformer(cls.config, cls.dataset)


class TransformTest(TransformerTestCase):
  def _transform(self, accuracies, *candidates, **budget):
    """Transforms `_SOURCE`, with known candidates.

    Args:
      accuracies: of the source and of every candidate.
      *candidates: encodings of what the policy proposes.
      **budget: as flags.
    """
    proposed = spaces.Encoding(*(x[np.newaxis] for x in _stack(candidates)))
    with (
      mock.patch.object(agent, 'transform', return_value=proposed),
      mock.patch.object(
        self.transformer, '_scores', return_value=_scores(accuracies)
      ) as scores,
    ):
      result = self.transformer.transform(
        _SPACE.decode(_SOURCE),
        # The policy proposes the most probable choice as well.
        len(candidates) - 1,
        budget=Budget.of(**budget) if budget else None,
      )
    (measured,), _ = scores.call_args
    # Blind ones are drawn again, until there are as many others.
    seen = [one for one in candidates if one is not _BLIND]
    scored = [_SOURCE, *(seen * len(candidates))[: len(candidates)]]
    for mine, expected in zip(measured, _stack(scored)):
      self.assertAllEqual(mine, expected)
    self.assertEqual(result.source.architecture, _SPACE.decode(_SOURCE))
    self.assertEqual(result.source.accuracy, accuracies[0])
    held_out = len(self.dataset.candidate_batches(1))
    self.assertEqual(result.basis.images, held_out)
    self.assertEqual(result.basis.network, self.transformer.final())
    return result

  def _check(self, result, encoding, accuracy, changes):
    best = result.transformed
    self.assertEqual(best.architecture, _SPACE.decode(encoding))
    self.assertEqual(best.accuracy, accuracy)
    self.assertEqual(result.changes(), changes)

  def test_costs_are_ordered_as_the_cases_assume(self):
    with mock.patch.object(
      self.transformer, '_scores', return_value=_scores(np.zeros(4))
    ):
      measured = self.transformer.measure(
        _stack([_CHEAPEST, _CHEAPER, _SOURCE, _COSTLIER])
      )
    for less, more in zip(measured, measured[1:]):
      self.assertLess(less.cost.params, more.cost.params)
      self.assertLess(less.cost.madds, more.cost.madds)

  def test_highest_accuracy_wins(self):
    result = self._transform([0.5, 0.6, 0.7], _CHEAPEST, _CHEAPER)
    self._check(result, _CHEAPER, 0.7, 1)

  def test_costlier_candidate_never_wins(self):
    result = self._transform([0.5, 0.9, 0.6], _COSTLIER, _CHEAPER)
    # What costs too much is not compared.
    self.assertEqual(result.basis.compared, 2)
    self._check(result, _CHEAPER, 0.6, 1)

  def test_input_stays_where_only_the_costlier_is_better(self):
    result = self._transform([0.5, 0.9, 0.4], _COSTLIER, _CHEAPER)
    self._check(result, _SOURCE, 0.5, 0)
    self.assertIs(result.transformed, result.source)

  def test_input_stays_where_nothing_is_better(self):
    result = self._transform([0.5, 0.4, 0.3], _CHEAPER, _CHEAPEST)
    self._check(result, _SOURCE, 0.5, 0)
    self.assertIs(result.transformed, result.source)

  def test_equal_accuracy_goes_to_the_cheapest(self):
    result = self._transform(
      [0.5, 0.5, 0.5, 0.5], _CHEAPER, _CHEAPEST, _COSTLIER
    )
    self._check(result, _CHEAPEST, 0.5, 2)

  def test_input_stays_among_equals_of_equal_cost(self):
    same = _encoding('conv_1x1 conv_1x1 conv_1x1 conv_1x1')
    result = self._transform([0.5, 0.5], same)
    # The very same counts once.
    self.assertEqual(result.basis.compared, 1)
    self.assertIs(result.transformed, result.source)

  def test_tolerance_lets_the_costlier_win(self):
    result = self._transform(
      [0.5, 0.9, 0.6], _COSTLIER, _CHEAPER, cost_tolerance='50%'
    )
    self._check(result, _COSTLIER, 0.9, 1)

  def test_input_does_not_win_where_it_exceeds_the_budget(self):
    for part in ('max_params', 'max_madds'):
      result = self._transform(
        [0.9, 0.8, 0.4], _COSTLIER, _CHEAPER, **{part: '99.9%'}
      )
      self._check(result, _CHEAPER, 0.4, 1)

  def test_blind_candidates_are_drawn_again(self):
    # Null cuts all ways of two. What is wanted is the input and three more, so
    # that the one that is left comes up three times.
    accuracies = [0.5, 0.6, 0.6, 0.6]
    result = self._transform(accuracies, _BLIND, _BLIND, _CHEAPER)
    self._check(result, _CHEAPER, 0.6, 1)
    result = self._transform([0.5], _BLIND)
    self.assertIs(result.transformed, result.source)
    with self.assertRaisesRegex(
      BudgetError, 'none lets an image reach the classes; raise the budget or'
    ):
      self._transform([0.5], _BLIND, max_params='90%')

  def test_too_slow_does_not_win(self):
    # Nothing but a skip takes any time; the rest takes as long as three.
    times = np.zeros([2, 4, 4], np.int64)
    times[..., _SPACE.index('skip')] = 1_000_000
    with mock.patch.object(
      self.transformer, '_latency', return_value=(3_000_000, times)
    ):
      accuracies, candidates = [0.5, 0.9, 0.8], (_CHEAPER, _CHEAPEST)
      result = self._transform(accuracies, *candidates, max_latency_ms='134%')
      self._check(result, _CHEAPER, 0.9, 1)
      self.assertEqual(result.source.latency_ms, 3.0)
      self.assertEqual(result.transformed.latency_ms, 4.0)
      result = self._transform(accuracies, *candidates, max_latency_ms='3')
      self._check(result, _SOURCE, 0.5, 0)

  def test_time_is_measured_only_where_it_is_limited(self):
    with mock.patch.object(self.transformer, '_latency') as latency:
      result = self._transform([0.5, 0.9], _CHEAPER, max_madds='99.9%')
    latency.assert_not_called()
    self.assertIsNone(result.transformed.latency_ms)
    self.assertNotIn('latency_ms_estimate', result.source.summary('x'))

  def test_samples_keep_to_the_budget(self):
    source = _SPACE.decode(_SOURCE)
    beta = _stack([_SOURCE])
    for share in ('100%', '85%', '75%'):
      terms = self.transformer.terms(source, Budget.of(max_madds=share))
      proposed = self.transformer.propose(
        beta, 200, tf.constant([0, 0]), terms.allowance()
      )
      self.assertTrue(terms.fit(proposed.operations.numpy()).all())

  def test_data_that_vanished_is_said_in_a_line(self):
    gone = mock.Mock(side_effect=tf.errors.NotFoundError(None, None, 'gone'))
    with self.assertRaisesRegex(data.DataError, 'cannot read the train split'):
      self.transformer.measure(_stack([_SOURCE]), gone)

  def test_separation_chooses_where_it_was_the_reward(self):
    #              _SOURCE  most probable  sample
    # accuracy     0.5      0.9            0.1
    # separation   0.2      0.3            0.4     the sample wins
    config = dataclasses.replace(self.config, reward='separation')
    transformer = transformer_lib.Transformer(config, self.dataset)
    proposed = spaces.Encoding(
      *(x[np.newaxis] for x in _stack([_CHEAPER, _CHEAPEST]))
    )
    with (
      mock.patch.object(agent, 'transform', return_value=proposed),
      mock.patch.object(
        transformer,
        '_scores',
        return_value=_scores([0.5, 0.9, 0.1], [0.2, 0.3, 0.4]),
      ),
    ):
      found = transformer.transform(_SPACE.decode(_SOURCE), 1)
    self.assertEqual(found.transformed.architecture, _SPACE.decode(_CHEAPEST))
    self.assertEqual(found.transformed.separation, 0.4)
    self.assertEqual(found.transformed.summary('x')['separation'], 0.4)
    self.assertEqual(found.source.accuracy, 0.5)

  def _with_prior(self, prior, logs, accuracies, *candidates):
    """Transforms with a prior and a policy of known log probabilities."""
    config = dataclasses.replace(self.config, policy_prior=prior)
    with (
      mock.patch.object(self.transformer, 'config', config),
      mock.patch.object(
        agent, 'log_probability', return_value=tf.constant([logs])
      ) as asked,
    ):
      result = self._transform(accuracies, *candidates)
    self.assertEqual(asked.call_count, 1 if prior else 0)
    self.assertEqual(result.basis.prior, prior > 0)
    return result

  def test_the_policys_prior_counts_beside_the_score(self):
    #             _SOURCE  most probable  sample
    # accuracy    0.5      0.6            0.58
    # log pi      -4       -3             -2
    # prior 0     0.5      0.6 *          0.58
    # 0.01        0.46     0.57 *         0.56
    # 0.03        0.38     0.51           0.52 *
    for prior, winner, accuracy, changes in (
      (0.0, _CHEAPEST, 0.6, 2),
      (0.01, _CHEAPEST, 0.6, 2),
      (0.03, _CHEAPER, 0.58, 1),
    ):
      result = self._with_prior(
        prior, [-4.0, -3.0, -2.0], [0.5, 0.6, 0.58], _CHEAPEST, _CHEAPER
      )
      # What is shown is what was measured.
      self._check(result, winner, accuracy, changes)

  def test_a_prior_may_let_the_input_stay_or_a_lower_score_win(self):
    # 0.5 - 0.1, 0.6 - 0.3: the input.    0.5 - 0.4, 0.45 - 0.1: the other.
    stays = self._with_prior(0.1, [-1.0, -3.0], [0.5, 0.6], _CHEAPER)
    self._check(stays, _SOURCE, 0.5, 0)
    falls = self._with_prior(0.1, [-4.0, -1.0], [0.5, 0.45], _CHEAPER)
    self._check(falls, _CHEAPER, 0.45, 1)

  def test_with_a_prior_the_cheapest_wins_among_equals(self):
    # 0.3 in both sums, but not to the last bit: 0.1 + 0.2 is above 0.3.
    result = self._with_prior(
      0.1, [-9.0, 2.0, -1.0], [0.5, 0.1, 0.4], _CHEAPER, _CHEAPEST
    )
    self._check(result, _CHEAPEST, 0.4, 2)

  def test_a_prior_opens_no_budget(self):
    result = self._with_prior(
      1.0, [-9.0, -0.1, -8.0], [0.5, 0.9, 0.4], _COSTLIER, _CHEAPER
    )
    self._check(result, _CHEAPER, 0.4, 1)

  def test_nothing_fits(self):
    with self.assertRaisesRegex(BudgetError, r'^--max_params=3: .* least poss'):
      self.transformer.transform(
        _SPACE.decode(_SOURCE), budget=Budget.of(max_params='3')
      )

  def test_policy_and_network_as_they_are(self):
    source = _SPACE.decode(_SOURCE)
    result = self.transformer.transform(source, candidates=3, seed=1)
    best = result.transformed
    transitions.check(source, best.architecture, 'nat')
    self.assertTrue(best.cost.within(result.source.cost))
    self.assertGreaterEqual(best.accuracy, result.source.accuracy)
    reports = []
    again = self.transformer.transform(
      source, candidates=3, seed=1, report=lambda *done: reports.append(done)
    )
    self.assertEqual(again, result)
    # Of none before sampling, and of every one of the input, the most probable
    # choice and the samples.
    self.assertEqual(reports[0], (0, 5))
    self.assertContainsSubset([(done, 5) for done in range(6)], reports)
    self.assertEqual(reports, sorted(reports))
    self.assertEqual(reports.count((5, 5)), 1)

  def test_who_was_not_found_is_done_with(self):
    # Of the input and three more only the input carries images.
    proposed = spaces.Encoding(*(x[np.newaxis] for x in _stack([_BLIND] * 3)))
    reports = []
    with mock.patch.object(agent, 'transform', return_value=proposed):
      self.transformer.transform(
        _SPACE.decode(_SOURCE), 2, report=lambda *done: reports.append(done)
      )
    self.assertEqual(reports[0], (0, 4))
    self.assertEqual(reports[1], (3, 4))
    self.assertEqual(reports[-1], (4, 4))

  def test_architecture_of_another_space(self):
    encoding = _encoding('conv_1x1 conv_1x1 conv_1x1 conv_1x1')
    other = _SPACE.decode(encoding)
    cell = other['normal'].with_operations(['conv_5x5'] * 4)
    other = type(other).of(normal=cell, reduction=other['reduction'])
    with self.assertRaisesRegex(spaces.SpaceError, 'no such operation'):
      self.transformer.transform(other)


class DeeperTest(tf.test.TestCase):
  """A search whose rewards are measured with every cell passed twice."""

  #  0 --3x3--> 1     3         Nothing reads node 1. The policy may see that
  #  '-------1x1------>         convolution only where more may be spent.
  _INPUT = '|nor_conv_3x3~0|+|none~0|none~1|+|nor_conv_1x1~0|none~1|none~2|'
  _READ = '|none~0|+|none~0|none~1|+|nor_conv_1x1~0|none~1|none~2|'

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.config = small_search.config(
      space='nasbench201', cells=5, reward_cells=8, batch_size=32
    )
    cls.dataset = data.load(cls.config.data_config())
    cls.transformer = transformer_lib.Transformer(cls.config, cls.dataset)
    cls.source = nasbench201.from_text(cls._INPUT)

  def _seen(self, transformer, transform):
    """Returns what a policy sees, as text, the rows of one call."""
    with mock.patch.object(agent, 'transform', wraps=agent.transform) as calls:
      transform(transformer)
    beta = calls.call_args_list[0].args[2]
    return [
      nasbench201.to_text(
        transformer.space.decode(
          spaces.Encoding(*(np.asarray(x[i]) for x in beta))
        )
      )
      for i in range(len(beta.operations))
    ]

  def test_measures_the_mean_of_both_networks(self):
    once, twice = self.transformer.networks
    self.assertIs(once, self.transformer.network)
    self.assertEqual([len(x.places) for x in (once, twice)], [5, 8])
    cells = sampling.RandomSampler(self.transformer.space)(
      3, tf.constant([0, 0])
    )
    batches = self.dataset.candidate_batches(100).take(1)
    each = [
      np.mean(
        [
          np.argmax(
            network(images, spaces.Encoding(*(x[i] for x in cells))), -1
          )
          == labels
          for network in (once, twice)
        ]
      )
      for images, labels, _ in batches
      for i in range(3)
    ]
    scores = reward.HeldOutScores(self.transformer.networks, batches)
    found = self.transformer.measure(cells, scores)
    self.assertAllClose([one.accuracy for one in found], each)
    self.assertEqual(self.transformer.basis(1).scored, (5, 8))

  def test_what_is_loaded_is_in_both_networks(self):
    directory = workdir.Workdir(
      os.path.join(self.create_tempdir(), 'run'), search_config.SearchConfig
    )
    directory.create(self.config)
    for cell in self.transformer.network.shared_cells:
      cell.bank.assign(cell.bank[::-1])
    checkpoint = tf.train.Checkpoint(**self.transformer.trackables())
    checkpoint.save(os.path.join(directory.checkpoints, 'checkpoint'))
    loaded = transformer_lib.load(directory.path)
    ((images, *_),) = self.dataset.candidate_batches(20).take(1)
    beta = spaces.Encoding(
      *map(tf.constant, loaded.space.encode(nasbench201.from_text(self._READ)))
    )
    for network, other in zip(loaded.networks, self.transformer.networks):
      self.assertAllClose(network(images, beta), other(images, beta))

  def test_policies_see_what_nothing_reads_only_where_more_may_be_spent(self):
    for tolerance, seen in (('0%', self._READ), ('50%', self._INPUT)):
      budget = Budget.of(cost_tolerance=tolerance)
      found = self._seen(
        self.transformer,
        lambda one, budget=budget: one.transform(self.source, 1, budget=budget),
      )
      self.assertEqual(found, [seen])

  def test_what_computes_the_same_is_preferred_alike(self):
    # Both are null but for the edge from input to output. With what nothing
    # reads, the input would be impossible: NAT makes no convolution of null.
    space = self.transformer.space
    empty = '|skip_connect~0|+|none~0|none~1|+|nor_conv_1x1~0|none~1|none~2|'
    skip = '|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|'
    texts = [self._INPUT, self._READ, empty, skip]
    contenders = spaces.stack(
      [
        spaces.stack(
          [space.encode(nasbench201.from_text(text)) for text in texts]
        )
      ]
    )
    beta = spaces.stack([space.encode(self.source)])
    config = dataclasses.replace(self.config, policy_prior=0.5)
    transformer = transformer_lib.Transformer(config, self.dataset)
    seen = transformer.seen(beta, transformer.terms(self.source))
    ((own, read, drawn, other),) = transformer.preferences(seen, contenders)
    self.assertEqual([own, drawn], [read, read])
    # By the policy's own distribution of what it sees.
    observed = environment.observe(space, transformer._allowed, seen)
    actions, _ = transformer.actor(observed)
    logs = [
      actions.log_prob(contenders.operations[:, i]).numpy().item()
      for i in (1, 3)
    ]
    self.assertAllClose([read, other], 0.5 * np.array(logs), atol=6e-5)
    self.assertNotEqual(read, other)

  def test_a_transformation_asks_the_policy_about_what_it_saw(self):
    config = dataclasses.replace(self.config, policy_prior=0.5)
    transformer = transformer_lib.Transformer(config, self.dataset)
    with mock.patch.object(
      transformer, 'preferences', wraps=transformer.preferences
    ) as asked:
      transformer.transform(self.source, candidates=3)
    (seen, contenders), _ = asked.call_args
    operations = contenders.operations
    space = transformer.space
    read = space.encode(nasbench201.from_text(self._READ)).operations
    self.assertAllEqual(seen.operations, read[np.newaxis])
    self.assertAllEqual(operations[0, 0], space.encode(self.source).operations)
    self.assertLen(operations[0], 5)

  def test_both_costs_must_be_allowed_to_grow(self):
    budget = Budget.of(max_params='99%', cost_tolerance='50%')
    found = self._seen(
      self.transformer,
      lambda one: one.transform(self.source, 1, budget=budget),
    )
    self.assertEqual(found, [self._READ])

  def test_a_front_decides_limit_by_limit(self):
    budget = Budget.of(cost_tolerance='50%')
    found = self._seen(
      self.transformer,
      lambda one: pareto.explore(one, self.source, 1, budget=budget),
    )
    self.assertEqual(found, sorted(found, key=[self._READ, self._INPUT].index))
    self.assertContainsSubset([self._READ, self._INPUT], found)

  def test_who_learned_on_one_sees_it_as_it_is(self):
    config = dataclasses.replace(
      self.config, space='one', architecture=self._INPUT
    )
    transformer = transformer_lib.Transformer(config, self.dataset)
    found = self._seen(transformer, lambda one: one.transform(self.source, 1))
    self.assertEqual(found, [self._INPUT])


class TermsTest(tf.test.TestCase):
  # One edge of two operations, 5 and 0; beside it 10, of which 2 do not reach
  # the output: the input costs 8, though nothing can be promised below 10.
  def setUp(self):
    super().setUp()
    costs = edge_costs.EdgeCosts(
      np.array([10, 10]),
      np.array([[[[5, 0]]]] * 2),
      own=np.array([8, 8]),
      inputs=np.zeros([2, 1, 0], np.int64),
      readers=np.zeros([1, 0, 1, 2], bool),
    )
    limits = Budget().limits(costs, np.ones([1, 1, 2], bool))
    self.terms = transformer_lib.Terms(costs, limits, np.ones([1, 1, 2], bool))

  def test_only_what_costs_nothing_is_left_to_choose(self):
    self.assertAllEqual(self.terms.allowance().limits, [[0, 0]])

  def test_what_was_measured_decides(self):
    measured = [
      transformer_lib.Measured(None, Cost(params, 8), 0.5) for params in (8, 9)
    ]
    operations = np.array([[[0]], [[1]]])
    self.assertAllEqual(self.terms.kept_by(measured, operations), [True, False])


class LoadTest(TransformerTestCase):
  def _workdir(self, config):
    directory = workdir.Workdir(
      os.path.join(self.create_tempdir(), 'run'), search_config.SearchConfig
    )
    directory.create(config)
    return directory

  def _save(self, directory):
    """Saves a transformer whose weights are not the initial ones."""
    learned = transformer_lib.Transformer(self.config, self.dataset)
    for variable in _weights(learned):
      variable.assign_add(tf.ones_like(variable))
    checkpoint = tf.train.Checkpoint(**learned.trackables())
    checkpoint.save(os.path.join(directory.checkpoints, 'checkpoint'))
    return learned

  def _check(self, loaded, learned):
    self.assertNotEmpty(loaded.network.trainable_variables)
    self.assertNotEmpty(loaded.actor.trainable_variables)
    for mine, expected in zip(_weights(loaded), _weights(learned)):
      self.assertAllEqual(mine, expected)

  def test_weights_are_those_saved(self):
    directory = self._workdir(self.config)
    learned = self._save(directory)
    loaded = transformer_lib.load(directory.path)
    self.assertEqual(loaded.config, self.config)
    self._check(loaded, learned)

  def test_data_may_have_moved(self):
    directory = self._workdir(
      search_config.SearchConfig.from_json(
        self.config.to_json().replace(self.config.data_dir, '/nowhere')
      )
    )
    learned = self._save(directory)
    with self.assertRaises(data.DataError):
      transformer_lib.load(directory.path)
    self._check(
      transformer_lib.load(directory.path, self.config.data_dir), learned
    )

  def test_no_checkpoint(self):
    directory = self._workdir(self.config)
    with self.assertRaises(workdir.WorkdirError) as caught:
      transformer_lib.load(directory.path)
    self.assertEqual(
      str(caught.exception),
      f'{directory.path} holds no checkpoint: its search was stopped before '
      'its first one; run it to the end first',
    )

  def test_no_workdir(self):
    path = os.path.join(self.create_tempdir(), 'missing')
    with self.assertRaisesRegex(workdir.WorkdirError, 'there is no directory'):
      transformer_lib.load(path)


def _stack(encodings):
  return spaces.stack(list(encodings))


def _weights(transformer):
  return [
    *transformer.network.trainable_variables,
    *transformer.actor.trainable_variables,
  ]


if __name__ == '__main__':
  tf.test.main()
