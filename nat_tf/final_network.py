"""The final network of an architecture: a Keras model, trained from scratch.

An ordinary functional model that gives logits. Its layers are Keras's wherever
Keras has them; batch norm has scale, offset and moving statistics (method,
section 6). Names say where a layer stands: `cell_3/edge_0_2_sep_conv_3x3/norm`.

It holds what reaches its output and nothing else (`reach.py`), so that every
weight is trained. `cost.network` counts the same: it equals the sizes of
`model.trainable_weights`. `model.count_params()` is larger by the moving
statistics.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Mapping, Sequence
import dataclasses
import functools
from typing import Any, NamedTuple

import tensorflow as tf

from nat_tf import computation
from nat_tf import layout
from nat_tf import operations
from nat_tf import reach as reach_lib
from nat_tf import stages
from nat_tf.architecture import Architecture
from nat_tf.architecture import Edge
from nat_tf.layout import CellPlace
from nat_tf.layout import NetworkConfig

# What a batch norm's moving statistics keep a step. Published networks of this
# kind were trained with PyTorch's 0.1 of news.
_MOMENTUM = 0.9

_layers = tf.keras.layers
_serializable = tf.keras.utils.register_keras_serializable('nat_tf')

# Keras's symbolic tensor: what calling a layer on an input gives.
_Map = Any

# Changes what an edge adds to its target. Gets the number of the edge's cell,
# the edge, what the names of its layers begin with, and the map.
Added = Callable[[int, Edge, str, _Map], _Map]

# Gives the layer of a name: `(name, kind, *arguments, **arguments)`.
_LayerOf = Callable[..., tf.keras.layers.Layer]


@_serializable
class Shift(tf.keras.layers.Layer):
  """Moves a map by a pixel up and left; an odd side keeps its length.

  What a factorised reduction's second half reads.
  """

  def call(self, x):
    """Returns `[batch, even height, even width, channels]`."""
    odd = [[0, 0], [0, x.shape[1] % 2], [0, x.shape[2] % 2], [0, 0]]
    return tf.pad(x[:, 1:, 1:], odd)


@_serializable
class Widen(tf.keras.layers.Layer):
  """Adds channels of zeros, or leaves the last out; see `stages.Widen`.

  Args:
    outputs: channels of its result.
  """

  def __init__(self, outputs: int, **kwargs):
    super().__init__(**kwargs)
    self._stage = stages.Widen(outputs)

  def call(self, x):
    """Returns `[batch, height, width, outputs]`."""
    return computation.apply(self._stage, x)

  def get_config(self):
    """See Keras's layer."""
    return {**super().get_config(), 'outputs': self._stage.outputs}


@_serializable
class Zeros(tf.keras.layers.Layer):
  """A map of zeros, as many as there are images.

  Args:
    shape: height, width, channels.
  """

  def __init__(self, shape: Sequence[int], **kwargs):
    super().__init__(**kwargs)
    self._shape = tuple(shape)

  def call(self, images):
    """Returns `[batch, height, width, channels]`."""
    return tf.zeros([tf.shape(images)[0], *self._shape], images.dtype)

  def get_config(self):
    """See Keras's layer."""
    return {**super().get_config(), 'shape': self._shape}


class Maps(NamedTuple):
  """What a network computes, as Keras's symbolic tensors.

  Attributes:
    cells: every cell's output; None where nobody reads it.
    logits: of the classes; float32 under every policy of precision.
  """

  cells: list[_Map]
  logits: _Map


class Part(NamedTuple):
  """A part of the network, as a model of its own.

  Attributes:
    name: `stem`, the name of a cell, `head`.
    model: from what the part reads to what it gives; None where nothing of it
      reaches the network's output. Its weights are its own.
    key: equal for parts that compute the same on maps of the same shapes.
  """

  name: str
  model: tf.keras.Model | None
  key: Any


