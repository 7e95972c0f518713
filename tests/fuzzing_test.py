"""A few hundred inputs for every parser; `//benchmarks:fuzz` has more."""

from __future__ import annotations

import random

from absl.testing import absltest

from tests import fuzzing

_INPUTS = 300


class FuzzingTest(absltest.TestCase):
  def test_parsers(self):
    for parser in fuzzing.parsers():
      with self.subTest(parser.name):
        self._fuzz(parser)

  def test_parsers_of_files(self):
    with fuzzing.file_parsers() as parsers:
      for parser in parsers:
        with self.subTest(parser.name):
          self._fuzz(parser)

  def _fuzz(self, parser):
    tally = fuzzing.fuzz(parser, _INPUTS, repeatable=True)
    self.assertGreater(tally.refused, 0)
    for text in parser.valid:
      fuzzing.check(parser, text, tally)
    self.assertGreaterEqual(tally.taken, len(parser.valid))

  def test_finds_what_is_wrong(self):
    def wrong(text):
      return int(text or '0')

    bad = fuzzing.Parser('a bad one', ['12'], wrong, str)
    with self.assertRaises(ValueError):
      fuzzing.fuzz(bad, 100, repeatable=True)
    forgets = fuzzing.Parser('a forgetful one', ['12'], list, lambda x: '')
    with self.assertRaisesRegex(AssertionError, 'a forgetful one'):
      fuzzing.fuzz(forgets, 100, repeatable=True)

  def test_changes_are_those_of_the_seed(self):
    valid = ['one two\nthree', 'four']
    first, second = (
      [fuzzing.mutated(random.Random(i), valid) for i in range(50)]
      for _ in range(2)
    )
    self.assertEqual(first, second)
    self.assertGreater(len(set(first)), 30)


if __name__ == '__main__':
  absltest.main()
