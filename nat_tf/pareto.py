"""What worth costs: the best that an architecture can become, by cost."""

from __future__ import annotations

import collections
from collections.abc import Callable, Sequence
import dataclasses

import numpy as np
import tensorflow as tf

from nat_tf import edge_costs
from nat_tf import spaces
from nat_tf.architecture import Architecture
from nat_tf.budget import Budget
from nat_tf.budget import BudgetError
from nat_tf.transformer import Basis
from nat_tf.transformer import Measured
from nat_tf.transformer import Terms
from nat_tf.transformer import Transformer

# Points that a front should have, where as many exist.
POINTS = 8

# Limits of the ladder.
_LEVELS = 16
# How often more points are looked for next to those that were found, and how
# many architectures are measured for that each time.
_ROUNDS, _NEIGHBOURS = 4, 192
# Architectures measured in one call of the graph.
_CHUNK = 64


@dataclasses.dataclass(frozen=True)
class Front:
  """What an architecture can become.

  Attributes:
    source: the input.
    points: of all that was measured, those than which none was both as good and
      as cheap, by ascending multiply-adds and so by what is good
      (`Measured.worth`).
    contenders: all that was measured, within the budget.
    basis: what their numbers rest on.
  """

  source: Measured
  points: list[Measured]
  contenders: list[Measured]
  basis: Basis


def explore(
  transformer: Transformer,
  architecture: Architecture,
  candidates: int = 10,
  seed: int = 0,
  budget: Budget | None = None,
  report: Callable[[int, int], None] = lambda done, of: None,
) -> Front:
  """Returns the front of worth, what the search gains, against multiply-adds.

  The policy transforms the architecture under a ladder of limits on its
  multiply-adds, from the least that is possible to the budget. As long as the
  front has too few points, what differs from one of them by one edge is
  measured as well.

  Args:
    transformer: what was learned.
    architecture: the input.
    candidates: how many to sample at each limit, 1 or more.
    seed: of the samples.
    budget: what a point may cost at most; None for what the input costs.
    report: is told how many architectures of how many are measured; where all
      are, the next ones are others.

  Raises:
    spaces.SpaceError: the architecture is not of the transformer's space.
    BudgetError: nothing that the architecture may become fits the budget, or
      nothing that does and was found carries images.
  """
  terms = transformer.terms(architecture, budget)
  source = spaces.stack([transformer.space.encode(architecture)])
  known = _Contenders(transformer, terms, source, report)
  least = int(terms.costs.least(terms.allowed)[edge_costs.MADDS])
  most = int(terms.limits[edge_costs.MADDS])
  limits = np.repeat(terms.limits[np.newaxis], _LEVELS, axis=0)
  limits[:, edge_costs.MADDS] = [
    least + (most - least) * i // (_LEVELS - 1) for i in range(_LEVELS)
  ]
  beta = spaces.Encoding(*(np.repeat(x, _LEVELS, axis=0) for x in source))
  proposed = transformer.propose(
    transformer.seen(beta, terms, limits),
    candidates,
    tf.constant([seed, 0]),
    terms.allowance(limits),
  )
  operations = proposed.operations.numpy()
  operations = operations.reshape(-1, *operations.shape[2:])
  # The input first: it is a contender where it keeps to the budget.
  known.add(np.concatenate([source.operations, operations]))
  points = front(known.within())
  rng = np.random.default_rng(seed)
  for _ in range(_ROUNDS):
    if not points or len(points) >= POINTS:
      break
    known.add(_neighbours(points, transformer.space, terms, known, rng))
    points = front(known.within())
  if not points:
    raise BudgetError(
      'nothing that was found within the budget lets an image reach the '
      'classes; raise the budget'
    )
  contenders = known.within()
  basis = transformer.basis(len(contenders))
  return Front(known.measured[0], points, contenders, basis)


def _neighbours(
  points: Sequence[Measured],
  space: spaces.Space,
  terms: Terms,
  known: _Contenders,
  rng: np.random.Generator,
) -> np.ndarray:
  """Returns what differs from a point by one edge and fits, `[some, ...]`.

  Where there are too many, every cost gets an equal share: costs take few
  values, and a point may be missing at one that few architectures have.
  """
  found = []
  for point in points:
    operations = space.encode(point.architecture).operations
    for *edge, operation in np.argwhere(terms.allowed).tolist():
      other = operations.copy()
      other[tuple(edge)] = operation
      found.append(other)
  fresh = known.new(np.array(found))
  fresh = rng.permutation(fresh[terms.fit(fresh)])
  seen: collections.Counter[int] = collections.Counter()
  turns = []
  for madds in terms.costs.total(fresh)[:, edge_costs.MADDS].tolist():
    turns.append(seen[madds])
    seen[madds] += 1
  return fresh[np.argsort(turns, kind='stable')[:_NEIGHBOURS]]


def front(contenders: Sequence[Measured]) -> list[Measured]:
  """Returns those that are worth their multiply-adds.

  Args:
    contenders: at least one; of equals the one with the fewest parameters, then
      the first is taken.

  Returns:
    Those better than all that are as cheap, by ascending multiply-adds.
  """
  points: list[Measured] = []
  for one in sorted(
    contenders, key=lambda m: (m.cost.madds, -m.worth, m.cost.params)
  ):
    if not points or one.worth > points[-1].worth:
      points.append(one)
  return points


class _Contenders:
  """Transformations of one architecture, each measured once; it is the first.

  Args:
    transformer, report: see `explore`.
    terms: what they may cost.
    source: the architecture, encoded.

  Attributes:
    measured: what is known of them, in the order in which they came.
  """

  def __init__(
    self,
    transformer: Transformer,
    terms: Terms,
    source: spaces.Encoding,
    report: Callable[[int, int], None],
  ):
    self._transformer = transformer
    self._terms = terms
    self._source = source
    self._report = report
    self._operations = np.zeros([0, *source.operations.shape[1:]], np.int32)
    self.measured: list[Measured] = []

  def new(self, operations: np.ndarray) -> np.ndarray:
    """Returns those of `[some, cells, edges]` that are not known, each once."""
    known = {one.tobytes() for one in self._operations}
    distinct = {one.tobytes(): one for one in operations.astype(np.int32)}
    rows = [one for key, one in distinct.items() if key not in known]
    return np.array(rows, np.int32).reshape(-1, *operations.shape[1:])

  def add(self, operations: np.ndarray):
    """Measures what is new of `[some, cells, edges]` operations."""
    new = self.new(operations)
    if len(new):
      self._report(0, len(new))
    for start in range(0, len(new), _CHUNK):
      chunk = new[start : start + _CHUNK]
      # All calls have one shape, so that nothing is compiled twice.
      encoding = spaces.Encoding(
        *(np.repeat(x, _CHUNK, axis=0) for x in self._source)
      )._replace(operations=np.resize(chunk, (_CHUNK, *chunk.shape[1:])))
      found = self._transformer.measure(encoding, terms=self._terms)
      self.measured.extend(found[: len(chunk)])
      self._operations = np.concatenate([self._operations, chunk])
      self._report(start + len(chunk), len(new))

  def within(self) -> list[Measured]:
    """Returns what keeps to the budget, of all that was measured."""
    kept = self._terms.kept_by(self.measured, self._operations)
    return [one for one, keeps in zip(self.measured, kept) if keeps]
