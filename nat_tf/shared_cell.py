"""One cell of the super network: every operation on every edge, one path run.

The architecture is data. A cell's forward and backward pass are compiled once
for a shape and called by every cell of that shape; inside, each edge is a
switch over operations. The backward pass is written out, because TensorFlow's
own gradient of a switch grows with the product of branches and kept maps: the
forward switch returns the few maps that its operation wants kept, the backward
switch uses them and recomputes only what is cheap.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from nat_tf import operations as operations_lib
from nat_tf.layout import CellPlace
from nat_tf.spaces import Space


class Path(NamedTuple):
  """The part of an architecture that one cell needs, as tensors.

  Attributes:
    operations: `[edges]` int32, index into the space's operations.
    sources: `[edges]` int32.
    concat: `[intermediates]` bool.
  """

  operations: tf.Tensor
  sources: tf.Tensor
  concat: tf.Tensor


class KernelIndex:
  """Where the kernels of every edge and operation lie in a cell's bank.

  The bank is a matrix with `channels` columns; every kernel is a block of whole
  rows. Edges with the same source and target share their kernels, whatever
  slot they stand in, but a second edge between the same two vertices has
  kernels of its own. Row 0 belongs to no kernel and stays zero.

  Attributes:
    rows: number of rows of the bank.
    longest: rows of the largest operation.
    deviations: `[rows]` float32, standard deviation for initialisation.
  """

  def __init__(self, space: Space, place: CellPlace):
    self._space = space
    self._channels = place.channels
    starts, sizes, deviations = [], [], [0.0]
    for source in self._bank_sources():
      stride = place.stride if source < space.inputs else 1
      chains = [operations_lib.chain(o, stride, True) for o in space.operations]
      blocks = [self._deviations(chain) for chain in chains]
      sizes.append([len(block) for block in blocks])
      starts.append(len(deviations) + np.cumsum([0, *sizes[-1][:-1]]))
      deviations.extend(value for block in blocks for value in block)
    self._starts = np.array(starts, np.int32)
    self._sizes = np.array(sizes, np.int32)
    self.rows = len(deviations)
    self.longest = max(int(self._sizes.max()), 1)
    self.deviations = np.array(deviations, np.float32)

  def __call__(self, path: Path) -> tf.Tensor:
    """Returns the bank's rows on a path, `[edges, longest]` int32.

    Places beyond an operation's own rows point to row 0.
    """
    banks = self._banks(path.sources)
    where = tf.stack([banks, path.operations], axis=-1)
    starts = tf.gather_nd(self._starts, where)[:, tf.newaxis]
    sizes = tf.gather_nd(self._sizes, where)[:, tf.newaxis]
    offsets = tf.range(self.longest)[tf.newaxis]
    return tf.where(offsets < sizes, starts + offsets, 0)

  def _bank_sources(self) -> list[int]:
    """Source vertex of every place in the bank."""
    if self._space.sources is not None:
      return list(self._space.sources)
    targets = self._space.targets
    return [
      source for target in targets for source in range(target)
    ]  # A target's slots stand for its first, second, … edge from one source.

  def _banks(self, sources: tf.Tensor) -> tf.Tensor:
    targets = np.array(self._space.targets)
    if self._space.sources is not None:
      return tf.range(len(targets))
    # How many earlier slots of the same target read the same source.
    earlier = np.tril(targets[:, None] == targets[None], -1)
    twins = (sources[:, tf.newaxis] == sources[tf.newaxis]) & earlier
    copy = tf.reduce_sum(tf.cast(twins, tf.int32), axis=-1)
    first_slot = np.searchsorted(targets, targets)
    before = np.concatenate([[0], np.cumsum(targets)[:-1]])[first_slot]
    return before.astype(np.int32) + copy * targets.astype(np.int32) + sources

  def _deviations(self, chain: operations_lib.Chain | None) -> list[float]:
    if chain is None:
      return []
    shapes = chain.kernel_shapes(self._channels)
    fans = chain.fans_in(self._channels)
    return [
      math.sqrt(2.0 / fan)
      for shape, fan in zip(shapes, fans)
      for _ in range(math.prod(shape) // self._channels)
    ]


class CellProgram:
  """Forward and backward pass of a cell, for every architecture of a space.

  Maps are `[batch, height, width, channels]`; `kernels` is `[edges, longest,
  channels]`, the rows of the bank that `KernelIndex` names.

  Args:
    space: the search space.
    stride: of the edges that leave the cell's inputs.
  """

  def __init__(self, space: Space, stride: int):
    self._space = space
    self._stride = stride
    self._null = space.index('null')
    self.forward = _once(self._forward)
    self.backward = _once(self._backward)

  def _forward(self, kernels, inputs, path):
    """Returns the output, the computed vertices, and what every edge kept.

    The output is `[batch, height, width, intermediates * channels]`.
    """
    states, kept = list(inputs), []
    for slot, target in enumerate(self._space.targets):
      y, maps = self._edge(states[:target], kernels[slot], path, slot)
      kept.append(maps)
      null = path.operations[slot] == self._null
      if len(states) == target:
        states.append(
          tf.cond(null, lambda y=y: tf.zeros_like(y), lambda y=y: y)
        )
      else:
        total = states[target]
        states[target] = tf.cond(
          null, lambda t=total: t, lambda t=total, y=y: t + y
        )
    computed = states[len(inputs) :]
    return tf.concat(_masked(computed, path.concat), axis=-1), computed, kept

  def _backward(self, kernels, inputs, path, computed, kept, doutput):
    """Returns the gradients of kernels and inputs.

    Args:
      kernels: as given to `forward`.
      inputs: as given to `forward`.
      path: as given to `forward`.
      computed: the computed vertices that `forward` returned.
      kept: what `forward` returned.
      doutput: gradient of the output.
    """
    states = [*inputs, *computed]
    parts = tf.split(doutput, len(computed), axis=-1)
    gradients = [tf.zeros_like(x) for x in inputs]
    gradients += _masked(parts, path.concat)
    dkernels: list[tf.Tensor] = []
    for slot, target in reversed(list(enumerate(self._space.targets))):
      dxs, dkernel = self._edge_gradient(
        states[:target],
        kernels[slot],
        path,
        slot,
        kept[slot],
        gradients[target],
      )
      dkernels.insert(0, dkernel)
      gradients[:target] = self._accumulate(gradients[:target], dxs, path, slot)
    return tf.stack(dkernels), gradients[: len(inputs)]

  def _edge(self, states, kernels, path, slot):
    """Applies an edge's operation; returns its result and the kept maps."""
    operation = path.operations[slot]
    outer, inner = self._candidates(states, path.sources[slot])
    near = functools.partial(_forward_edge(self._space, 1), inner)
    if self._stride == 1:
      return near(kernels, operation)
    far = functools.partial(_forward_edge(self._space, self._stride), outer)
    if inner is None:
      return far(kernels, operation)
    return tf.cond(
      path.sources[slot] < self._space.inputs,
      lambda: far(kernels, operation),
      lambda: near(kernels, operation),
    )

  def _edge_gradient(self, states, kernels, path, slot, kept, dy):
    """Returns gradients of an edge's candidates and kernels.

    A candidate that the edge did not read gets a map of the right shape that
    means nothing; `_accumulate` does not use it.
    """
    outer, inner = self._candidates(states, path.sources[slot])
    rest = (kernels, path.operations[slot], kept, dy)

    def near():
      dx, dkernels = _backward_edge(self._space, 1)(inner, *rest)
      return outer, dx, dkernels

    def far():
      dx, dkernels = _backward_edge(self._space, self._stride)(outer, *rest)
      return dx, inner, dkernels

    if outer is None or inner is None:
      *dxs, dkernels = near() if outer is None else far()
    else:
      is_far = path.sources[slot] < self._space.inputs
      *dxs, dkernels = tf.cond(is_far, far, near)
    return dxs, dkernels

  def _candidates(self, states, source):
    """Returns the vertex an edge reads, among the inputs and among the others.

    With a stride these two differ in size, so one switch cannot choose among
    all. Without, all count as others. None where there is nothing to choose.
    """
    inputs = self._space.inputs
    if self._stride == 1:
      return None, _select(states, source)
    outer = _select(states[:inputs], tf.minimum(source, inputs - 1))
    if len(states) == inputs:
      return outer, None
    return outer, _select(states[inputs:], tf.maximum(source - inputs, 0))

  def _accumulate(self, gradients, dxs, path, slot):
    """Adds an edge's gradient to that of its source; others pass untouched."""
    outer, inner = dxs

    def add(vertex):
      result = list(gradients)
      far = self._stride > 1 and vertex < self._space.inputs
      result[vertex] = result[vertex] + (outer if far else inner)
      return result

    null = path.operations[slot] == self._null
    return tf.switch_case(
      tf.where(null, 0, path.sources[slot] + 1),
      [lambda: list(gradients)]
      + [functools.partial(add, vertex) for vertex in range(len(gradients))],
    )


