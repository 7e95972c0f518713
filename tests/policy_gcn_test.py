"""Tests of nat_tf.policy_gcn."""

from __future__ import annotations

import dataclasses

from absl.testing import parameterized
import numpy as np
import spektral
import tensorflow as tf

from nat_tf import environment
from nat_tf import policy
from nat_tf import policy_gcn
from nat_tf import sampling
from nat_tf import spaces
from nat_tf import transitions

# Vertices with one, two and three incoming edges, as in NAS-Bench-201.
_DENSE = spaces.Space(
  name='dense',
  cells=('normal',),
  inputs=1,
  targets=(1, 2, 2, 3, 3, 3),
  operations=('conv_1x1', 'conv_3x3', 'avg_pool_3x3', 'skip', 'null'),
  sizes=(3,),
  loose_ends=(True,),
  graphs=(spaces.Graph.full((0, 0, 1, 0, 1, 2), (3,), 5),),
)
_SMALL = policy_gcn.GcnConfig(embedding=5, width=7, hidden=6)


def _graphs(*sources):
  return (spaces.Graph.full(sources, (3,), len(_DENSE.operations)),)


def _observe(space, count=8, seed=0, name='nat++'):
  encoding = sampling.RandomSampler(space)(count, [seed, 0])
  allowed = transitions.allowed(name, space.operations)
  return environment.observe(space, allowed, encoding)


def _randomize(actor, seed=0):
  """Gives every weight a value of its own: no test passes on zeros."""
  generator = np.random.default_rng(seed)
  for variable in actor.trainable_variables:
    variable.assign(generator.normal(size=variable.shape))


def _logits(actor, observation):
  return actor.model(observation, space=actor.space).numpy()


def _naive_gcn(model, space, observation):
  """The paper's formula, one architecture, cell and vertex at a time."""
  w = {v.name.split('model/')[-1][:-2]: v.numpy() for v in model.weights}
  places = model.config.embedding
  places = w['input_embeddings'].shape[1] // places
  seen = {key: value.numpy() for key, value in observation.items()}
  logits = np.zeros(seen['mask'].shape)
  for b, c in np.ndindex(logits.shape[:2]):
    attributes = np.zeros([space.vertices, w['input_embeddings'].shape[1]])
    attributes[: space.inputs] = w['input_embeddings'][: space.inputs]
    for vertex in range(space.inputs, space.vertices):
      slots = [e for e, t in enumerate(space.targets) if t == vertex]
      embeddings = [np.zeros(model.config.embedding)] * places
      for place, e in enumerate(slots):
        if seen['present'][b, c, e]:
          embeddings[place] = w['operation_embeddings'][
            seen['operations'][b, c, e]
          ]
      attributes[vertex] = np.concatenate(embeddings)
    x = attributes @ w['projection'] + w['projection_bias']
    a = seen['adjacency'][b, c] + np.eye(space.vertices)
    scale = np.diag(a.sum(axis=1) ** -0.5)
    a = scale @ a @ scale
    x = a @ x @ w['convolution_0/kernel'] + w['convolution_0/bias']
    x = a @ np.maximum(x, 0) @ w['convolution_1/kernel']
    z = (x + w['convolution_1/bias']) @ w['head/kernel'] + w['head/bias']
    z = z.reshape([space.vertices, places, len(space.operations)])
    for e, target in enumerate(space.targets):
      place = space.targets[:e].count(target)
      logits[b, c, e] = z[target, place]
  return logits


