"""Ways to train the weights that all cells of NAS-Bench-201 share.

A step learns from one path (a cell's six operations) or from several, whose
gradients are added up before the weights move.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
import contextlib
from typing import NamedTuple
from unittest import mock

import numpy as np
import tensorflow as tf

from nat_tf import enumeration
from nat_tf import layout
from nat_tf import operations
from nat_tf import path_optimizer
from nat_tf import spaces
from nat_tf import supernet
from nat_tf import transitions

_SPACE = spaces.NASBENCH201
_SEVERAL = 4
_MOMENTUM, _DECAY, _CLIP_NORM = 0.9, 3e-4, 5.0
_FULL, _SKIP = _SPACE.index('conv_3x3'), _SPACE.index('skip')


class Way(NamedTuple):
  """What the steps of a training learn from.

  Attributes:
    paths: of a step.
    draw: returns the operations `[paths, edges]` of a step.
    whole: whether the weights of operations, which only one of the paths moves,
      get all of its gradient; else the gradients' mean moves all weights.
  """

  paths: int
  draw: Callable[..., np.ndarray]
  whole: bool = False


class Draws:
  """Random cells.

  Args:
    odds: how many times likelier an operation with weights is drawn.
    seed: decides all.
  """

  def __init__(self, odds: float, seed: int):
    self.weigh(odds)
    self._random = np.random.default_rng([seed, 1])
    self._allowed = transitions.allowed('nat', _SPACE.operations)
    self._odd = False

  def weigh(self, odds: float):
    """Draws with other odds from now on."""
    weights = [odds if operations.learns(x) else 1 for x in _SPACE.operations]
    self._chances = np.array(weights) / sum(weights)

  def cells(self, count: int = 1) -> np.ndarray:
    """Returns the operations of random cells, `[count, edges]`."""
    size = count, _SPACE.edges
    return self._random.choice(len(self._chances), size, p=self._chances)

  def permutations(self) -> np.ndarray:
    """Returns as many cells as there are operations; all are on every edge."""
    orders = [
      self._random.permutation(len(self._chances)) for _ in range(_SPACE.edges)
    ]
    return np.stack(orders, axis=1)

  def with_transformed(self) -> np.ndarray:
    """Returns a random cell, `[1, edges]`; every other time transformed."""
    cells, self._odd = self.cells(), not self._odd
    if self._odd:
      return cells
    choices = [np.flatnonzero(self._allowed[x]) for x in cells[0]]
    return np.array([[self._random.choice(x) for x in choices]])


def _sandwich(draws: Draws) -> np.ndarray:
  ends = [np.full(_SPACE.edges, x) for x in (_FULL, _SKIP)]
  return np.concatenate([ends, draws.cells()])


WAYS = {
  'one': Way(1, Draws.cells),
  'several': Way(_SEVERAL, lambda draws: draws.cells(_SEVERAL)),
  # FairNAS (Chu et al., 2021).
  'fair': Way(len(_SPACE.operations), Draws.permutations, whole=True),
  # Universally slimmable networks (Yu and Huang, 2019).
  'sandwich': Way(3, _sandwich),
  'transformed': Way(1, Draws.with_transformed),
}


class Trainer:
  """Trains a super network of the NAS-Bench-201 space.

  Args:
    network: the super network.
    rate: in the beginning; it falls to 0 by half a cosine.
    smoothing: share of a label that goes to all classes alike.
    tied: whether cells of one stage share their weights, too.
  """

  def __init__(
    self,
    network: supernet.SuperNetwork,
    rate: float,
    smoothing: float = 0.0,
    tied: bool = False,
  ):
    self._network = network
    self._variables = network.trainable_variables
    self._rate = rate
    self._smoothing = smoothing
    self._ties = _ties(network) if tied else []
    self._optimizer = path_optimizer.PathSGD(
      rate, _MOMENTUM, _DECAY, _CLIP_NORM
    )
    self._optimizer.build(self._variables)
    for first, *others in self._ties:
      for other in others:
        self._variables[other].assign(self._variables[first])
    self._first = [x.numpy() for x in self._variables]
    # Gradients of paths that wait for the other paths of their step.
    self._waiting = [tf.Variable(tf.zeros(x.shape)) for x in self._variables]

  def begin(self):
    """Goes back to the first weights."""
    for variable, first in zip(self._variables, self._first):
      variable.assign(first)
    for variable in self._optimizer.variables:
      variable.assign(tf.zeros_like(variable))

  def step(
    self,
    batch: tuple[tf.Tensor, tf.Tensor],
    paths: np.ndarray,
    done: float,
    whole: bool = False,
  ) -> float:
    """Takes a step; returns the mean loss.

    Args:
      batch: images and labels.
      paths: operations `[paths, edges]`.
      done: share of the training that is done.
      whole: see `Way`.
    """
    self._optimizer.learning_rate = self._rate * (1 + np.cos(np.pi * done)) / 2
    encodings = [encode(path) for path in paths]
    if len(encodings) == 1:
      return float(self._alone(*batch, *encodings))
    share = tf.constant(1 / len(encodings))
    of_operations = tf.constant(1.0) if whole else share
    losses = [
      float(self._add(*batch, one, of_operations, share)) for one in encodings
    ]
    self._apply()
    return float(np.mean(losses))

  @tf.function(autograph=False)
  def _alone(self, images, labels, path):
    loss, gradients = self._gradients(images, labels, path)
    self._move(gradients)
    return loss

  @tf.function(autograph=False)
  def _add(self, images, labels, path, of_operations, of_others):
    loss, gradients = self._gradients(images, labels, path)
    for waiting, gradient in zip(self._waiting, gradients):
      if isinstance(gradient, tf.IndexedSlices):
        part = of_operations * gradient.values
        waiting.scatter_add(tf.IndexedSlices(part, gradient.indices))
      else:
        waiting.assign_add(of_others * gradient)
    return loss

  @tf.function(autograph=False)
  def _apply(self):
    self._move([waiting.read_value() for waiting in self._waiting])
    for waiting in self._waiting:
      waiting.assign(tf.zeros_like(waiting))

  def _gradients(self, images, labels, path):
    with _smoothed(self._smoothing):
      scores, gradients = self._network.loss_and_gradients(images, labels, path)
    return scores.loss, gradients

  def _move(self, gradients):
    gradients = list(gradients)
    for places in self._ties:
      total = _total([gradients[place] for place in places])
      for place in places:
        gradients[place] = total
    self._optimizer.apply_gradients(zip(gradients, self._variables))


def encode(path: np.ndarray) -> spaces.Encoding:
  """Returns the encoding of the cell with these operations, `[edges]`."""
  code = int(np.sum(path * enumeration.place_values(_SPACE)[0]))
  cell = enumeration.encode(_SPACE, np.array(code))
  return spaces.Encoding(*map(tf.constant, cell))


def _ties(network: supernet.SuperNetwork) -> list[list[int]]:
  """Returns which variables are banks of cells of one stage."""
  numbers = {x.ref(): i for i, x in enumerate(network.trainable_variables)}
  banks = [numbers[cell.bank.ref()] for cell in network.shared_cells]
  alike = layout.by_place(network.places).values()
  return [[banks[cell] for cell in cells] for cells in alike if len(cells) > 1]


def _total(gradients: Sequence):
  """Returns the sum of gradients of the same rows, or of dense ones."""
  first = gradients[0]
  if not isinstance(first, tf.IndexedSlices):
    return tf.add_n(gradients)
  values = tf.add_n([x.values for x in gradients])
  return tf.IndexedSlices(values, first.indices, first.dense_shape)


@contextlib.contextmanager
def _smoothed(share: float) -> Iterator[None]:
  """Lets what is traced in the block smooth its labels."""

  def measure(features, logits, labels, weights):
    scores = plain(features, logits, labels, weights)
    uniform = -tf.reduce_mean(tf.nn.log_softmax(logits))
    return scores._replace(loss=(1 - share) * scores.loss + share * uniform)

  plain = supernet.measure
  if not share:
    yield
    return
  with mock.patch.object(supernet, 'measure', measure):
    yield
