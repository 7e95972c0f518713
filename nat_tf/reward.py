"""What a transformation is worth, by the shared weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
import contextlib
import functools
from typing import Any

import numpy as np
import tensorflow as tf

from nat_tf import scoring
from nat_tf import static_network
from nat_tf import supernet
from nat_tf.spaces import Encoding

# What can be gained (`Scores`); the paper gains accuracy.
GAINED = ('accuracy', 'separation')


class SharedWeightReward:
  """Gain on one mini-batch: `R(alpha, w) - R(beta, w)`.

  Every replica scores its part of the transformations, all on the same images
  (method, sections 1 and 4).

  Args:
    networks: the super network, or several of the same space.
    strategy: has the replicas; None for the one in whose scope this is called.
    gained: R, one of `GAINED`.
  """

  def __init__(
    self,
    networks: Sequence[supernet.SuperNetwork],
    strategy: tf.distribute.Strategy | None = None,
    gained: str = 'accuracy',
  ):
    self._networks = networks
    self._gained = gained
    self._strategy = strategy or tf.distribute.get_strategy()
    self._where: tuple[supernet.SuperNetwork, Any, Any] | None = None

  @contextlib.contextmanager
  def measured_on(
    self, images: Any, labels: Any, network: int = 0
  ) -> Iterator[None]:
    """Lets all rewards of the block be measured on one batch, in one network.

    Args:
      images: `[batch, height, width, channels]`, the same for every replica.
      labels: `[batch]` int32, the same for every replica.
      network: which one of the networks, by position.
    """
    self._where = self._networks[network], images, labels
    try:
      yield
    finally:
      self._where = None

  def __call__(self, beta: Encoding, alpha: Encoding) -> tf.Tensor:
    """Returns the rewards `[architectures]` float32, -1 to 1.

    Args:
      beta: the architectures before, one leading dimension.
      alpha: the architectures after.

    Raises:
      ValueError: it is called outside of `measured_on`.
    """
    if self._where is None:
      raise ValueError('rewards need images: call this within `measured_on`')
    network, *batch = self._where
    strategy, count = self._strategy, beta.operations.shape[0]
    each = -(-count // strategy.num_replicas_in_sync)

    def gains(images, labels):
      replica = tf.distribute.get_replica_context().replica_id_in_sync_group
      # Where they do not come out even, the last one is scored again.
      mine = tf.minimum(replica * each + tf.range(each), count - 1)
      pairs = zip(*(map(tf.identity, x) for x in (beta, alpha)))
      both = Encoding(
        *(tf.concat([tf.gather(x, mine) for x in pair], 0) for pair in pairs)
      )
      scores = scoring.score(network, images, labels, both)
      before, after = tf.split(getattr(scores, self._gained), 2)
      return after - before

    found = strategy.run(gains, batch)
    return strategy.gather(found, axis=0)[:count]


# Up to so many architectures times batches are faster one by one than it takes
# to compile the scores of all: 4 s instead of 9 s for 12 architectures of the
# digits run (docs/performance.md).
_FEW = 100
# Architectures scored in one call of the graph where there are more.
_CHUNK = 64
# Scores of `[architectures]` on one batch of images, labels and weights.
_Score = Callable[[Any, Any, Any], supernet.Scores]


class HeldOutScores:
  """Scores of architectures on all examples of a data set.

  Args:
    networks: the super network, or several of the same space, whose scores'
      mean is taken.
    batches: one pass of images, labels and weights `[batch]`, 0 for fillers.
  """

  def __init__(
    self,
    networks: Sequence[supernet.SuperNetwork],
    batches: tf.data.Dataset,
  ):
    self._networks = networks
    self._batches = batches
    self._score = tf.function(
      _mean_of([functools.partial(scoring.score, one) for one in networks]),
      autograph=False,
    )

  def __call__(
    self,
    architectures: Encoding,
    report: Callable[[int, int], None] = lambda done, of: None,
  ) -> supernet.Scores:
    """Returns the scores, `[architectures]` float64 arrays.

    Each is the mean over the batches, which count by their examples.

    Args:
      architectures: encodings with one leading dimension; another number of
        them compiles anew, unless they are few or very many.
      report: is told how many architectures of how many are scored; half of
        the batches on all of them count as half of them.
    """
    count = len(architectures.operations)
    batches = int(self._batches.cardinality())
    few = 0 < count * batches <= _FEW
    report(0, count)
    scores = (
      self._alone(architectures) if few else self._by_graph(architectures)
    )
    sums = np.zeros([len(supernet.Scores._fields), count])
    seen, done = 0.0, 0
    for images, labels, weights in self._batches:
      examples = float(tf.reduce_sum(weights))
      for part, score in scores:
        found = np.array(score(images, labels, weights), np.float64)
        found = found.reshape([len(sums), -1])[:, : part.stop - part.start]
        sums[:, part] += found * examples
        done += part.stop - part.start
        if done < count * batches:
          report(done // batches, count)
      seen += examples
    report(count, count)
    return supernet.Scores(*(sums / seen))

  def _alone(self, architectures: Encoding) -> list[tuple[slice, _Score]]:
    """Returns what scores one after the other without compiling anything."""
    return [
      (
        slice(i, i + 1),
        self._score_of(Encoding(*(x[i] for x in architectures))),
      )
      for i in range(len(architectures.operations))
    ]

  def _score_of(self, one: Encoding) -> _Score:
    """Returns what scores one architecture without compiling anything."""
    architecture = self._networks[0].space.decode(
      Encoding(*(np.asarray(x) for x in one))
    )
    return _mean_of(
      [
        static_network.StaticNetwork(network, architecture, learns=False).score
        for network in self._networks
      ]
    )

  def _by_graph(self, architectures: Encoding) -> list[tuple[slice, _Score]]:
    """Returns what scores all, or some at a time where they are many."""
    count = len(architectures.operations)
    size = min(count, _CHUNK)

    def score_of(part: slice) -> _Score:
      # All calls have one shape, so that nothing is compiled twice.
      rows = np.resize(np.arange(count)[part], size)
      chunk = Encoding(
        *(tf.constant(np.asarray(x)[rows]) for x in architectures)
      )

      return lambda images, labels, weights: self._score(
        images, labels, chunk, weights
      )

    parts = [
      slice(start, min(start + size, count)) for start in range(0, count, size)
    ]
    return [(part, score_of(part)) for part in parts]


def _mean_of(
  each: Sequence[Callable[..., supernet.Scores]],
) -> Callable[..., supernet.Scores]:
  """Returns what gives the mean of the scores that one or more give."""
  if len(each) == 1:
    return each[0]

  def mean(*args) -> supernet.Scores:
    scores = zip(*(one(*args) for one in each))
    return supernet.Scores(*(tf.add_n(x) / len(each) for x in scores))

  return mean
