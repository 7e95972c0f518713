"""Tests of nat_tf.search_config."""

from __future__ import annotations

import dataclasses
import json
import math

from absl import flags
from absl.testing import absltest
from absl.testing import flagsaver
from absl.testing import parameterized

from nat_tf import setting
from nat_tf import spaces
from nat_tf.search_config import SearchConfig

SearchConfig.define_flags()

# Field, what lies just outside its range, what lies just inside, the range.
_BOUNDS = (
  ('seed', -1, 0, '0 or more and below 2147483648'),
  ('seed', 2**31, 2**31 - 1, '0 or more and below 2147483648'),
  ('epochs', 0, 1, '1 or more'),
  ('weights_steps', -1, 0, '0 or more'),
  ('policy_steps', -1, 0, '0 or more'),
  ('batch_size', 0, 1, '1 or more'),
  ('cells', 0, 1, '1 or more'),
  ('channels', 0, 2, 'even and 2 or more'),
  ('channels', 3, 4, 'even and 2 or more'),
  ('weights_learning_rate', 0.0, 1e-9, 'above 0'),
  ('weights_momentum', -0.1, 0.0, '0 or more and below 1'),
  ('weights_momentum', 1.0, 0.999, '0 or more and below 1'),
  ('weights_decay', -1e-9, 0.0, '0 or more'),
  ('weights_clip_norm', 0.0, 1e-9, 'above 0'),
  ('reward_images', -1, 0, '0 or more'),
  ('shards', -1, 0, '0 or more'),
  ('warmup', -1, 0, '0 or more'),
  ('weights_odds', 0.0, 1e-9, 'above 0'),
  ('policy_batch', 0, 1, '1 or more'),
  ('policy_samples', 0, 1, '1 or more'),
  ('policy_learning_rate', 0.0, 1e-9, 'above 0'),
  ('policy_decay', -1e-9, 0.0, '0 or more'),
  ('entropy', -1e-9, 0.0, '0 or more'),
  ('policy_prior', -1e-9, 0.0, '0 or more'),
  ('baseline_decay', -0.1, 0.0, '0 or more and below 1'),
  ('baseline_decay', 1.0, 0.999, '0 or more and below 1'),
  ('weights_fraction', 0.0, 1e-9, 'above 0 and below 1'),
  ('weights_fraction', 1.0, 0.999, 'above 0 and below 1'),
  ('candidates_fraction', 0.0, 1e-9, 'above 0 and below 1'),
  ('candidates_fraction', 1.0, 0.999, 'above 0 and below 1'),
  ('image_size', -1, 0, '0 or more'),
  ('held_out', -1, 0, '0 or more'),
  ('reward_cells', -1, 0, '0 or more'),
  ('final_cells', -1, 0, '0 or more'),
  ('final_channels', -2, 0, 'even and 0 or more'),
  ('final_channels', 37, 38, 'even and 0 or more'),
)
_CHOICES = (
  ('space', 'micro, darts, enas, nasbench201, one'),
  ('network', 'cifar10, imagenet'),
  ('reward', 'accuracy, separation'),
  ('transitions', r'nat, nat\+\+'),
  ('policy', 'edges, gcn, lstm, random'),
)
_TEXTS = ('dataset', 'data_dir', 'architecture')
_SWITCHES = ('anneal',)


class BoundsTest(parameterized.TestCase):
  def test_every_field_is_tested(self):
    tested = {row[0] for row in (*_BOUNDS, *_CHOICES)} | {*_TEXTS, *_SWITCHES}
    fields = {field.name for field in dataclasses.fields(SearchConfig)}
    self.assertEqual(tested, fields)

  @parameterized.parameters(*_BOUNDS)
  def test_bound(self, name, outside, inside, allowed):
    SearchConfig(**{name: inside})
    with self.assertRaises(setting.ConfigError) as caught:
      SearchConfig(**{name: outside})
    self.assertEqual(
      str(caught.exception), f'--{name} is {outside}; it must be {allowed}'
    )

  @parameterized.parameters(*_CHOICES)
  def test_choice(self, name, known):
    with self.assertRaisesRegex(
      setting.ConfigError, f"^--{name} is 'no'; it must be one of {known}$"
    ):
      SearchConfig(**{name: 'no'})


