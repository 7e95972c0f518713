"""Tests of nat_tf.cost."""

from __future__ import annotations

import dataclasses

from absl.testing import absltest
from absl.testing import parameterized

from nat_tf import cost
from nat_tf import description
from nat_tf import layout
from nat_tf import nasbench201
from nat_tf import skeletons
from nat_tf import transitions
from nat_tf import vocabulary
from nat_tf import zoo
from nat_tf.architecture import Architecture
from nat_tf.architecture import Cell
from nat_tf.architecture import Edge
from nat_tf.cost import Cost

# Method, section 7.
_CIFAR10 = layout.NetworkConfig(
  cells=20,
  channels=36,
  image_size=(32, 32),
  image_channels=3,
  classes=10,
  skeleton=skeletons.CELLS,
)

# The place for which costs of single operations are published.
_WIDE = layout.EdgePlace(128, 128, 1, (32, 32), (32, 32))
_HALVING = layout.EdgePlace(128, 128, 2, (64, 64), (32, 32))
_INSIDE = layout.EdgePlace(128, 128, 1, (32, 32), (32, 32))

_NAMES = tuple(operation.name for operation in vocabulary.ALL)


def _toy(first: str, second: str) -> Architecture:
  """Two edges into one vertex, in both cells: 0 --> 2 <-- 1."""
  cell = Cell(2, 3, (Edge(0, 2, first), Edge(1, 2, second)), (2,))
  return Architecture.of(normal=cell, reduction=cell)


class CostTest(absltest.TestCase):
  def test_adds_up(self):
    self.assertEqual(Cost(1, 2).plus(Cost(30, 40)), Cost(31, 42))

  def test_within_holds_for_equal_costs(self):
    self.assertTrue(Cost(3, 4).within(Cost(3, 4)))

  def test_within_wants_both(self):
    self.assertFalse(Cost(4, 0).within(Cost(3, 4)))
    self.assertFalse(Cost(0, 5).within(Cost(3, 4)))


class EdgeTest(parameterized.TestCase):
  # Channels^2 * window (or window + channels, twice) and a scale and an offset
  # for every norm.
  @parameterized.parameters(
    ('conv_3x3', 9 * 128 * 128 + 256, 9 * 128 * 128),
    ('sep_conv_3x3', 2 * (9 + 128) * 128 + 512, 2 * (9 + 128) * 128),
    ('dil_conv_5x5', (25 + 128) * 128 + 256, (25 + 128) * 128),
    ('conv_7x1_1x7', 2 * 7 * 128 * 128 + 256, 2 * 7 * 128 * 128),
    ('sep_conv_7x7', 2 * (49 + 128) * 128 + 512, 2 * (49 + 128) * 128),
    ('avg_pool_2x2', 0, 0),
    ('max_pool_3x3', 0, 0),
    ('skip', 0, 0),
    ('null', 0, 0),
  )
  def test_counts_norms_as_parameters(self, name, params, madds):
    self.assertEqual(cost.edge(name, _WIDE), Cost(params, madds * 1024))

  def test_skip_costs_on_a_strided_edge_only(self):
    reduction = Cost(128 * 128 + 256, 128 * 128 * 1024)
    self.assertEqual(cost.edge('skip', _HALVING), reduction)
    self.assertEqual(cost.edge('skip', _INSIDE), Cost(0, 0))

  def test_strided_lines_by_hand(self):
    # 64x64 -> a row of 7 -> 64x32 -> a column of 7 -> 32x32
    weights = 7 * 128 * 128
    self.assertEqual(
      cost.edge('conv_7x1_1x7', _HALVING),
      Cost(2 * weights + 256, weights * (64 * 32 + 32 * 32)),
    )

  def test_order_of_the_operations(self):
    # As published: conv > sep_conv > dil_conv > conv_1x1 > the rest.
    order = (
      *('conv_5x5', 'conv_3x3', 'sep_conv_5x5', 'sep_conv_3x3'),
      *('dil_conv_5x5', 'dil_conv_3x3', 'conv_1x1', 'max_pool_5x5'),
    )
    costs = [cost.edge(name, _WIDE) for name in order]
    for larger, smaller in zip(costs, costs[1:]):
      self.assertGreater(larger.params, smaller.params)
      self.assertGreater(larger.madds, smaller.madds)

  # A conv_1x1 may become a skip as well; on a strided edge both cost the same.
  @parameterized.parameters(
    (_WIDE, ()),
    (
      _HALVING,
      (
        *('max_pool_5x5', 'max_pool_3x3', 'max_pool_2x2'),
        *('avg_pool_5x5', 'avg_pool_3x3', 'avg_pool_2x2', 'null'),
      ),
    ),
  )
  def test_only_a_strided_skip_costs_more_than_what_it_replaces(
    self, place, before
  ):
    allowed = transitions.allowed('nat++', _NAMES)
    costs = [cost.edge(name, place) for name in _NAMES]
    rising = {
      (_NAMES[i], _NAMES[j])
      for i in range(len(_NAMES))
      for j in range(len(_NAMES))
      if allowed[i, j] and not costs[j].within(costs[i])
    }
    self.assertEqual(rising, {(name, 'skip') for name in before})


