"""Tests of nat_tf.layout."""

from __future__ import annotations

import dataclasses

from absl.testing import absltest
from absl.testing import parameterized

from nat_tf import layout
from nat_tf import skeletons
from nat_tf.architecture import Architecture
from nat_tf.architecture import Cell
from nat_tf.architecture import Edge
from nat_tf.layout import CellPlace


def _config(cells: int, channels: int = 8, size=(32, 32)):
  return layout.NetworkConfig(cells, channels, size, 3, 10, skeletons.CELLS)


class PlacesTest(parameterized.TestCase):
  # N normal, R reduction.
  @parameterized.parameters(
    'N',
    'NR',
    'NRR',
    'NRRN',
    'NRNRN',
    'NNRNRN',
    'NNRNNRNN',
    'NNNNRNNNNRNNNN',
    'NNNNNNRNNNNNNRNNNNNN',
  )
  def test_reductions_stand_at_one_and_two_thirds(self, kinds):
    names = {'N': 'normal', 'R': 'reduction'}
    self.assertEqual(
      [place.kind for place in layout.places(_config(len(kinds)))],
      [names[kind] for kind in kinds],
    )

  # 33x28 --N--> 33x28 --R--> 17x14 --R--> 9x7 --N--> 9x7
  def test_sizes_of_an_odd_image_round_up(self):
    places = layout.places(_config(4, channels=6, size=(33, 28)))
    self.assertEqual(
      places,
      [
        CellPlace('normal', 6, 1, (33, 28), (33, 28), True, False),
        CellPlace('reduction', 12, 2, (33, 28), (17, 14), True, False),
        CellPlace('reduction', 24, 2, (17, 14), (9, 7), True, True),
        CellPlace('normal', 24, 1, (9, 7), (9, 7), True, True),
      ],
    )

  def test_a_single_pixel_stays_one(self):
    places = layout.places(_config(3, size=(1, 1)))
    self.assertEqual([place.output_size for place in places], [(1, 1)] * 3)

  def test_input_0_is_halved_only_right_after_a_reduction(self):
    # N N R N N R N N: cells 3 and 6 follow one.
    places = layout.places(_config(8))
    self.assertEqual(
      [i for i, place in enumerate(places) if place.halve_first], [3, 6]
    )

  def test_nas_bench_201_doubles_its_channels_inside_residual_blocks(self):
    # N R N R N: every cell takes the one before as it is.
    config = dataclasses.replace(_config(5), skeleton=skeletons.NASBENCH201)
    places = layout.places(config)
    self.assertFalse(any(x.prepares or x.halve_first for x in places))
    first = config.channels
    self.assertEqual(
      [
        (x.kind, [x.width(0), x.width(1), x.width(3)], x.output_size)
        for x in places
      ],
      [
        ('normal', [first] * 3, (32, 32)),
        ('reduction', [first, 2 * first, 2 * first], (16, 16)),
        ('normal', [2 * first] * 3, (16, 16)),
        ('reduction', [2 * first, 4 * first, 4 * first], (8, 8)),
        ('normal', [4 * first] * 3, (8, 8)),
      ],
    )


class ConfigTest(parameterized.TestCase):
  def test_the_stem_is_three_times_as_wide(self):
    ((stem, _),) = layout.stem(_config(8))
    self.assertEqual(stem.channels, 24)

  def test_reductions_are_the_architectures_own_or_residual_blocks(self):
    cell = Cell(1, 2, (Edge(0, 1, 'skip'),), (1,))
    architecture = Architecture.of(normal=cell, reduction=cell)
    own = _config(3)
    fixed = dataclasses.replace(own, skeleton=skeletons.NASBENCH201)
    for config, expected in (
      (own, [cell] * 3),
      (fixed, [cell] + 2 * [skeletons.NASBENCH201.reduction]),
    ):
      self.assertEqual(
        [config.cell(place, architecture) for place in layout.places(config)],
        expected,
      )

  @parameterized.parameters(0, -1)
  def test_refuses_a_network_without_cells(self, cells):
    with self.assertRaisesRegex(
      ValueError, f'cells is {cells}; it must be 1 or more'
    ):
      _config(cells)

  @parameterized.parameters(-2, 0, 1, 7)
  def test_refuses_channels_that_cannot_be_halved(self, channels):
    with self.assertRaisesRegex(
      ValueError, f'channels is {channels}; it must be an even number of 2 or'
    ):
      _config(3, channels)


if __name__ == '__main__':
  absltest.main()
