"""Tests of nat_tf.ranking_study."""

from __future__ import annotations

import dataclasses
from unittest import mock

import numpy as np
import tensorflow as tf

from nat_tf import accuracy_table
from nat_tf import agent
from nat_tf import data
from nat_tf import enumeration
from nat_tf import ranking_study
from nat_tf import spaces
from nat_tf import supernet
from nat_tf import transformer as transformer_lib
from nat_tf import transitions
from nat_tf.ranking_study import Ranking
from tests import small_search

_SPACE = spaces.NASBENCH201
_COUNT = enumeration.count(_SPACE)

# Accuracies by number of operations: what a cell has of conv_3x3 and of skip.
_OPERATIONS = enumeration.operations(_SPACE, np.arange(_COUNT))[:, 0]
_TEST = 0.4 + 0.05 * (_OPERATIONS == 0).sum(1) + 0.1 * (_OPERATIONS == 3).sum(1)
_TABLE = accuracy_table.AccuracyTable(_SPACE, 'toy', _TEST, _TEST)


def _code(text: str) -> int:
  """The code of six operations."""
  digits = [_SPACE.index(name) for name in text.split()]
  return int(np.dot(digits, 5 ** np.arange(6)[::-1]))


_CONVS = _code('conv_3x3 conv_3x3 conv_3x3 conv_3x3 conv_3x3 conv_3x3')  # 0.70
_ONE_SKIP = _code('skip conv_3x3 conv_3x3 conv_3x3 conv_3x3 conv_3x3')  # 0.75
_TWO_SKIPS = _code('skip skip conv_3x3 conv_3x3 conv_3x3 conv_3x3')  # 0.80
_ONE_NULL = _code('null conv_3x3 conv_3x3 conv_3x3 conv_3x3 conv_3x3')  # 0.65
_CHEAP = _code('skip skip skip skip skip null')  # 0.90
_COSTLIER = _code('skip skip skip skip skip conv_3x3')  # 0.95


class RankingTest(tf.test.TestCase):
  def test_correlations(self):
    #  shared 1 2 3 4    Of six pairs one (2, 3) is in the wrong order:
    #  test   1 3 2 4    tau = (5 - 1) / 6, rho = 1 - 6 * 2 / (4 * 15)
    #  madds  9 7 8 5    All pairs are: test grows where these fall.
    ranking = Ranking(
      np.arange(4),
      np.array([1, 2, 3, 4]),
      np.array([1, 3, 2, 4]),
      np.array([9, 7, 8, 5]),
      np.array([4, 2, 3, 1]),
    )
    self.assertAlmostEqual(ranking.kendall, 4 / 6)
    self.assertAlmostEqual(ranking.spearman, 0.8)
    self.assertAlmostEqual(ranking.by_madds().kendall, -6 / 6)
    self.assertAlmostEqual(ranking.by_accuracy().kendall, -6 / 6)

  def test_top_quarter_is_the_truths(self):
    # Trained, 6 and 7 are the best of 8; shared weights have them in reverse.
    ranking = Ranking(
      np.arange(8),
      np.array([0, 1, 2, 3, 4, 5, 7, 6]),
      np.arange(8),
      10 * np.arange(8),
      np.zeros(8),
    )
    self.assertAllEqual(ranking.top_quarter().test, [6, 7])
    self.assertAlmostEqual(ranking.by_madds().top_quarter().kendall, 1.0)
    self.assertAlmostEqual(ranking.top_quarter().kendall, -1.0)
    self.assertAllEqual(ranking.top_quarter().codes, [6, 7])

  def test_what_is_the_same_of_all_orders_nothing(self):
    same = Ranking(*(np.arange(8) for _ in range(4)), np.full(8, 0.5))
    self.assertEqual(same.by_accuracy().kendall, 0)
    self.assertEqual(same.by_accuracy().spearman, 0)

  def test_finds_what_is_misjudged(self):
    #  true rank of a cell: chance    what shared weights add, in places
    #                                 0 to 3: skip -8, conv_3x3 +4
    random = np.random.default_rng(0)
    codes = random.choice(_COUNT, 4000, replace=False)
    true = np.argsort(random.permutation(4000))
    added = np.select(
      [_OPERATIONS[codes, 3] == index for index in (0, 3)], [160, -320], 0
    )
    found = Ranking(codes, true + added, true, true, true).misjudged(_SPACE)
    self.assertAllEqual(found.shape, [6, 5])
    self.assertAllClose(found.sum(1), np.zeros(6), atol=1e-9)
    # At both ends there are no ranks to move to, so differences shrink a bit.
    self.assertAllLess(np.abs(np.delete(found, 3, axis=0)), 0.5)
    conv, *others, skip, null = found[3]
    self.assertAllClose([conv - null, skip - null], [4, -8], atol=0.8)
    self.assertAllClose(others, [null, null], atol=0.5)


