"""Networks that are small and not trained, but look it, for tests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from nat_tf import data
from nat_tf import final_network
from nat_tf import layout
from nat_tf import skeletons
from nat_tf import zoo

LABELS = ('aeroplane', 'bird', 'cañón', 'deer', '猫')


def config(name: str, cells=3, channels=4, shape=(8, 8, 3), classes=5):
  """Returns the size of a small network of a published architecture."""
  skeleton = skeletons.load(zoo.load(name).network, 'cifar10')
  size = shape[:2], shape[2], classes
  return layout.NetworkConfig(
    skeleton.cells or cells, channels, *size, skeleton
  )


def model(name: str, size: layout.NetworkConfig) -> tf.keras.Model:
  """Returns a network whose norms have statistics, scales and offsets."""
  random = np.random.RandomState(0)
  network = final_network.build(zoo.load(name), size)
  for layer in network.layers:
    if isinstance(layer, tf.keras.layers.BatchNormalization):
      shape = layer.gamma.shape
      layer.set_weights(
        [
          random.uniform(0.5, 1.5, shape),
          random.normal(0, 0.3, shape),
          random.normal(0, 0.3, shape),
          random.uniform(0.5, 1.5, shape),
        ]
      )
  # So that every class is the most probable one of some images.
  logits = network.layers[-1]
  kernel, bias = np.eye(*logits.kernel.shape), np.zeros(logits.bias.shape)
  kernel += random.normal(0, 0.3, kernel.shape)
  logits.set_weights([kernel, bias])
  found = network(random.normal(0, 1, (256, *network.input_shape[1:]))).numpy()
  logits.set_weights([kernel / found.std(0), -found.mean(0) / found.std(0)])
  return network


def info(
  size: layout.NetworkConfig, labels: Sequence[str] = LABELS
) -> data.DatasetInfo:
  """Returns what is known of the data of a network."""
  channels = size.image_channels
  return data.DatasetInfo(
    name='none',
    version='1.0.0',
    image_shape=(*size.image_size, channels),
    label_names=tuple(labels[: size.classes]),
    examples=data.Parts(1, 1, 1),
    mean=(0.49, 0.48, 0.45)[:channels],
    std=(0.25, 0.24, 0.26)[:channels],
  )


def images(size: layout.NetworkConfig, count: int) -> np.ndarray:
  """Returns images `[count, h, w, c]` uint8, noise of different contrasts."""
  random = np.random.RandomState(1)
  shape = (count, *size.image_size, size.image_channels)
  contrast = random.uniform(0.1, 1, (count, 1, 1, size.image_channels))
  noise = random.uniform(-127, 127, shape)
  shift = random.uniform(-1, 1, contrast.shape) * (1 - contrast) * 127
  return np.round(127.5 + contrast * noise + shift).astype(np.uint8)


def probabilities(
  network: tf.keras.Model, about: data.DatasetInfo, pixels: np.ndarray
) -> np.ndarray:
  """Returns what a network says, computed as its documentation does."""
  normalised = (pixels / 255 - np.array(about.mean)) / np.array(about.std)
  logits = network(normalised.astype(np.float32), training=False)
  powers = np.exp(logits.numpy().astype(np.float64))
  return powers / powers.sum(-1, keepdims=True)
