"""Tests of nat_tf.policy_watch."""

from __future__ import annotations

from absl.testing import absltest
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from nat_tf import policy_watch
from nat_tf import spaces
from nat_tf import transitions
from nat_tf import zoo

_SPACE = spaces.SPACES['micro']
_ALLOWED = transitions.allowed('nat', _SPACE.operations)
_DARTS = zoo.load('darts')


class _Constant:
  """A policy that wants the same of all edges, where that is allowed."""

  space = _SPACE

  def __init__(self, wanted: str | None):
    self._wanted = wanted

  def __call__(self, observation):
    # All choices alike, or one of them 1000 nats likelier.
    logits = tf.where(observation['mask'], 0.0, -np.inf)
    if self._wanted is not None:
      logits += 1000.0 * tf.one_hot(
        _SPACE.index(self._wanted), logits.shape[-1]
      )
    return tfp.distributions.Categorical(logits=logits), ()


def _watch(wanted: str | None, alone: bool = False) -> policy_watch.View:
  return policy_watch.PolicyWatch(
    _Constant(wanted), _ALLOWED, _DARTS, alone, seed=3
  )()


class PolicyWatchTest(absltest.TestCase):
  def test_a_policy_that_wants_null(self):
    view = _watch('null')
    shares = {name: share for name, share in view.shares.items() if share}
    self.assertEqual(shares, {'null': 1.0})
    # An edge is null before with a probability of 1 / 13.
    self.assertAlmostEqual(view.changed, 12 / 13, delta=0.03)
    for _, cell in view.likeliest.cells:
      self.assertEqual({edge.operation for edge in cell.edges}, {'null'})
    self.assertLen(view.edges, 16)
    for counts in view.edges.values():
      self.assertEqual(counts[_SPACE.index('null')], counts.sum())

  def test_edges_are_called_by_what_they_were(self):
    view = _watch('null')
    # The first edges of DARTS's normal cell.
    self.assertEqual(
      list(view.edges)[:2],
      ['normal 00: 0 to 2, sep_conv_3x3', 'normal 01: 1 to 2, sep_conv_3x3'],
    )

  def test_chance_keeps_an_operation_in_a_third(self):
    view = _watch(None, alone=True)
    # It may stay, become skip, or vanish; a skip only two of these. DARTS has
    # 13 others beside 3 skips.
    kept = 13 * 2 / 3 + 3 / 2
    self.assertAlmostEqual(view.changed, kept / 16, delta=0.15)
    counts = view.edges['normal 00: 0 to 2, sep_conv_3x3']
    names = [_SPACE.operations[i] for i in np.flatnonzero(counts)]
    self.assertCountEqual(names, ['sep_conv_3x3', 'skip', 'null'])

  def test_looking_twice_shows_the_same(self):
    first, second = _watch(None), _watch(None)
    self.assertEqual(first.shares, second.shares)
    self.assertEqual(first.likeliest, second.likeliest)


if __name__ == '__main__':
  absltest.main()