class RankingStudyTest(tf.test.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    config = small_search.config(
      space='nasbench201',
      cells=3,
      batch_size=32,
      final_cells=3,
      final_channels=4,
      held_out=100,
    )
    dataset = data.load(config.data_config())
    cls.transformer = transformer_lib.Transformer(config, dataset)

  def _study(self, shared):
    """Returns a study whose shared weights have known accuracies, by code."""
    study = ranking_study.RankingStudy(self.transformer, _TABLE, 64)

    def accuracy(encoding, report):
      del report  # Of single architectures; the study reports on chunks.
      self.assertLen(encoding.operations, 50)
      found = shared[enumeration.code(encoding, _SPACE)]
      return supernet.Scores(-found, found, 1 - found)

    study._scores = accuracy
    return study

  def test_measures_what_the_network_says(self):
    study = ranking_study.RankingStudy(self.transformer, _TABLE, 64)
    codes = np.array([[_CONVS, _CHEAP], [_CHEAP, _ONE_NULL]])
    encodings = enumeration.encode(_SPACE, codes.ravel())
    ((images, labels, _),) = self.transformer.dataset.candidate_batches(
      250
    ).take(1)
    expected = [
      np.mean(
        np.argmax(
          self.transformer.network(
            images, spaces.Encoding(*(x[i] for x in encodings))
          ),
          axis=-1,
        )
        == labels
      )
      for i in range(4)
    ]
    expected = np.reshape(expected, [2, 2])
    measured = study.measured(codes)
    self.assertAllClose(
      [[one.accuracy for one in row] for row in measured], expected, atol=1e-6
    )
    self.assertEqual(
      measured[0, 0].architecture,
      _SPACE.decode(enumeration.encode(_SPACE, np.array(_CONVS))),
    )

  def test_perfect_and_reversed_rankings(self):
    for shared, expected in ((_TEST, 1.0), (1 - _TEST, -1.0)):
      ranking = self._study(shared).ranking(60, seed=1)
      self.assertLen(set(ranking.test), len(set(ranking.shared)))
      self.assertAlmostEqual(ranking.kendall, expected)

  def test_ranks_by_the_reward_of_the_search(self):
    # What is right in all its answers separates nothing here, and vice versa.
    config = dataclasses.replace(self.transformer.config, reward='separation')
    with mock.patch.object(self.transformer, 'config', config):
      study = self._study(_TEST)
      ranking = study.ranking(60, seed=1)
    # Accuracies that differ only by rounding are no ties, separations are.
    self.assertLess(ranking.kendall, -0.98)
    self.assertAlmostEqual(ranking.by_accuracy().kendall, 1.0)

  def test_counts_multiply_adds(self):
    study = self._study(_TEST)
    ranking = study.ranking(60, seed=1)
    # Without null all edges count, a 3x3 convolution nine times a 1x1.
    chosen = _OPERATIONS[ranking.codes]
    whole = (chosen != _SPACE.index('null')).all(axis=1)
    counted = 9 * (chosen == 0).sum(1) + (
      chosen == _SPACE.index('conv_1x1')
    ).sum(1)
    self.assertGreater(whole.sum(), 10)
    each = np.polyfit(counted[whole], ranking.madds[whole], 1)
    self.assertAllClose(np.polyval(each, counted[whole]), ranking.madds[whole])

  def test_gains(self):
    #  inputs      most probable   samples                best by shared weights
    #  _CONVS      _ONE_NULL       _ONE_SKIP, _TWO_SKIPS  _TWO_SKIPS
    #  _CHEAP      _CHEAP          _COSTLIER, _CHEAP      _CHEAP
    # What costs more than its input is never taken.
    inputs = np.array([_CONVS, _CHEAP])
    proposed = np.array(
      [[_ONE_NULL, _ONE_SKIP, _TWO_SKIPS], [_CHEAP, _COSTLIER, _CHEAP]]
    )
    with mock.patch.object(
      agent, 'transform', return_value=enumeration.encode(_SPACE, proposed)
    ):
      study = self._study(_TEST)
      argmax, best = study.gains(study.scale(inputs), 2, seed=0)
    # Oracles: six skips, 1.0, for both.
    self.assertAllClose(argmax.test, [0.65, 0.9])
    self.assertAlmostEqual(argmax.captured, 100 * (0.775 - 0.8) / (1.0 - 0.8))
    self.assertEqual((argmax.improved, argmax.costlier), (0.0, 0))
    self.assertAllClose(best.test, [0.8, 0.9])
    self.assertAlmostEqual(best.captured, 100 * (0.85 - 0.8) / (1.0 - 0.8))
    self.assertEqual((best.improved, best.costlier), (50.0, 0))

  def test_chooses_by_the_policys_prior_as_a_transformation_does(self):
    #  inputs   most probable   samples                  scores, log pi
    #  _CONVS   _ONE_NULL       _ONE_SKIP, _TWO_SKIPS    0.75 - 0.1, 0.8 - 0.2
    proposed = np.array([[_ONE_NULL, _ONE_SKIP, _TWO_SKIPS]])
    config = dataclasses.replace(self.transformer.config, policy_prior=0.1)
    logs = tf.constant([[-9.0, -3.0, -1.0, -2.0]])
    with (
      mock.patch.object(
        agent, 'transform', return_value=enumeration.encode(_SPACE, proposed)
      ),
      mock.patch.object(self.transformer, 'config', config),
      mock.patch.object(agent, 'log_probability', return_value=logs) as asked,
    ):
      study = self._study(_TEST)
      _, best = study.gains(study.scale(np.array([_CONVS])), 2, seed=0)
    self.assertAllClose(best.test, [0.75])
    contenders = enumeration.encode(
      _SPACE, np.array([[_CONVS, _ONE_NULL, _ONE_SKIP, _TWO_SKIPS]])
    )
    self.assertAllEqual(asked.call_args.args[3], contenders.operations)

  def test_counts_what_became_costlier(self):
    proposed = np.array([[_COSTLIER, _COSTLIER]])
    with mock.patch.object(
      agent, 'transform', return_value=enumeration.encode(_SPACE, proposed)
    ):
      study = self._study(_TEST)
      scale = study.scale(np.array([_CHEAP]))
      argmax, best = study.gains(scale, 1, seed=0)
    self.assertEqual((argmax.costlier, best.costlier), (1, 0))
    self.assertEqual((argmax.improved, best.improved), (100.0, 0.0))

  def test_what_a_skip_would_revive_is_left_out(self):
    #  0 --conv--> 1  null  3    Where the policy makes the edge from 1 to 3 a
    #  '-------skip-------->     skip, there is a convolution more to compute.
    alive = _code('conv_3x3 null null skip null null')
    revived = _code('conv_3x3 null null skip skip null')
    inputs = np.array([alive] * 64)
    allowed = transitions.allowed('nat', _SPACE.operations)
    free = agent.transform(
      self.transformer.actor,
      allowed,
      spaces.Encoding(*map(tf.constant, enumeration.encode(_SPACE, inputs))),
      8,
      tf.constant([0, 0]),
    )
    self.assertIn(revived, enumeration.code(free, _SPACE))
    study = self._study(_TEST)
    with mock.patch.object(agent, 'transform', wraps=agent.transform) as calls:
      gains = study.gains(study.scale(inputs), 8, seed=0)
    for gain in gains:
      self.assertEqual(gain.costlier, 0)
    self.assertNotIn(revived, study._known)
    # The policy has not even seen that convolution.
    seen = enumeration.code(calls.call_args.args[2], _SPACE)
    self.assertAllEqual(seen, [_code('null null null skip null null')] * 64)

  def test_what_is_no_network_may_become_one(self):
    #  0 --conv--> 1  null  3    Nothing reaches the output. A network of the
    #      conv, conv  null      convolutions costs more, but of what?
    dead = _code('conv_3x3 conv_3x3 conv_3x3 null null null')
    alive = {
      _code(f'conv_3x3 conv_3x3 conv_3x3 {ends}')
      for ends in ('skip skip skip', 'skip skip null', 'skip null skip')
    }
    inputs = np.array([dead] * 64)
    study = self._study(_TEST)
    with mock.patch.object(agent, 'transform', wraps=agent.transform) as calls:
      gains = study.gains(study.scale(inputs), 16, seed=0)
    # All may be brought to life, so the policy sees all.
    seen = enumeration.code(calls.call_args.args[2], _SPACE)
    self.assertAllEqual(seen, inputs)
    self.assertNotEmpty(alive & set(study._known))
    self.assertEqual([gain.costlier for gain in gains], [0, 0])
    self.assertGreater(gains[1].captured, 0)


if __name__ == '__main__':
  tf.test.main()