class NetworkTest(parameterized.TestCase):
  # Parameters and multiply-adds of the released cells (method, section 7).
  @parameterized.parameters(
    ('darts', '3.35 M', '528 M'),
    ('nat_darts', '2.68 M', '424 M'),
    ('nat++_darts', '2.48 M', '394 M'),
    ('enas', '3.86 M', '606 M'),
    ('nat_enas', '3.86 M', '606 M'),
    ('nat++_enas', '3.69 M', '581 M'),
  )
  def test_published_cifar10_network(self, name, params, madds):
    total = cost.network(zoo.load(name), _CIFAR10)
    self.assertEqual(f'{total.params / 1e6:.2f} M', params)
    self.assertEqual(f'{total.madds / 1e6:.0f} M', madds)

  # As their papers say; those of AmoebaNet-A and NASNet-A (32 channels in its
  # paper) as DARTS's paper measured them in this network. Not here: PNASNet
  # (3.2 M) and NAONet (10.6 M), published in networks that are built otherwise.
  @parameterized.parameters(
    ('snas', 36, '2.8 M'),
    ('pdarts', 36, '3.4 M'),
    ('pcdarts', 36, '3.6 M'),
    ('amoebanet_a', 36, '3.1 M'),
    ('nasnet_a', 32, '3.1 M'),
  )
  def test_published_size(self, name, channels, params):
    config = dataclasses.replace(_CIFAR10, channels=channels)
    total = cost.network(zoo.load(name), config)
    self.assertEqual(f'{total.params / 1e6:.1f} M', params)

  @parameterized.parameters(*zoo.names())
  def test_every_published_architecture_costs_more_than_its_frame(self, name):
    architecture = zoo.load(name)
    empty = Architecture(
      tuple(
        (kind, cell.with_operations(['null'] * len(cell.edges)))
        for kind, cell in architecture.cells
      ),
      architecture.network,
    )
    config = dataclasses.replace(
      _CIFAR10, skeleton=skeletons.load(architecture.network)
    )
    frame = cost.network(empty, config)
    total = cost.network(architecture, config)
    self.assertGreater(total.params, frame.params)
    self.assertGreater(total.madds, frame.madds)

  # 4x4 image, 1 channel -> stem, 6 -> normal, 2 -> classifier, 3
  def test_one_cell_by_hand(self):
    config = layout.NetworkConfig(1, 2, (4, 4), 1, 3, skeletons.CELLS)
    stem = Cost(9 * 1 * 6 + 2 * 6, 9 * 1 * 6 * 16)
    inputs = Cost(2 * (6 * 2 + 2 * 2), 2 * 6 * 2 * 16)
    conv = Cost(9 * 2 * 2 + 2 * 2, 9 * 2 * 2 * 16)
    classifier = Cost(2 * 3 + 3, 2 * 3)
    self.assertEqual(
      cost.network(_toy('conv_3x3', 'skip'), config),
      stem.plus(inputs).plus(conv).plus(classifier),
    )

  # 5x5 image -> stem, 6 -> normal, 2 -> reduction, 4 -> reduction, 8 -> 3
  #              5x5         5x5            3x3               2x2
  def test_reductions_by_hand(self):
    config = layout.NetworkConfig(3, 2, (5, 5), 1, 3, skeletons.CELLS)
    stem = Cost(9 * 6 + 2 * 6, 9 * 6 * 25)
    # Stem and stem; stem and cell 0; cells 0 (halved to 3x3) and 1.
    inputs = [
      Cost(2 * (6 * 2 + 2 * 2), 2 * 6 * 2 * 25),
      Cost(6 * 4 + 2 * 4 + 2 * 4 + 2 * 4, (6 * 4 + 2 * 4) * 25),
      Cost(2 * 8 + 2 * 8 + 4 * 8 + 2 * 8, (2 * 8 + 4 * 8) * 9),
    ]
    # A skip is free in the normal cell.
    skips = [
      Cost(0, 0),
      Cost(4 * 4 + 2 * 4, 4 * 4 * 9),
      Cost(8 * 8 + 2 * 8, 8 * 8 * 4),
    ]
    total = stem
    for part in [*inputs, *skips]:
      total = total.plus(part)
    total = total.plus(Cost(8 * 3 + 3, 8 * 3))
    self.assertEqual(cost.network(_toy('max_pool_3x3', 'skip'), config), total)

  # 8x8 -> stem, 4 -> cell, 4 -> block, 8 -> block, 16 -> batch norm -> 10
  #         8x8         8x8         4x4          2x2
  def test_nas_bench_201_by_hand(self):
    config = layout.NetworkConfig(3, 4, (8, 8), 3, 10, skeletons.NASBENCH201)
    none = '|none~0|+|none~0|none~1|+|{}~0|none~1|none~2|'
    cell = nasbench201.from_text(none.format('nor_conv_1x1'))
    total = Cost(9 * 3 * 4 + 2 * 4, 9 * 3 * 4 * 64)
    total = total.plus(Cost(4 * 4 + 2 * 4, 4 * 4 * 64))
    for channels, size in ((8, 16), (16, 4)):
      doubling = channels // 2 * channels
      for weights, norms in (
        (9 * doubling, 1),
        (9 * channels**2, 1),
        (doubling, 0),
      ):
        total = total.plus(Cost(weights + norms * 2 * channels, weights * size))
    total = total.plus(Cost(2 * 16 + 16 * 10 + 10, 16 * 10))
    self.assertEqual(cost.network(cell, config), total)

    with self.subTest('a skip is free everywhere'):
      # Beside a convolution: without it a null would end the network.
      beside = '|none~0|+|nor_conv_1x1~0|none~1|+|{}~0|none~1|skip_connect~2|'
      skip, null = (
        cost.network(nasbench201.from_text(beside.format(name)), config)
        for name in ('skip_connect', 'none')
      )
      self.assertEqual(skip, null)

  # The benchmark's own table counts the ten biases as operations, too.
  @parameterized.parameters(
    ('nor_conv_3x3', 1_531_546, 220_119_690),
    ('skip_connect', 73_306, 7_783_050),
  )
  def test_nas_bench_201_as_published(self, name, params, flops):
    config = layout.NetworkConfig(
      17, 16, (32, 32), 3, 10, skeletons.NASBENCH201
    )
    cell = nasbench201.from_text(
      f'|{name}~0|+|{name}~0|{name}~1|+|{name}~0|{name}~1|{name}~2|'
    )
    self.assertEqual(cost.network(cell, config), Cost(params, flops - 10))

  def test_the_classifier_reads_what_is_concatenated(self):
    edges = tuple(Edge(0, target, 'null') for target in (2, 3))
    one, two = (
      Architecture.of(normal=Cell(2, 4, edges, concat))
      for concat in ((2,), (2, 3))
    )
    config = layout.NetworkConfig(1, 2, (4, 4), 1, 3, skeletons.CELLS)
    # Two channels more, for three classes.
    self.assertEqual(
      cost.network(one, config).plus(Cost(2 * 3, 2 * 3)),
      cost.network(two, config),
    )

  # The head reads vertex 3, which reads input 1; 2 has no reader.
  def test_what_nobody_reads_is_free(self):
    edges = (Edge(0, 2, 'conv_5x5'), Edge(1, 3, 'conv_1x1'))
    without = (Edge(0, 2, 'null'), Edge(1, 3, 'conv_1x1'))
    config = layout.NetworkConfig(1, 2, (4, 4), 1, 3, skeletons.CELLS)
    one, two = (
      cost.network(Architecture.of(normal=Cell(2, 4, which, (3,))), config)
      for which in (edges, without)
    )
    self.assertEqual(one, two)
    # Stem, one input of two, the convolution, the classifier.
    params = (9 * 6 + 12) + (6 * 2 + 4) + (2 * 2 + 4) + (2 * 3 + 3)
    self.assertEqual(one.params, params)


