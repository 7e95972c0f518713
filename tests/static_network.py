"""One architecture of a super network, built by itself.

The reference that the super network is held against, in tests for what it
computes, in benchmarks for what it costs: the same operations in a fixed order,
no switches, gradients by TensorFlow's tape, and kernels of its own, copied from
the super network's.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from nat_tf import layout
from nat_tf import operations
from nat_tf import shared_cell
from nat_tf.architecture import Architecture
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


class StaticNetwork(tf.Module):
  """One architecture; the layers outside of cells are the super network's.

  Args:
    network: a super network.
    architecture: an architecture of its space.

  Attributes:
    kernels: those of the cells.
  """

  def __init__(self, network: SuperNetwork, architecture: Architecture):
    super().__init__()
    self._network = network
    self._architecture = architecture
    self.kernels: list[Kernel] = []
    self._cells = []
    for place, cell in zip(
      layout.places(network.config), network._shared_cells
    ):
      encoding = network.space.encode_cell(place.kind, self._cell(place))
      path = shared_cell.Path(*map(tf.constant, encoding))
      spans = cell._index.spans
      rows = cell._index(path).numpy()
      blocks = [rows[start:end] for start, end in spans]
      self._cells.append(self._edges(place, cell.bank, blocks))

  @property
  def own_variables(self) -> list[tf.Variable]:
    """All that it computes with."""
    shared = [
      variable
      for preprocess in self._network._preprocess
      for layer in preprocess
      for variable in layer.trainable_variables
    ]
    return [
      *(v for one in self._network._stem for v in one.trainable_variables),
      *shared,
      *(kernel.variable for kernel in self.kernels),
      *self._network._classifier.trainable_variables,
    ]

  def __call__(self, images: tf.Tensor) -> tf.Tensor:
    """Returns logits `[batch, classes]`."""
    network = self._network
    skeleton = network.config.skeleton
    x, stem = images, []
    for layer in network._stem:
      x = layer(x)
      x = tf.nn.relu(x) if skeleton.activates_stem else x
      stem.append(x)
    outputs = [stem[i] for i in skeleton.stem_outputs]
    for number, (place, preprocess, edges) in enumerate(
      zip(layout.places(network.config), network._preprocess, self._cells)
    ):
      if skeleton.activates and number:
        outputs[-1] = tf.nn.relu(outputs[-1])
      states = [layer(x) for layer, x in zip(preprocess, outputs)]
      for edge, chain, kernels in edges:
        y = chain.forward(states[edge.source], kernels)[0] if chain else None
        while len(states) < edge.target:
          states.append(_zeros(images, place, len(states)))
        if len(states) == edge.target:
          states.append(
            y if y is not None else _zeros(images, place, edge.target)
          )
        elif y is not None:
          states[edge.target] += y
      outputs = [
        *outputs[1:],
        _output(states, self._cell(place), network.space),
      ]
    return network._classifier(outputs[-1])

  def _cell(self, place):
    return self._network.config.cell(place, self._architecture)

  def _edges(self, place, bank, rows):
    """Returns every edge of a cell with its chain and kernels."""
    space, cell = self._network.space, self._cell(place)
    result = []
    for edge, slot in zip(cell.edges, space._slots(place.kind, cell)):
      joins = place.edge(edge.source, edge.target)
      chain = operations.on(edge.operation, joins, shared=True)
      shapes = chain.kernel_shapes(joins.inputs, joins.outputs) if chain else []
      kernels, start = [], 0
      for shape in shapes:
        size = math.prod(shape) // bank.shape[-1]
        block = rows[slot][start : start + size]
        variable = tf.Variable(tf.reshape(tf.gather(bank, block), shape))
        kernels.append(variable)
        self.kernels.append(Kernel(variable, bank, block))
        start += size
      result.append((edge, chain, kernels))
    return result


def _zeros(images, place, vertex):
  return tf.zeros([images.shape[0], *place.size(vertex), place.width(vertex)])


def _output(states, cell, space):
  if space.graphs is not None:
    return tf.concat([states[v] for v in cell.concat], axis=-1)
  return tf.concat(
    [
      states[v] if v in cell.concat else tf.zeros_like(states[space.inputs])
      for v in range(space.inputs, space.vertices)
    ],
    axis=-1,
  )
