"""Tests that a search learns the same on any number of devices."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
from unittest import mock

import numpy as np
import tensorflow as tf

from nat_tf import algorithm
from nat_tf import data
from nat_tf import reward
from nat_tf import sampling
from nat_tf import scoring
from nat_tf import search_config
from nat_tf import setting
from nat_tf import spaces
from nat_tf import strategies
from nat_tf import transformer as transformer_lib
from tests import plain_graphs
from tests import small_search

# Two intermediate vertices with one incoming edge each, in both cells.
_SPACE = small_search.space(
  (2, 3), ('conv_1x1', 'sep_conv_3x3', 'skip', 'null')
)

# What XLA for TPUs can compile: https://openxla.org/xla/operation_semantics,
# but for what leaves the device.
_HOST = (
  'custom-call',
  'infeed',
  'outfeed',
  'recv',
  'recv-done',
  'send',
  'send-done',
)

_TWO: tf.distribute.Strategy


def setUpModule():
  global _TWO
  _TWO = strategies.create('mirrored', 2)
  plain_graphs.use()


class _Learned:
  """A search that ran to its end; see `algorithm.Search`."""

  def __init__(self, config, dataset, directory, strategy=None):
    self.transformer = transformer_lib.Transformer(config, dataset, strategy)
    self.search = algorithm.Search(self.transformer, dataset, directory)
    self.metrics = {'weights': [], 'policy': []}
    self.search.run(self._report)

  def _report(self, progress):
    metrics = {name: float(x) for name, x in progress.metrics.items()}
    self.metrics[progress.phase].append(metrics)

  def losses(self):
    return [step['loss'] for step in self.metrics['weights']]

  def weights(self):
    return [x.numpy() for x in self.transformer.network.trainable_variables]

  def policy(self):
    return [x.numpy() for x in self.transformer.actor.trainable_variables]


class SearchOnDevicesTest(tf.test.TestCase):
  """The same batches on one device and on two.

  one device     shard 0, shard 1     all pairs of the policy step
  two devices    shard 0 | shard 1    pairs 0 .. 2 | pairs 3 .. 5
  """

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    small_search.in_place_of_darts(cls, _SPACE)
    cls.home = tf.compat.v1.test.get_temp_dir()
    cls.config = small_search.config(
      cells=1,
      channels=4,
      batch_size=16,
      shards=4,
      epochs=1,
      weights_steps=20,
      weights_odds=5.0,
      policy_steps=2,
      policy_batch=3,
      policy_samples=2,
    )
    cls.dataset = data.load(cls.config.data_config())
    cls.one = cls.learned('one', cls.config)
    cls.two = cls.learned('two', cls.config, _TWO)

  @classmethod
  def learned(cls, name, config, strategy=None):
    directory = os.path.join(cls.home, name)
    return _Learned(config, cls.dataset, directory, strategy)

  def test_there_are_two(self):
    self.assertEqual(_TWO.num_replicas_in_sync, 2)
    self.assertLen(self.two.search._optimizer.iterations.values, 2)

  def test_weight_steps_have_the_same_losses(self):
    self.assertLen(self.one.losses(), 20)
    self.assertAllClose(self.one.losses(), self.two.losses(), atol=1e-4)
    for one, two in zip(self.one.weights(), self.two.weights()):
      self.assertAllClose(one, two, atol=1e-4)

  def test_policies_are_the_same(self):
    for one, two in zip(self.one.policy(), self.two.policy()):
      self.assertAllClose(one, two, rtol=0, atol=1e-5)
    # They did learn, and rewards are no zeros.
    before = transformer_lib.Transformer(self.config, self.dataset).actor
    self.assertNotAllClose(
      before.trainable_variables[0], self.one.policy()[0], atol=1e-4
    )
    rewards = [step['reward'] for step in self.one.metrics['policy']]
    self.assertNotAllClose(rewards, [0, 0])

  def test_devices_hold_the_same_weights(self):
    for variable in self.two.transformer.network.trainable_variables:
      first, second = variable.values
      # Equal gradients, but for the rounding of their norm.
      self.assertAllClose(first, second, rtol=0, atol=1e-6)

  def test_batches_that_are_normalised_whole_are_others(self):
    # Or else the cases above would hold without shards.
    config = dataclasses.replace(self.config, shards=1, weights_steps=4)
    whole = self.learned('whole', config).losses()
    self.assertNotAllClose(whole, self.one.losses()[:4], atol=1e-3)

  def test_a_search_goes_on_on_other_devices(self):
    for name in ('one', 'two'):
      shutil.copytree(
        os.path.join(self.home, name), os.path.join(self.home, f'more_{name}')
      )
    more = dataclasses.replace(self.config, epochs=2)
    # What one device began two go on with, and the other way round.
    two = self.learned('more_one', more, _TWO).losses()
    one = self.learned('more_two', more).losses()
    self.assertLen(two, 20)
    self.assertAllClose(one, two, atol=1e-3)

  def test_nothing_is_traced_again(self):
    for search in (self.one.search, self.two.search):
      for step in (search._weights_step, search._policy_step):
        self.assertEqual(step.experimental_get_tracing_count(), 1)

  def test_a_step_of_weights_is_compiled_by_xla(self):
    images, labels = next(self.one.search._batches)
    plain, compiled = (self._fresh() for _ in range(2))
    # XLA's random numbers are others.
    drawn = plain._paths(1, tf.constant([0, 3]))
    plain._paths = compiled._paths = lambda *_: drawn
    expected = plain._weights_step(images, labels)['loss']
    step = tf.function(
      lambda *batch: compiled._replica_weights_step(*batch)['loss'],
      autograph=False,
      jit_compile=True,
    )
    self.assertAllClose(step(images, labels), expected, atol=1e-4)
    for search in (plain, compiled):
      self.assertEqual(search._optimizer.iterations, 1)
    for one, two in zip(
      plain._network.trainable_variables, compiled._network.trainable_variables
    ):
      self.assertAllClose(one, two, atol=1e-4)
    # As it is, with the drawing of the architecture in it.
    whole = self._fresh()
    step = tf.function(
      lambda *batch: whole._replica_weights_step(*batch)['loss'],
      autograph=False,
      jit_compile=True,
    )
    self._check_stays_on_device(step, images, labels)

  def _fresh(self):
    """Returns a search that has not begun."""
    transformer = transformer_lib.Transformer(self.config, self.dataset)
    return algorithm.Search(
      transformer, self.dataset, self.create_tempdir().full_path
    )

  def test_rewards_are_compiled_by_xla(self):
    network = self.one.transformer.network
    sampler = sampling.RandomSampler(network.space)
    drawn = sampler(4, tf.constant([0, 1]))
    images, labels = next(self.one.search._reward_batches)

    def score(images, labels):
      return scoring.score(network, images, labels, drawn).accuracy

    step = tf.function(score, autograph=False, jit_compile=True)
    self.assertAllClose(
      step(images, labels), tf.function(score)(images, labels)
    )
    self._check_stays_on_device(step, images, labels)

  def _check_stays_on_device(self, step, *arguments):
    """Walks through what XLA makes of a step."""
    text = step.experimental_get_compiler_ir(*arguments)(stage='hlo')
    found = _operations(text)
    self.assertIn('convolution', found)
    self.assertIn('conditional', found)
    self.assertEmpty(found.intersection(_HOST))


def _operations(text):
  """Returns the operations of a module in HLO's text form."""
  # A result is one array, or several in brackets.
  return set(re.findall(r' = (?:\([^)]*\)|\S+) ([a-z][\w-]*)\(', text))