class SearchConfigTest(absltest.TestCase):
  def test_json_round_trip(self):
    config = SearchConfig(
      dataset='cifar10',
      data_dir='/data',
      space='enas',
      transitions='nat++',
      seed=7,
      weights_decay=1e-5,
    )
    self.assertEqual(SearchConfig.from_json(config.to_json()), config)

  def test_what_an_older_text_lacks_means_what_was_done_then(self):
    values = json.loads(SearchConfig(policy_samples=4).to_json())
    del values['policy_samples']
    config = SearchConfig.from_json(json.dumps(values))
    self.assertEqual(config, SearchConfig(policy_samples=1))
    self.assertEqual(config.agent_config(10).baseline, 'average')

  def test_older_searches_raised_the_accuracy(self):
    values = json.loads(SearchConfig(reward='separation').to_json())
    del values['reward']
    config = SearchConfig.from_json(json.dumps(values))
    self.assertEqual(config, SearchConfig(reward='accuracy'))

  def test_separation_asks_for_four_images_of_a_class(self):
    SearchConfig(batch_size=1).check_reward(10)
    SearchConfig(reward='separation', batch_size=40).check_reward(10)
    few = SearchConfig(reward='separation', batch_size=1, reward_images=40)
    few.check_reward(10)
    with self.assertRaisesRegex(
      setting.ConfigError,
      'the rewards of 100 classes are measured on 64 images; give '
      '--reward_images=400 or more, or --reward=accuracy$',
    ):
      SearchConfig(reward='separation', batch_size=64).check_reward(100)

  def test_a_network_for_rewards_repeats_cells_that_the_other_has(self):
    SearchConfig(space='nasbench201', cells=5, reward_cells=8)
    one = '|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|'
    SearchConfig(space='one', architecture=one, cells=5, reward_cells=8)
    SearchConfig(space='nasbench201', cells=2, reward_cells=0)
    for message, values in (
      ('is 5; it must be above --cells, which is 5, or 0', {'cells': 5}),
      (
        'is 5, but a network of --cells=4 has no cell in some stage of it; '
        'give --cells=5 or more and a higher --reward_cells, or '
        '--reward_cells=0',
        {'cells': 4},
      ),
      (
        'is 5, but in a cells network no cell can stand in two places, for '
        'every place has weights of its own; give 0',
        {'space': 'darts'},
      ),
      (
        'is 5, but in a resnet20 network no cell can stand in two places',
        {'space': 'one', 'architecture': 'resnet20'},
      ),
    ):
      with self.assertRaisesRegex(
        setting.ConfigError, f'^--reward_cells {message}'
      ):
        SearchConfig(**{'space': 'nasbench201', 'reward_cells': 5, **values})

  def test_a_policy_that_leans_to_one_architecture_is_no_judge(self):
    values = {'space': 'one', 'architecture': 'resnet20'}
    SearchConfig(**values)
    with self.assertRaisesRegex(
      setting.ConfigError,
      '^--policy_prior is 0.01, but a policy of --space=one leans to the one '
      'architecture before it has learned anything; give 0$',
    ):
      SearchConfig(**values, policy_prior=0.01)

  def test_held_out_and_learned_architectures_are_all_there_are(self):
    config = SearchConfig(space='nasbench201', held_out=1000, seed=3)
    held_out, learned = config.held_out_codes(), config.learned_codes()
    self.assertLen(held_out, 1000)
    self.assertEqual(
      sorted([*held_out.tolist(), *learned.tolist()]), list(range(5**6))
    )
    again = SearchConfig(space='nasbench201', held_out=1000, seed=3)
    self.assertEqual(again.held_out_codes().tolist(), held_out.tolist())

  def test_a_warm_up_leaves_an_epoch(self):
    self.assertEqual(SearchConfig(warmup=3, epochs=4).warmup, 3)
    with self.assertRaisesRegex(
      setting.ConfigError, '--warmup is 4 and --epochs 4; the policy learns'
    ):
      SearchConfig(warmup=4, epochs=4)

  def test_what_cannot_be_held_out(self):
    for space, count, words in (
      ('darts', 10, '--held_out is 10, but the darts space does not fix its'),
      ('nasbench201', 15625, 'space has only 15625 architectures'),
    ):
      with self.assertRaisesRegex(setting.ConfigError, words):
        SearchConfig(space=space, held_out=count)

  def test_samples_are_compared_with_one_another(self):
    config = SearchConfig(policy_samples=3).agent_config(10)
    self.assertEqual((config.samples, config.baseline), (3, 'others'))

  def test_flags_default_to_the_configuration_s_defaults(self):
    with flagsaver.flagsaver():
      flags.FLAGS(['search'])
      self.assertEqual(SearchConfig.from_flags(), SearchConfig())

  def test_from_flags(self):
    with flagsaver.flagsaver():
      flags.FLAGS(['search', '--space=darts', '--epochs=2', '--entropy=0.5'])
      self.assertEqual(
        SearchConfig.from_flags(),
        SearchConfig(space='darts', epochs=2, entropy=0.5),
      )

  def test_the_space_of_one_architecture(self):
    config = SearchConfig(
      space='one', architecture='resnet20', transitions='nat++'
    )
    space = config.search_space()
    self.assertEqual(space.network, 'resnet20')
    self.assertEqual(space.decode(space.encode(config.one())), config.one())
    # 45 edges: 8 changes at most on average; a policy that has learned nothing
    # changes as many as half of that, of two choices each.
    self.assertAlmostEqual(config.change_rate(), 8 / 45)
    self.assertAlmostEqual(1 / (1 + math.exp(config.stay())), 4 / 45)
    # The entropy is a sum over edges.
    usual = SearchConfig().agent_config(10).entropy.start
    self.assertAlmostEqual(
      config.agent_config(10).entropy.start, usual * 16 / 45
    )

  def test_one_architecture_must_be_named(self):
    with self.assertRaisesRegex(
      setting.ConfigError, 'space is one, but --architecture does not say which'
    ):
      SearchConfig(space='one')

  def test_search_space(self):
    self.assertIs(SearchConfig(space='enas').search_space(), spaces.ENAS)

  def test_data_config(self):
    config = SearchConfig(
      dataset='mnist',
      data_dir='/then',
      batch_size=32,
      seed=5,
      weights_fraction=0.3,
      candidates_fraction=0.1,
    )
    data_config = config.data_config()
    self.assertEqual(
      (data_config.dataset, data_config.data_dir, data_config.batch_size),
      ('mnist', '/then', 32),
    )
    self.assertEqual(data_config.seed, 5)
    self.assertEqual(
      (data_config.weights_fraction, data_config.candidates_fraction),
      (0.3, 0.1),
    )

  def test_the_policy_needs_examples(self):
    config = SearchConfig(weights_fraction=0.8, candidates_fraction=0.2)
    with self.assertRaisesRegex(
      setting.ConfigError,
      'leave no examples for the policy; their sum must be below 1',
    ):
      config.data_config()

  def test_data_config_of_data_that_moved(self):
    config = SearchConfig(data_dir='/then')
    self.assertEqual(config.data_config('/now').data_dir, '/now')

  def test_agent_config_without_annealing(self):
    config = SearchConfig(
      anneal=False,
      policy_learning_rate=0.01,
      policy_decay=0.02,
      entropy=0.03,
      baseline_decay=0.75,
    ).agent_config(100)
    for step in (0, 10_000):
      self.assertAlmostEqual(float(config.learning_rate(step)), 0.01)
      self.assertAlmostEqual(float(config.entropy(step)), 0.03)
    self.assertEqual((config.weight_decay, config.baseline_decay), (0.02, 0.75))

  # rate: half a cosine over 100 steps; lambda: a line over the first 80
  def test_agent_config_with_annealing(self):
    config = SearchConfig(policy_learning_rate=0.01, entropy=0.04)
    schedules = config.agent_config(100)
    for step, rate, entropy in (
      (0, 0.01, 0.04),
      (40, None, 0.02),
      (50, 0.005, None),
      (80, None, 0.0),
      (100, 0.0, 0.0),
    ):
      if rate is not None:
        self.assertAlmostEqual(float(schedules.learning_rate(step)), rate)
      if entropy is not None:
        self.assertAlmostEqual(float(schedules.entropy(step)), entropy)


if __name__ == '__main__':
  absltest.main()
