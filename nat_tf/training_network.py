"""The final network as it is trained: with drop path and an auxiliary head.

Both are those of DARTS (Liu et al., ICLR 2019; method, section 6) and serve
training alone: the network of `final_network.py`, which is what is measured,
kept and served, is a model of its own over the same layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from nat_tf import final_network
from nat_tf import gradient_norm
from nat_tf import layout
from nat_tf import operations
from nat_tf import reach
from nat_tf import vocabulary
from nat_tf.architecture import Architecture
from nat_tf.architecture import ArchitectureError
from nat_tf.architecture import Cell
from nat_tf.architecture import Edge
from nat_tf.layout import CellPlace
from nat_tf.layout import NetworkConfig

# Of the auxiliary head: sides of its pooling's window and, at most, of the step
# from one to the next, then the widths of its convolutions.
_WINDOW, _STRIDE = 5, 3
_WIDTHS = 128, 768

_layers = tf.keras.layers

# Keras's symbolic tensor: what calling a layer on an input gives.
_Map = Any


@tf.keras.utils.register_keras_serializable('nat_tf')
class DropPath(tf.keras.layers.Layer):
  """Leaves out all of a map, for every image by itself, in training.

  What stays is divided by the probability to stay, so that the mean keeps.
  Larsson et al., FractalNet, ICLR 2017, as in NASNet and DARTS.

  Args:
    probability: scalar, to leave an image's map out; it is read at every call
      and is none of the layer's weights. None, as in a model that was loaded,
      drops nothing.
    generator: decides which images; its state is for a checkpoint to keep.
  """

  def __init__(
    self,
    probability: tf.Variable | None = None,
    generator: tf.random.Generator | None = None,
    **kwargs,
  ):
    super().__init__(**kwargs)
    # In a function, for Keras makes weights of a layer's variables.
    self._parts = lambda: (probability, generator)

  def call(self, x, training=None):
    """Returns `[batch, height, width, channels]`, as it got them."""
    probability, generator = self._parts()
    if not training or probability is None or generator is None:
      return x
    # Drawn in float32: bfloat16 knows but 128 numbers from 0.5 to 1.
    drawn = generator.uniform([tf.shape(x)[0], 1, 1, 1])
    kept = tf.cast(drawn >= probability, tf.float32) / (1 - probability)
    return x * tf.cast(kept, x.dtype)

  def get_config(self):
    """See Keras's layer; the probability in force is no part of it."""
    return tf.keras.layers.Layer.get_config(self)


class Trainee(NamedTuple):
  """A network to train.

  Attributes:
    model: from images to logits, or to a list of logits and those of the
      auxiliary head. It holds the weights of both.
    inference: from images to logits, by the same layers without those that
      serve training alone.
    drop_path: probability in force that an edge is left out; a float32 scalar,
      0 at first, none of the models' weights.
    generator: decides which edges are left out for which images.
  """

  model: gradient_norm.Model
  inference: tf.keras.Model
  drop_path: tf.Variable
  generator: tf.random.Generator


def build(
  architecture: Architecture,
  config: NetworkConfig,
  drop_path: bool,
  auxiliary: bool,
  seed: int = 0,
) -> Trainee:
  """Returns the final network with what helps to train it.

  Every edge whose operation is not the identity is left out by itself, but for
  those that everything passes through, as in VGG-16: without one of them
  nothing of an image would be left.

  Args:
    architecture: what it is made of.
    config: its size.
    drop_path: whether edges are left out in training.
    auxiliary: whether there are logits at two thirds of the depth.
    seed: decides which edges are left out.

  Raises:
    ArchitectureError: the architecture does not fit the skeleton; or an
      auxiliary head is wanted and no cell up to two thirds of the depth is
      read.
  """
  probability = tf.Variable(0.0, trainable=False, name='drop_path')
  generator = tf.random.Generator.from_seed(seed)
  places = layout.places(config)

  def added(number: int, edge: Edge, scope: str, x: _Map) -> _Map:
    place = places[number]
    if not _drops(config.cell(place, architecture), place, edge):
      return x
    return DropPath(probability, generator, name=f'{scope}/drop_path')(x)

  images = final_network.images(config)
  maps = final_network.connect(architecture, config, images)
  name = config.skeleton.name
  inference = tf.keras.Model(images, maps.logits, name=name)
  if drop_path:
    layers = {layer.name: layer for layer in inference.layers}
    maps = final_network.connect(architecture, config, images, layers, added)
  logits = maps.logits
  if auxiliary:
    logits = [logits, _auxiliary_logits(_tapped(maps.cells), config.classes)]
  model = gradient_norm.Model(images, logits, name=name)
  return Trainee(model, inference, probability, generator)


def _drops(cell: Cell, place: CellPlace, edge: Edge) -> bool:
  """Returns whether drop path may leave an edge out."""
  joins = place.edge(edge.source, edge.target)
  chain = operations.on(edge.operation, joins, shared=False)
  if edge.operation == vocabulary.SKIP.name and not (
    chain and chain.parameters(joins.inputs, joins.outputs)
  ):
    return False
  names = [other.operation for other in cell.edges]
  names[cell.edges.index(edge)] = vocabulary.NULL.name
  return any(reach.of_cell(cell.with_operations(names)).inputs)


def _tapped(cells: Sequence[_Map]) -> _Map:
  """Returns the output that the auxiliary head reads."""
  number = 2 * len(cells) // 3
  for output in reversed(cells[: number + 1]):
    # What nobody reads is no part of the network; the last before it that is
    # read stands in for it.
    if output is not None:
      return output
  raise ArchitectureError(
    f'an auxiliary head reads cell {number} or one before it, and what none of '
    'them gives reaches the output; train without an auxiliary head'
  )


def _auxiliary_logits(x: _Map, classes: int) -> _Map:
  """Returns the logits of DARTS's auxiliary head.

  Its windows are those of the 8x8 maps that it was made for, clipped to smaller
  ones; of larger ones it takes the mean over positions.

  Args:
    x: output of a cell, `[batch, height, width, channels]`.
    classes: number of classes.
  """
  scope = 'auxiliary'
  x = _layers.ReLU(name=f'{scope}/relu')(x)
  size = x.shape[1:3]
  x = _layers.AveragePooling2D(
    [min(_WINDOW, side) for side in size],
    [_stride(side) for side in size],
    name=f'{scope}/pool',
  )(x)
  windows = (1, 1), [min(2, side) for side in x.shape[1:3]]
  for i, (width, window) in enumerate(zip(_WIDTHS, windows)):
    x = final_network.convolution(
      width, window, (1, 1), f'{scope}/conv_{i}', 'valid'
    )(x)
    x = final_network.normalization(f'{scope}/norm_{i}')(x)
    x = _layers.ReLU(name=f'{scope}/relu_{i}')(x)
  x = _layers.GlobalAveragePooling2D(name=f'{scope}/mean')(x)
  return _layers.Dense(classes, dtype='float32', name=f'{scope}/logits')(x)


def _stride(side: int) -> int:
  """Returns the auxiliary head's stride: 2 positions of maps of up to 10.

  DARTS has 3 for the 8x8 maps of CIFAR-10 and 2 for the 7x7 maps of ImageNet.
  """
  return min(max(side - _WINDOW, 1), _STRIDE)
