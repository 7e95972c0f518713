"""Tests of nat_tf.algorithm."""

from __future__ import annotations

import dataclasses
import os
from unittest import mock

import numpy as np
import tensorflow as tf

from nat_tf import algorithm
from nat_tf import checkpoint_directory
from nat_tf import data
from nat_tf import divergence
from nat_tf import enumeration
from nat_tf import reward
from nat_tf import sampling
from nat_tf import transformer as transformer_lib
from nat_tf import trimming
from tests import plain_graphs
from tests import small_search

# Two intermediate vertices with two incoming edges each, in both cells.
_SPACE = small_search.space((2, 2, 3, 3))


def setUpModule():
  plain_graphs.use()


class _Stop(Exception):
  """Ends a search early, as a signal would."""


class _Run:
  """A transformer and its search, with all that the search reported."""

  def __init__(self, config, dataset, directory, stop=None, minutes=0.0):
    """Runs to the end.

    Args:
      config: of the search.
      dataset: what it learns from.
      directory: of the checkpoints.
      stop: number of the step after which it is interrupted, if any; it has no
        checkpoint.
      minutes: between checkpoints.
    """
    self.transformer = transformer_lib.Transformer(config, dataset)
    self.search = algorithm.Search(
      self.transformer, dataset, directory, minutes
    )
    self.done = self.search.done
    self.reports = []
    self._stop = stop
    try:
      self.search.run(self._report, lambda: {'reports': len(self.reports)})
      self.stopped = False
    except _Stop:
      self.stopped = True

  def _report(self, progress):
    metrics = {name: float(x) for name, x in progress.metrics.items()}
    self.reports.append(progress._replace(metrics=metrics))
    if progress.step == self._stop:
      raise _Stop


