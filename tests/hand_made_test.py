"""Tests of nat_tf.hand_made and of the skeletons that its networks stand in."""

from __future__ import annotations

from absl.testing import absltest
from absl.testing import parameterized

from nat_tf import hand_made
from nat_tf import input_error
from nat_tf import layout
from nat_tf import skeletons
from nat_tf.architecture import Edge


def _places(name, form='cifar10', size=32):
  skeleton = skeletons.load(name, form)
  config = layout.NetworkConfig(
    1, skeleton.channels, (size, size), 3, 10, skeleton
  )
  return layout.places(config)


class HandMadeTest(parameterized.TestCase):
  #   0 --conv--> 1 --conv--> 2, a skip over both, room for skips beside each
  def test_a_residual_block(self):
    cell = hand_made.load('resnet20')['stage2_block1']
    self.assertEqual(
      cell.edges,
      (
        Edge(0, 1, 'conv_3x3'),
        Edge(0, 1, 'null'),
        Edge(1, 2, 'conv_3x3'),
        Edge(1, 2, 'null'),
        Edge(0, 2, 'skip'),
      ),
    )

  #   0 --1x1--> 1 --3x3--> 2 --1x1--> 3: where it narrows is no room for a skip
  def test_a_bottleneck(self):
    network = hand_made.load('resnet50')
    chain = [
      Edge(0, 1, 'conv_1x1'),
      Edge(1, 2, 'conv_3x3'),
      Edge(1, 2, 'null'),
      Edge(2, 3, 'conv_1x1'),
      Edge(2, 3, 'null'),
    ]
    self.assertEqual(
      network['stage1_block2'].edges, (*chain, Edge(0, 3, 'skip'))
    )
    # The first one has as many channels inside as before: room there, too.
    self.assertEqual(
      network['stage1_block1'].edges,
      (chain[0], Edge(0, 1, 'null'), *chain[1:], Edge(0, 3, 'conv_1x1')),
    )

  def test_inverted_residuals_have_a_skip_where_nothing_changes(self):
    network = hand_made.load('mobilenetv2')
    for name, operation, shortcut in (
      ('stage1_block1', 'inverted_residual_e1_3x3', 'null'),
      ('stage2_block1', 'inverted_residual_e6_3x3', 'null'),
      ('stage2_block2', 'inverted_residual_e6_3x3', 'skip'),
    ):
      self.assertEqual(
        network[name].edges, (Edge(0, 1, operation), Edge(0, 1, shortcut))
      )

  # Blocks of every stage, and channels and sizes at the end of each.
  @parameterized.parameters(
    ('vgg16', 'cifar10', 32, 5, 512, (2, 2)),
    ('vgg16', 'imagenet', 224, 5, 512, (14, 14)),
    ('resnet20', 'cifar10', 32, 9, 64, (8, 8)),
    ('resnet56', 'cifar10', 32, 27, 64, (8, 8)),
    ('resnet18', 'imagenet', 224, 8, 512, (7, 7)),
    ('resnet50', 'imagenet', 224, 16, 2048, (7, 7)),
    ('mobilenetv2', 'imagenet', 224, 17, 320, (7, 7)),
    ('mobilenetv2', 'cifar10', 32, 17, 320, (4, 4)),
  )
  def test_places(self, name, form, size, blocks, channels, last):
    places = _places(name, form, size)
    self.assertLen(places, blocks)
    self.assertEqual(places[-1].channels, channels)
    self.assertEqual(places[-1].output_size, last)
    for before, after in zip(places, places[1:]):
      self.assertEqual(after.width(0), before.channels)

  def test_resnet50_halves_in_its_3x3_convolutions(self):
    place = _places('resnet50', 'imagenet', 224)[3]
    self.assertEqual(place.widths, (256, 128, 128, 512))
    strides = [place.edge(i, i + 1).stride for i in range(3)]
    self.assertEqual(strides, [1, 2, 1])
    self.assertEqual(place.edge(0, 3).stride, 2)

  @parameterized.parameters(
    ('resnet21', 'cifar10', 'unknown network .resnet21.; did you mean resnet2'),
    ('resnet20', 'mnist', 'unknown form of a network .mnist.'),
    ('nasbench201', 'imagenet', 'a nasbench201 network has no form imagenet'),
  )
  def test_refuses(self, name, form, words):
    with self.assertRaisesRegex(input_error.InputError, words):
      skeletons.load(name, form)


if __name__ == '__main__':
  absltest.main()
