"""The table in docs/zoo.md against the counts that it states."""

from __future__ import annotations

import pathlib
import re

from absl.testing import absltest
from absl.testing import parameterized

from nat_tf import cost
from nat_tf import description
from nat_tf import skeletons
from nat_tf import zoo

# Not resolved: under Bazel it is where this test's own copies are.
_DOCUMENT = pathlib.Path(__file__).absolute().parent.parent / 'docs' / 'zoo.md'
_UNITS = {'M': 1e6, 'G': 1e9}


def _rows() -> dict[str, list[str]]:
  """Returns the table's cells by the name of their row."""
  lines = _DOCUMENT.read_text('utf-8').splitlines()
  rows = [line.strip('|').split('|') for line in lines if line[:3] == '| `']
  return {
    name.strip(' `'): [cell.strip() for cell in cells] for name, *cells in rows
  }


def _cost(name: str, form: str) -> cost.Cost:
  architecture = zoo.load(name)
  config = description.network_config(architecture.network, form)
  return cost.network(architecture, config)


def _shown(total: cost.Cost) -> str:
  large = total.madds >= 1e9
  madds = (
    f'{total.madds / 1e9:.2f} G' if large else f'{total.madds / 1e6:.0f} M'
  )
  return f'{total.params / 1e6:.2f} M / {madds}'


class ZooDocumentTest(parameterized.TestCase):
  def test_has_a_row_for_every_architecture(self):
    self.assertEqual(tuple(_rows()), zoo.names())

  @parameterized.parameters(*zoo.names())
  def test_states_our_counts(self, name):
    cells = _rows()[name]
    self.assertEqual(
      [cells[0], cells[2]],
      [_shown(_cost(name, form)) for form in skeletons.FORMS],
    )

  # At the precision in which it was published; where a note says why, not.
  @parameterized.parameters(*zoo.names())
  def test_agrees_with_what_is_published_unless_it_says_so(self, name):
    cells = _rows()[name]
    for form, published in zip(skeletons.FORMS, (cells[1], cells[3])):
      if published.endswith(']'):
        continue
      found = re.findall(r'([\d.]+) ([MG])', published)
      for (value, unit), ours in zip(found, _cost(name, form)):
        decimals = len(value.partition('.')[2])
        self.assertEqual(
          f'{ours / _UNITS[unit]:.{decimals}f}', value, published
        )

  def test_every_note_is_explained(self):
    text = _DOCUMENT.read_text('utf-8')
    notes = set(re.findall(r'\[(\d)\]', text))
    self.assertEqual(notes, set(re.findall(r'^(\d)\. ', text, re.MULTILINE)))


if __name__ == '__main__':
  absltest.main()
