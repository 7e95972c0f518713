"""One architecture of a super network, built by itself.

The same operations in a fixed order, without switches, gradients by
TensorFlow's tape, and kernels of its own, copied from the super network's. It
computes what the super network does for that architecture, and is what that is
held against. Where few images and architectures are to be scored it is done
before the super network's step has been compiled.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from nat_tf import computation
from nat_tf import operations
from nat_tf import shared_cell
from nat_tf.architecture import Architecture
from nat_tf.architecture import Cell
from nat_tf.architecture import Edge
from nat_tf.layout import CellPlace
from nat_tf.operations import Chain
from nat_tf.supernet import Scores
from nat_tf.supernet import SuperNetwork


class Kernel(NamedTuple):
  """A kernel and where it was copied from.

  Attributes:
    variable: the copy.
    bank: the super network's variable.
    rows: the rows of the bank that it was.
  """

  variable: tf.Variable
  bank: tf.Variable
  rows: np.ndarray


class _Step(NamedTuple):
  """An edge with what it computes; no chain for null."""

  edge: Edge
  chain: Chain | None
  kernels: list[tf.Variable | tf.Tensor]


class StaticNetwork(tf.Module):
  """One architecture; the layers outside of cells are the super network's.

  Args:
    network: a super network.
    architecture: an architecture of its space.
    learns: whether the copies are variables; else they are constants.

  Attributes:
    kernels: those of the cells, where they are variables.
  """

  def __init__(
    self,
    network: SuperNetwork,
    architecture: Architecture,
    learns: bool = True,
  ):
    super().__init__()
    self._learns = learns
    self._network = network
    self._architecture = architecture
    self.kernels: list[Kernel] = []
    self._cells = []
    for place, cell in zip(network.places, network.shared_cells):
      encoding = network.space.encode_cell(place.kind, self._cell(place))
      rows = cell.index(shared_cell.Path(*encoding)).numpy()
      blocks = [rows[start:end] for start, end in cell.index.spans]
      self._cells.append(self._steps(place, cell.bank, blocks))

  @property
  def own_variables(self) -> list[tf.Variable]:
    """All that it computes with."""
    network = self._network
    layers = [
      *network.stem,
      *(layer for layers in network.preparation for layer in layers),
    ]
    return [
      *(v for layer in layers for v in layer.trainable_variables),
      *(kernel.variable for kernel in self.kernels),
      *network.classifier.trainable_variables,
    ]

  def __call__(self, images: tf.Tensor) -> tf.Tensor:
    """Returns logits `[batch, classes]`.

    Args:
      images: `[batch, height, width, channels]`.
    """
    return self._network.classifier(self._last_cell(images))

  def score(
    self, images: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor
  ) -> Scores:
    """Returns the scores, scalars; see `SuperNetwork.score`."""
    return self._network.score(self._last_cell(images), labels, weights)

  def _last_cell(self, images: tf.Tensor) -> tf.Tensor:
    """Returns the last cell's output."""
    network = self._network
    skeleton = network.config.skeleton
    outputs = self._stem(images)
    for number, (place, layers, steps) in enumerate(
      zip(network.places, network.preparation, self._cells)
    ):
      if skeleton.activates and number:
        outputs[-1] = tf.nn.relu(outputs[-1])
      states = [layer(x) for layer, x in zip(layers, outputs)]
      for edge, chain, kernels in steps:
        y = (
          computation.forward(chain, states[edge.source], kernels)[0]
          if chain
          else None
        )
        while len(states) <= edge.target:
          states.append(None)
        known = states[edge.target]
        if y is not None:
          states[edge.target] = y if known is None else known + y
        elif known is None and edge is self._last(steps, edge.target):
          states[edge.target] = _zeros(images, place, edge.target)
      outputs = [*outputs[1:], self._output(states, place)]
    return outputs[-1]

  def _stem(self, images: tf.Tensor) -> list[tf.Tensor]:
    skeleton, x, results = self._network.config.skeleton, images, []
    for layer in self._network.stem:
      x = layer(x)
      x = tf.nn.relu(x) if skeleton.activates_stem else x
      results.append(x)
    return [results[i] for i in skeleton.stem_outputs]

  @staticmethod
  def _last(steps: list[_Step], target: int) -> Edge:
    """Returns the last edge into a vertex."""
    return [step.edge for step in steps if step.edge.target == target][-1]

  def _cell(self, place: CellPlace) -> Cell:
    return self._network.config.cell(place, self._architecture)

  def _steps(
    self, place: CellPlace, bank: tf.Variable, rows: list[np.ndarray]
  ) -> list[_Step]:
    """Returns every edge of a cell with its chain and kernels."""
    space, cell = self._network.space, self._cell(place)
    result = []
    for edge, slot in zip(cell.edges, space.slots(place.kind, cell)):
      joins = place.edge(edge.source, edge.target)
      chain = operations.on(edge.operation, joins, shared=True)
      shapes = chain.kernel_shapes(joins.inputs, joins.outputs) if chain else []
      kernels, start = [], 0
      for shape in shapes:
        size = math.prod(shape) // bank.shape[-1]
        block = rows[slot][start : start + size]
        kernel = tf.reshape(tf.gather(bank, block), shape)
        if self._learns:
          kernel = tf.Variable(kernel)
          self.kernels.append(Kernel(kernel, bank, block))
        kernels.append(kernel)
        start += size
      result.append(_Step(edge, chain, kernels))
    return result

  def _output(self, states: list[tf.Tensor], place: CellPlace) -> tf.Tensor:
    """Joins a cell's output; what is not part of it stands as 0."""
    space, cell = self._network.space, self._cell(place)
    if space.graphs is not None:
      return tf.concat([states[v] for v in cell.concat], axis=-1)
    nothing = tf.zeros_like(states[space.inputs])
    return tf.concat(
      [
        states[v] if v in cell.concat else nothing
        for v in range(space.inputs, space.vertices)
      ],
      axis=-1,
    )


def _zeros(images: tf.Tensor, place: CellPlace, vertex: int) -> tf.Tensor:
  batch = tf.shape(images)[0] if images.shape[0] is None else images.shape[0]
  return tf.zeros([batch, *place.size(vertex), place.width(vertex)])