def build(architecture: Architecture, config: NetworkConfig) -> tf.keras.Model:
  """Returns the final network, from images to logits.

  Args:
    architecture: what it is made of.
    config: its size.

  Raises:
    ArchitectureError: the architecture does not fit the skeleton.
  """
  inputs = images(config)
  logits = connect(architecture, config, inputs).logits
  return tf.keras.Model(inputs, logits, name=config.skeleton.name)


def images(config: NetworkConfig) -> _Map:
  """Returns the input of a network, `[batch, height, width, channels]`."""
  return _input((*config.image_size, config.image_channels), 'images')


def connect(
  architecture: Architecture,
  config: NetworkConfig,
  inputs: _Map,
  layers: Mapping[str, tf.keras.layers.Layer] | None = None,
  added: Added | None = None,
) -> Maps:
  """Calls the layers of a final network on its input.

  Args:
    architecture: what it is made of.
    config: its size.
    inputs: what `images` gave.
    layers: by name, layers of the same network to call instead of new ones.
    added: changes what the edges add to their targets; None for no change.

  Raises:
    ArchitectureError: the architecture does not fit the skeleton.
  """
  layout.check(architecture, config.skeleton)
  builder = _Builder(architecture, config, layers, added)
  stem = builder.stem(inputs)
  outputs = list(stem)
  for number in range(len(builder.places)):
    outputs.append(builder.cell(number, outputs[number:], inputs))
  return Maps(outputs[len(stem) :], builder.head(outputs[-1]))


def parts(architecture: Architecture, config: NetworkConfig) -> list[Part]:
  """Returns stem, cells and head, each as a model of its own.

  Args:
    architecture: what the network is made of.
    config: its size.

  Raises:
    ArchitectureError: the architecture does not fit the skeleton.
  """
  layout.check(architecture, config.skeleton)
  builder = _Builder(architecture, config)
  return [
    builder.stem_part(),
    *(builder.cell_part(number) for number in range(len(builder.places))),
    builder.head_part(),
  ]