class ByEdgeTest(parameterized.TestCase):
  # The head reads vertex 3, which reads input 1; 2 has no reader.
  def test_by_hand(self):
    edges = (Edge(0, 2, 'conv_5x5'), Edge(1, 3, 'conv_1x1'))
    config = layout.NetworkConfig(2, 2, (4, 4), 1, 3, skeletons.CELLS)
    normal = Cell(2, 4, edges, (3,))
    architecture = Architecture.of(normal=normal, reduction=normal)
    # A normal cell of 2 channels, and a reduction of 4, which ends at 2x2.
    self.assertEqual(
      cost.by_edge(architecture, config),
      {
        'normal': [Cost(0, 0), Cost(2 * 2 + 4, 2 * 2 * 16)],
        'reduction': [Cost(0, 0), Cost(4 * 4 + 8, 4 * 4 * 4)],
      },
    )

  # Whatever the edges carry, the rest of the network costs the same.
  @parameterized.parameters('darts', 'enas', 'vgg16', 'resnet50')
  def test_differences_are_those_of_the_network(self, name):
    one = zoo.load(name)
    other = Architecture(
      tuple(
        (cell, graph.with_operations(['conv_3x3'] * len(graph.edges)))
        for cell, graph in one.cells
      ),
      one.network,
    )
    config = description.network_config(one.network, 'cifar10')
    rests = []
    for architecture in (one, other):
      edges = cost.by_edge(architecture, config).values()
      total = cost.sum_of(each for cell in edges for each in cell)
      whole = cost.network(architecture, config)
      rests.append((whole.params - total.params, whole.madds - total.madds))
    self.assertEqual(*rests)


