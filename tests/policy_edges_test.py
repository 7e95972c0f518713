"""Tests of nat_tf.policy_edges."""

from __future__ import annotations

import dataclasses

from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from nat_tf import environment
from nat_tf import policy
from nat_tf import policy_edges
from nat_tf import sampling
from nat_tf import spaces
from nat_tf import transitions

_SMALL = policy_edges.EdgesConfig(width=6, layers=2, plans=3)
_ONE_PLAN = dataclasses.replace(_SMALL, plans=1)
_PLAIN = policy_edges.EdgesConfig(
  width=6,
  layers=2,
  plans=1,
  back=False,
  siblings=False,
  pooling=False,
  residual=False,
  normalization=False,
  cell_embedding=False,
)
_SPACES = (
  ('micro', spaces.MICRO),
  ('enas', spaces.ENAS),
  ('nasbench201', spaces.NASBENCH201),
)


def _observe(space, count=5, seed=0):
  encoding = sampling.RandomSampler(space)(count, [seed, 0])
  allowed = transitions.allowed('nat++', space.operations)
  return environment.observe(space, allowed, encoding)


def _randomized(space, config, seed=0):
  """Gives every weight a value of its own: no test passes on zeros."""
  actor = policy.create('edges', space, config)
  generator = np.random.default_rng(seed)
  for variable in actor.trainable_variables:
    variable.assign(0.5 * generator.normal(size=variable.shape))
  return actor


def _norm(x):
  return (x - x.mean()) / np.sqrt(x.var() + 1e-3)


class _Naive:
  """The model's formula, one edge at a time."""

  def __init__(self, model, space):
    self.config, self.space = model.config, space
    self.w = {v.name.split('model/')[-1][:-2]: v.numpy() for v in model.weights}
    self.inputs = len(self.w['source_embeddings']) - 1

  def related(self, sources, e, f):
    """Which of the relations hold, in the model's order."""
    targets = self.space.targets
    relations = [sources[e] == targets[f]]
    if self.config.back:
      relations.append(sources[f] == targets[e])
    if self.config.siblings:
      relations.append(e != f and sources[e] == sources[f])
      relations.append(e != f and targets[e] == targets[f])
    return relations

  def features(self, operations, sources, present, cell):
    """Returns `[edges, width]` after all rounds."""
    w, edges = self.w, self.space.edges
    x = np.stack(
      [
        w['operation_embeddings'][operations[e]]
        + w['source_embeddings'][min(sources[e], self.inputs)]
        for e in range(edges)
      ]
    )
    if self.config.cell_embedding:
      x = x + w['cell_embeddings'][cell]
    for i in range(self.config.layers):
      x = self.round(x, f'round_{i}', sources, present)
    return x

  def round(self, x, name, sources, present):
    w, config, edges = self.w, self.config, self.space.edges
    seen = x
    if config.normalization:
      scale, offset = w[f'{name}/normalize/gamma'], w[f'{name}/normalize/beta']
      seen = np.stack([_norm(row) for row in x]) * scale + offset
    result = []
    for e in range(edges):
      message = seen[e] @ w[f'{name}/self/kernel'] + w[f'{name}/self/bias']
      for r in range(len(self.related(sources, 0, 0))):
        heard = [
          seen[f]
          for f in range(edges)
          if present[f] and self.related(sources, e, f)[r]
        ]
        if heard:
          kernel = w[f'{name}/convolution_{r}/kernel']
          message = message + np.mean(heard, axis=0) @ kernel
      if config.pooling:
        mean = seen[present].mean(axis=0)
        message = message + mean @ w[f'{name}/cell/kernel']
      change = np.maximum(message, 0) @ w[f'{name}/out/kernel']
      change = change + w[f'{name}/out/bias']
      result.append(x[e] + change if config.residual else change)
    return np.stack(result)

  def __call__(self, observation):
    """Returns plan logits and logits, as the model does."""
    w, config = self.w, self.config
    seen = {key: value.numpy() for key, value in observation.items()}
    batch, cells, edges = seen['operations'].shape
    logits = np.zeros([batch, config.plans, *seen['mask'].shape[1:]])
    means = np.zeros([batch, cells, config.width])
    for b, c in np.ndindex(batch, cells):
      present = seen['present'][b, c]
      x = self.features(
        seen['operations'][b, c], seen['sources'][b, c], present, c
      )
      out = x @ w['head/kernel'] + w['head/bias']
      out = out.reshape(edges, config.plans, -1)
      logits[b, :, c] = out.transpose(1, 0, 2)
      means[b, c] = x[present].mean(axis=0)
    if config.plans == 1:
      return None, logits[:, 0]
    hidden = means.mean(axis=1) @ w['plan_hidden/kernel']
    hidden = np.maximum(hidden + w['plan_hidden/bias'], 0)
    return hidden @ w['plan_head/kernel'] + w['plan_head/bias'], logits