def _once(function):
  """Compiles a function that all its callers share.

  A function that is not inlined is optimised and instantiated once, however
  many cells and edges call it: start-up does not grow with the network.
  """
  return tf.function(
    function, autograph=False, experimental_attributes={'_noinline': True}
  )


def _chains(space: Space, stride: int):
  return [operations_lib.chain(name, stride, True) for name in space.operations]


def _kept(space: Space) -> int:
  """Number of maps that every edge returns for its backward pass."""
  chains = [chain for s in (1, 2) for chain in _chains(space, s)]
  return max(chain.kept for chain in chains if chain is not None)


@functools.cache
def _forward_edge(space: Space, stride: int):
  """Returns a compiled `(x, kernels, operation) -> (y, kept maps)`.

  Null's result has the right shape and means nothing; so do the maps that an
  operation does not need.
  """

  def run(chain, x, kernels):
    if chain is None:
      y, maps = x[:, ::stride, ::stride] if stride > 1 else x, []
    else:
      y, maps = chain.forward(x, _unpack(chain, kernels))
    return y, maps + [y] * (_kept(space) - len(maps))

  def edge(x, kernels, operation):
    branches = [
      functools.partial(run, chain, x, kernels)
      for chain in _chains(space, stride)
    ]
    return tf.switch_case(operation, branches)

  return _once(edge)


