"""Tests of nat_tf.overrides."""

from __future__ import annotations

import dataclasses

from absl.testing import absltest
from absl.testing import parameterized

from nat_tf import overrides
from nat_tf import setting


@dataclasses.dataclass(frozen=True)
class _Config:
  count: int = 1
  rate: float = 0.5
  fast: bool = False
  name: str = 'a'

  def __post_init__(self):
    if self.count > 9:
      raise ValueError('count must be 9 or less')
    if self.name == 'bad':
      raise setting.ConfigError('no name is bad')


class ApplyTest(parameterized.TestCase):
  @parameterized.parameters(
    ('', _Config()),
    ('count=3', _Config(count=3)),
    ('rate=1e-3, fast=true', _Config(rate=1e-3, fast=True)),
    ('fast=False,name=b,', _Config(name='b')),
  )
  def test_changes(self, text, expected):
    self.assertEqual(overrides.apply(_Config(), text, 'f'), expected)

  @parameterized.parameters(
    ('size=1', "--f: found 'size=1' where field=value should be; fields are c"),
    ('count', "--f: found 'count' where"),
    ('count=x', "--f: count is 'x'; it must be of type int"),
    ('count=1.5', "--f: count is '1.5'; it must be of type int"),
    ('fast=1', "--f: fast is '1'; it must be true or false"),
    ('count=10', '--f: count must be 9 or less'),
    ('count=0', '--f: count is 0; it must be 1 or more'),
    ('rate=nan', '--f: rate is nan; it must be a finite number'),
    ('rate=inf', '--f: rate is inf; it must be a finite number'),
    ('name=bad', '--f: no name is bad'),
  )
  def test_wrong_text_is_refused(self, text, words):
    with self.assertRaisesRegex(setting.ConfigError, words):
      overrides.apply(_Config(), text, 'f')


if __name__ == '__main__':
  absltest.main()