class _Builder:
  """Calls the layers of one network on Keras's symbolic tensors.

  Args:
    architecture: what the network is made of.
    config: its size.
    layers: see `connect`.
    added: see `connect`.

  Attributes:
    places: where the cells stand.
  """

  def __init__(
    self,
    architecture: Architecture,
    config: NetworkConfig,
    layers: Mapping[str, tf.keras.layers.Layer] | None = None,
    added: Added | None = None,
  ):
    self.places = layout.places(config)
    self._config = config
    self._cells = [config.cell(place, architecture) for place in self.places]
    self._reach = reach_lib.of_network(architecture, config)
    self._layers = layers or {}
    self._added = added
    self._used: collections.Counter[str] = collections.Counter()

  def stem(self, x: _Map) -> list[_Map]:
    """Returns what the first cell reads; None for what it does not."""
    skeleton = self._config.skeleton
    outputs: list[_Map] = []
    for i, (one, _) in enumerate(layout.stem(self._config)):
      if not self._reach.stem[i]:
        outputs.append(None)
        continue
      scope = f'stem_{i}'
      convolution = stages.Conv(one.kernel, one.stride)
      x = self._stage(convolution, scope, x, one.channels)
      x = self._stage(stages.Normalize(), scope, x)
      if skeleton.activates_stem:
        x = self._stage(stages.Relu(), scope, x)
      outputs.append(x)
    return [outputs[i] for i in skeleton.stem_outputs]

  def cell(self, number: int, inputs: list[_Map], batch: _Map) -> _Map:
    """Returns a cell's output; None where nobody reads it.

    Args:
      number: of the cell, from 0.
      inputs: outputs of the cells before, as many as it has inputs.
      batch: a map with as many images as all have.
    """
    place, cell = self.places[number], self._cells[number]
    reach = self._reach.cells[number]
    if not reach.live:
      return None
    scope = f'cell_{number}'
    vertices: list[_Map] = [
      self._prepared(place, scope, i, x) if read else None
      for i, (x, read) in enumerate(zip(inputs, reach.inputs))
    ]

    def vertex(v: int) -> _Map:
      """Returns a vertex that is read, be it zeros."""
      if vertices[v] is None:
        vertices[v] = self._zeros(place, scope, batch, v)
      return vertices[v]

    for v in cell.intermediates:
      incoming = [
        self._edge(number, edge, vertex(edge.source))
        for edge, live in zip(cell.edges, reach.edges)
        if live and edge.target == v
      ]
      vertices.append(self._sum(scope, v, incoming))
    output = self._concat(scope, [vertex(v) for v in cell.concat])
    if self._config.skeleton.activates and number < len(self.places) - 1:
      output = self._stage(stages.Relu(), scope, output)
    return output

  def head(self, x: _Map) -> _Map:
    """Returns logits for the last cell's output; see `layout.Head`."""
    head, scope = self._config.skeleton.head, 'head'
    if head.norm:
      x = self._stage(stages.Normalize(), scope, x)
    if head.activates:
      x = self._stage(stages.Relu(), scope, x)
    if head.convolution:
      channels = self._config.scaled(head.convolution.channels)
      x = self._stage(stages.Conv(1), scope, x, channels)
      x = self._stage(stages.Normalize(), scope, x)
      x = self._stage(stages.Relu6(), scope, x)
    if head.pool:
      x = self._stage(stages.MaxPool(*_window(head.pool)), scope, x)
    layer = functools.partial(self._layer, scope)
    if head.flattens:
      x = layer('flatten', _layers.Flatten)(x)
    else:
      x = layer('mean', _layers.GlobalAveragePooling2D)(x)
    for width in head.hidden:
      width = self._config.scaled(width)
      x = layer('dense', _layers.Dense, width, 'relu')(x)
    classes = self._config.classes
    return layer('logits', _layers.Dense, classes, dtype='float32')(x)

  def stem_part(self) -> Part:
    """Returns the stem as a model."""
    inputs = images(self._config)
    live = [x for x in self.stem(inputs) if x is not None]
    model = tf.keras.Model(inputs, live, name='stem') if live else None
    return Part('stem', model, ('stem',))

  def cell_part(self, number: int) -> Part:
    """Returns a cell with the preparation of its inputs as a model."""
    place, reach = self.places[number], self._reach.cells[number]
    shapes = tuple(self._shapes(number))
    last = number == len(self.places) - 1
    where = dataclasses.replace(place, kind='')  # A name is no matter.
    key = (self._cells[number], where, shapes, reach, last)
    if not reach.live:
      return Part(place.kind, None, key)
    inputs = [_input(shape, f'input_{i}') for i, shape in enumerate(shapes)]
    output = self.cell(number, inputs, inputs[-1])
    model = tf.keras.Model(inputs, output, name=f'cell_{number}')
    return Part(place.kind, model, key)

  def head_part(self) -> Part:
    """Returns the head as a model."""
    x = _input(self._output_shape(len(self.places) - 1), 'input')
    model = tf.keras.Model(x, self.head(x), name='head')
    return Part('head', model, ('head',))

  def _shapes(self, number: int) -> list[tuple[int, ...]]:
    """Returns the shapes of what a cell reads."""
    inputs = self._config.skeleton.cell_inputs
    return [self._output_shape(cell) for cell in range(number - inputs, number)]

  def _output_shape(self, number: int) -> tuple[int, ...]:
    """Returns a cell's output's shape, below 0 that of the stem's."""
    if number < 0:
      output = self._config.skeleton.stem_outputs[number]
      joins = layout.stem(self._config)[output][1]
      return (*joins.output_size, joins.outputs)
    place, cell = self.places[number], self._cells[number]
    return (*place.output_size, place.channels * len(cell.concat))

  def _prepared(self, place: CellPlace, scope: str, i: int, x: _Map) -> _Map:
    """Returns an input as the cell's edges read it."""
    scope = f'{scope}/input_{i}'
    if place.prepares:
      halves = i == 0 and place.halve_first
      convolution = stages.FactorizedReduction() if halves else stages.Conv(1)
      x = self._stage(convolution, scope, x, place.channels)
      x = self._stage(stages.Normalize(), scope, x)
    elif place.pool:
      x = self._stage(stages.MaxPool(*_window(place.pool)), scope, x)
    return x

  def _edge(self, number: int, edge: Edge, x: _Map) -> _Map:
    """Returns what an edge adds to its target."""
    scope = self._fresh(
      f'cell_{number}/edge_{edge.source}_{edge.target}_{edge.operation}'
    )
    joins = self.places[number].edge(edge.source, edge.target)
    chain = operations.on(edge.operation, joins, shared=False)
    for stage in chain.stages if chain else ():
      x = self._stage(stage, scope, x, joins.outputs)
    return self._added(number, edge, scope, x) if self._added else x

  def _sum(self, scope: str, vertex: int, maps: list[_Map]) -> _Map:
    """Returns a vertex; None where nothing reaches it."""
    if len(maps) < 2:
      return maps[0] if maps else None
    return self._layer(scope, f'vertex_{vertex}', _layers.Add)(maps)

  def _zeros(
    self, place: CellPlace, scope: str, batch: _Map, vertex: int
  ) -> _Map:
    shape = (*place.size(vertex), place.width(vertex))
    return self._layer(scope, f'vertex_{vertex}', Zeros, shape)(batch)

  def _concat(self, scope: str, maps: list[_Map]) -> _Map:
    if len(maps) == 1:
      return maps[0]
    return self._layer(scope, 'concat', _layers.Concatenate)(maps)

  def _stage(
    self, stage: stages.Stage, scope: str, x: _Map, outputs: int = 0
  ) -> _Map:
    """Returns what a stage makes of a map.

    Args:
      stage: the stage.
      scope: what its layers' names begin with.
      x: the map.
      outputs: channels that the whole operation should give.
    """
    width = stage.width(x.shape[-1], outputs)
    layer = functools.partial(self._layer, scope)
    return _layers_of(stage, width, layer)(x)

  def _layer(
    self,
    scope: str,
    name: str,
    kind: Callable[..., tf.keras.layers.Layer],
    *args: Any,
    **kwargs: Any,
  ) -> tf.keras.layers.Layer:
    """Returns a layer that was not called yet: one that was given, or new.

    Args:
      scope: what its name begins with.
      name: what its name goes on with.
      kind: makes it, from the rest and its name.
      *args: for `kind`.
      **kwargs: for `kind`.
    """
    name = self._fresh(f'{scope}/{name}')
    if name in self._layers:
      return self._layers[name]
    return kind(*args, name=name, **kwargs)

  def _fresh(self, name: str) -> str:
    """Returns a name that no layer has: the second conv is called conv_2."""
    self._used[name] += 1
    count = self._used[name]
    return name if count == 1 else self._fresh(f'{name}_{count}')