class EdgesTest(tf.test.TestCase, parameterized.TestCase):
  @parameterized.named_parameters(*_SPACES)
  def test_logits_against_a_naive_reference(self, space):
    actor = _randomized(space, _SMALL)
    observation = _observe(space)
    plans, logits = actor.model(observation, space=space)
    expected_plans, expected = _Naive(actor.model, space)(observation)
    self.assertAllClose(plans, expected_plans, rtol=1e-3, atol=1e-3)
    present = observation['present'].numpy()
    for b, c, e in np.argwhere(present):
      self.assertAllClose(
        logits[b, :, c, e], expected[b, :, c, e], rtol=1e-3, atol=1e-3
      )

  @parameterized.parameters(
    'back', 'siblings', 'pooling', 'residual', 'normalization', 'none'
  )
  def test_every_part_can_be_there_alone(self, part):
    config = _PLAIN
    if part != 'none':
      config = dataclasses.replace(_PLAIN, **{part: True})
    actor = _randomized(spaces.NASBENCH201, config)
    observation = _observe(spaces.NASBENCH201)
    _, expected = _Naive(actor.model, spaces.NASBENCH201)(observation)
    logits = actor.model(observation, space=spaces.NASBENCH201)
    self.assertAllClose(logits, expected, rtol=1e-3, atol=1e-3)

  @parameterized.parameters(_SMALL, _ONE_PLAN)
  def test_every_weight_has_a_gradient(self, config):
    actor = _randomized(spaces.MICRO, config)
    observation = _observe(spaces.MICRO)
    distribution, _ = actor(observation)
    action = distribution.sample(seed=[1, 2])
    with tf.GradientTape() as tape:
      distribution, _ = actor(observation)
      total = tf.reduce_sum(distribution.log_prob(action) ** 2)
    gradients = tape.gradient(total, actor.trainable_variables)
    for gradient in gradients:
      gradient = tf.convert_to_tensor(gradient).numpy()
      self.assertTrue(np.isfinite(gradient).all())
      self.assertTrue((gradient != 0).any())

  @parameterized.named_parameters(
    ('darts', spaces.DARTS), ('enas', spaces.ENAS)
  )
  def test_one_set_of_weights_serves_every_topology_and_size(self, space):
    actor = _randomized(spaces.MICRO, _SMALL)
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
    action = its.sample(20, seed=[7, 8])
    absent = spaces.MICRO.edges - space.edges
    padded = tf.pad(
      action,
      [[0, 0], [0, 0], [0, 0], [0, absent]],
      constant_values=space.index('null'),
    )
    self.assertAllClose(
      mine.log_prob(padded), its.log_prob(action), rtol=1e-4, atol=1e-4
    )

  def test_applies_to_cells_it_was_not_made_for(self):
    space = dataclasses.replace(spaces.MICRO, cells=('stem', 'normal'))
    actor = _randomized(spaces.MICRO, _ONE_PLAN)
    logits = actor.model(_observe(spaces.MICRO), space=spaces.MICRO).numpy()
    other = actor.model(_observe(space), space=space).numpy()
    self.assertFalse(np.allclose(logits, other))

  def test_the_order_of_edges_into_one_vertex_does_not_matter(self):
    space = spaces.DARTS
    actor = _randomized(space, _ONE_PLAN)
    order = np.arange(8).reshape(4, 2)[:, ::-1].ravel()
    observation = _observe(space)
    swapped = dict(observation)
    for name in ('operations', 'sources', 'present', 'mask'):
      swapped[name] = tf.gather(observation[name], order, axis=2)
    self.assertAllClose(
      actor.model(swapped, space=space),
      tf.gather(actor.model(observation, space=space), order, axis=2),
      rtol=1e-3,
      atol=1e-4,
    )

  def test_every_edge_sees_the_whole_cell(self):
    # One operation changes; every edge's logits must.
    space = spaces.NASBENCH201
    actor = _randomized(space, _ONE_PLAN)
    allowed = transitions.allowed('nat', space.operations)
    encoding = sampling.RandomSampler(space)(1, [1, 1])
    for edge in range(6):
      changed = encoding.operations.numpy()
      changed[0, 0, edge] = (changed[0, 0, edge] + 1) % 5
      first, second = (
        actor.model(environment.observe(space, allowed, e), space=space)
        for e in (encoding, encoding._replace(operations=changed))
      )
      differs = np.abs(first - second).max(axis=-1)[0, 0] > 1e-4
      self.assertTrue(differs.all(), edge)

  def test_time_is_folded_away(self):
    actor = _randomized(spaces.MICRO, _SMALL)
    observation = _observe(spaces.MICRO, 6)
    flat, _ = actor(observation)
    timed, _ = actor(
      tf.nest.map_structure(
        lambda x: tf.reshape(x, [2, 3, *x.shape[1:]]), observation
      )
    )
    self.assertEqual(timed.batch_shape, [2, 3])
    action = flat.sample(seed=[1, 1])
    self.assertAllClose(
      tf.reshape(timed.log_prob(tf.reshape(action, [2, 3, 2, 10])), [6]),
      flat.log_prob(action),
      rtol=1e-4,
    )

  def test_entropy_is_known_of_one_plan_only(self):
    for config, exact in ((_SMALL, False), (_ONE_PLAN, True)):
      actor = policy.create('edges', spaces.DARTS, config)
      self.assertEqual(actor.model.exact_entropy, exact)


if __name__ == '__main__':
  tf.test.main()
