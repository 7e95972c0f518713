"""How well a search's shared weights rank, and what it gains, by ground truth.

Shared weights are of use as far as they order architectures as training them
for real does. On a space whose architectures were all trained both that and the
gain of a whole search, policy and choice among candidates included, can be
measured (method, section 8).
"""

from __future__ import annotations

from collections.abc import Callable
import dataclasses

import numpy as np
import scipy.stats
import tensorflow as tf

from nat_tf import affordable
from nat_tf import captured_gain
from nat_tf import enumeration
from nat_tf import reach
from nat_tf import reward
from nat_tf import spaces
from nat_tf import transformer as transformer_lib
from nat_tf import transitions
from nat_tf.accuracy_table import AccuracyTable
from nat_tf.transformer import Measured
from nat_tf.transformer import Transformer

# Images at a time, for which the statistics of batch norm hold.
_BATCH = 250
# Architectures scored in one call of the graph.
_CHUNK = 50


@dataclasses.dataclass(frozen=True)
class Ranking:
  """Architectures by shared weights and by training.

  Attributes:
    codes: `[architectures]` of which.
    shared: `[architectures]` what candidates are compared by with shared
      weights, 0 to 1: accuracy or separation (`Measured.worth`).
    test: `[architectures]` test accuracy after training, 0 to 1.
    madds: `[architectures]` multiply-adds of the final network.
    accuracy: `[architectures]` accuracy with shared weights, 0 to 1.
  """

  codes: np.ndarray
  shared: np.ndarray
  test: np.ndarray
  madds: np.ndarray
  accuracy: np.ndarray

  @property
  def kendall(self) -> float:
    """Kendall's tau (b): share of ordered pairs less that of disordered.

    It is 0 where one of both says the same of all.
    """
    return _order(scipy.stats.kendalltau, self.shared, self.test)

  @property
  def spearman(self) -> float:
    """Spearman's rho: correlation of the ranks, or 0 as Kendall's tau."""
    return _order(scipy.stats.spearmanr, self.shared, self.test)

  def top_quarter(self) -> Ranking:
    """Returns the quarter with the highest test accuracy."""
    top = self.test >= np.quantile(self.test, 0.75)
    return Ranking(*(x[top] for x in vars(self).values()))

  def by_madds(self) -> Ranking:
    """Returns how well it goes without weights: what costs more is better."""
    return dataclasses.replace(self, shared=self.madds)

  def by_accuracy(self) -> Ranking:
    """Returns how well it goes by accuracy, whatever the reward is."""
    return dataclasses.replace(self, shared=self.accuracy)

  def misjudged(self, space: spaces.Space) -> np.ndarray:
    """Returns how much too high operations make shared weights rank a cell.

    The difference of the two ranks is fitted, by least squares, by a sum of one
    number for the operation of each edge.

    Args:
      space: of the architectures, which fixes their graph.

    Returns:
      `[edges, operations]`, places of a hundred; negative for too low. Those of
      an edge sum to 0.
    """
    operations = enumeration.operations(space, self.codes)
    operations = operations.reshape([len(self.codes), -1])
    chosen = np.eye(len(space.operations))[operations]
    chosen = (chosen - chosen.mean(0)).reshape([len(chosen), -1])
    ranks = scipy.stats.rankdata(self.shared), scipy.stats.rankdata(self.test)
    error = 100 * (ranks[0] - ranks[1]) / len(chosen)
    # Of all solutions, for each edge's columns sum to 0, the smallest.
    effects, *_ = np.linalg.lstsq(chosen, error, rcond=None)
    return effects.reshape([operations.shape[1], -1])


@dataclasses.dataclass(frozen=True)
class Gain:
  """What became of the inputs.

  Attributes:
    captured: captured gain, percent.
    test: `[inputs]` test accuracy of what they became.
    improved: share of the inputs whose oracle gains more than a point that
      became better, percent.
    costlier: number of inputs whose cost grew. One that lets no image reach its
      output is no network whose cost could be kept, and not among them.
  """

  captured: float
  test: np.ndarray
  improved: float
  costlier: int