class ImagenetTest(parameterized.TestCase):
  # As `NetworkTest.test_published_cifar10_network`.
  @parameterized.parameters(
    ('darts', '4.72 M', '530 M'),
    ('nat_darts', '3.98 M', '441 M'),
    ('nat++_darts', '3.72 M', '413 M'),
    ('enas', '5.63 M', '608 M'),
    ('nat_enas', '5.63 M', '608 M'),
    ('nat++_enas', '5.38 M', '583 M'),
  )
  def test_published_cells(self, name, params, madds):
    skeleton = skeletons.load('cells', 'imagenet')
    config = layout.NetworkConfig(14, 48, (224, 224), 3, 1000, skeleton)
    total = cost.network(zoo.load(name), config)
    self.assertEqual(f'{total.params / 1e6:.2f} M', params)
    self.assertEqual(f'{total.madds / 1e6:.0f} M', madds)


class HandMadeTest(parameterized.TestCase):
  # Parameters of the ResNets for CIFAR-10 are those of He et al., CVPR 2016,
  # the others those of PyTorch's torchvision. Multiply-adds are quoted as 1.82,
  # 4.1, 15.5 and 0.30 G, 41 and 126 M; the last with 1x1 convolutions in two
  # shortcuts, 0.26 M, where He et al. and we have none.
  @parameterized.parameters(
    ('resnet18', 'imagenet', '11.69 M', '1814 M'),
    ('resnet50', 'imagenet', '25.56 M', '4089 M'),
    ('vgg16', 'imagenet', '138.36 M', '15470 M'),
    ('mobilenetv2', 'imagenet', '3.50 M', '301 M'),
    ('resnet20', 'cifar10', '0.27 M', '41 M'),
    ('resnet56', 'cifar10', '0.85 M', '125 M'),
  )
  def test_published_size(self, name, form, params, madds):
    side, classes = (224, 1000) if form == 'imagenet' else (32, 10)
    skeleton = skeletons.load(name, form)
    config = layout.NetworkConfig(
      1, skeleton.base, (side, side), 3, classes, skeleton
    )
    total = cost.network(zoo.load(name), config)
    self.assertEqual(f'{total.params / 1e6:.2f} M', params)
    self.assertEqual(f'{total.madds / 1e6:.0f} M', madds)


if __name__ == '__main__':
  absltest.main()
