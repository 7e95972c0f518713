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
from nat_tf.stages import Keeps


class Path(NamedTuple):
  """The part of an architecture that one cell needs, as tensors.

  Attributes:
    operations: `[..., edges]` int32, index into the space's operations.
    sources: `[..., edges]` int32.
    present: `[..., edges]` bool.
    concat: `[..., intermediates]` bool.
  """

  operations: tf.Tensor
  sources: tf.Tensor
  present: tf.Tensor
  concat: tf.Tensor

  def carries(self, space: Space) -> tf.Tensor:
    """Returns whether each edge carries anything, `[..., edges]` bool."""
    return self.present & (self.operations != space.index('null'))

  def where(self, live: tf.Tensor, space: Space) -> Path:
    """Returns the path, with null on every edge where it is not live.

    Args:
      live: `[...]` bool.
      space: the search space.
    """
    operations = tf.where(
      live[..., tf.newaxis], self.operations, space.index('null')
    )
    return self._replace(operations=operations)

  def reads(self, space: Space) -> tf.Tensor:
    """Returns whether any edge reads each of the inputs, `[..., inputs]`."""
    inputs = tf.range(space.inputs)[:, tf.newaxis]
    from_input = self.sources[..., tf.newaxis, :] == inputs
    return tf.reduce_any(
      self.carries(space)[..., tf.newaxis, :] & from_input, axis=-1
    )

  def copies(self, space: Space) -> tf.Tensor:
    """Returns how many earlier edges join the same two vertices.

    The second edge between two vertices has kernels of its own.

    Returns:
      `[..., edges]` int32.
    """
    targets = np.array(space.targets)
    earlier = np.tril(targets[:, None] == targets[None], -1)
    twins = self.sources[..., :, None] == self.sources[..., None, :]
    return tf.reduce_sum(tf.cast(twins & earlier, tf.int32), axis=-1)

  def identities(self, space: Space, stride: int) -> tf.Tensor:
    """Returns which edges hand their source on as it is, `[..., edges]` bool.

    Args:
      space: the search space.
      stride: of the edges that leave the cell's inputs.
    """
    if 'skip' not in space.operations:
      return tf.zeros_like(self.present)
    skips = self.operations == space.index('skip')
    return skips & ((stride == 1) | (self.sources >= space.inputs))


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
    banks = self._banks(path)
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

  def _banks(self, path: Path) -> tf.Tensor:
    targets = np.array(self._space.targets, np.int32)
    if self._space.sources is not None:
      return tf.range(len(targets))
    first_slot = np.searchsorted(targets, targets)
    before = np.concatenate([[0], np.cumsum(targets)[:-1]])[first_slot]
    copies = path.copies(self._space)
    return before.astype(np.int32) + copies * targets + path.sources

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
    self.recall = _once(self._recall)
    self.backward = _once(self._backward)

  def remembers(self, path: Path, fresh: tf.Tensor) -> tf.Tensor:
    """Returns which edges `recall` puts into its memory, `[edges]` bool."""
    return fresh & ~path.identities(self._space, self._stride)

  def _forward(self, kernels, inputs, path):
    """Returns the output, the computed vertices, and what every edge kept.

    The output is `[batch, height, width, outputs * channels]`.
    """
    states, kept = list(inputs), []
    for slot, target in enumerate(self._space.targets):
      y, places = self._edge(states[:target], kernels[slot], path, slot)
      kept.append(places)
      carries = path.operations[slot] != self._null
      if len(states) == target:
        states.append(_or_zeros(carries, y))
      else:
        states[target] = _plus(carries, states[target], y)
    computed = states[len(inputs) :]
    return self._output(computed, path), computed, kept

  def _recall(self, kernels, inputs, path, fresh, memory):
    """Returns the output and what every edge has computed last.

    Args:
      kernels: as given to `forward`.
      inputs: as given to `forward`.
      path: as given to `forward`.
      fresh: `[edges]` bool, whether the edge has to be computed; where not,
        the result is taken from memory, or it is null.
      memory: for every edge a map. Identities never enter it: they cost
        nothing, and what took time should stay.
    """
    states, memory = list(inputs), list(memory)
    carries = path.carries(self._space)
    kept = self.remembers(path, fresh)
    for slot, target in enumerate(self._space.targets):
      y = self._edge_or(
        memory[slot], fresh[slot], states[:target], kernels, path, slot
      )
      memory[slot] = _choose(tf.cast(kept[slot], tf.int32), [memory[slot], y])
      if len(states) == target:
        states.append(_or_zeros(carries[slot], y))
      else:
        states[target] = _plus(carries[slot], states[target], y)
    computed = states[len(inputs) :]
    return self._output(computed, path), memory

  def _output(self, computed, path):
    """Returns the output; what is not part of it stands as 0, unless fixed."""
    if self._space.concat is None:
      return tf.concat(_masked(computed, path.concat), axis=-1)
    chosen = [computed[v - self._space.inputs] for v in self._space.concat]
    return tf.concat(chosen, axis=-1)

  def _output_gradient(self, computed, path, doutput):
    """Returns the computed vertices' gradients, as far as from the output."""
    parts = tf.split(doutput, self._space.outputs, axis=-1)
    if self._space.concat is None:
      return _masked(parts, path.concat)
    gradients = [tf.zeros(x.shape) for x in computed]
    for vertex, part in zip(self._space.concat, parts):
      gradients[vertex - self._space.inputs] = part
    return gradients

  def _edge_or(self, known, fresh, states, kernels, path, slot):
    """Applies an edge's operation where it is fresh; else returns `known`."""
    return tf.cond(
      fresh,
      lambda: self._edge(states, kernels[slot], path, slot)[0],
      lambda: known,
    )

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
    gradients = [tf.zeros(x.shape) for x in inputs]
    gradients += self._output_gradient(computed, path, doutput)
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
    """Applies an edge's operation; returns its result and what it kept."""
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
      return None, _choose(source, states)
    outer = _choose(tf.minimum(source, inputs - 1), states[:inputs])
    if len(states) == inputs:
      return outer, None
    return outer, _choose(tf.maximum(source - inputs, 0), states[inputs:])

  def _accumulate(self, gradients, dxs, path, slot):
    """Adds an edge's gradient to that of its source; others pass untouched."""
    outer, inner = dxs
    carries = path.operations[slot] != self._null
    vertex = tf.where(carries, path.sources[slot], -1)
    if self._stride == 1:
      return _plus_at(vertex, gradients, inner)
    inputs = self._space.inputs
    far = _plus_at(
      tf.where(vertex < inputs, vertex, -1), gradients[:inputs], outer
    )
    if inner is None:
      return far
    near = _plus_at(
      tf.where(vertex < inputs, -1, vertex - inputs), gradients[inputs:], inner
    )
    return [*far, *near]