class RankingStudy:
  """A search and the truth.

  Args:
    transformer: what was learned, in a space that can be enumerated.
    table: accuracies of all architectures of its space.
    images: number of held-out images that shared weights are measured on.
    report: is told how many architectures of how many are measured.
  """

  def __init__(
    self,
    transformer: Transformer,
    table: AccuracyTable,
    images: int,
    report: Callable[[int, int], None] = lambda done, of: None,
  ):
    self._report = report
    self._transformer = transformer
    self._table = table
    config = transformer.config
    self._allowed = transitions.allowed(
      config.transitions, transformer.space.operations
    )
    self._scores = reward.HeldOutScores(
      transformer.networks,
      transformer.dataset.candidate_batches(_BATCH).take(-(-images // _BATCH)),
    )
    self._known: dict[int, Measured] = {}

  def ranking(self, count: int, seed: int) -> Ranking:
    """Ranks random architectures.

    Args:
      count: how many.
      seed: decides which.
    """
    codes = np.random.default_rng(seed).choice(
      len(self._table.test), count, replace=False
    )
    measured = self.measured(codes)
    shared, madds, accuracy = np.array(
      [(one.worth, one.cost.madds, one.accuracy) for one in measured]
    ).T
    return Ranking(codes, shared, self._table.test[codes], madds, accuracy)

  def gains(
    self, scale: captured_gain.CapturedGain, candidates: int, seed: int
  ) -> list[Gain]:
    """Transforms architectures that the policy has not learned from.

    Args:
      scale: of the inputs, see `scale`.
      candidates: samples to choose from.
      seed: of the samples.

    Returns:
      Two gains: of the most probable transformations that cost no more,
      without any evaluation; and of the best among the input, the most
      probable one and the samples that cost no more, by their scores and by
      what the policy prefers (`Transformer.preferences`).
    """
    space, inputs = self._transformer.space, scale.inputs
    seen, allowance = self._asked(inputs)
    proposed = self._transformer.propose(
      seen, candidates, tf.constant([seed, 0]), allowance
    )
    codes = enumeration.code(proposed, space)
    contenders = np.concatenate([inputs[:, np.newaxis], codes], axis=1)
    preferences = self._transformer.preferences(
      seen, enumeration.encode(space, contenders)
    )
    chosen = [
      transformer_lib.best(row, [_affords(row[0], one) for one in row], liked)
      for row, liked in zip(self.measured(contenders), preferences)
    ]
    best = np.take_along_axis(contenders, np.array(chosen)[:, None], axis=1)
    return [self._gain(outputs, scale) for outputs in (codes[:, 0], best[:, 0])]

  def _asked(
    self, inputs: np.ndarray
  ) -> tuple[spaces.Encoding, affordable.Allowance]:
    """Returns what the policy sees and what outputs may cost (`_affords`)."""
    space, network = self._transformer.space, self._transformer.final()
    seen, allowances = [], []
    for code in inputs:
      beta = enumeration.encode(space, code)
      cell = space.decode(beta)
      terms = self._transformer.terms(cell)
      if not reach.carries_images(cell, network):
        dearest = terms.costs.edges.max(-1).sum((-2, -1))
        terms = dataclasses.replace(terms, limits=terms.costs.fixed + dearest)
      seen.append(self._transformer.seen(spaces.stack([beta]), terms))
      allowances.append(terms.allowance())
    return (
      spaces.Encoding(*map(tf.constant, map(np.concatenate, zip(*seen)))),
      affordable.Allowance(*map(np.concatenate, zip(*allowances))),
    )

  def scale(self, inputs: np.ndarray) -> captured_gain.CapturedGain:
    """Returns what can be gained of `[inputs]` codes."""
    return captured_gain.CapturedGain(self._table, self._allowed, inputs)

  def measured(self, codes: np.ndarray) -> np.ndarray:
    """Returns what is known of architectures, in the shape of `codes`."""
    missing = np.array(sorted(set(codes.ravel()) - set(self._known)), int)
    space = self._transformer.space
    if len(missing):
      self._report(0, len(missing))
    for start in range(0, len(missing), _CHUNK):
      chunk = missing[start : start + _CHUNK]
      # All calls have one shape, so that nothing is compiled twice.
      encoding = enumeration.encode(space, np.resize(chunk, _CHUNK))
      found = self._transformer.measure(encoding, self._scores)
      self._known.update(zip(chunk.tolist(), found))
      self._report(start + len(chunk), len(missing))
    return np.vectorize(self._known.__getitem__, otypes=[object])(codes)

  def _gain(self, outputs, scale) -> Gain:
    test = self._table.test[outputs]
    return Gain(
      scale(test),
      test,
      scale.improved(test),
      sum(
        not _affords(before, after)
        for before, after in zip(
          self.measured(scale.inputs), self.measured(outputs)
        )
      ),
    )


def _order(measure: Callable, shared: np.ndarray, test: np.ndarray) -> float:
  if np.ptp(shared) == 0 or np.ptp(test) == 0:
    return 0.0
  return float(measure(shared, test).statistic)


def _affords(before: Measured, after: Measured) -> bool:
  """Returns whether a transformation costs no more than its input.

  Where no image reaches an input's output, its network is built without a stem
  and classifies nothing; whatever would, costs more.
  """
  return not before.carries_images or after.cost.within(before.cost)
