"""Tests of nat_tf.drawing."""

from __future__ import annotations

import itertools
import os
import sys
from xml.etree import ElementTree

from absl.testing import absltest
from absl.testing import parameterized
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import FancyBboxPatch
from matplotlib.patches import PathPatch
from matplotlib.transforms import Bbox

from nat_tf import cost
from nat_tf import description
from nat_tf import drawing
from nat_tf import layout
from nat_tf import skeletons
from nat_tf import vocabulary
from nat_tf import zoo
from nat_tf.architecture import Architecture
from nat_tf.architecture import ArchitectureError
from nat_tf.architecture import Cell
from nat_tf.architecture import Edge

_OPERATIONS = {operation.name for operation in vocabulary.ALL}
_INPUTS = [name for name in zoo.names() if not name.startswith('nat')]
_PAIRS = [
  (name.split('_', 1)[1], name)
  for name in zoo.names()
  if name.startswith('nat')
]


def _extents(figure) -> tuple[list[Bbox], list[Bbox]]:
  """Renders a figure; returns where its labels and its vertices really are."""
  canvas = FigureCanvasAgg(figure)
  canvas.draw()
  renderer = canvas.get_renderer()
  axes = figure.axes[0]
  labels = [
    text.get_bbox_patch().get_window_extent(renderer)
    for text in axes.texts
    if text.get_text().split('\n')[0] in _OPERATIONS
  ]
  vertices = [
    patch.get_window_extent(renderer)
    for patch in axes.patches
    if isinstance(patch, FancyBboxPatch)
  ]
  return labels, vertices


def _overlap(first: Bbox, second: Bbox) -> bool:
  across = first.x0 < second.x1 and second.x0 < first.x1
  return across and first.y0 < second.y1 and second.y0 < first.y1


def _lines(figure) -> list[tuple]:
  """Colour, width and dashes of every edge that was drawn."""
  return [
    (patch.get_edgecolor(), patch.get_linewidth(), str(patch.get_linestyle()))
    for patch in figure.axes[0].patches
    if isinstance(patch, PathPatch)
  ]


