"""Tests of nat_tf.reach."""

from __future__ import annotations

import collections

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import tensorflow as tf

from nat_tf import final_network
from nat_tf import layout
from nat_tf import nasbench201
from nat_tf import reach
from nat_tf import skeletons
from nat_tf import zoo
from nat_tf.architecture import Architecture
from nat_tf.architecture import Cell
from nat_tf.architecture import Edge


def _config(cells: int, skeleton=skeletons.CELLS, channels=4):
  return layout.NetworkConfig(cells, channels, (8, 8), 3, 10, skeleton)


def _reads(*inputs: int) -> Cell:
  """A cell whose one vertex reads some of its two inputs."""
  edges = tuple(Edge(i, 2, 'skip' if i in inputs else 'null') for i in range(2))
  return Cell(2, 3, edges, (2,))


class OfCellTest(absltest.TestCase):
  def test_follows_what_is_read(self):
    #   0 --> 2 --> 3 ..null..> 4 --> output     3 has no reader, so 2 -> 3 is
    #         2 --------------> 4                dead, and 1 is not read at all.
    #   1 ..null..> 4
    cell = Cell(
      2,
      5,
      (
        Edge(0, 2, 'conv_3x3'),
        Edge(2, 3, 'conv_3x3'),
        Edge(3, 4, 'null'),
        Edge(2, 4, 'skip'),
        Edge(1, 4, 'null'),
      ),
      (4,),
    )
    found = reach.of_cell(cell)
    self.assertEqual(found.edges, (True, False, False, True, False))
    self.assertEqual(found.inputs, (True, False))

  def test_what_only_sees_zeros_counts(self):
    #   0 ..null..> 1 --conv--> 2 --> output
    cell = Cell(1, 3, (Edge(0, 1, 'null'), Edge(1, 2, 'conv_1x1')), (2,))
    found = reach.of_cell(cell)
    self.assertEqual(found.edges, (False, True))
    self.assertEqual(found.inputs, (False,))


class OfNetworkTest(parameterized.TestCase):
  # Of the blocks of VGG and ResNet as cells, no edge from input 0 carries
  # anything. All other published edges reach the output.
  @parameterized.parameters(*zoo.names())
  def test_published_architectures_waste_nothing(self, name):
    architecture = zoo.load(name)
    skeleton = skeletons.load(architecture.network)
    config = _config(20, skeleton, skeleton.base)
    found = reach.of_network(architecture, config)
    self.assertTrue(all(found.stem))
    for place, one in zip(layout.places(config), found.cells):
      edges = config.cell(place, architecture).edges
      self.assertEqual(
        list(one.edges), [edge.operation != 'null' for edge in edges]
      )
      unread = name in ('resblock', 'vggblock')
      self.assertEqual(
        one.inputs, (False, True) if unread else (True,) * len(one.inputs)
      )

  # Of four cells (N R R N) that read input 0 alone, the last reads the one
  # before the last but one, and that one the stem.
  def test_skipped_cells_are_dead(self):
    architecture = Architecture.of(normal=_reads(0), reduction=_reads(0))
    found = reach.of_network(architecture, _config(4))
    live = [one.live for one in found.cells]
    self.assertEqual(live, [False, True, False, True])
    self.assertEqual(found.cells[0].edges, (False, False))
    self.assertEqual(found.cells[0].inputs, (False, False))
    self.assertEqual(found.stem, (True,))

  # images -> 0 -> 1 -> 2; cells read 1 and 2.
  @parameterized.parameters(
    ((0,), (True, True, False)),
    ((1,), (True, True, True)),
    ((), (False, False, False)),
  )
  def test_stem_goes_as_far_as_it_is_read(self, inputs, expected):
    cell = _reads(*inputs)
    config = _config(1, skeletons.load('cells', 'imagenet'))
    found = reach.of_network(Architecture.of(normal=cell), config)
    self.assertEqual(found.stem, expected)

  def test_of_nothing_only_the_head_is_left(self):
    nothing = nasbench201.from_text(
      '|none~0|+|none~0|none~1|+|none~0|none~1|none~2|'
    )
    found = reach.of_network(nothing, _config(5, skeletons.NASBENCH201))
    self.assertEqual([one.live for one in found.cells], [False] * 4 + [True])
    self.assertEqual(found.stem, (False,))


class CarriesImagesTest(parameterized.TestCase):
  @parameterized.parameters(*zoo.names())
  def test_published_architectures_do(self, name):
    architecture = zoo.load(name)
    skeleton = skeletons.load(architecture.network, 'cifar10')
    cells = len(skeleton.blocks) or 6
    config = _config(cells, skeleton, skeleton.channels)
    self.assertTrue(reach.carries_images(architecture, config))

  @parameterized.parameters(
    ((0,), (0,), True),
    ((1,), (1,), True),
    ((), (0, 1), False),
    # Cells pass the reductions by: each reads the two before it.
    ((0, 1), (), True),
    ((0,), (), True),
    ((1,), (), False),
  )
  def test_cells(self, normal, reduction, expected):
    architecture = Architecture(
      (('normal', _reads(*normal)), ('reduction', _reads(*reduction)))
    )
    self.assertEqual(reach.carries_images(architecture, _config(6)), expected)

  def test_equals_what_a_network_does(self):
    # Against the definition: do different images give different outputs?
    # Random cells with much null, so that both happen often. The seed fixes the
    # weights; channels and images are so many that no ReLU hides all of them.
    tf.keras.utils.set_random_seed(0)
    found = collections.Counter()
    random = np.random.RandomState(0)
    for _ in range(40):
      architecture = Architecture(
        [(kind, _random_cell(random)) for kind in ('normal', 'reduction')]
      )
      config = _config(3, channels=4)
      model = final_network.build(architecture, config)
      images = random.normal(size=[8, 8, 8, 3]).astype(np.float32)
      outputs = model(images, training=False).numpy()
      carries = reach.carries_images(architecture, config)
      self.assertEqual(carries, bool(np.ptp(outputs, axis=0).max() > 1e-4))
      found[carries] += 1
    self.assertGreater(min(found[True], found[False]), 5)


def _random_cell(random) -> Cell:
  edges = tuple(
    Edge(source, target, 'skip' if random.rand() < 0.35 else 'null')
    for source, target in ((0, 2), (1, 2), (0, 3), (2, 3))
  )
  return Cell(2, 4, edges, (2, 3))


if __name__ == '__main__':
  absltest.main()