class OperationsTest(tf.test.TestCase):
  def test_finds_what_leaves_the_device(self):
    text = """
      %a.1 = (f32[2,3]{1,0}, token[]) infeed(token[] %t), metadata={}
      %b = (f32[2]{0}, u32[], token[]) send(f32[2]{0} %x, token[] %t)
      ROOT %c = f32[] custom-call(f32[] %y), custom_call_target="host"
      %d = token[] outfeed(f32[] %y, token[] %t)
      %e = (f32[], token[]) recv-done((f32[], u32[], token[]) %r)
    """
    self.assertEqual(
      _operations(text),
      {'infeed', 'send', 'custom-call', 'outfeed', 'recv-done'},
    )

  def test_finds_a_call_of_the_host(self):
    def step(x):
      return tf.numpy_function(lambda y: y, [x], tf.float32)

    compiled = tf.function(step, autograph=False, jit_compile=True)
    with self.assertRaisesRegex(ValueError, 'PyFunc'):
      compiled.experimental_get_compiler_ir(tf.ones([2]))(stage='hlo')


class RewardsOnDevicesTest(tf.test.TestCase):
  """Three pairs on two devices: 0, 1 | 2, 2, of which the last is dropped."""

  def test_each_device_scores_its_part(self):
    network = mock.Mock()
    pairs = 3
    encoding = spaces.Encoding(
      *(tf.reshape(tf.range(pairs), [pairs, 1, 1]) for _ in range(4))
    )
    scored = []

    def score(network, images, labels, architectures):
      del network, labels
      scored.append(architectures.operations.shape[0])
      value = tf.cast(architectures.operations[:, 0, 0], tf.float32)
      return mock.Mock(accuracy=value * images[0])

    rewards = reward.SharedWeightReward([network], _TWO)
    alpha = spaces.Encoding(*(x * x + 10 for x in encoding))
    images = tf.constant([2.0])

    @tf.function(autograph=False)
    def step():
      with rewards.measured_on(images, images):
        return rewards(encoding, alpha)

    with mock.patch.object(scoring, 'score', score):
      found = step()
    # 2 * (i * i + 10 - i)
    self.assertAllEqual(found, [20, 20, 24])
    # Before and after of two pairs on each.
    self.assertEqual(scored, [4, 4])

  def test_rewards_need_images(self):
    rewards = reward.SharedWeightReward([mock.Mock()], _TWO)
    with self.assertRaisesRegex(ValueError, 'measured_on'):
      rewards(mock.Mock(), mock.Mock())


