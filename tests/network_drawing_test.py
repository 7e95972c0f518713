"""Tests of nat_tf.network_drawing."""

from __future__ import annotations

import itertools
import os

from absl.testing import absltest
from absl.testing import parameterized
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import FancyArrowPatch
from matplotlib.patches import FancyBboxPatch
import numpy as np

from nat_tf import cost
from nat_tf import description
from nat_tf import drawing
from nat_tf import network_drawing
from nat_tf import skeletons
from nat_tf import zoo
from nat_tf.architecture import Architecture
from nat_tf.network_drawing import Box

_ALL = [
  (name, form)
  for name in zoo.names()
  for form in skeletons.forms(zoo.load(name).network)
]


def _config(name: str, form: str = 'cifar10'):
  return description.network_config(zoo.load(name).network, form)


def _all_changed(architecture: Architecture) -> Architecture:
  """Returns it with every edge made a skip, but for skips, which go."""
  cells = []
  for name, cell in architecture.cells:
    others = [
      'null' if edge.operation == 'skip' else 'skip' for edge in cell.edges
    ]
    cells.append((name, cell.with_operations(others)))
  return Architecture(tuple(cells), architecture.network)


def _shapes(boxes: list[Box]) -> list[tuple]:
  return [(box.name, box.count, box.shape) for box in boxes]


class BoxesTest(parameterized.TestCase):
  # Reductions stand at a third and at two thirds of 20 cells; four vertices of
  # the cells are concatenated.
  def test_cells(self):
    boxes = network_drawing.boxes(_config('darts'), zoo.load('darts'))
    self.assertEqual(
      _shapes(boxes),
      [
        ('image', 1, (32, 32, 3)),
        ('stem', 1, (32, 32, 108)),
        ('normal × 6', 6, (32, 32, 4 * 36)),
        ('reduction', 1, (16, 16, 4 * 72)),
        ('normal × 6', 6, (16, 16, 4 * 72)),
        ('reduction', 1, (8, 8, 4 * 144)),
        ('normal × 6', 6, (8, 8, 4 * 144)),
        ('head', 1, None),
      ],
    )
    self.assertEqual([box.reduces for box in boxes].count(True), 2)

  # He et al., CVPR 2016: 3 stages of 3 blocks with 16, 32, 64 channels.
  def test_blocks(self):
    boxes = network_drawing.boxes(_config('resnet20'), zoo.load('resnet20'))
    self.assertEqual(
      _shapes(boxes)[2:-1],
      [
        ('stage1_block1–3', 3, (32, 32, 16)),
        ('stage2_block1', 1, (16, 16, 32)),
        ('stage2_block2–3', 2, (16, 16, 32)),
        ('stage3_block1', 1, (8, 8, 64)),
        ('stage3_block2–3', 2, (8, 8, 64)),
      ],
    )

  @parameterized.parameters(*_ALL)
  def test_costs_add_up_to_the_network(self, name, form):
    architecture, config = zoo.load(name), _config(name, form)
    boxes = network_drawing.boxes(config, architecture)
    self.assertEqual(
      cost.sum_of(box.cost for box in boxes), cost.network(architecture, config)
    )
    self.assertEqual(
      sum(box.count for box in boxes if not box.plain), config.cells
    )

  def test_changes_are_counted(self):
    before, after = zoo.load('darts'), zoo.load('nat_darts')
    boxes = network_drawing.boxes(_config('darts'), before, after)
    self.assertEqual([box.changed for box in boxes], [0, 0, 2, 3, 2, 3, 2, 0])

  def test_costs_of_the_input_add_up_where_they_differ(self):
    before, after = zoo.load('darts'), zoo.load('nat_darts')
    config = _config('darts')
    boxes = network_drawing.boxes(config, before, after)
    self.assertEqual(
      cost.sum_of(box.before or box.cost for box in boxes),
      cost.network(before, config),
    )
    self.assertEqual(
      [bool(box.before) for box in boxes], [bool(b.changed) for b in boxes]
    )
    self.assertFalse(
      any(box.before for box in network_drawing.boxes(config, before))
    )

  @parameterized.parameters(
    (651_000, 604_000, '651 k → 604 k'),
    (1_000, 1_000, '1.0 k'),
    (2_500_000, 2_450_000, '2.5 M (-2 %)'),
    (950, 0, '950 → 0'),
  )
  def test_differences(self, before, after, text):
    self.assertEqual(network_drawing.difference(before, after), text)

  def test_a_changed_block_stands_alone(self):
    before = zoo.load('resnet20')
    cells = dict(before.cells)
    cells['stage1_block2'] = cells['stage1_block2'].with_operations(
      ['skip'] * len(cells['stage1_block2'].edges)
    )
    after = type(before)(tuple(cells.items()), before.network)
    boxes = network_drawing.boxes(_config('resnet20'), before, after)
    self.assertEqual(
      [box.name for box in boxes][2:5],
      ['stage1_block1', 'stage1_block2', 'stage1_block3'],
    )
    self.assertEqual([bool(box.changed) for box in boxes][2:5], [0, 1, 0])


