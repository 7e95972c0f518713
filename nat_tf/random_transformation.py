"""A random transformation within a budget: what a learned one has to beat.

It costs about as much as the budget allows, so that what is compared with it
wins by which edges it changed and not by how many. A draw alpha of beta has

    p(alpha | beta) ~ exp(taste * sum_m cost_m(alpha) / limit_m)

over what is allowed, m over parameters, multiply-adds and, where it is limited,
time, each a sum over the edges. That is the distribution of largest entropy for
a given expense: of transformations whose edges cost the same, none is likelier.
The taste is the most lavish one at which half of the draws keep to the budget.

A draw whose cell passes nothing on is drawn again: no network learns from
images that do not reach its classes, and beating it would show nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nat_tf import budget as budget_lib
from nat_tf import cost
from nat_tf import edge_costs
from nat_tf import layout
from nat_tf import spaces
from nat_tf import text_table
from nat_tf.architecture import Architecture
from nat_tf.budget import Budget

# Nats for the dearest of all operations, from lavish to thrifty. The ends
# outweigh the noise even of operations that cost a ten-thousandth of it.
_TASTES = np.concatenate(
  [np.geomspace(1e5, 0.01, 80), [0.0], -np.geomspace(0.01, 1e5, 80)]
)
# How often a cell is drawn again that passes nothing on.
_ATTEMPTS = 100


class RandomTransformation(NamedTuple):
  """What chance made of an architecture.

  Attributes:
    source: the input.
    transformed: the output, never the input.
    source_costs: `[measures]` int64, see `edge_costs`.
    costs: `[measures]` int64, of the output.
    limits: `[measures]` int64, what it might cost.
    kept: how many draws kept to the limits, of which it is the dearest.
  """

  source: Architecture
  transformed: Architecture
  source_costs: np.ndarray
  costs: np.ndarray
  limits: np.ndarray
  kept: int


class _Draws(NamedTuple):
  """Draws with what they cost.

  Attributes:
    operations: `[draws, cells, edges]` integers.
    costs: `[draws, measures]` int64.
    keep: `[draws]` bool, which keep to the limits and are not the input.
  """

  operations: np.ndarray
  costs: np.ndarray
  keep: np.ndarray


def transform(
  architecture: Architecture,
  config: layout.NetworkConfig,
  transitions: str,
  budget: Budget | None = None,
  seed: int = 0,
  draws: int = 100,
  latency: edge_costs.Latency | None = None,
) -> RandomTransformation:
  """Returns the dearest in multiply-adds of the draws within a budget.

  Args:
    architecture: the input.
    config: the network for which costs are counted.
    transitions: rules of what may become what (`transitions.TRANSITIONS`).
    budget: what the result may cost; None for what the input costs.
    seed: decides the draws.
    draws: how many to make at each taste, 1 or more.
    latency: says how long operations take, as `latency.PartsLatency` does;
      wanted and asked where the budget limits time.

  Raises:
    ArchitectureError: the architecture does not fit the network.
    BudgetError: nothing, or no draw, fits the budget.
  """
  layout.check(architecture, config.skeleton)
  budget = budget or Budget()
  space = spaces.around('one', architecture, transitions)
  allowed = space.choices()
  costs = edge_costs.measure(
    architecture,
    space,
    config,
    allowed,
    latency if budget.timed else None,
  )
  limits = budget.limits(costs, allowed)
  chance = _Chance(architecture, space, config, costs, limits, seed)
  found = _at_the_limit(chance, draws)
  if not found.keep.any():
    raise budget_lib.BudgetError(
      f'none of {draws} random transformations keeps to the budget, passes the '
      'images on and differs from the input; raise the budget or --draws'
    )
  kept = np.flatnonzero(found.keep)
  measures = found.costs[kept]
  best = np.lexsort((measures[:, edge_costs.PARAMS], measures[:, 1]))[-1]
  return RandomTransformation(
    architecture,
    chance.decode(found.operations[kept[best]]),
    costs.own,
    measures[best],
    limits,
    len(kept),
  )


def table(transformation: RandomTransformation, name: str) -> str:
  """Returns costs before and after as an aligned table.

  Args:
    transformation: what chance made.
    name: what to call the input.
  """
  source, after = transformation.source_costs, transformation.costs
  rows = [
    ('', *('parameters', 'multiply-adds', 'latency*')[: len(source)]),
    (f'input ({name})', *_shown(source)),
    ('budget', *_shown(transformation.limits)),
    ('random transformation', *_shown(after)),
    (
      'change',
      *(f'{100 * (b - a) / a:+.1f} %' for a, b in zip(source, after)),
    ),
  ]
  lines = text_table.aligned(rows)
  if len(source) > edge_costs.NANOSECONDS:
    lines.append('* an estimate for this device, the sum of its parts')
  changed = transformation.source.changed_edges(transformation.transformed)
  lines.append(
    f'{len(changed)} {"edge" if len(changed) == 1 else "edges"} changed; the '
    f'dearest of {transformation.kept} draws that the budget allows'
  )
  return '\n'.join(lines)


class _Chance:
  """Draws transformations of one architecture.

  Args:
    architecture: the input.
    space: what it may become.
    config: the network.
    costs: of whatever it may become.
    limits: `[measures]` int64, of whole networks.
    seed: decides the draws.
  """

  def __init__(self, architecture, space, config, costs, limits, seed):
    self._space: spaces.Space = space
    self._config: layout.NetworkConfig = config
    self._costs: edge_costs.EdgeCosts = costs
    self._limits: np.ndarray = limits
    self._source = space.encode(architecture)
    _, self._open = costs.fitting(limits, space.choices())
    share = np.einsum(
      'mceo,m->ceo', costs.edges.astype(float), 1 / np.maximum(limits, 1)
    )
    share = np.where(self._open, share, 0.0)
    self._share = share / max(share.max(), np.finfo(float).tiny)
    self._rng = np.random.default_rng(seed)

  def decode(self, operations: np.ndarray) -> Architecture:
    """Returns the architecture of `[cells, edges]` operations."""
    return self._space.decode(self._source._replace(operations=operations))

  def draw(self, count: int, taste: float) -> _Draws:
    """Draws transformations that pass the images on, and prices them.

    Args:
      count: how many; fewer where hardly any passes them on.
      taste: for what is dear.
    """
    return self._priced(self._drawn(count, taste))

  def _drawn(self, count: int, taste: float) -> np.ndarray:
    """Draws `[draws, cells, edges]` operations; see `draw`."""
    scores = np.where(self._open, taste * self._share, -np.inf)
    shape = (count, *scores.shape)
    operations = np.zeros(shape[:-1], int)
    passes = np.zeros(shape[:2], bool)
    for _ in range(_ATTEMPTS):
      # The highest score plus noise is a draw from the scores' softmax.
      drawn = (scores + self._rng.gumbel(size=shape)).argmax(axis=-1)
      operations = np.where(passes[..., np.newaxis], operations, drawn)
      passes = self._passes(operations)
      if passes.all():
        break
    return operations[passes.all(axis=-1)]

  def _priced(self, operations: np.ndarray) -> _Draws:
    """Returns draws with what they cost, `[draws, cells, edges]` given."""
    costs = self._costs.total(operations)
    # What does not reach the output costs nothing, which no sum knows.
    for row, one in zip(costs, operations):
      row[: len(cost.Cost._fields)] = cost.network(
        self.decode(one), self._config
      )
    differs = (operations != self._source.operations).any(axis=(-2, -1))
    return _Draws(
      operations, costs, differs & (costs <= self._limits).all(axis=-1)
    )

  def _passes(self, operations: np.ndarray) -> np.ndarray:
    """Returns whether outputs depend on inputs, `[draws, cells]` bool."""
    space, source = self._space, self._source
    rows = np.arange(len(space.cells))
    reached = np.zeros((*operations.shape[:2], space.vertices), bool)
    reached[..., : space.inputs] = True
    for slot, target in enumerate(space.targets):
      carries = operations[..., slot] != space.index('null')
      carries &= source.present[:, slot]
      carries &= reached[:, rows, source.sources[:, slot]]
      reached[..., target] |= carries
    return (reached[..., space.inputs :] & source.concat).any(axis=-1)


def _at_the_limit(chance: _Chance, count: int) -> _Draws:
  """Returns draws of the most lavish taste at which half of them keep to it.

  Args:
    chance: makes them.
    count: how many at each taste.
  """
  lavish, thrifty = 0, len(_TASTES) - 1
  found = chance.draw(count, _TASTES[thrifty])
  while lavish < thrifty:
    middle = (lavish + thrifty) // 2
    draws = chance.draw(count, _TASTES[middle])
    if 2 * draws.keep.sum() >= count:
      found, thrifty = draws, middle
    else:
      lavish = middle + 1
  return found


def _shown(costs: np.ndarray) -> list[str]:
  texts = [f'{int(value):,}' for value in costs[: edge_costs.NANOSECONDS]]
  return texts + [
    f'{int(ns) / 1e6:.2f} ms' for ns in costs[edge_costs.NANOSECONDS :]
  ]