class BatchesOnDevicesTest(tf.test.TestCase):
  def test_shared_out_batches_are_divided_in_order(self):
    batches = tf.data.Dataset.range(12).batch(4, drop_remainder=True)
    found = [
      [part.numpy().tolist() for part in _TWO.experimental_local_results(batch)]
      for batch in strategies.share_out(_TWO, batches)
    ]
    self.assertEqual(
      found, [[[0, 1], [2, 3]], [[4, 5], [6, 7]], [[8, 9], [10, 11]]]
    )

  def test_given_batches_are_whole_for_each(self):
    batches = tf.data.Dataset.range(8).batch(4, drop_remainder=True)
    batches = batches.map(lambda x: (x, -x)).repeat()
    iterator = iter(strategies.give_each(_TWO, batches))
    for expected in ([0, 1, 2, 3], [4, 5, 6, 7], [0, 1, 2, 3]):
      images, labels = next(iterator)
      for part in _TWO.experimental_local_results(images):
        self.assertAllEqual(part, expected)
      for part in _TWO.experimental_local_results(labels):
        self.assertAllEqual(part, -np.array(expected))


class ShardsOfAConfigurationTest(tf.test.TestCase):
  def test_there_are_as_many_as_devices(self):
    config = search_config.SearchConfig(batch_size=12)
    self.assertEqual(config.on_devices(1).shards, 1)
    self.assertEqual(config.on_devices(3).shards, 3)
    more = dataclasses.replace(config, shards=4)
    self.assertEqual(more.on_devices(2).shards, 4)

  def test_what_does_not_divide_is_refused(self):
    config = search_config.SearchConfig(batch_size=16)
    with self.assertRaisesRegex(
      setting.ConfigError, 'batch_size is 16.* the 3 devices; give 15$'
    ):
      config.on_devices(3)
    with self.assertRaisesRegex(
      setting.ConfigError, 'give 15, or another --a$'
    ):
      config.on_devices(3, '--a')
    odd = dataclasses.replace(config, shards=3, batch_size=9)
    with self.assertRaisesRegex(setting.ConfigError, 'a multiple of 2'):
      odd.on_devices(2)


if __name__ == '__main__':
  tf.test.main()