class FigureTest(parameterized.TestCase):
  @parameterized.parameters(
    *((name, form, False) for name, form in _ALL),
    *((name, form, True) for name, form in _ALL),
  )
  def test_texts_are_clear_and_on_the_sheet(self, name, form, transformed):
    before = zoo.load(name)
    figure = network_drawing.figure(
      _config(name, form),
      before,
      _all_changed(before) if transformed else None,
      title=name,
    )
    FigureCanvasAgg(figure).draw()
    axes = figure.axes[0]
    words = [text.get_text() for text in axes.texts]
    texts = [text.get_window_extent() for text in axes.texts]
    if legend := axes.get_legend():
      words.append('legend')
      texts.append(legend.get_window_extent())
    self.assertEqual('legend' in words, transformed)
    for (i, first), (j, second) in itertools.combinations(enumerate(texts), 2):
      self.assertFalse(
        first.overlaps(second),
        f'{words[i]} and {words[j]}',
      )
    for box in texts:
      self.assertGreaterEqual(min(box.x0, box.y0), 0)
      self.assertLessEqual(box.x1, figure.bbox.x1)
      self.assertLessEqual(box.y1, figure.bbox.y1)
    # A text is in its box or beside all boxes, and never on a border.
    boxes = [
      patch.get_window_extent()
      for patch in axes.patches
      if isinstance(patch, FancyBboxPatch)
    ]
    for i, box in itertools.product(range(len(texts)), boxes):
      if texts[i].overlaps(box):
        self.assertBetween(texts[i].x0, box.x0, box.x1, words[i])
        self.assertBetween(texts[i].x1, box.x0, box.x1, words[i])
        self.assertBetween(texts[i].y0, box.y0, box.y1, words[i])
        self.assertBetween(texts[i].y1, box.y0, box.y1, words[i])

  # From one row to as many as there are.
  @parameterized.product(
    name=['vggblock', 'vgg16', 'darts', 'resnet56'], transformed=[False, True]
  )
  def test_arrows_lead_from_box_to_box_and_cross_none(self, name, transformed):
    before = zoo.load(name)
    figure = network_drawing.figure(
      _config(name), before, _all_changed(before) if transformed else None
    )
    patches = figure.axes[0].patches
    boxes = [one for one in patches if isinstance(one, FancyBboxPatch)]
    # Of the line and of its head, the line comes first.
    ways = [
      one.get_path().to_polygons(closed_only=False)[0]
      for one in patches
      if isinstance(one, FancyArrowPatch)
    ]
    self.assertLen(ways, len(boxes))
    for number, way in enumerate(ways):
      begin, *_, end = way
      source = boxes[number]
      np.testing.assert_allclose(
        begin,
        (
          source.get_x() + source.get_width(),
          source.get_y() + source.get_height() / 2,
        ),
      )
      if number + 1 < len(boxes):
        target = boxes[number + 1]
        np.testing.assert_allclose(
          end,
          (target.get_x(), target.get_y() + target.get_height() / 2),
          # The line ends within its head.
          atol=0.1,
        )
      for box, (a, b) in itertools.product(boxes, itertools.pairwise(way)):
        for x, y in np.linspace(a, b, 50)[1:-1]:
          inside = (
            0 < x - box.get_x() < box.get_width()
            and 0 < y - box.get_y() < box.get_height()
          )
          self.assertFalse(inside, f'arrow {number} runs over a box')

  def test_a_changed_box_differs_in_more_than_colour(self):
    figure = network_drawing.figure(
      _config('darts'), zoo.load('darts'), zoo.load('nat_darts')
    )
    _, stem, normal, *_ = (
      patch
      for patch in figure.axes[0].patches
      if isinstance(patch, FancyBboxPatch)
    )
    self.assertNotEqual(stem.get_linestyle(), normal.get_linestyle())
    self.assertGreater(normal.get_linewidth(), stem.get_linewidth())
    texts = [text.get_text() for text in figure.axes[0].texts]
    self.assertEqual(texts.count('2 edges changed'), 3)
    # All cells differ.
    legend = figure.axes[0].get_legend()
    self.assertEqual(
      [text.get_text() for text in legend.texts], ['cells with changed edges']
    )
    (swatch,) = legend.get_patches()
    self.assertEqual(swatch.get_edgecolor(), normal.get_edgecolor())
    self.assertEqual(swatch.get_linewidth(), normal.get_linewidth())

  def test_legend_knows_cells_that_are_as_they_were(self):
    before = zoo.load('resnet20')
    (name, block), *others = before.cells
    changed = block.with_operations(['skip'] * len(block.edges))
    after = Architecture(((name, changed), *others), before.network)
    figure = network_drawing.figure(_config('resnet20'), before, after)
    legend = figure.axes[0].get_legend()
    self.assertEqual(
      [text.get_text() for text in legend.texts],
      ['cells with changed edges', 'cells that are as they were'],
    )
    # Nothing became another: nothing to explain.
    figure = network_drawing.figure(_config('resnet20'), before, before)
    self.assertIsNone(figure.axes[0].get_legend())

  def test_writes_every_form(self):
    folder = self.create_tempdir().full_path
    network_drawing.draw_all(
      os.path.join(folder, 'n'),
      _config('darts'),
      zoo.load('darts'),
      title='$^$<script>',
    )
    self.assertCountEqual(
      os.listdir(folder), [f'n{suffix}' for suffix in drawing.SUFFIXES]
    )


if __name__ == '__main__':
  absltest.main()
