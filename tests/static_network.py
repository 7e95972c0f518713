"""One architecture of a super network, built by itself with plain TensorFlow.

The reference that the super network is held against: no switches, no gradient
written by hand, the same weights.
"""

from __future__ import annotations

import math

import tensorflow as tf

from nat_tf import layout
from nat_tf import operations
from nat_tf import shared_cell
from nat_tf.architecture import Architecture
from nat_tf.supernet import SuperNetwork


def logits(
  network: SuperNetwork, images: tf.Tensor, architecture: Architecture
):
  """Returns `[batch, classes]`."""
  outputs = [network._stem(images)] * network.space.inputs
  cells = zip(
    layout.places(network.config), network._preprocess, network._shared_cells
  )
  encoding = network.space.encode(architecture)
  for place, preprocess, cell in cells:
    kind = network.space.cells.index(place.kind)
    path = shared_cell.Path(
      tf.constant(encoding.operations[kind]),
      tf.constant(encoding.sources[kind]),
      tf.constant(encoding.concat[kind]),
    )
    rows = cell._index(path).numpy()
    states = [layer(x) for layer, x in zip(preprocess, outputs)]
    slots = network.space._slots(place.kind, architecture[place.kind])
    for edge, slot in zip(architecture[place.kind].edges, slots):
      stride = place.stride if edge.source < network.space.inputs else 1
      y = _edge(states[edge.source], edge.operation, stride, cell, rows[slot])
      if len(states) == edge.target:
        states.append(tf.zeros_like(x_like(states, place)))
      if y is not None:
        states[edge.target] += y
    outputs = [*outputs[1:], _output(states, architecture[place.kind], network)]
  return network._classifier(tf.reduce_mean(outputs[-1], axis=[1, 2]))


def x_like(states, place):
  """Returns a map of the size that the cell computes."""
  return states[0][:, :: place.stride, :: place.stride]


def _edge(x, operation, stride, cell, rows):
  chain = operations.chain(operation, stride, shared=True)
  if chain is None:
    return None
  kernels, start = [], 0
  for shape in chain.kernel_shapes(x.shape[-1]):
    size = math.prod(shape) // x.shape[-1]
    block = tf.gather(cell.bank, rows[start : start + size])
    kernels.append(tf.reshape(block, shape))
    start += size
  return chain.forward(x, kernels)[0]


def _output(states, cell, network):
  parts = []
  for vertex in range(network.space.inputs, network.space.vertices):
    if vertex in cell.concat:
      parts.append(states[vertex])
    else:
      parts.append(tf.zeros_like(states[network.space.inputs]))
  return tf.concat(parts, axis=-1)
