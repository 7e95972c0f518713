"""Batch norm folded into convolutions, for networks that are done training.

After training, batch norm is one factor and one summand a channel. Where it
alone reads a convolution, the factor goes into the kernel and the summand
becomes its bias: the same function with a layer and two thirds of these
weights less. So it does where it reads the concatenated results of several, as
in a factorised reduction.
"""

from __future__ import annotations

import collections
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

# A reference to a layer's result, as in a model's configuration: the layer's
# name, the number of its call and of the result, sometimes more.
_Reference = list[Any]


def fold(model: tf.keras.Model) -> tf.keras.Model:
  """Returns a model that computes the same in inference, with fewer layers.

  Args:
    model: a functional one. It is left as it is.

  Returns:
    A model with weights of its own. It is not for training any more.
  """
  graph = _Graph(model)
  norms = {
    layer.name: convolutions
    for layer in model.layers
    if (convolutions := graph.folded_into(layer))
  }
  weights = {}
  for name, convolutions in norms.items():
    norm = model.get_layer(name)
    weights.update(_folded(norm, [model.get_layer(c) for c in convolutions]))
  # A norm that is gone gave what the layer that it read gives now.
  instead = {name: graph.reads[name][0] for name in norms}
  folded = tf.keras.Model.from_config(graph.without(instead, set(weights)))
  for layer in folded.layers:
    layer.set_weights(
      weights.get(layer.name) or model.get_layer(layer.name).get_weights()
    )
  return folded


class _Graph:
  """Which layer of a model reads which, by its configuration.

  Keras's own nodes will not do: a layer has those of all models it is part of.

  Attributes:
    reads: for every layer, the names of those it reads.
  """

  def __init__(self, model: tf.keras.Model):
    self._model = model
    self._config = model.get_config()
    self._calls = {}
    self.reads = {}
    readers = [name for name, *_ in _references(self._config['output_layers'])]
    for layer in self._config['layers']:
      name, calls = layer['name'], layer['inbound_nodes']
      self._calls[name] = len(calls)
      self.reads[name] = [other for other, *_ in _references(calls)]
      readers += self.reads[name]
    self._readers = collections.Counter(readers)

  def folded_into(self, layer: tf.keras.layers.Layer) -> list[str]:
    """Returns the convolutions that a layer can become part of; none mostly.

    Args:
      layer: any of the model's.
    """
    if not isinstance(layer, tf.keras.layers.BatchNormalization):
      return []
    if self._calls[layer.name] != 1 or not _by_channel(layer.axis):
      return []
    source = self._model.get_layer(self.reads[layer.name][0])
    if not isinstance(source, tf.keras.layers.Concatenate):
      sources = [source]
    elif self._has_one_reader(source) and _by_channel(source.axis):
      sources = [self._model.get_layer(s) for s in self.reads[source.name]]
    else:
      return []
    fit = all(self._has_one_reader(s) and _is_linear(s) for s in sources)
    return [s.name for s in sources] if fit else []

  def without(
    self, instead: dict[str, str], biased: set[str]
  ) -> dict[str, Any]:
    """Returns the configuration of the model without some layers.

    Args:
      instead: for every layer that goes, the one to read in its place.
      biased: convolutions that get a bias.
    """
    config = self._model.get_config()
    config['layers'] = [
      layer for layer in config['layers'] if layer['name'] not in instead
    ]
    for layer in config['layers']:
      if layer['name'] in biased:
        layer['config']['use_bias'] = True
    nodes = [layer['inbound_nodes'] for layer in config['layers']]
    for reference in _references([nodes, config['output_layers']]):
      reference[0] = instead.get(reference[0], reference[0])
    return config

  def _has_one_reader(self, layer: tf.keras.layers.Layer) -> bool:
    return self._calls[layer.name] == self._readers[layer.name] == 1


def _references(nest: Any) -> Iterator[_Reference]:
  """Yields all references to layers in a part of a configuration."""
  if isinstance(nest, dict):
    nest = list(nest.values())
  if not isinstance(nest, (list, tuple)):
    return
  kinds = [type(part) for part in nest[:3]]
  if isinstance(nest, list) and kinds == [str, int, int]:
    yield nest
  for part in nest:
    yield from _references(part)


def _by_channel(axis: Any) -> bool:
  """Returns whether an axis, or a list of just one, is that of channels."""
  return axis in (-1, 3, [3])


def _is_linear(layer: tf.keras.layers.Layer) -> bool:
  """Returns whether a layer is a convolution with nothing behind it."""
  kinds = tf.keras.layers.Conv2D, tf.keras.layers.DepthwiseConv2D
  return (
    # Not a class derived from them, which may do more.
    type(layer) in kinds
    and not layer.use_bias
    and layer.activation is tf.keras.activations.linear
    and layer.data_format == 'channels_last'
  )


def _folded(
  norm: tf.keras.layers.BatchNormalization,
  convolutions: list[tf.keras.layers.Layer],
) -> dict[str, list[np.ndarray]]:
  """Returns the weights that do what the convolutions and the norm do.

  Args:
    norm: batch norm.
    convolutions: what it reads, one after the other.

  Returns:
    For the name of every convolution its kernel and its bias.
  """
  mean, variance = norm.moving_mean.numpy(), norm.moving_variance.numpy()
  scale = 1 / np.sqrt(variance.astype(np.float64) + norm.epsilon)
  scale *= 1 if norm.gamma is None else norm.gamma.numpy()
  offset = (0 if norm.beta is None else norm.beta.numpy()) - mean * scale
  weights, start = {}, 0
  for convolution in convolutions:
    (kernel,) = convolution.get_weights()
    # Output channels are the last axis of a kernel, and of a depthwise one the
    # last two.
    depthwise = isinstance(convolution, tf.keras.layers.DepthwiseConv2D)
    shape = kernel.shape[2:] if depthwise else kernel.shape[3:]
    channels = slice(start, start + int(np.prod(shape)))
    kernel = kernel * scale[channels].reshape(shape)
    weights[convolution.name] = [kernel, offset[channels]]
    start = channels.stop
  return weights