@functools.cache
def _backward_edge(space: Space, stride: int):
  """Returns a compiled gradient, of `x` and `kernels`.

  Its arguments are `x, kernels, operation, kept, dy`.
  """

  def run(chain, x, kernels, kept, dy):
    if chain is None:
      return x, tf.zeros_like(kernels)
    dx, dkernels = chain.backward(
      x, _unpack(chain, kernels), kept[: chain.kept], dy
    )
    return dx, _pack(dkernels, kernels.shape)

  def edge(x, kernels, operation, kept, dy):
    branches = [
      functools.partial(run, chain, x, kernels, kept, dy)
      for chain in _chains(space, stride)
    ]
    return tf.switch_case(operation, branches)

  return _once(edge)


def _select(tensors, index):
  """Returns one of several tensors of one shape, without copying it."""
  if len(tensors) == 1:
    return tensors[0]
  return tf.switch_case(index, [lambda t=t: t for t in tensors])


def _masked(tensors, mask):
  """Replaces tensors by zeros where `mask`, `[tensors]` bool, is False."""
  return [
    tf.cond(mask[i], lambda t=t: t, lambda t=t: tf.zeros_like(t))
    for i, t in enumerate(tensors)
  ]


def _unpack(chain, rows):
  """Cuts an edge's rows `[longest, channels]` into the kernels of a chain."""
  channels = rows.shape[-1]
  kernels, start = [], 0
  for shape in chain.kernel_shapes(channels):
    size = math.prod(shape) // channels
    kernels.append(tf.reshape(rows[start : start + size], shape))
    start += size
  return kernels


def _pack(kernels, shape):
  """Puts kernels' gradients into rows of `shape`, zeros below."""
  longest, channels = shape
  if not kernels:
    return tf.zeros(shape)
  rows = tf.concat([tf.reshape(k, [-1, channels]) for k in kernels], axis=0)
  return tf.pad(rows, [[0, longest - rows.shape[0]], [0, 0]])
