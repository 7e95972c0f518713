"""Scores of several architectures against single forward passes."""

from __future__ import annotations

import dataclasses
import functools
from unittest import mock

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from nat_tf import layout
from nat_tf import sampling
from nat_tf import scoring
from nat_tf import skeletons
from nat_tf import spaces
from nat_tf import static_network
from nat_tf import supernet
from nat_tf import transitions
from tests import plain_graphs

_IMAGES = (6, 9, 9, 3)  # Odd, so that halving rounds up.
_CLASSES = 5
_COUNT = 7
_OPERATIONS = ('sep_conv_3x3', 'conv_1x1', 'max_pool_3x3', 'skip', 'null')

# images -> stem -> normal -> reduction -> reduction -> normal -> classifier
_CONFIG = layout.NetworkConfig(
  4, 4, _IMAGES[1:3], _IMAGES[3], _CLASSES, skeletons.CELLS
)


def _batch():
  rng = np.random.default_rng(0)
  images = tf.constant(rng.normal(size=_IMAGES), tf.float32)
  return images, tf.constant(rng.integers(0, _CLASSES, _IMAGES[0]), tf.int32)


def _space(name):
  space = spaces.SPACES[name]
  if name == 'nasbench201':  # Its residual blocks need its own operations.
    return space
  return dataclasses.replace(space, operations=_OPERATIONS)


def _row(encodings, i):
  return spaces.Encoding(*(x[i] for x in encodings))


def _transformed(space, count):
  """Returns one architecture and transformations of it, some of them equal."""
  beta = sampling.RandomSampler(space)(1, tf.constant([3, 0]))
  allowed = transitions.allowed('nat', space.operations)
  rng = np.random.default_rng(1)
  drawn = [
    np.vectorize(lambda o: rng.choice(np.flatnonzero(allowed[o])))(
      beta.operations[0]
    )
    for _ in range(count)
  ]
  # beta, a, b, c, ..., a, beta: what they share is spread over the order.
  rows = [beta.operations[0], *drawn, drawn[0], beta.operations[0]]
  others = (tf.repeat(x, len(rows), axis=0) for x in beta)
  operations = tf.cast(np.stack(rows), tf.int32)
  present = beta.present
  null = space.index('null')
  return spaces.Encoding(*others)._replace(
    operations=tf.where(present, operations, null)
  )


def setUpModule():
  plain_graphs.use()


@functools.cache
def _network(space):
  """Returns a super network, and its scores as a function traced once."""
  config = dataclasses.replace(_CONFIG, skeleton=space.skeleton)
  network = supernet.SuperNetwork(space, config)
  traced = tf.function(
    functools.partial(scoring.score, network), autograph=False
  )
  return network, traced


class ScoringTest(tf.test.TestCase, parameterized.TestCase):
  def _check(self, space, architectures):
    network, score = _network(space)
    images, labels = _batch()
    weights = tf.constant([1.0, 1.0, 0.0, 1.0, 0.0, 1.0])
    scores = score(images, labels, architectures, weights)
    for i in range(architectures.operations.shape[0]):
      logits = network(images, _row(architectures, i)).numpy()
      counted = weights.numpy() > 0
      right = (logits.argmax(-1) == labels.numpy())[counted]
      shifted = logits - logits.max(-1, keepdims=True)
      losses = np.log(np.exp(shifted).sum(-1)) - shifted[range(6), labels]
      self.assertAllClose(scores.accuracy[i], right.mean())
      static = static_network.StaticNetwork(
        network, space.decode(_row(architectures, i))
      )
      alone = static.score(images, labels, weights)
      self.assertAllClose([*alone], [score[i] for score in scores], rtol=1e-4)
      self.assertAllClose(scores.loss[i], losses[counted].mean(), rtol=1e-4)
    # Else all could be one and the same.
    self.assertGreater(len(set(scores.loss.numpy())), 2)

  @parameterized.parameters('darts', 'micro', 'nasbench201')
  def test_equals_single_forward_passes(self, name):
    space = _space(name)
    drawn = sampling.RandomSampler(space)(_COUNT, tf.constant([3, 0]))
    self._check(space, drawn)

  @parameterized.parameters('darts', 'micro', 'nasbench201')
  def test_sharing_changes_nothing(self, name):
    space = _space(name)
    self._check(space, _transformed(space, _COUNT - 3))

  def test_scores_in_a_network_that_passes_cells_twice(self):
    space = spaces.NASBENCH201
    config = dataclasses.replace(_CONFIG, cells=5, skeleton=space.skeleton)
    network = supernet.SuperNetwork(
      space,
      dataclasses.replace(config, cells=8),
      supernet.SuperNetwork(space, config),
    )
    traced = tf.function(
      functools.partial(scoring.score, network), autograph=False
    )
    with mock.patch.dict(globals(), _network=lambda space: (network, traced)):
      self._check(space, _transformed(space, _COUNT - 3))


if __name__ == '__main__':
  tf.test.main()
