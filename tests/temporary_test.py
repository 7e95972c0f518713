"""Tests of nat_tf.temporary."""

from __future__ import annotations

import os

from absl.testing import absltest

from nat_tf import temporary


class TemporaryTest(absltest.TestCase):
  def test_is_removed_with_the_last_reference(self):
    made = temporary.directory()
    path = made.name
    self.assertTrue(os.path.isdir(path))
    made.cleanup()
    del made
    self.assertFalse(os.path.exists(path))

  def test_all_are_removed_with_what_is_in_them(self):
    made = [temporary.directory() for _ in range(2)]
    with open(os.path.join(made[0].name, 'file'), 'w', encoding='utf-8'):
      pass
    temporary.remove_all()
    self.assertEqual([os.path.exists(one.name) for one in made], [False] * 2)


if __name__ == '__main__':
  absltest.main()
