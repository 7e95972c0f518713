"""What a transformation is worth, by the shared weights."""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import functools
from typing import Any

import numpy as np
import tensorflow as tf

from nat_tf import scoring
from nat_tf import static_network
from nat_tf import supernet
from nat_tf.spaces import Encoding


class SharedWeightReward:
  """Gain in accuracy on one mini-batch: `R(alpha, w) - R(beta, w)`.

  Every replica scores its part of the transformations, all on the same images
  (method, sections 1 and 4).

  Args:
    network: the super network.
    strategy: has the replicas; None for the one in whose scope this is called.
  """

  def __init__(
    self,
    network: supernet.SuperNetwork,
    strategy: tf.distribute.Strategy | None = None,
  ):
    self._network = network
    self._strategy = strategy or tf.distribute.get_strategy()
    self._batch: tuple[Any, Any] | None = None

  @contextlib.contextmanager
  def measured_on(self, images: Any, labels: Any) -> Iterator[None]:
    """Lets all rewards of the block be measured on one batch.

    Args:
      images: `[batch, height, width, channels]`, the same for every replica.
      labels: `[batch]` int32, the same for every replica.
    """
    self._batch = images, labels
    try:
      yield
    finally:
      self._batch = None

  def __call__(self, beta: Encoding, alpha: Encoding) -> tf.Tensor:
    """Returns the rewards `[architectures]` float32, -1 to 1.

    Args:
      beta: the architectures before, one leading dimension.
      alpha: the architectures after.

    Raises:
      ValueError: it is called outside of `measured_on`.
    """
    if self._batch is None:
      raise ValueError('rewards need images: call this within `measured_on`')
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
      scores = scoring.score(self._network, images, labels, both)
      before, after = tf.split(scores.accuracy, 2)
      return after - before

    found = strategy.run(gains, self._batch)
    return strategy.gather(found, axis=0)[:count]


# Up to so many architectures times batches are faster one by one than it takes
# to compile the scores of all: 4 s instead of 9 s for 12 architectures of the
# digits run (docs/performance.md).
_FEW = 100


class HeldOutAccuracy:
  """Accuracy of architectures on all examples of a data set.

  Args:
    network: the super network.
    batches: one pass of images, labels and weights `[batch]`, 0 for fillers.
  """

  def __init__(self, network: supernet.SuperNetwork, batches: tf.data.Dataset):
    self._network = network
    self._batches = batches
    self._score = tf.function(
      functools.partial(scoring.score, network), autograph=False
    )

  def __call__(self, architectures: Encoding) -> np.ndarray:
    """Returns the accuracies `[architectures]`, 0 to 1.

    Args:
      architectures: encodings with one leading dimension; another number of
        them compiles anew, unless they are few.
    """
    passes = len(architectures.operations) * int(self._batches.cardinality())
    if 0 < passes <= _FEW:
      return self._one_by_one(architectures)
    architectures = Encoding(*(tf.convert_to_tensor(x) for x in architectures))
    right, count = np.zeros(len(architectures.operations)), 0.0
    for images, labels, weights in self._batches:
      scores = self._score(images, labels, architectures, weights)
      examples = float(tf.reduce_sum(weights))
      right = right + scores.accuracy.numpy().astype(np.float64) * examples
      count += examples
    return right / count

  def _one_by_one(self, architectures: Encoding) -> np.ndarray:
    """Returns the same without compiling anything."""
    networks = [
      static_network.StaticNetwork(
        self._network,
        self._network.space.decode(
          Encoding(*(np.asarray(x[i]) for x in architectures))
        ),
        learns=False,
      )
      for i in range(len(architectures.operations))
    ]
    right, count = np.zeros(len(networks)), 0.0
    for images, labels, weights in self._batches:
      examples = float(tf.reduce_sum(weights))
      for i, network in enumerate(networks):
        scores = supernet.measure(network(images), labels, weights)
        right[i] += float(scores.accuracy) * examples
      count += examples
    return right / count
