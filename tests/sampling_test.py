"""Tests of nat_tf.sampling."""

from __future__ import annotations

import dataclasses

from absl.testing import parameterized
import numpy as np
from scipy import stats
import tensorflow as tf

from nat_tf import sampling
from nat_tf import spaces
from nat_tf import transitions
from nat_tf import zoo

# Four vertices, a source of its own for every slot: the graph of NAS-Bench-201.
_FIXED = spaces.Space(
  name='fixed',
  cells=('normal',),
  inputs=1,
  targets=(1, 2, 2, 3, 3, 3),
  operations=('conv_3x3', 'skip', 'null'),
  sizes=(3,),
  loose_ends=(True,),
  graphs=(spaces.Graph.full((0, 0, 1, 0, 1, 2), (3,), 3),),
)
_SPACES = tuple(
  (space.name, space)
  for space in (
    spaces.DARTS,
    spaces.ENAS,
    spaces.MICRO,
    spaces.NASBENCH201,
    _FIXED,
  )
)


def _draw(sampler, count, seed=3) -> spaces.Encoding:
  draw = tf.function(sampler, autograph=False)
  return spaces.Encoding(*(x.numpy() for x in draw(count, [seed, 1])))


def _output(space, cell) -> np.ndarray:
  """Naive reference: the vertices that make the output of one cell."""
  if space.graphs is not None:
    return np.array([False, False, True])
  last = max(t for t, p in zip(space.targets, cell.present) if p)
  size = last + 1 - space.inputs
  output = np.zeros(space.intermediates, bool)
  output[:size] = True
  if space.loose_ends[space.sizes.index(size)]:
    for source, present, operation in zip(
      cell.sources, cell.present, cell.operations
    ):
      reads = present and operation != space.index('null')
      if reads and source >= space.inputs:
        output[source - space.inputs] = False
  return output


class RandomSamplerTest(tf.test.TestCase, parameterized.TestCase):
  def _assert_uniform(self, values, categories):
    counts = np.bincount(values.ravel(), minlength=categories)
    self.assertLen(counts, categories)
    # Seeds are fixed: this either always passes or never does.
    self.assertGreater(stats.chisquare(counts).pvalue, 1e-3)

  @parameterized.named_parameters(*_SPACES)
  def test_shapes_and_types_are_the_encodings(self, space):
    drawn = _draw(sampling.RandomSampler(space), 5)
    slots = (5, len(space.cells), space.edges)
    self.assertEqual(drawn.operations.shape, slots)
    self.assertEqual(drawn.sources.shape, slots)
    self.assertEqual(drawn.present.shape, slots)
    self.assertEqual(drawn.concat.shape, (*slots[:2], space.intermediates))
    dtypes = [array.dtype for array in drawn]
    self.assertEqual(dtypes, [np.int32, np.int32, bool, bool])

  @parameterized.named_parameters(*_SPACES)
  def test_draws_are_architectures_of_the_space(self, space):
    drawn = _draw(sampling.RandomSampler(space), 50)
    for row in zip(*drawn):
      encoding = spaces.Encoding(*row)
      again = space.encode(space.decode(encoding))
      for before, after in zip(encoding, again):
        np.testing.assert_array_equal(before, after)

  def test_operations_are_uniform(self):
    for space in (spaces.DARTS, spaces.MICRO):
      drawn = _draw(sampling.RandomSampler(space), 4000)
      operations = drawn.operations[drawn.present]
      self._assert_uniform(operations, len(space.operations))

  def test_operations_follow_the_odds(self):
    odds = np.array([3.0, 1.0, 2.0])
    drawn = _draw(sampling.RandomSampler(_FIXED, odds.tolist()), 2000)
    counts = np.bincount(drawn.operations.ravel(), minlength=3)
    expected = counts.sum() * odds / odds.sum()
    self.assertGreater(stats.chisquare(counts, expected).pvalue, 1e-3)

  def test_sources_are_uniform_over_the_vertices_before(self):
    drawn = _draw(sampling.RandomSampler(spaces.MICRO), 6000)
    for slot, target in enumerate(spaces.MICRO.targets):
      sources = drawn.sources[..., slot][drawn.present[..., slot]]
      self._assert_uniform(sources, target)

  def test_edges_are_drawn_independently(self):
    drawn = _draw(sampling.RandomSampler(spaces.DARTS), 20000)
    first = drawn.operations[:, 0, 0]
    for second in (drawn.operations[:, 0, 1], drawn.operations[:, 1, 0]):
      self._assert_uniform(13 * first + second, 13 * 13)
    self._assert_uniform(2 * drawn.sources[:, 0, 0] + drawn.sources[:, 0, 1], 4)

  def test_sizes_are_uniform_and_one_an_architecture(self):
    drawn = _draw(sampling.RandomSampler(spaces.MICRO), 4000)
    edges = drawn.present.sum(axis=-1)
    np.testing.assert_array_equal(edges[:, 0], edges[:, 1])
    self._assert_uniform((edges[:, 0] == 10).astype(int), 2)
    self.assertEqual(set(edges[:, 0]), {8, 10})

  def test_absent_slots_hold_null_from_vertex_0(self):
    drawn = _draw(sampling.RandomSampler(spaces.MICRO), 200)
    absent = ~drawn.present
    self.assertTrue(absent.any())
    self.assertEqual(
      set(drawn.operations[absent]), {spaces.MICRO.index('null')}
    )
    self.assertEqual(set(drawn.sources[absent]), {0})

  @parameterized.named_parameters(*_SPACES)
  def test_concat_against_a_naive_reference(self, space):
    drawn = _draw(sampling.RandomSampler(space), 300)
    self.assertTrue(drawn.concat.any(axis=-1).all())
    for row in zip(*drawn):
      for cell in zip(*row):
        cell = spaces.Encoding(*cell)
        np.testing.assert_array_equal(cell.concat, _output(space, cell))

  def test_the_spaces_sources_hold_where_it_fixes_them(self):
    drawn = _draw(sampling.RandomSampler(_FIXED), 20)
    self.assertEqual(set(map(tuple, drawn.sources[:, 0])), {(0, 0, 1, 0, 1, 2)})

  def test_same_seed_same_draw_other_seed_another(self):
    sampler = sampling.RandomSampler(spaces.MICRO)
    first, same, other = (_draw(sampler, 20, seed) for seed in (3, 3, 4))
    for i in range(4):
      np.testing.assert_array_equal(first[i], same[i])
    self.assertNotAllEqual(first.operations, other.operations)
    self.assertNotAllEqual(first.sources, other.sources)


