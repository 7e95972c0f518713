"""The shared super network: one set of weights for every architecture.

An architecture is a path through it, given as data (`spaces.Encoding`), so one
compiled step serves all of them (method, section 3).
"""

from __future__ import annotations

from collections.abc import Sequence
import dataclasses
import functools
from typing import Any, NamedTuple

import tensorflow as tf

from nat_tf import layout
from nat_tf import separation
from nat_tf import shared_cell
from nat_tf import shared_layers
from nat_tf import stages
from nat_tf.architecture import REDUCTION
from nat_tf.layout import NetworkConfig
from nat_tf.spaces import Encoding
from nat_tf.spaces import Space
from nat_tf.value_numbers import CellNumbers


class Scores(NamedTuple):
  """How well architectures do on one batch, `[...]` for so many architectures.

  Attributes:
    loss: `[...]` float32, mean cross-entropy.
    accuracy: `[...]` float32, share of right answers, 0 to 1.
    separation: `[...]` float32, how far apart the classes are in what the last
      layer reads, 0 to 1 (`separation.separation`).
  """

  loss: tf.Tensor
  accuracy: tf.Tensor
  separation: tf.Tensor


class CellPlan(NamedTuple):
  """What an architecture does with one cell of the network.

  Attributes:
    path: the cell's part of the architecture; all null where it is not live.
    live: `[...]` bool, whether anything reads the cell's output.
    reads: `[..., inputs]` bool, which inputs it reads; none where it is not
      live.
  """

  path: shared_cell.Path
  live: tf.Tensor
  reads: tf.Tensor


class CellMemory(NamedTuple):
  """What a cell has computed last.

  Attributes:
    prepared: a map for every input, after the cell's own convolution.
    edges: a map for every edge, `[batch, height, width, channels]`.
    output: of the cell, after the ReLU that its readers share.
  """

  prepared: list[tf.Tensor]
  edges: list[tf.Tensor]
  output: tf.Tensor


class Begun(NamedTuple):
  """What is the same for all architectures.

  Attributes:
    stem: what the first cell reads, `[batch, height, width, channels]` each.
    prepared: inputs of the first cells that are made from the stem alone, by
      number of cell and input.
  """

  stem: list[tf.Tensor]
  prepared: dict[tuple[int, int], tf.Tensor]


