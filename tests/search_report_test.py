"""Tests of nat_tf.search_report."""

from __future__ import annotations

import os
import re

from absl.testing import absltest

from nat_tf import description
from nat_tf import genotype
from nat_tf import report
from nat_tf import search_report
from nat_tf import zoo
from nat_tf.architecture import Architecture
from nat_tf.cost import Cost
from nat_tf.pareto import Front
from nat_tf.search_config import SearchConfig
from nat_tf.transformer import Basis
from nat_tf.transformer import Measured
from nat_tf.transformer import Transformation

_DARTS = Measured(zoo.load('darts'), Cost(3_350_000, 528_000_000), 0.814)
_NAT_DARTS = Measured(
  zoo.load('nat_darts'), Cost(2_680_000, 424_200_000), 0.836
)
_NETWORK = description.network_config('cells', 'cifar10')
_CONFIG = SearchConfig(seed=3)
_BASIS = Basis(_NETWORK, 287, 12)


def _deep() -> tuple[Architecture, Architecture]:
  """The network with most blocks, and what differs from it in every block."""
  source = zoo.load('resnet56')
  cells = []
  for number, (name, cell) in enumerate(source.cells):
    operations = [edge.operation for edge in cell.edges]
    # Not two neighbours alike, or they would be drawn once.
    place = number % len(operations)
    operations[place] = 'null' if operations[place] == 'skip' else 'skip'
    cells.append((name, cell.with_operations(operations)))
  return source, Architecture(tuple(cells), source.network)


class SearchReportTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path
    self.learning = os.path.join(self.folder, 'learning.csv')
    with open(self.learning, 'w', encoding='utf-8') as file:
      file.write('epoch,weights_loss,policy_reward\n1,2.5,\n2,1.5,0.25\n')

  def _search(
    self,
    transformation,
    config=_CONFIG,
    devices=1,
  ) -> report.Report:
    return search_report.of_search(
      transformation,
      'darts',
      config,
      self.learning,
      'the command',
      devices,
    )

  def _changed(self, **options) -> list[str]:
    """Returns the names of the settings that count as changed."""
    made = self._search(Transformation(_DARTS, _DARTS, _BASIS), **options)
    text = report.page(made, self.folder).partition('<h2>Settings')[2]
    changed, _, _ = text.partition('<details')
    return re.findall('<th scope="row">([^<]*)', changed)

  def _later(self, build, found) -> str:
    """Returns the page of what a search found later; checks its settings."""
    made = build(
      found,
      'darts',
      self.learning,
      'the command',
      5,
      SearchConfig(epochs=123),
    )
    text = report.page(made, self.folder)
    self.assertIn('Seed: 5.', text)
    self.assertIn('<td>123</td>', text)
    return text

  def test_search(self):
    made = self._search(Transformation(_DARTS, _NAT_DARTS, _BASIS))
    self.assertEqual(made.lead, '5 edges changed.')
    self.assertEqual(
      made.tiles,
      [
        ('-20.0 %', 'parameters'),
        ('-19.7 %', 'multiply-adds'),
        ('+2.2 points', 'accuracy with shared weights'),
      ],
    )
    text = report.page(made, self.folder)
    self.assertIn('<td>424.2 M</td>', text)
    for note in (
      'costs of 20 cells, 36 channels, images of 32x32x3, 10 classes',
      '* with the shared weights, on 287 held-out images (one is 0.35 points)',
      'the best of 12 architectures by these same images',
    ):
      self.assertIn(f'<p class="note">{note}</p>', text)
    self.assertIn('epoch 2\\neach epoch 1.5\\nmoving mean 2', text)
    self.assertIn('normal cell, edge 0 to 3: sep_conv_3x3 became skip', text)
    self.assertIn('<code>the command</code>', text)

  def test_nothing_better_was_found(self):
    made = self._search(Transformation(_DARTS, _DARTS, _BASIS))
    self.assertStartsWith(made.lead, 'No candidate was better')
    self.assertIn('Changed edges. None.', report.page(made, self.folder))

  def test_what_a_command_settles_itself_is_not_changed(self):
    alone = SearchConfig(seed=3).on_devices(1)
    self.assertEqual(self._changed(config=alone), ['seed'])
    two = SearchConfig(seed=3).on_devices(2)
    self.assertEqual(self._changed(config=two, devices=2), ['seed'])
    self.assertEqual(self._changed(config=two, devices=1), ['seed', 'shards'])
    text = genotype.to_text(_DARTS.architecture)
    one = SearchConfig(space='one', architecture=text, shards=1)
    self.assertEqual(self._changed(config=one), ['architecture'])

  def test_without_curves(self):
    os.remove(self.learning)
    made = self._search(Transformation(_DARTS, _NAT_DARTS, _BASIS))
    self.assertNotIn('class="chart"', report.page(made, self.folder))

  def test_front(self):
    front = Front(_DARTS, [_NAT_DARTS], [_DARTS, _NAT_DARTS], _BASIS)
    text = self._later(search_report.of_front, front)
    self.assertIn('point 1, 5 edges changed', text)

  def test_one_more_transformation(self):
    self._later(
      search_report.of_transformation,
      Transformation(_DARTS, _NAT_DARTS, _BASIS),
    )

  def test_the_deepest_network_can_be_mailed(self):
    source, transformed = (Measured(one, Cost(1, 1), 0.5) for one in _deep())
    with open(self.learning, 'a', encoding='utf-8') as file:
      file.writelines(f'{epoch},1.234567,0.125\n' for epoch in range(3, 10_000))
    network = description.network_config('resnet56', 'cifar10')
    made = self._search(
      Transformation(source, transformed, Basis(network, 287, 12))
    )
    text = report.page(made, self.folder)
    self.assertLess(len(text.encode()), report.MAX_BYTES)
    self.assertNotIn('Left out', text)


if __name__ == '__main__':
  absltest.main()
