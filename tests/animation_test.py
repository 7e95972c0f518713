"""Tests of nat_tf.animation."""

from __future__ import annotations

import os

from absl.testing import absltest
from PIL import Image
from PIL import ImageChops

from nat_tf import animation
from nat_tf import description
from nat_tf import zoo
from nat_tf.architecture import Architecture


def _notes(source: Architecture, transformed: Architecture) -> list[str]:
  config = description.network_config(source.network, 'cifar10')
  return [
    figure.axes[0].texts[-1].get_text()
    for figure, _ in animation.figures(source, transformed, 't', config)
  ]


class FiguresTest(absltest.TestCase):
  def test_marks_then_changes_edge_by_edge(self):
    source, transformed = zoo.load('darts'), zoo.load('nat_darts')
    notes = _notes(source, transformed)
    # The input, two pictures for each of five changes, the end.
    self.assertLen(notes, 1 + 2 * 5 + 1)
    # Of docs/zoo.md: 528 M and 424 M multiply-adds, 20 % less.
    self.assertEqual(
      notes[0],
      '3.35 M parameters (+0.0 %), 528.36 M multiply-adds (+0.0 %)',
    )
    self.assertEqual(
      notes[-1],
      '2.68 M parameters (-19.9 %), 424.18 M multiply-adds (-19.7 %)',
    )
    # What is only marked costs what it cost.
    self.assertEqual(notes[1], notes[0])
    self.assertNotEqual(notes[2], notes[1])
    self.assertEqual(notes[-2], notes[-1])

  def test_many_changes_go_together(self):
    source = zoo.load('resnet20')
    cells = [
      (name, cell.with_operations(['skip'] * len(cell.edges)))
      for name, cell in source.cells[::2]
    ]
    cells = {**dict(source.cells), **dict(cells)}
    transformed = Architecture(tuple(cells.items()), source.network)
    self.assertGreater(len(source.changed_edges(transformed)), 12)
    self.assertLessEqual(len(_notes(source, transformed)), 1 + 2 * 12 + 1)


class WriteTest(absltest.TestCase):
  def test_writes_a_gif_that_ends_transformed(self):
    path = os.path.join(self.create_tempdir().full_path, 'a.gif')
    animation.write(path, zoo.load('vggblock'), zoo.load('nat_vggblock'))
    with Image.open(path) as image:
      self.assertEqual(image.format, 'GIF')
      self.assertEqual(image.info['loop'], 0)
      first = image.convert('RGB')
      image.seek(image.n_frames - 1)
      last = image.convert('RGB')
    self.assertEqual(first.size, last.size)
    self.assertIsNotNone(ImageChops.difference(first, last).getbbox())


if __name__ == '__main__':
  absltest.main()