class SearchTest(tf.test.TestCase):
  """Three epochs at once, and once more with an interruption in the second.

  w: weights, p: policy, |: checkpoint

    step       1   2   3   4   5   6   7   8   9
    whole      w   w   p   w   w   p   w   w   p |
    first      w | w | p | w | w stopped
    second                     w | p | w | w | p |
  """

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    small_search.in_place_of_darts(cls, _SPACE)
    home = tf.compat.v1.test.get_temp_dir()
    config = small_search.config(
      reward='separation',
      batch_size=8,
      reward_images=40,
      epochs=3,
      weights_steps=2,
      policy_steps=1,
      policy_batch=2,
    )
    cls.dataset = data.load(config.data_config())
    cls.directory = os.path.join(home, 'whole')
    cls.whole = _Run(config, cls.dataset, cls.directory, minutes=10.0)
    cls.parts = os.path.join(home, 'parts')
    cls.first = _Run(config, cls.dataset, cls.parts, stop=5)
    cls.second = _Run(config, cls.dataset, cls.parts)
    cls.config = config

  def test_phases_alternate(self):
    #  phase, epoch, step, images, ends_epoch
    # A policy step scores two architectures, two transformations of each,
    # before and after: 2 * 2 * 2 * 40.
    expected = [
      ('weights', 1, 1, 8, False),
      ('weights', 1, 2, 8, False),
      ('policy', 1, 3, 320, True),
      ('weights', 2, 4, 8, False),
      ('weights', 2, 5, 8, False),
      ('policy', 2, 6, 320, True),
      ('weights', 3, 7, 8, False),
      ('weights', 3, 8, 8, False),
      ('policy', 3, 9, 320, True),
    ]
    reports = self.whole.reports
    self.assertEqual(
      [(r.phase, r.epoch, r.step, r.images, r.ends_epoch) for r in reports],
      expected,
    )
    phases = [phase for phase, *_ in expected]
    self.assertEqual([r.next_phase for r in reports], [*phases[1:], ''])
    self.assertEqual({r.steps for r in reports}, {9})
    self.assertEqual(self.whole.search.steps, 9)
    self.assertEqual(self.whole.search.ahead, {'weights': 6, 'policy': 3})
    self.assertEqual(self.whole.done, 0)
    self.assertEqual(self.whole.search.epoch, 3)

  def test_what_is_raised_is_the_configuration_s(self):
    for raised in reward.GAINED:
      config = dataclasses.replace(self.config, reward=raised)
      directory = os.path.join(tf.compat.v1.test.get_temp_dir(), raised)
      with mock.patch.object(reward, 'SharedWeightReward') as made:
        transformer = transformer_lib.Transformer(config, self.dataset)
        algorithm.Search(transformer, self.dataset, directory)
      self.assertEqual(made.call_args.args[2], raised)

  def _small(self, **values):
    """Returns a configuration of NAS-Bench-201's space, one cell a stage."""
    return dataclasses.replace(
      self.config, space='nasbench201', architecture=None, cells=5, **values
    )

  def test_rewards_are_measured_in_all_networks_by_turns(self):
    # Every epoch has two steps of the weights, w, and one of the policy; the
    # second run goes on from step 4.
    #
    #           w w p w | w p w w p
    # cells         5       8     5
    for cells, turns in ((0, [0, 0, 0]), (8, [0, 1, 0])):
      home = os.path.join(tf.compat.v1.test.get_temp_dir(), f'in_{cells}')
      self._takes_turns(self._small(reward_cells=cells), home, turns)

  def _takes_turns(self, config, home, turns):
    networks = []

    def step(search, images, labels, network):
      del search, images, labels
      networks.append(network)
      return {'loss': 0.0}

    with (
      mock.patch.object(algorithm.Search, '_policy_step', step),
      mock.patch.object(
        reward, 'SharedWeightReward', wraps=reward.SharedWeightReward
      ) as made,
    ):
      _Run(config, self.dataset, home, stop=5)
      self.assertEqual(networks, turns[:1])
      second = _Run(config, self.dataset, home)
    self.assertEqual(second.done, 4)
    self.assertEqual(networks, turns)
    self.assertIs(made.call_args.args[0], second.transformer.networks)
    cells = [5, config.reward_cells] if config.reward_cells else [5]
    self.assertEqual(
      [len(network.places) for network in second.transformer.networks], cells
    )

  def test_the_policy_learns_from_cells_as_they_are_and_trimmed(self):
    config = self._small(held_out=15_000)
    transformer = transformer_lib.Transformer(config, self.dataset)
    home = os.path.join(tf.compat.v1.test.get_temp_dir(), 'inputs')
    with mock.patch.object(
      sampling, 'PoolSampler', wraps=sampling.PoolSampler
    ) as made:
      algorithm.Search(transformer, self.dataset, home)
    space = transformer.space
    found = enumeration.code(made.call_args.args[0], space)
    learned = config.learned_codes()
    self.assertAllEqual(found[:625], learned)
    self.assertAllEqual(
      found[625:],
      enumeration.code(
        trimming.trimmed(space, enumeration.encode(space, learned)), space
      ),
    )
    self.assertNotAllEqual(found[:625], found[625:])

  def test_the_policy_starts_after_the_warm_up(self):
    # w w | stopped, then w w p | w w p: the policy learns in epochs 2 and 3.
    config = dataclasses.replace(self.config, warmup=1)
    parts = os.path.join(tf.compat.v1.test.get_temp_dir(), 'warm')
    first = _Run(config, self.dataset, parts, stop=4)
    second = _Run(config, self.dataset, parts)
    self.assertEqual(
      [(r.phase, r.epoch, r.step, r.ends_epoch) for r in first.reports],
      [
        ('weights', 1, 1, False),
        ('weights', 1, 2, True),
        ('weights', 2, 3, False),
        ('weights', 2, 4, False),
      ],
    )
    self.assertEqual(
      [(r.phase, r.epoch, r.step, r.ends_epoch) for r in second.reports],
      [
        ('weights', 2, 4, False),
        ('policy', 2, 5, True),
        ('weights', 3, 6, False),
        ('weights', 3, 7, False),
        ('policy', 3, 8, True),
      ],
    )
    self.assertEqual((second.search.steps, second.done), (8, 3))
    self.assertEqual(first.search.ahead, {'weights': 6, 'policy': 2})
    self.assertEqual(second.search.ahead, {'weights': 3, 'policy': 2})

  def test_reports_what_each_phase_measures(self):
    metrics = {'weights': {'loss', 'accuracy', 'gradient_norm'}}
    metrics['policy'] = {
      'reward',
      'entropy',
      'loss',
      'gradient_norm',
      'baseline',
    }
    for report in self.whole.reports:
      self.assertEqual(set(report.metrics), metrics[report.phase])

  def test_both_learn(self):
    # Each of them, or equality below would be that of initial weights.
    config = self.whole.transformer.config
    fresh = transformer_lib.Transformer(config, self.dataset)
    for name in ('network', 'actor'):
      before = getattr(fresh, name).trainable_variables
      after = getattr(self.whole.transformer, name).trainable_variables
      moved = [bool(tf.reduce_any(a != b)) for a, b in zip(before, after)]
      self.assertIn(True, moved, name)

  def test_interrupted_search_goes_on_exactly(self):
    self.assertTrue(self.first.stopped)
    self.assertEqual(self.second.done, 4)
    self.assertEqual(self.second.search.notes, {'reports': 4})
    self.assertEqual(self.first.reports, self.whole.reports[:5])
    self.assertEqual(self.second.reports, self.whole.reports[4:])
    # All that there is: weights, optimisers, counters, what is observed now.
    whole, second = (
      tf.train.load_checkpoint(os.path.join(directory, 'ckpt-9'))
      for directory in (self.directory, self.parts)
    )
    names = whole.get_variable_to_shape_map()
    self.assertEqual(names, second.get_variable_to_shape_map())
    self.assertGreater(len(names), 100)
    for name in names:
      # How often it was saved, and what the log is given above.
      if not name.startswith(('save_counter', 'notes', 'checkpointed_runs')):
        self.assertAllEqual(
          whole.get_tensor(name), second.get_tensor(name), name
        )

  def test_nothing_is_traced_again(self):
    for run in (self.whole, self.second):
      search = run.search
      for step in (search._weights_step, search._policy_step):
        self.assertEqual(step.experimental_get_tracing_count(), 1)

  def test_last_three_checkpoints_remain(self):
    for directory, kept in ((self.directory, [9]), (self.parts, [7, 8, 9])):
      names = os.listdir(directory)
      indices = sorted(name for name in names if name.endswith('.index'))
      self.assertEqual(indices, [f'ckpt-{number}.index' for number in kept])
      latest = tf.train.latest_checkpoint(directory)
      self.assertEqual(os.path.basename(latest), 'ckpt-9')

  def test_a_diverging_search_says_since_when_and_keeps_nothing_of_it(self):
    for rate, words in (
      ('weights_learning_rate', 'the loss of the weights is .* in step [2458]'),
      ('policy_learning_rate', 'the loss of the policy is .* in step [369]'),
    ):
      config = dataclasses.replace(
        self.config, epochs=9, weights_clip_norm=1e30, **{rate: 1e30}
      )
      parts = os.path.join(tf.compat.v1.test.get_temp_dir(), rate)
      with self.assertRaisesRegex(
        divergence.DivergenceError,
        f'{words}: the search diverged in epoch .;.* give a lower --{rate}',
      ):
        _Run(config, self.dataset, parts)
      kept = checkpoint_directory.readable(parts)
      if kept is not None:
        reader = tf.train.load_checkpoint(kept)
        for name, kind in reader.get_variable_to_dtype_map().items():
          if kind.is_floating:
            self.assertTrue(np.isfinite(reader.get_tensor(name)).all(), name)

  def test_finished_search_does_nothing_more(self):
    config = self.whole.transformer.config
    run = _Run(config, self.dataset, self.directory)
    self.assertEqual(run.done, run.search.steps)
    self.assertEmpty(run.reports)


if __name__ == '__main__':
  tf.test.main()