def _once(function):
  """Compiles a function that all its callers share.

  A function that is not inlined is optimised and instantiated once, however
  many cells and edges call it: start-up does not grow with the network.
  """
  return tf.function(
    function, autograph=False, experimental_attributes={'_noinline': True}
  )


def _traced_once(function):
  """Shares the trace only: small functions are quicker where they are inlined.

  Tracing branches is what takes longest before the first step.
  """
  return tf.function(function, autograph=False)


def _chains(space: Space, stride: int):
  return [operations_lib.chain(name, stride, True) for name in space.operations]


@functools.cache
def _most_kept(space: Space, what: Keeps) -> int:
  """Largest number of tensors of a kind that an operation keeps."""
  chains = [chain for stride in (1, 2) for chain in _chains(space, stride)]
  return max(c.kept_kinds.count(what) for c in chains if c is not None)


def _places(space, y, chain, kept):
  """Spreads what a chain kept over the places that every edge has.

  Args:
    space: decides how many places there are.
    y: a map that fills places for maps that the chain does not need.
    chain: a chain; None keeps nothing.
    kept: what its forward pass returned.

  Returns:
    Maps, and statistics `[2, channels]`, as many as the greediest chain needs.
  """
  kinds = chain.kept_kinds if chain is not None else []
  fillers = {Keeps.OUTPUT: y, Keeps.STATISTICS: tf.zeros([2, y.shape[-1]])}
  return [
    ([tensor for k, tensor in zip(kinds, kept) if k is kind] + [filler] * most)[
      :most
    ]
    for kind, filler in fillers.items()
    for most in [_most_kept(space, kind)]
  ]


def _kept(chain, places):
  """Takes back what `_places` has spread, in the chain's order."""
  maps, statistics = (iter(tensors) for tensors in places)
  return [
    next(maps if kind is Keeps.OUTPUT else statistics)
    for kind in chain.kept_kinds
  ]


@functools.cache
def _forward_edge(space: Space, stride: int):
  """Returns a compiled `(x, kernels, operation) -> (y, kept)`.

  Null's result has the right shape and means nothing; so do the places that an
  operation does not need.
  """

  def run(chain, x, kernels):
    if chain is None:
      y, kept = x[:, ::stride, ::stride] if stride > 1 else x, []
    else:
      y, kept = chain.forward(x, _unpack(chain, kernels))
    return y, _places(space, y, chain, kept)

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
      return x, tf.zeros(kernels.shape)
    dx, dkernels = chain.backward(
      x, _unpack(chain, kernels), _kept(chain, kept), dy
    )
    return dx, _pack(dkernels, kernels.shape)

  def edge(x, kernels, operation, kept, dy):
    branches = [
      functools.partial(run, chain, x, kernels, kept, dy)
      for chain in _chains(space, stride)
    ]
    return tf.switch_case(operation, branches)

  return _once(edge)


@_traced_once
def _choose(index, tensors):
  """Returns one of several tensors of one shape, without copying it."""
  if len(tensors) == 1:
    return tensors[0]
  return tf.switch_case(index, [lambda t=t: t for t in tensors])


@_traced_once
def _or_zeros(flag, x):
  """Returns `x`, or zeros."""
  return tf.cond(flag, lambda: x, lambda: tf.zeros(x.shape))


@_traced_once
def _plus(flag, total, x):
  """Returns `total + x`, or `total`."""
  return tf.cond(flag, lambda: total + x, lambda: total)


def _plus_at(index, totals, x):
  """Returns the totals with `x` added to one, or to none where it is -1."""
  # A condition each: one switch over all would hand every total to every
  # branch, and graphs of a thousand nodes more take longer to start.
  return [_plus(index == i, total, x) for i, total in enumerate(totals)]


def _masked(tensors, mask):
  """Replaces tensors by zeros where `mask`, `[tensors]` bool, is False."""
  return [_or_zeros(mask[i], x) for i, x in enumerate(tensors)]


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