class NearbySamplerTest(tf.test.TestCase):
  #   ResNet-20: 45 edges, rate 0.4: 9 are drawn anew on average, of which those
  #   with two choices come out the same half of the time, with three a third.
  def test_changes_a_few_edges_to_what_they_may_become(self):
    beta = zoo.load('resnet20')
    space = spaces.around('one', beta, 'nat')
    sampler = sampling.NearbySampler(space, space.encode(beta), 0.4)
    drawn = _draw(sampler, 400)
    changes = []
    for row in zip(*drawn):
      alpha = space.decode(spaces.Encoding(*row))
      transitions.check(beta, alpha, 'nat')
      changes.append(len(beta.changed_edges(alpha)))
    kept = [
      1 / len(transitions.successors(edge.operation, 'nat'))
      for *_, edge in beta.edges()
    ]
    expected = 0.2 * sum(1 - share for share in kept)
    # The standard error is about 0.2.
    self.assertAllClose(np.mean(changes), expected, atol=0.8)
    self.assertLess(min(changes), 3)
    self.assertGreater(max(changes), 8)


class PoolSamplerTest(tf.test.TestCase):
  def test_draws_rows_of_the_pool_uniformly(self):
    small = dataclasses.replace(spaces.MICRO, cells=('normal',))
    pool = _draw(sampling.RandomSampler(small), 6)
    drawn = _draw(sampling.PoolSampler(pool), 3000)
    rows = []
    for i in range(3000):
      match = [
        row
        for row in range(6)
        if all(np.array_equal(d[i], p[row]) for d, p in zip(drawn, pool))
      ]
      self.assertLen(match, 1)
      rows += match
    counts = np.bincount(rows, minlength=6)
    self.assertGreater(stats.chisquare(counts).pvalue, 1e-3)

  def test_an_empty_pool_is_refused(self):
    empty = spaces.Encoding(*(np.zeros([0, 1, 6]) for _ in range(4)))
    with self.assertRaisesRegex(ValueError, 'pool of architectures is empty'):
      sampling.PoolSampler(empty)


class RepeatedTest(tf.test.TestCase):
  def test_architectures_stand_side_by_side(self):
    once = sampling.RandomSampler(spaces.MICRO)
    drawn = _draw(sampling.Repeated(once, 3), 12)
    for repeated, single in zip(drawn, _draw(once, 4)):
      self.assertAllEqual(repeated, np.repeat(single, 3, axis=0))


if __name__ == '__main__':
  tf.test.main()