def normalization(name: str) -> tf.keras.layers.Layer:
  """Returns batch norm as all final networks have it.

  In the scope of a strategy with several replicas its statistics are those of
  the images of all of them.
  """
  replicas = tf.distribute.get_strategy().num_replicas_in_sync
  return _layers.BatchNormalization(
    momentum=_MOMENTUM,
    epsilon=stages.EPSILON,
    name=name,
    # Not where there is one: it would take the slower of two kernels.
    synchronized=replicas > 1,
  )


def convolution(
  width: int,
  window: Sequence[int],
  strides: Sequence[int],
  name: str,
  padding: str = 'same',
) -> tf.keras.layers.Layer:
  """Returns a convolution as all final networks have it.

  Args:
    width: channels of its result.
    window: height and width of its window.
    strides: of its window.
    name: of the layer.
    padding: `same` or `valid`.
  """
  return _layers.Conv2D(
    width,
    window,
    strides,
    padding,
    use_bias=False,
    kernel_initializer='he_normal',
    name=name,
  )


def _layers_of(
  stage: stages.Stage, width: int, layer: _LayerOf
) -> Callable[[_Map], _Map]:
  """Returns the layers that do what a stage does.

  Args:
    stage: the stage.
    width: channels of its result.
    layer: gives a layer.
  """
  if isinstance(stage, stages.Relu):
    return layer('relu', _layers.ReLU)
  if isinstance(stage, stages.Relu6):
    return layer('relu6', _layers.ReLU, 6)
  if isinstance(stage, stages.Normalize):
    return layer('norm', normalization)
  if isinstance(stage, stages.DepthwiseConv):
    return _depthwise(stage, layer)
  if isinstance(stage, stages.FactorizedReduction):
    return _factorized_reduction(width, layer)
  if isinstance(stage, (stages.Conv, stages.LineConv)):
    window = stage.kernel_shape(width, width)[:2]
    return layer('conv', convolution, width, window, stage.strides)
  if isinstance(stage, (stages.MaxPool, stages.AvgPool)):
    maximum = isinstance(stage, stages.MaxPool)
    kind = _layers.MaxPooling2D if maximum else _layers.AveragePooling2D
    return layer('pool', kind, stage.kernel, stage.stride, 'same')
  if isinstance(stage, stages.Subsample):
    return _subsample(stage.stride, layer)
  if isinstance(stage, stages.Widen):
    return layer('widen', Widen, stage.outputs)
  raise TypeError(f'no Keras layer is known for the stage {stage}')