class GcnTest(tf.test.TestCase, parameterized.TestCase):
  @parameterized.named_parameters(
    ('micro', spaces.MICRO), ('darts', spaces.DARTS), ('dense', _DENSE)
  )
  def test_logits_against_a_naive_reference(self, space):
    actor = policy.create('gcn', space, _SMALL)
    _randomize(actor)
    observation = _observe(space)
    self.assertAllClose(
      _logits(actor, observation),
      _naive_gcn(actor.model, space, observation),
      rtol=1e-4,
      atol=1e-4,
    )

  def test_normalisation_is_spektrals(self):
    adjacency = np.triu(np.random.default_rng(2).random([4, 6, 6]) < 0.5, 1)
    adjacency = adjacency.transpose([0, 2, 1]).astype(np.float32)
    expected = [spektral.utils.gcn_filter(a) for a in adjacency]
    self.assertAllClose(policy_gcn.normalized(tf.constant(adjacency)), expected)

  def test_the_papers_sizes(self):
    shapes = [
      tuple(variable.shape)
      for variable in policy.create('gcn', spaces.MICRO).trainable_variables
    ]
    self.assertCountEqual(
      shapes,
      [
        (13, 100),  # Embeddings of the operations.
        (2, 200),  # Embeddings of the input vertices.
        (200, 1024),
        (1024,),
        (1024, 100),
        (100,),
        (100, 100),
        (100,),
        (100, 26),  # Logits of two edges.
        (26,),
      ],
    )

  def test_every_weight_has_a_gradient(self):
    config = dataclasses.replace(_SMALL, cell_embedding=True)
    actor = policy.create('gcn', spaces.MICRO, config)
    _randomize(actor)
    with tf.GradientTape() as tape:
      distribution, _ = actor(_observe(spaces.MICRO))
      entropy = tf.reduce_mean(distribution.entropy())
    for gradient in tape.gradient(entropy, actor.trainable_variables):
      gradient = tf.convert_to_tensor(gradient).numpy()
      self.assertTrue(np.isfinite(gradient).all())
      self.assertTrue((gradient != 0).any())

  @parameterized.named_parameters(
    ('darts', spaces.DARTS), ('enas', spaces.ENAS)
  )
  def test_one_set_of_weights_serves_every_topology_and_size(self, space):
    actor = policy.create('gcn', spaces.MICRO, _SMALL)
    _randomize(actor)
    other = actor.for_space(space)
    for mine, its in zip(actor.variables, other.variables):
      self.assertIs(mine, its)
    # The same architectures, encoded in their own space and in the union.
    encoding = sampling.RandomSampler(space)(6, [5, 6])
    architectures = [
      space.decode(spaces.Encoding(*(x.numpy() for x in row)))
      for row in zip(*encoding)
    ]
    union = spaces.stack([spaces.MICRO.encode(a) for a in architectures])
    allowed = transitions.allowed('nat', space.operations)
    its, _ = other(environment.observe(space, allowed, encoding))
    mine, _ = actor(environment.observe(spaces.MICRO, allowed, union))
    its_p = its.distribution.probs_parameter()
    mine_p = mine.distribution.probs_parameter()
    self.assertAllClose(mine_p[:, :, : space.edges], its_p, atol=1e-6)
    # Where no edge is, null has the whole probability: 1 but for one rounding.
    null = np.eye(len(space.operations), dtype=np.float32)[space.index('null')]
    rest = mine_p[:, :, space.edges :].numpy()
    expected = np.broadcast_to(null, rest.shape)
    self.assertAllClose(rest, expected, rtol=0, atol=np.finfo(np.float32).eps)
    self.assertAllEqual(rest[..., null == 0], expected[..., null == 0])

  def test_more_edges_than_places_share_them(self):
    # Made for in-degree 1, applied to in-degree 2.
    single = dataclasses.replace(
      _DENSE, targets=(1, 2, 3), graphs=_graphs(0, 1, 2), name='single'
    )
    actor = policy.create('gcn', single, _SMALL)
    double = dataclasses.replace(
      _DENSE, targets=(1, 1, 2, 3), graphs=_graphs(0, 0, 1, 2), name='double'
    )
    logits = _logits(actor.for_space(double), _observe(double))
    self.assertAllEqual(logits[..., 0, :], logits[..., 1, :])

  def test_time_is_folded_away(self):
    actor = policy.create('gcn', spaces.MICRO, _SMALL)
    _randomize(actor)
    observation = _observe(spaces.MICRO, 6)
    flat, _ = actor(observation)
    timed, _ = actor(
      tf.nest.map_structure(
        lambda x: tf.reshape(x, [2, 3, *x.shape[1:]]), observation
      )
    )
    self.assertEqual(timed.batch_shape, [2, 3])
    self.assertAllClose(
      tf.reshape(timed.distribution.logits, [6, 2, 10, 13]),
      flat.distribution.logits,
      rtol=1e-4,
    )

  def test_cells_are_independent_graphs(self):
    actor = policy.create('gcn', spaces.MICRO, _SMALL)
    _randomize(actor)
    observation = _observe(spaces.MICRO)
    swapped = {key: x[:, ::-1] for key, x in observation.items()}
    self.assertAllClose(
      _logits(actor, swapped), _logits(actor, observation)[:, ::-1], rtol=1e-4
    )

  def test_a_cell_embedding_tells_cells_apart(self):
    config = dataclasses.replace(_SMALL, cell_embedding=True)
    actor = policy.create('gcn', spaces.MICRO, config)
    _randomize(actor)
    observation = _observe(spaces.MICRO)
    swapped = {key: x[:, ::-1] for key, x in observation.items()}
    self.assertNotAllClose(
      _logits(actor, swapped), _logits(actor, observation)[:, ::-1]
    )
    other = dataclasses.replace(spaces.MICRO, cells=('block', 'normal'))
    with self.assertRaisesRegex(ValueError, 'micro space has also block'):
      actor.for_space(other)

  def test_null_edges_carry_no_messages(self):
    actor = policy.create('gcn', spaces.MICRO, _SMALL)
    _randomize(actor)
    space = spaces.MICRO
    encoding = sampling.RandomSampler(space)(20, [7, 8])
    null = encoding.operations == space.index('null')
    moved = encoding._replace(sources=tf.where(null, 1, encoding.sources))
    self.assertNotAllEqual(moved.sources, encoding.sources)
    allowed = transitions.allowed('nat', space.operations)
    self.assertAllEqual(
      _logits(actor, environment.observe(space, allowed, moved)),
      _logits(actor, environment.observe(space, allowed, encoding)),
    )

  def test_symmetric_messages_also_go_back(self):
    # What vertex 3 does reaches vertex 1, which it reads, only if symmetric.
    for symmetric in (False, True):
      config = dataclasses.replace(_SMALL, symmetric=symmetric)
      actor = policy.create('gcn', _DENSE, config)
      _randomize(actor)
      allowed = transitions.allowed('nat', _DENSE.operations)
      encoding = sampling.RandomSampler(_DENSE)(1, [1, 1])
      ends = [
        encoding._replace(operations=tf.constant([[[0, 1, 1, 1, 1, last]]]))
        for last in (0, 1)
      ]
      first = [
        _logits(actor, environment.observe(_DENSE, allowed, end))[0, 0, 0]
        for end in ends
      ]
      self.assertEqual(not np.array_equal(*first), symmetric)


if __name__ == '__main__':
  tf.test.main()