class FigureTest(parameterized.TestCase):
  @parameterized.parameters(*_PAIRS, *((name, None) for name in _INPUTS))
  def test_rendered_labels_and_vertices_are_clear(self, source, transformed):
    after = zoo.load(transformed) if transformed else None
    before = zoo.load(source)
    figure = drawing.figure(before, after, 't')
    labels, vertices = _extents(figure)
    drawn, latest = 0, None
    for _, cell in before.cells:
      # Equal blocks of hand-made networks are drawn once.
      drawn += (
        0 if len(before.cells) > 2 and cell == latest else len(cell.edges)
      )
      latest = cell
    self.assertLen(labels, drawn * (2 if after else 1))
    for first, second in itertools.combinations([*labels, *vertices], 2):
      self.assertFalse(_overlap(first, second), f'{first} and {second}')

  # Every form that the network of a published architecture has.
  @parameterized.parameters(
    *(
      (name, form)
      for name in zoo.names()
      for form in skeletons.FORMS
      if form in skeletons.forms(zoo.load(name).network)
    )
  )
  def test_labels_with_costs_are_clear(self, name, form):
    architecture = zoo.load(name)
    config = description.network_config(architecture.network, form)
    costs = [cost.by_edge(architecture, config)]
    figure = drawing.figure(architecture, costs=costs)
    labels, vertices = _extents(figure)
    with self.subTest('costs are there'):
      lines = [
        text.get_text().split('\n')
        for text in figure.axes[0].texts
        if text.get_text().split('\n')[0] in _OPERATIONS
      ]
      self.assertLen(lines, len(labels))
      for operation, *numbers in lines:
        self.assertLen(numbers, 0 if operation == 'null' else 1)
    for first, second in itertools.combinations([*labels, *vertices], 2):
      self.assertFalse(_overlap(first, second), f'{first} and {second}')

  #   0 --conv_3x3--> 1 --skip--> 2, in one cell of 4 channels at 8x8
  def test_costs_stand_on_their_edges(self):
    cell = Cell(1, 3, (Edge(0, 1, 'conv_3x3'), Edge(1, 2, 'skip')), (2,))
    config = layout.NetworkConfig(1, 4, (8, 8), 3, 10, skeletons.NASBENCH201)
    architecture = Architecture((('normal', cell),), 'nasbench201')
    costs = [cost.by_edge(architecture, config)]
    figure = drawing.figure(architecture, costs=costs)
    texts = [text.get_text() for text in figure.axes[0].texts]
    # 9 * 4 * 4 weights and a batch norm of 8; 9 * 4 * 4 * 64 multiply-adds.
    self.assertIn('conv_3x3\n152, 9.2 k', texts)
    self.assertIn('skip\n0', texts)

  def test_a_step_stands_where_all_others_stand(self):
    before, after = zoo.load('darts'), zoo.load('nat_darts')
    changes = before.changed_edges(after)
    places, shown = [], []
    for done, now in (([], []), ([], changes[:1]), (changes, [])):
      figure = drawing.step(before, after, done, now, 't')
      _, vertices = _extents(figure)
      places.append([box.bounds for box in vertices])
      texts = [text.get_text() for text in figure.axes[0].texts]
      shown.append([text for text in texts if text in _OPERATIONS])
    self.assertEqual(places[0], places[1])
    self.assertEqual(places[0], places[2])
    operations = [
      sorted(edge.operation for _, _, edge in one.edges())
      for one in (before, before, after)
    ]
    self.assertEqual([sorted(one) for one in shown], operations)

  def test_all_operations_fit_their_labels_rooms(self):
    # A cell for each, whose vertex has it twice; changed, and so in bold.
    before, after = [], []
    for name in sorted(_OPERATIONS):
      cell = Cell(2, 3, (Edge(0, 2, name), Edge(1, 2, name)), (2,))
      others = ['skip' if name == 'null' else 'null'] * 2
      before.append((name, cell))
      after.append((name, cell.with_operations(others)))
    figure = drawing.figure(
      Architecture(tuple(before)), Architecture(tuple(after))
    )
    labels, vertices = _extents(figure)
    self.assertLen(labels, 4 * len(_OPERATIONS))
    for first, second in itertools.combinations([*labels, *vertices], 2):
      self.assertFalse(_overlap(first, second), f'{first} and {second}')

  def test_everything_is_on_the_sheet(self):
    figure = drawing.figure(zoo.load('enas'), zoo.load('nat++_enas'), 'title')
    labels, vertices = _extents(figure)
    legend = figure.axes[0].get_legend().get_window_extent()
    for box in [*labels, *vertices, legend]:
      self.assertGreaterEqual(min(box.x0, box.y0), 0)
      self.assertLessEqual(box.x1, figure.bbox.x1)
      self.assertLessEqual(box.y1, figure.bbox.y1)

  def test_legend_is_clear_of_the_cells(self):
    figure = drawing.figure(zoo.load('vggblock'), zoo.load('nat_vggblock'))
    labels, vertices = _extents(figure)
    legend = figure.axes[0].get_legend().get_window_extent()
    for box in [*labels, *vertices]:
      self.assertFalse(_overlap(box, legend))

  @parameterized.parameters(*zoo.names())
  def test_headings_are_clear_and_on_the_sheet(self, name):
    figure = drawing.figure(zoo.load(name))
    FigureCanvasAgg(figure).draw()
    headings = [
      text.get_window_extent()
      for text in figure.axes[0].texts
      if text.get_weight() == 'bold'
    ]
    self.assertNotEmpty(headings)
    for first, second in itertools.combinations(headings, 2):
      self.assertFalse(_overlap(first, second), f'{first} and {second}')
    for box in headings:
      self.assertLessEqual(box.x1, figure.bbox.x1)

  # Three stages of blocks that are all alike.
  def test_equal_blocks_are_drawn_once(self):
    before = zoo.load('resnet20')
    texts = [t.get_text() for t in drawing.figure(before).axes[0].texts]
    self.assertIn('stage1_block1 to stage3_block3, 9 ×', texts)
    self.assertEqual(texts.count('conv_3x3'), 2)

    with self.subTest('unless one was changed'):
      cells = dict(before.cells)
      block = cells['stage2_block1']
      after = [
        'skip' if e.operation == 'null' else e.operation for e in block.edges
      ]
      cells['stage2_block1'] = block.with_operations(after)
      changed = Architecture(tuple(cells.items()), before.network)
      figure = drawing.figure(before, changed)
      texts = [t.get_text() for t in figure.axes[0].texts]
      self.assertContainsSubset(
        [
          'stage1_block1 to stage1_block3, 3 ×, input',
          'stage2_block1 cell, transformed: 2 of 5 changed',
          'stage2_block2 to stage3_block3, 5 ×, input',
        ],
        texts,
      )

  @parameterized.parameters('resnet50', 'mobilenetv2', 'vgg16')
  def test_hand_made_networks_fit_a_screen(self, name):
    width, height = drawing.figure(zoo.load(name)).get_size_inches()
    self.assertBetween(width / height, 0.7, 2.8)

  def test_headings_count_the_changes(self):
    figure = drawing.figure(zoo.load('darts'), zoo.load('nat_darts'), 'a title')
    texts = [text.get_text() for text in figure.axes[0].texts]
    self.assertContainsSubset(
      [
        'a title',
        'normal cell, input',
        'normal cell, transformed: 2 of 8 changed',
        'reduction cell, input',
        'reduction cell, transformed: 3 of 8 changed',
      ],
      texts,
    )

  def test_sides_have_the_names_that_they_are_given(self):
    # A pair of dollars would make a formula; of a long path the end is shown.
    figure = drawing.figure(
      zoo.load('darts'),
      zoo.load('nat_darts'),
      sides=drawing.Sides('$a$', f'{"long_" * 8}/x.json', 'different'),
    )
    axes = figure.axes[0]
    headings = [one for one in axes.texts if 'cell, ' in one.get_text()]
    self.assertLen(headings, 4)
    self.assertFalse(any(one.get_parse_math() for one in headings))
    self.assertContainsSubset(
      [
        'normal cell, $a$',
        'normal cell, …_long_long_long_/x.json: 2 of 8 different',
      ],
      [one.get_text() for one in headings],
    )
    legend = [text.get_text() for text in axes.get_legend().texts]
    self.assertContainsSubset(['different', 'null, different'], legend)
    self.assertNotIn('changed', legend)

  def test_names_of_vertices(self):
    figure = drawing.figure(zoo.load('darts'))
    texts = [text.get_text() for text in figure.axes[0].texts]
    for name in ('$c_{k-2}$', '$c_{k-1}$', '2', '3', '4', '5', '$c_k$'):
      self.assertEqual(texts.count(name), 2, name)

  #   0 --conv--> 1 --conv--> 2      becomes      0 --conv--> 1 --skip--> 2
  def test_a_changed_edge_differs_in_colour_width_and_dashes(self):
    cell = Cell(1, 3, (Edge(0, 1, 'conv_3x3'), Edge(1, 2, 'conv_3x3')), (2,))
    before = Architecture.of(normal=cell)
    after = Architecture.of(normal=cell.with_operations(['conv_3x3', 'skip']))
    lines = _lines(drawing.figure(before, after))
    # Two panels of: the line into the output, the kept edge, the changed edge.
    self.assertLen(lines, 6)
    _, kept, changed = lines[:3]
    for part_of_kept, part_of_changed in zip(kept, changed):
      self.assertNotEqual(part_of_kept, part_of_changed)
    self.assertEqual(lines[:3], lines[3:])

  def test_a_null_edge_is_dotted_and_light(self):
    cell = Cell(1, 3, (Edge(0, 1, 'conv_3x3'), Edge(0, 2, 'null')), (1, 2))
    lines = _lines(drawing.figure(Architecture.of(normal=cell)))
    *_, operation, null = lines
    self.assertNotEqual(operation[2], null[2])
    self.assertGreater(sum(null[0][:3]), sum(operation[0][:3]))

  @parameterized.parameters(
    ('darts', None, ['operation', 'concatenated to the output']),
    (
      'darts',
      'nat_darts',
      ['operation', 'changed', 'null, changed', 'concatenated to the output'],
    ),
    (
      'resblock',
      None,
      ['operation', 'null: no connection', 'concatenated to the output'],
    ),
  )
  def test_legend_explains_what_occurs(self, source, transformed, expected):
    after = zoo.load(transformed) if transformed else None
    legend = drawing.figure(zoo.load(source), after).axes[0].get_legend()
    self.assertEqual([text.get_text() for text in legend.texts], expected)

  def test_refuses_different_graphs(self):
    with self.assertRaisesRegex(ArchitectureError, 'not on one graph'):
      drawing.figure(zoo.load('darts'), zoo.load('enas'))

  def test_refuses_what_no_one_could_read(self):
    edges = (Edge(0, 1, 'skip'),) * 65
    large = Architecture.of(normal=Cell(1, 2, edges, (1,)))
    with self.assertRaisesRegex(
      ArchitectureError, 'normal cell: 65 edges and 1 inputs are too many'
    ):
      drawing.figure(large)


class DrawTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path

  def _draw(self, name: str, **kwargs) -> bytes:
    path = os.path.join(self.folder, name)
    drawing.draw(path, zoo.load('darts'), zoo.load('nat_darts'), **kwargs)
    with open(path, 'rb') as file:
      return file.read()

  @parameterized.parameters(
    ('a.png', b'\x89PNG'), ('a.svg', b'<?xml'), ('A.PNG', b'\x89PNG')
  )
  def test_suffix_decides_the_format(self, name, start):
    self.assertStartsWith(self._draw(name), start)
    self.assertEqual(os.listdir(self.folder), [name])

  @parameterized.parameters(*zoo.names())
  def test_draws_every_published_architecture(self, name):
    path = os.path.join(self.folder, 'a')
    drawing.draw_all(path, zoo.load(name), title=name)
    for suffix in drawing.SUFFIXES:
      with open(path + suffix, 'rb') as file:
        content = file.read()
      self.assertGreater(len(content), 10_000)
      if suffix == '.svg':
        self.assertEqual(ElementTree.fromstring(content).tag[-4:], '}svg')

  def test_all_forms_are_what_each_is_alone(self):
    drawing.draw_all(
      os.path.join(self.folder, 'both'),
      zoo.load('darts'),
      zoo.load('nat_darts'),
    )
    for suffix in drawing.SUFFIXES:
      with open(os.path.join(self.folder, 'both' + suffix), 'rb') as file:
        both = file.read()
      self.assertEqual(both, self._draw('alone' + suffix))

  @parameterized.parameters('.png', '.svg')
  def test_same_architectures_same_bytes(self, suffix):
    self.assertEqual(self._draw('a' + suffix), self._draw('b' + suffix))

  def test_dollars_in_a_title_are_no_formula(self):
    self.assertNotEmpty(self._draw('a.png', title='runs/$^$'))

  def test_a_title_may_hold_what_cannot_be_written(self):
    for name in ('a.png', 'a.svg'):
      self.assertNotEmpty(self._draw(name, title='a\0b\udcffc'))

  @parameterized.parameters('a.jpg', 'a', 'png')
  def test_refuses_another_suffix(self, name):
    with self.assertRaisesRegex(
      drawing.DrawingError, 'suffix must be .png or .svg'
    ):
      self._draw(name)
    self.assertEmpty(os.listdir(self.folder))

  def test_refuses_a_missing_directory(self):
    with self.assertRaisesRegex(FileNotFoundError, 'there is no directory'):
      self._draw('missing/a.png')

  def test_leaves_pyplot_alone(self):
    self._draw('a.png')
    self.assertNotIn('matplotlib.pyplot', sys.modules)


if __name__ == '__main__':
  absltest.main()