def _subsample(stride: int, layer: _LayerOf) -> tf.keras.layers.Layer:
  return layer('subsample', _layers.MaxPooling2D, 1, stride)


def _depthwise(
  stage: stages.DepthwiseConv, layer: _LayerOf
) -> Callable[[_Map], _Map]:
  """Returns a depthwise convolution; Keras refuses stride with dilation."""

  def depthwise(strides: int, dilation: int) -> tf.keras.layers.Layer:
    return layer(
      'depthwise',
      _layers.DepthwiseConv2D,
      stage.kernel,
      strides,
      'same',
      dilation_rate=dilation,
      use_bias=False,
      # Keras counts all channels into this kernel's fan in; its fan out is the
      # window, which is what one output really reads (He et al., ICCV 2015).
      depthwise_initializer=tf.keras.initializers.VarianceScaling(
        2.0, 'fan_out', 'truncated_normal'
      ),
    )

  if 1 in (stage.stride, stage.dilation):
    return depthwise(stage.stride, stage.dilation)
  subsample = _subsample(stage.stride, layer)
  if stage.stride == stage.dilation:
    # What is skipped among inputs is skipped among outputs, too.
    dense = depthwise(1, 1)
    return lambda x: dense(subsample(x))
  dilated = depthwise(1, stage.dilation)
  return lambda x: subsample(dilated(x))


def _factorized_reduction(
  width: int, layer: _LayerOf
) -> Callable[[_Map], _Map]:
  """Returns two convolutions, one on even pixels and one on odd ones."""
  even = layer('conv_even', convolution, width // 2, (1, 1), (2, 2))
  odd = layer('conv_odd', convolution, width - width // 2, (1, 1), (2, 2))
  shift = layer('shift', Shift)
  concat = layer('concat', _layers.Concatenate)
  return lambda x: concat([even(x), odd(shift(x))])


def _window(pool: layout.Pool) -> tuple[int, int]:
  return pool.kernel, pool.stride


def _input(shape: Sequence[int], name: str) -> _Map:
  return tf.keras.Input(tuple(shape), name=name)