class SuperNetwork(tf.keras.Model):
  """All architectures of a space in one network with shared weights.

  Where the skeleton has it so, a cell's output goes through a ReLU once, and
  then, for every cell that reads it, through a convolution and a batch norm of
  that cell's own. What an architecture does not read is not computed.

  Args:
    space: the search space.
    config: number of cells, channels, image and classes.
    source: a network of the same space, images and classes whose layers it
      takes, so that both compute with the same weights; None to make new ones.
      It may have more cells: those at equal places are then passed more than
      once, each as often as the others, or nearly so, and in their order.

  Raises:
    ValueError: a cell has no counterpart in `source`, or has weights of its own
      place for what it reads, as all that prepare their inputs.
  """

  def __init__(
    self,
    space: Space,
    config: NetworkConfig,
    source: SuperNetwork | None = None,
    **kwargs,
  ):
    super().__init__(**kwargs)
    self.space = space
    self.config = config
    self.places = layout.places(config)
    if source is None:
      self._make_layers()
    else:
      self._take_layers(source)

  def _make_layers(self):
    """Makes layers, and their weights at random."""
    space, config, places = self.space, self.config, self.places
    programs: dict[Any, shared_cell.CellProgram] = {}
    self.stem = [
      shared_layers.ConvNorm(
        one.channels, stages.Conv(one.kernel, one.stride), name=f'stem_{i}'
      )
      for i, (one, _) in enumerate(layout.stem(config))
    ]
    self.preparation = [
      [_preprocessing(place, i) for i in range(space.inputs)]
      for place in places
    ]
    self.shared_cells = [
      shared_layers.SharedCell(space, place, programs, name=f'cell_{i}')
      for i, place in enumerate(places)
    ]
    self.classifier = shared_layers.Classifier(config, name='classifier')
    self._build_layers()

  def _take_layers(self, source: SuperNetwork):
    """Takes the layers of a network."""
    known, mine = map(layout.by_place, (source.places, self.places))
    for place in mine:
      if place not in known or place.prepares:
        raise ValueError(f'no weights for the cell at {place}')
    numbers = []
    for number, place in enumerate(self.places):
      theirs, turn = known[place], mine[place].index(number)
      numbers.append(theirs[turn * len(theirs) // len(mine[place])])
    self.stem, self.classifier = source.stem, source.classifier
    self.preparation = [source.preparation[number] for number in numbers]
    self.shared_cells = [source.shared_cells[number] for number in numbers]
    self.built = True

  def with_cells(self, cells: int) -> SuperNetwork:
    """Returns a network of another number of cells with these very weights.

    Args:
      cells: how many.

    Raises:
      ValueError: a cell of it has no counterpart here; see the class.
    """
    config = dataclasses.replace(self.config, cells=cells)
    return SuperNetwork(self.space, config, self)

  def call(self, images: tf.Tensor, architecture: Encoding) -> tf.Tensor:
    """Returns logits `[batch, classes]`.

    Args:
      images: `[batch, height, width, channels]`.
      architecture: one encoding, without leading dimensions.
    """
    output, _ = self._pullback(images, architecture)
    return self.classifier(output)

  def plans(self, architecture: Encoding) -> list[CellPlan]:
    """Returns what an architecture does with every cell.

    Args:
      architecture: encodings with any leading dimensions.
    """
    kinds = [place.kind for place in self.places]
    paths = {kind: self._path(kind, architecture) for kind in set(kinds)}
    reads = {kind: path.reads(self.space) for kind, path in paths.items()}
    nobody = tf.zeros_like(paths[kinds[0]].present[..., 0])
    live = [nobody] * (len(kinds) - 1) + [~nobody]
    plans: list[CellPlan] = []
    for number, kind in reversed(list(enumerate(kinds))):
      read = live[number][..., tf.newaxis] & reads[kind]
      for i in range(self.space.inputs):
        if self._producer(number, i) >= 0:
          live[self._producer(number, i)] |= read[..., i]
      path = paths[kind].where(live[number], self.space)
      plans.insert(0, CellPlan(path, live[number], read))
    return plans

  def _path(self, kind: str, architecture: Encoding) -> shared_cell.Path:
    """Returns what stands at places of one kind; one for all where fixed."""
    fixed = self.config.skeleton.reduction
    if kind != REDUCTION or fixed is None:
      row = self.space.cells.index(kind)
      return shared_cell.Path(*(array[..., row, :] for array in architecture))
    leading = architecture.operations.shape[:-2]
    return shared_cell.Path(
      *(
        tf.broadcast_to(array, [*leading, *array.shape])
        for array in self.space.encode_cell(kind, fixed)
      )
    )

  def begin(self, images: tf.Tensor) -> Begun:
    """Returns what no architecture changes.

    Args:
      images: `[batch, height, width, channels]`.
    """
    stem = self._stem_pullback(images)[0]
    return Begun(
      stem,
      {
        (number, i): layer(stem[number + i])
        for number, layers in enumerate(self.preparation)
        for i, layer in enumerate(layers)
        if self._producer(number, i) < 0
      },
    )

  def recall(
    self,
    number: int,
    begun: Begun,
    outputs: Sequence[tf.Tensor],
    plan: CellPlan,
    memory: CellMemory,
    known: CellNumbers,
    wanted: CellNumbers,
  ) -> tuple[CellMemory, CellNumbers]:
    """Computes what is not known yet of a cell.

    Args:
      number: of the cell.
      begun: what `begin` returned.
      outputs: what the cells before gave, as many as a cell has inputs, the
        newest last; the stem stands for cells that do not exist.
      plan: what the architecture does with the cell.
      memory: what the cell has computed last.
      known: the numbers of what is in the memory.
      wanted: the numbers of what the architecture computes.

    Returns:
      The memory and its numbers afterwards.
    """
    missing = plan.live & (wanted.output != known.output)
    fresh_inputs = missing & plan.reads & (wanted.inputs != known.inputs)
    prepared = [
      begun.prepared[number, i]
      if (number, i) in begun.prepared
      else layer.forward_or(memory.prepared[i], fresh_inputs[i], outputs[i])
      for i, layer in enumerate(self.preparation[number])
    ]
    cell = self.shared_cells[number]
    fresh = missing & plan.path.carries(self.space)
    fresh &= wanted.edges != known.edges
    output, edges = cell.recall(
      missing,
      prepared,
      plan.path,
      fresh,
      memory.output,
      memory.edges,
      functools.partial(self._activated_output, number),
    )
    numbers = CellNumbers(
      tf.where(fresh_inputs, wanted.inputs, known.inputs),
      tf.where(cell.remembers(plan.path, fresh), wanted.edges, known.edges),
      tf.where(missing, wanted.output, known.output),
    )
    return CellMemory(prepared, edges, output), numbers

  def memory_specs(self, batch: int) -> list[CellMemory]:
    """Returns the shapes of what `recall` remembers, a cell each.

    Args:
      batch: number of images.
    """
    space = self.space

    def spec(size, channels):
      return tf.TensorSpec((batch, *size, channels))

    return [
      CellMemory(
        [spec(place.input_size, place.width(0))] * space.inputs,
        [
          spec(place.size(target), place.width(target))
          for _, target in shared_cell.slots_of(space, place)
        ],
        spec(place.output_size, self._output_channels(place)),
      )
      for place in self.places
    ]

  def _output_channels(self, place: layout.CellPlace) -> int:
    return self.space.outputs(place.kind) * place.channels

  def score(
    self, output: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor
  ) -> Scores:
    """Returns the scores, scalars, for the last cell's output.

    Args:
      output: `[batch, height, width, channels]`.
      labels: `[batch]` int32.
      weights: `[batch]` float32, how much every example counts.
    """
    features = self.classifier.features(output)
    logits = self.classifier.logits(features)
    return measure(features, logits, labels, weights)

  def loss_and_gradients(
    self, images: tf.Tensor, labels: tf.Tensor, architecture: Encoding
  ) -> tuple[Scores, list]:
    """Returns one architecture's scores and its loss's gradients.

    Args:
      images: `[batch, height, width, channels]`.
      labels: `[batch]` int32.
      architecture: one encoding, without leading dimensions.

    Returns:
      Scores (scalars) and gradients in the order of `trainable_variables`;
      those of the cells' banks are `tf.IndexedSlices`.

    Raises:
      ValueError: a cell is passed more than once.
    """
    if len(set(self.shared_cells)) < len(self.shared_cells):
      raise ValueError('a network that repeats cells can only score')
    output, pull_output = self._pullback(images, architecture)
    with tf.GradientTape() as tape:
      tape.watch(output)
      scores = self.score(output, labels, tf.ones(labels.shape))
    weights = self.classifier.trainable_variables
    doutput, dweights = tape.gradient(scores.loss, (output, weights))
    gradients = pull_output(doutput)
    gradients.update((v.ref(), g) for v, g in zip(weights, dweights))
    return scores, [gradients[v.ref()] for v in self.trainable_variables]

  def _pullback(self, images, architecture):
    """Returns the last cell's output and the function that pulls it back."""
    outputs, pull_stem = self._stem_pullback(images)
    pulls = []
    for number, plan in enumerate(self.plans(architecture)):
      output, pull_cell = self._pullback_of_cell(number, plan, outputs)
      outputs = [*outputs[1:], output]
      pulls.append(pull_cell)

    def pull(doutput):
      gradients: dict = {}
      # Gradients of the last `inputs` outputs, the newest last.
      pending = [None] * (self.space.inputs - 1) + [doutput]
      for pull_cell in reversed(pulls):
        dinputs = pull_cell(pending.pop(), gradients)
        pending = [
          dx if waiting is None else waiting + dx
          for waiting, dx in zip([None, *pending], dinputs)
        ]
      pull_stem(pending, gradients)
      return gradients

    return outputs[-1], pull

  def _stem_pullback(self, images):
    """Returns what the first cell reads and the function that pulls it back.

    That one takes the gradients of what it returned and a dictionary that it
    adds the weights' gradients to.
    """
    skeleton, x, steps = self.config.skeleton, images, []
    for layer in self.stem:
      y, kept = layer.forward(x)
      activated = tf.nn.relu(y) if skeleton.activates_stem else y
      steps.append((layer, x, kept, y, activated))
      x = activated

    def pull(doutputs, gradients):
      pending: list[list[tf.Tensor]] = [[] for _ in steps]
      for i, doutput in zip(skeleton.stem_outputs, doutputs):
        pending[i].append(doutput)
      for i, (layer, x, kept, y, activated) in reversed(list(enumerate(steps))):
        dy = _before_activation(y, activated, tf.add_n(pending[i]))
        dx, dweights = layer.backward(x, kept, dy)
        gradients.update(_of_weights(layer, dweights))
        if i:
          pending[i - 1].append(dx)

    return [steps[i][-1] for i in skeleton.stem_outputs], pull

  def _pullback_of_cell(self, number, plan, outputs):
    """Returns a cell's output and the function that pulls it back.

    That one takes the gradient of the output, and a dictionary that it adds
    the weights' gradients to; it returns the gradients of `outputs`.
    """
    layers, cell = self.preparation[number], self.shared_cells[number]
    reads = tf.unstack(plan.reads)
    prepared, kept = zip(
      *(
        layer.forward_where(read, x)
        for layer, read, x in zip(layers, reads, outputs)
      )
    )
    y, pull_cell = cell.pullback(list(prepared), plan.path)
    activated = self._activated_output(number, y)

    def pull(doutput, gradients):
      doutput = _before_activation(y, activated, doutput)
      dprepared, gradients[cell.bank.ref()] = pull_cell(doutput)
      doutputs = []
      for i, layer in enumerate(layers):
        dx, dweights = layer.backward_where(
          reads[i], outputs[i], kept[i], dprepared[i]
        )
        gradients.update(_of_weights(layer, dweights))
        doutputs.append(dx)
      return doutputs

    return activated, pull

  def _activated_output(self, number, y):
    """Applies the ReLU that all readers share; the last cell has none."""
    last = number == len(self.places) - 1
    return tf.nn.relu(y) if self.config.skeleton.activates and not last else y

  def _producer(self, number: int, i: int) -> int:
    """Returns which cell gives a cell's input; below 0 it is the stem."""
    return number - self.space.inputs + i

  def _build_layers(self):
    """Creates all weights now, so that seeds and checkpoints are certain."""
    config = self.config
    stem = [joins for _, joins in layout.stem(config)]
    for layer, joins in zip(self.stem, stem):
      layer.build((None, *joins.input_size, joins.inputs))
    channels = [stem[i].outputs for i in config.skeleton.stem_outputs]
    for number, place in enumerate(self.places):
      for layer, inputs in zip(self.preparation[number], channels):
        layer.build((None, None, None, inputs))
      self.shared_cells[number].build(None)
      channels = [*channels[1:], self._output_channels(place)]
    self.classifier.build((None, None, None, channels[-1]))
    self.built = True


def measure(
  features: tf.Tensor, logits: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor
) -> Scores:
  """Returns the scores, scalars.

  Args:
    features: what the last layer reads, `[batch, features]`.
    logits: `[batch, classes]`.
    labels: `[batch]` int32.
    weights: `[batch]` float32, how much every example counts.
  """
  losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
  right = tf.argmax(logits, axis=-1, output_type=labels.dtype) == labels
  right = tf.cast(right, tf.float32)
  count = tf.reduce_sum(weights)
  return Scores(
    tf.reduce_sum(losses * weights) / count,
    tf.reduce_sum(right * weights) / count,
    separation.separation(
      features, tf.one_hot(labels, logits.shape[-1]), weights
    ),
  )


def _before_activation(x, activated, dactivated):
  """Returns the gradient of `x`."""
  if activated is x:
    return dactivated
  return tf.raw_ops.ReluGrad(gradients=dactivated, features=activated)


def _of_weights(layer, gradients):
  """Returns the gradients of a layer's weights by their references."""
  return {
    weights.ref(): gradient
    for weights, gradient in zip(layer.trainable_variables, gradients)
  }


def _preprocessing(
  place: layout.CellPlace, i: int
) -> shared_layers.ConvNorm | shared_layers.Weightless:
  if not place.prepares:
    return shared_layers.Weightless(place.pool)
  halves = i == 0 and place.halve_first
  convolution = stages.FactorizedReduction() if halves else stages.Conv(1)
  return shared_layers.ConvNorm(place.channels, convolution)
