"""One cell of the super network: every operation on every edge, one path run.

The architecture is data. A cell's forward and backward pass are compiled once
for a shape and called by every cell of that shape; inside, each edge is a
switch over operations. The backward pass is written out, because TensorFlow's
own gradient of a switch grows with the product of branches and kept maps: the
forward switch returns the few maps that its operation wants kept, the backward
switch uses them and recomputes only what is cheap.
"""

from __future__ import annotations

import collections
from collections.abc import Sequence
import functools
import itertools
import math
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from nat_tf import compiled
from nat_tf import computation
from nat_tf import layout
from nat_tf import operations as operations_lib
from nat_tf import stages
from nat_tf.layout import CellPlace
from nat_tf.layout import EdgePlace
from nat_tf.spaces import Space


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


class KernelIndex:
  """Where the kernels of every edge and operation lie in a cell's bank.

  The bank is a matrix; every kernel is a block of whole rows. Where the space
  leaves sources open, edges with the same source and target share their
  kernels, whatever slot they stand in, but a second edge between the same two
  vertices has kernels of its own. Row 0 belongs to no kernel and stays zero.

  Attributes:
    columns: of the bank; the channels, where all vertices have as many.
    rows: number of rows of the bank.
    longest: for every slot the rows of its largest operation, 1 or more.
    deviations: `[rows]` float32, standard deviation for initialisation.
  """

  def __init__(self, space: Space, place: CellPlace):
    self._space = space
    self._graph = space.graph(place.kind)
    joins = self._banks_join(place)
    self.columns = math.gcd(*(edge.inputs for edge in joins), place.channels)
    self.columns = math.gcd(self.columns, *(edge.outputs for edge in joins))
    starts, sizes, deviations = [], [], [0.0]
    for number, edge in enumerate(joins):
      chains = [operations_lib.on(o, edge, True) for o in space.operations]
      blocks = [
        self._deviations(chain, edge) if self._occurs(number, choice) else []
        for choice, chain in enumerate(chains)
      ]
      sizes.append([len(block) for block in blocks])
      starts.append(len(deviations) + np.cumsum([0, *sizes[-1][:-1]]))
      deviations.extend(value for block in blocks for value in block)
    self._starts = np.array(starts, np.int32)
    self._sizes = np.array(sizes, np.int32)
    self.rows = len(deviations)
    self.longest = self._longest()
    self.deviations = np.array(deviations, np.float32)

  @property
  def spans(self) -> tuple[tuple[int, int], ...]:
    """Where the rows of every slot begin and end in what a call returns."""
    ends = list(itertools.accumulate(self.longest))
    return tuple(zip([0, *ends], ends))

  def __call__(self, path: Path) -> tf.Tensor:
    """Returns the bank's rows on a path, int32, those of all slots in turn.

    Places beyond an operation's own rows point to row 0.
    """
    where = tf.stack([self._banks(path), path.operations], axis=-1)
    slots = np.repeat(np.arange(len(self.longest)), self.longest)
    offsets = np.concatenate([np.arange(n) for n in self.longest])
    starts = tf.gather(tf.gather_nd(self._starts, where), slots)
    sizes = tf.gather(tf.gather_nd(self._sizes, where), slots)
    return tf.where(offsets < sizes, starts + offsets.astype(np.int32), 0)

  def _banks_join(self, place: CellPlace) -> list[EdgePlace]:
    """What the edge of every place in the bank joins."""
    targets = self._space.targets
    if self._graph is not None:
      pairs = list(zip(self._graph.sources, targets))
      present = self._graph.present
      # A slot without an edge holds nothing; what it would join is no matter.
      return [
        place.edge(*(pair if there else pairs[0]))
        for pair, there in zip(pairs, present)
      ]
    # A target's slots stand for its first, second, … edge from one source.
    return [
      place.edge(source, target)
      for target in targets
      for source in range(target)
    ]

  def _occurs(self, number: int, choice: int) -> bool:
    """Whether the edge at a place in the bank may carry an operation."""
    if self._graph is None:
      return True
    return choice in self._graph.choices[number]

  def _longest(self) -> list[int]:
    if self._graph is None:
      return [max(int(self._sizes.max()), 1)] * self._space.edges
    return [max(int(sizes.max()), 1) for sizes in self._sizes]

  def _banks(self, path: Path) -> tf.Tensor:
    targets = np.array(self._space.targets, np.int32)
    if self._graph is not None:
      return tf.range(len(targets))
    first_slot = np.searchsorted(targets, targets)
    before = np.concatenate([[0], np.cumsum(targets)[:-1]])[first_slot]
    copies = path.copies(self._space)
    return before.astype(np.int32) + copies * targets + path.sources

  def _deviations(
    self, chain: operations_lib.Chain | None, edge: EdgePlace
  ) -> list[float]:
    if chain is None:
      return []
    shapes = chain.kernel_shapes(edge.inputs, edge.outputs)
    fans = chain.fans_in(edge.inputs, edge.outputs)
    return [
      math.sqrt(2.0 / fan)
      for shape, fan in zip(shapes, fans)
      for _ in range(math.prod(shape) // self.columns)
    ]


def slots_of(space: Space, place: CellPlace) -> list[tuple[int, int]]:
  """Returns the slots in which the cell at a place may have edges.

  Returns:
    Pairs of slot and target, in the order of the slots.
  """
  graph = space.graph(place.kind)
  return [
    (slot, target)
    for slot, target in enumerate(space.targets)
    if graph is None or graph.present[slot]
  ]


class CellProgram:
  """Forward and backward pass of a cell, for every architecture of a space.

  Maps are `[batch, height, width, channels]`; `kernels` is `[rows, columns]`,
  the rows of the bank that `KernelIndex` names.

  Args:
    space: the search space.
    place: where a cell stands; cells with the same `key` share a program.
    spans: of their `KernelIndex`.
  """

  def __init__(
    self, space: Space, place: CellPlace, spans: Sequence[tuple[int, int]]
  ):
    self._space = space
    self._place = place
    self._spans = spans
    self._graph = space.graph(place.kind)
    self._null = space.index('null')
    self.slots = slots_of(space, place)
    self.forward = compiled.once(self._forward)
    self.recall = compiled.once(self._recall)
    self.backward = compiled.once(self._backward)

  @staticmethod
  def key(
    space: Space, place: CellPlace, spans: Sequence[tuple[int, int]]
  ) -> Any:
    """Returns what cells have in common that share a program."""
    joins = place.stride, place.strided, place.widths, place.shortcut
    return space.graph(place.kind), joins, tuple(spans)

  def remembers(self, path: Path, fresh: tf.Tensor) -> tf.Tensor:
    """Returns which edges `recall` puts into its memory, `[edges]` bool."""
    return fresh & ~self._identities(path)

  def _identities(self, path: Path) -> tf.Tensor:
    """Returns which edges hand their source on as it is, `[edges]` bool."""
    if 'skip' not in self._space.operations:
      return tf.zeros_like(path.present)
    skips = path.operations == self._space.index('skip')
    if self._graph is None:
      inner = path.sources >= self._space.inputs
      return skips & ((self._place.stride == 1) | inner)
    pairs = list(zip(self._graph.sources, self._space.targets))
    same = np.zeros(len(pairs), bool)
    for slot, _ in self.slots:
      edge = self._place.edge(*pairs[slot])
      same[slot] = edge.stride == 1 and edge.inputs == edge.outputs
    return skips & same

  def _forward(self, kernels, inputs, path):
    """Returns the output, the computed vertices, and what every edge kept.

    The output is `[batch, height, width, outputs * channels]`.
    """
    states, kept = list(inputs), []
    for slot, target in self.slots:
      y, places = self._edge(states[:target], kernels, path, slot)
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
      memory: for each of `slots` a map. Identities never enter it: they cost
        nothing, and what took time should stay.
    """
    states, memory = list(inputs), list(memory)
    carries = path.carries(self._space)
    kept = self.remembers(path, fresh)
    for i, (slot, target) in enumerate(self.slots):
      y = self._edge_or(
        memory[i], fresh[slot], states[:target], kernels, path, slot
      )
      memory[i] = _choose(tf.cast(kept[slot], tf.int32), [memory[i], y])
      if len(states) == target:
        states.append(_or_zeros(carries[slot], y))
      else:
        states[target] = _plus(carries[slot], states[target], y)
    computed = states[len(inputs) :]
    return self._output(computed, path), memory

  def _output(self, computed, path):
    """Returns the output; what is not part of it stands as 0, unless fixed."""
    if self._graph is None:
      return tf.concat(_masked(computed, path.concat), axis=-1)
    concat = self._graph.concat
    chosen = [computed[v - self._space.inputs] for v in concat]
    return chosen[0] if len(chosen) == 1 else tf.concat(chosen, axis=-1)

  def _output_gradient(self, computed, path, doutput):
    """Returns the computed vertices' gradients, as far as from the output."""
    if self._graph is None:
      parts = tf.split(doutput, len(computed), axis=-1)
      return _masked(parts, path.concat)
    concat = self._graph.concat
    parts = tf.split(doutput, len(concat), axis=-1)
    gradients = [tf.zeros(x.shape) for x in computed]
    for vertex, part in zip(concat, parts):
      gradients[vertex - self._space.inputs] = part
    return gradients

  def _edge_or(self, known, fresh, states, kernels, path, slot):
    """Applies an edge's operation where it is fresh; else returns `known`."""
    return tf.cond(
      fresh,
      lambda: self._edge(states, kernels, path, slot)[0],
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
    dkernels = [tf.zeros_like(self._kernels(kernels, s)) for s in self._unused]
    for i, (slot, target) in reversed(list(enumerate(self.slots))):
      dxs, dkernel = self._edge_gradient(
        states[:target], kernels, path, slot, kept[i], gradients[target]
      )
      dkernels.insert(0, dkernel)
      gradients[:target] = self._accumulate(gradients[:target], dxs, path, slot)
    order = np.argsort([*(slot for slot, _ in self.slots), *self._unused])
    return (
      tf.concat([dkernels[i] for i in order], axis=0),
      gradients[: len(inputs)],
    )

  @property
  def _unused(self) -> list[int]:
    """Slots without an edge."""
    used = {slot for slot, _ in self.slots}
    return [i for i in range(self._space.edges) if i not in used]

  def _kernels(self, kernels, slot):
    start, end = self._spans[slot]
    return kernels[start:end]

  def _edge(self, states, kernels, path, slot):
    """Applies an edge's operation; returns its result and what it kept."""
    operation, kernels = path.operations[slot], self._kernels(kernels, slot)
    if self._graph is not None:
      x = states[self._graph.sources[slot]]
      return _forward_edge(self._kind(slot))(x, kernels, operation)
    outer, inner = self._candidates(states, path.sources[slot])
    near = functools.partial(_forward_edge(self._open_kind(1)), inner)
    stride = self._place.stride
    if stride == 1:
      return near(kernels, operation)
    far = functools.partial(_forward_edge(self._open_kind(stride)), outer)
    if inner is None:
      return far(kernels, operation)
    return tf.cond(
      path.sources[slot] < self._space.inputs,
      lambda: far(kernels, operation),
      lambda: near(kernels, operation),
    )

  def _kind(self, slot: int) -> EdgeKind:
    """Returns what a slot may carry, in a space that fixes the graph."""
    assert self._graph is not None
    source, target = self._graph.sources[slot], self._space.targets[slot]
    edge = self._place.edge(source, target)
    names = tuple(
      name if i in self._graph.choices[slot] else 'null'
      for i, name in enumerate(self._space.operations)
    )
    return EdgeKind(
      names, edge.stride, edge.shortcut, edge.outputs, (edge.stride,)
    )

  def _open_kind(self, stride: int) -> EdgeKind:
    shortcut = self._place.shortcut
    return EdgeKind(self._space.operations, stride, shortcut, None, (1, 2))

  def _edge_gradient(self, states, kernels, path, slot, kept, dy):
    """Returns gradients of an edge's candidates and kernels.

    A candidate that the edge did not read gets a map of the right shape that
    means nothing; `_accumulate` does not use it.
    """
    kernels = self._kernels(kernels, slot)
    rest = (kernels, path.operations[slot], kept, dy)
    if self._graph is not None:
      x = states[self._graph.sources[slot]]
      dx, dkernels = _backward_edge(self._kind(slot))(x, *rest)
      return (None, dx), dkernels
    outer, inner = self._candidates(states, path.sources[slot])

    def near():
      dx, dkernels = _backward_edge(self._open_kind(1))(inner, *rest)
      return outer, dx, dkernels

    def far():
      kind = self._open_kind(self._place.stride)
      dx, dkernels = _backward_edge(kind)(outer, *rest)
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
    if self._place.stride == 1:
      return None, _choose(source, states)
    outer = _choose(tf.minimum(source, inputs - 1), states[:inputs])
    if len(states) == inputs:
      return outer, None
    return outer, _choose(tf.maximum(source - inputs, 0), states[inputs:])

  def _accumulate(self, gradients, dxs, path, slot):
    """Adds an edge's gradient to that of its source; others pass untouched."""
    outer, inner = dxs
    carries = path.operations[slot] != self._null
    if self._graph is not None:
      source, gradients = self._graph.sources[slot], list(gradients)
      gradients[source] = _plus(carries, gradients[source], inner)
      return gradients
    vertex = tf.where(carries, path.sources[slot], -1)
    if self._place.stride == 1:
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


class EdgeKind(NamedTuple):
  """What an edge may carry.

  Attributes:
    operations: for every operation of the space its name; null where the edge
      cannot carry it.
    stride: of the edge.
    shortcut: what a skip is that halves the size.
    outputs: channels of its target; None where the space leaves sources open:
      then those of its source.
    strides: those that edges have which keep as much for the backward pass.
  """

  operations: tuple[str, ...]
  stride: int
  shortcut: layout.Shortcut
  outputs: int | None
  strides: tuple[int, ...]

  def chains(self, stride: int | None = None):
    """Returns the operations' chains; of another stride, if one is given."""
    return [
      operations_lib.chain(
        name, stride or self.stride, True, self.shortcut, self.outputs
      )
      for name in self.operations
    ]

  def nothing(self, x: tf.Tensor) -> tf.Tensor:
    """Returns a map of the result's shape that means nothing."""
    x = x[:, :: self.stride, :: self.stride] if self.stride > 1 else x
    if self.outputs is None:
      return x
    return computation.apply(stages.Widen(self.outputs), x)


@functools.cache
def _place_shapes(
  kind: EdgeKind, inputs: int, size: tuple[int, int]
) -> tuple[tuple[int, ...], ...]:
  """Returns the shapes of what any of an edge's operations wants kept.

  Args:
    kind: what the edge may carry.
    inputs: channels of its source.
    size: height and width of its source.

  Returns:
    Shapes without the batch, each as often as the greediest operation needs;
    the same ones for all `kind.strides`, whose results have one size. Where
    there are several, all that is kept must have the result's size.
  """
  most: collections.Counter = collections.Counter()
  after = layout.halved(size, kind.stride)
  for stride in kind.strides:
    before = (
      size if stride == kind.stride else (stride * after[0], stride * after[1])
    )
    for chain in kind.chains(stride):
      if chain is not None:
        shapes = chain.kept_shapes(inputs, kind.outputs or inputs, before)
        most |= collections.Counter(shapes)
  return tuple(sorted(most.elements()))


def _spread(kind, x, y, chain, kept):
  """Spreads what a chain kept over the places that every operation has.

  Args:
    kind: decides what places there are.
    x: the edge's source.
    y: the result; fills places that the chain does not need.
    chain: a chain; None keeps nothing.
    kept: what its forward pass returned.

  Returns:
    Tensors of the shapes of `_place_shapes`.
  """
  batch, *size, inputs = x.shape
  left = dict(enumerate(kept))
  shapes = []
  if chain is not None:
    shapes = chain.kept_shapes(inputs, kind.outputs or inputs, tuple(size))
  places = []
  for shape in _place_shapes(kind, inputs, tuple(size)):
    found = next((i for i in left if shapes[i] == shape), None)
    if found is None:
      whole = shape if len(shape) == 2 else (batch, *shape)
      places.append(y if whole == tuple(y.shape) else tf.zeros(whole))
    else:
      places.append(left.pop(found))
  return places


def _kept(kind, x, chain, places):
  """Takes back what `_spread` has spread, in the chain's order."""
  _, *size, inputs = x.shape
  free = list(zip(_place_shapes(kind, inputs, tuple(size)), places))
  result = []
  for shape in chain.kept_shapes(inputs, kind.outputs or inputs, tuple(size)):
    found = next(i for i, (place, _) in enumerate(free) if place == shape)
    result.append(free.pop(found)[1])
  return result


@functools.cache
def _forward_edge(kind: EdgeKind):
  """Returns a compiled `(x, kernels, operation) -> (y, kept)`.

  Null's result has the right shape and means nothing; so do the places that an
  operation does not need.
  """

  def run(chain, x, kernels):
    if chain is None:
      y, kept = kind.nothing(x), list[tf.Tensor]()
    else:
      y, kept = computation.forward(chain, x, _unpack(chain, x, kernels, kind))
    return y, _spread(kind, x, y, chain, kept)

  def edge(x, kernels, operation):
    branches = [
      functools.partial(run, chain, x, kernels) for chain in kind.chains()
    ]
    return tf.switch_case(operation, branches)

  return compiled.once(edge)


@functools.cache
def _backward_edge(kind: EdgeKind):
  """Returns a compiled gradient, of `x` and `kernels`.

  Its arguments are `x, kernels, operation, kept, dy`.
  """

  def run(chain, x, kernels, kept, dy):
    if chain is None:
      return x, tf.zeros(kernels.shape)
    dx, dkernels = computation.backward(
      chain,
      x,
      _unpack(chain, x, kernels, kind),
      _kept(kind, x, chain, kept),
      dy,
    )
    return dx, _pack(dkernels, kernels.shape)

  def edge(x, kernels, operation, kept, dy):
    branches = [
      functools.partial(run, chain, x, kernels, kept, dy)
      for chain in kind.chains()
    ]
    return tf.switch_case(operation, branches)

  return compiled.once(edge)


@compiled.traced_once
def _choose(index, tensors):
  """Returns one of several tensors of one shape, without copying it."""
  if len(tensors) == 1:
    return tensors[0]
  return tf.switch_case(index, [lambda t=t: t for t in tensors])


@compiled.traced_once
def _or_zeros(flag, x):
  """Returns `x`, or zeros."""
  return tf.cond(flag, lambda: x, lambda: tf.zeros(x.shape))


@compiled.traced_once
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


def _unpack(chain, x, rows, kind):
  """Cuts an edge's rows `[longest, columns]` into the kernels of a chain."""
  inputs, columns = x.shape[-1], rows.shape[-1]
  kernels, start = [], 0
  for shape in chain.kernel_shapes(inputs, kind.outputs or inputs):
    size = math.prod(shape) // columns
    kernels.append(tf.reshape(rows[start : start + size], shape))
    start += size
  return kernels


def _pack(kernels, shape):
  """Puts kernels' gradients into rows of `shape`, zeros below."""
  longest, columns = shape
  if not kernels:
    return tf.zeros(shape)
  rows = tf.concat([tf.reshape(k, [-1, columns]) for k in kernels], axis=0)
  return tf.pad(rows, [[0, longest - rows.shape[0]], [0, 0]])
