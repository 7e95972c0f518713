"""Tests of nat_tf.activation_memory."""

from __future__ import annotations

import math

from absl.testing import absltest
from absl.testing import parameterized
import tensorflow as tf

from nat_tf import activation_memory
from nat_tf import cost
from nat_tf import final_network
from nat_tf import layout
from nat_tf import sampling
from nat_tf import skeletons
from nat_tf import spaces
from nat_tf import zoo
from nat_tf.architecture import Architecture
from nat_tf.architecture import Cell
from nat_tf.architecture import Edge

# Steps inside of one stage, and views.
_INSIDE = ('conv_even', 'conv_odd', 'shift', 'flatten')


def _config(network: str, form='cifar10', cells=4, side=33):
  skeleton = skeletons.load(network, form)
  return layout.NetworkConfig(cells, 4, (side, side), 3, 10, skeleton)


def _bytes(model: tf.keras.Model) -> int:
  """What the layers' outputs take, those inside of a stage aside."""
  total = 0
  for layer in model.layers:
    inside = layer.name.split('/')[-1].startswith(_INSIDE)
    # A depthwise convolution that is strided and dilated subsamples first.
    inside |= '_dil_conv_' in layer.name and layer.name.endswith('subsample')
    if not inside and not isinstance(layer, tf.keras.layers.InputLayer):
      total += 4 * math.prod(layer.output_shape[1:])
  return total


class ActivationMemoryTest(parameterized.TestCase):
  # 4x4 image, 1 channel -> stem, 6 -> normal, 2 -> classifier, 3
  def test_one_cell_by_hand(self):
    cell = Cell(2, 3, (Edge(0, 2, 'conv_3x3'), Edge(1, 2, 'skip')), (2,))
    config = layout.NetworkConfig(1, 2, (4, 4), 1, 3, skeletons.CELLS)
    architecture = Architecture.of(normal=cell, reduction=cell)
    # Convolution, norm, ReLU; twice convolution and norm, then ReLU,
    # convolution, norm and the sum; the mean and the logits.
    values = [3 * 6 * 16, (2 * 2 + 3 + 1) * 2 * 16, 2 + 3]
    self.assertEqual(
      activation_memory.parts(architecture, config),
      [
        (name, 4 * one) for name, one in zip(('stem', 'normal', 'head'), values)
      ],
    )
    self.assertEqual(
      activation_memory.network(architecture, config), 4 * sum(values)
    )

  @parameterized.parameters(
    ('nat++_darts', 'cifar10'),
    ('naonet', 'imagenet'),
    ('resblock', 'cifar10'),
    ('resnet20', 'cifar10'),
    ('resnet18', 'imagenet'),
    ('vgg16', 'imagenet'),
    ('mobilenetv2', 'cifar10'),
  )
  def test_equals_the_layers_of_keras(self, name, form):
    architecture = zoo.load(name)
    # 64, so that VGG's five poolings leave something.
    config = _config(architecture.network, form, side=64)
    self._check(architecture, config)

  @parameterized.parameters(spaces.MICRO, spaces.NASBENCH201)
  def test_random_architectures_equal_the_layers_of_keras(self, space):
    drawn = sampling.RandomSampler(space)(8, tf.constant([5, 0]))
    for i in range(5):
      architecture = space.decode(spaces.Encoding(*(x[i] for x in drawn)))
      self._check(architecture, _config(space.network))

  def _check(self, architecture, config):
    parts = activation_memory.parts(architecture, config)
    models = final_network.parts(architecture, config)
    self.assertEqual(
      parts,
      [(one.name, _bytes(one.model) if one.model else 0) for one in models],
    )
    self.assertEqual(
      [name for name, _ in parts],
      [name for name, _ in cost.parts(architecture, config)],
    )


if __name__ == '__main__':
  absltest.main()
