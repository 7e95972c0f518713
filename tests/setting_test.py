"""Tests of nat_tf.setting."""

from __future__ import annotations

import dataclasses

from absl import flags
from absl.testing import absltest
from absl.testing import flagsaver
from absl.testing import parameterized

from nat_tf import setting
from nat_tf.setting import Range


@dataclasses.dataclass(frozen=True)
class _Example(setting.Settings):
  folder: str | None = setting.setting(None, 'where it lies')
  colour: str = setting.setting('red', 'its colour', choices=('red', 'blue'))
  apples: int = setting.setting(3, 'how many', range=Range(least=1))
  share: float = setting.setting(
    0.5, 'how much of them', range=Range(above=0, below=1)
  )
  ripe: bool = setting.setting(True, 'whether they are ripe')
  weight: float = setting.setting(1.5, 'in kilograms')


_Example.define_flags()


class RangeTest(parameterized.TestCase):
  @parameterized.parameters(
    (Range(), -1e9, True),
    (Range(least=2), 2, True),
    (Range(least=2), 1.999, False),
    (Range(above=0), 0, False),
    (Range(above=0), 1e-9, True),
    (Range(below=1), 1, False),
    (Range(below=1), 0.999, True),
    (Range(least=2, even=True), 4, True),
    (Range(least=2, even=True), 5, False),
    (Range(least=2, even=True), 0, False),
    (Range(above=0, below=1), 0.5, True),
    (Range(above=0, below=1), 1.5, False),
    (Range(least=0), float('nan'), False),
    (Range(above=0), float('nan'), False),
  )
  def test_contains(self, allowed, value, expected):
    self.assertEqual(value in allowed, expected)

  @parameterized.parameters(
    (Range(least=1), '1 or more'),
    (Range(above=0), 'above 0'),
    (Range(below=1), 'below 1'),
    (Range(above=0, below=1), 'above 0 and below 1'),
    (Range(least=2, even=True), 'even and 2 or more'),
    (Range(), ''),
  )
  def test_text(self, allowed, text):
    self.assertEqual(str(allowed), text)


class CheckTest(parameterized.TestCase):
  @parameterized.parameters(
    ({'apples': 0}, '--apples is 0; it must be 1 or more'),
    ({'share': 0.0}, '--share is 0.0; it must be above 0 and below 1'),
    ({'share': 1}, '--share is 1; it must be above 0 and below 1'),
    (
      {'share': float('nan')},
      '--share is nan; it must be a finite number',
    ),
    ({'weight': float('inf')}, '--weight is inf; it must be a finite number'),
    ({'weight': float('-inf')}, '--weight is -inf; it must be a finite number'),
    ({'colour': 'green'}, "--colour is 'green'; it must be one of red, blue"),
    ({'apples': 2.0}, '--apples is 2.0; it must be of type int'),
    ({'apples': '2'}, "--apples is '2'; it must be of type int"),
    ({'apples': True}, '--apples is True; it must be of type int'),
    ({'apples': None}, '--apples is None; it must be of type int'),
    ({'share': '0.5'}, "--share is '0.5'; it must be of type float"),
    ({'share': True}, '--share is True; it must be of type float'),
    ({'ripe': 1}, '--ripe is 1; it must be of type bool'),
    ({'folder': 7}, '--folder is 7; it must be of type str'),
    ({'colour': ['red']}, "--colour is ['red']; it must be of type str"),
  )
  def test_refuses(self, values, message):
    with self.assertRaises(setting.ConfigError) as caught:
      _Example(**values)
    self.assertEqual(str(caught.exception), message)

  @parameterized.parameters(
    {'folder': None}, {'folder': '/data'}, {'weight': 2}, {'apples': 1}
  )
  def test_accepts(self, **values):
    (name,) = values
    self.assertEqual(getattr(_Example(**values), name), values[name])

  def test_checks_a_changed_copy_too(self):
    with self.assertRaisesRegex(setting.ConfigError, '--apples is -1'):
      dataclasses.replace(_Example(), apples=-1)


class JsonTest(parameterized.TestCase):
  def test_one_value_a_line(self):
    self.assertEqual(
      _Example(apples=4).to_json(),
      '{\n'
      '  "folder": null,\n'
      '  "colour": "red",\n'
      '  "apples": 4,\n'
      '  "share": 0.5,\n'
      '  "ripe": true,\n'
      '  "weight": 1.5\n'
      '}\n',
    )

  def test_round_trip(self):
    config = _Example('/a "b" \u00fc', 'blue', 9, 0.1 + 0.2, False, 1e-300)
    self.assertEqual(_Example.from_json(config.to_json()), config)

  def test_what_is_missing_has_its_default(self):
    self.assertEqual(_Example.from_json('{"apples": 5}'), _Example(apples=5))

  @parameterized.parameters(
    ('', 'Expecting value'),
    ('{"apples": 5', "Expecting ',' delimiter"),
    ('[]', 'must be a mapping, not list'),
    ('null', 'must be a mapping, not NoneType'),
    ('{"pears": 5}', "unknown setting 'pears'; it may be of another command"),
    ('{"apples": 0}', '--apples is 0; it must be 1 or more'),
    ('{"share": NaN}', 'found the number NaN; it must be finite'),
    ('[' * 100_000, 'the JSON is nested too deeply'),
    (' ' * 10_000_000, 'the JSON is larger than 1000000 bytes'),
    ('{"apples": 5, "apples": 6}', 'an object holds the key "apples" twice'),
    ('{"apples": 2147483648}', 'must be below 2147483648'),
    (f'{{"apples": {"9" * 5000}}}', 'integers have at most 20 digits'),
  )
  def test_refuses(self, text, message):
    with self.assertRaisesRegex(
      setting.ConfigError, f'^not a valid configuration: .*{message}'
    ):
      _Example.from_json(text)


class FlagsTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.enter_context(flagsaver.flagsaver())

  def test_defaults_are_the_configuration_s(self):
    flags.FLAGS(['command'])
    self.assertEqual(_Example.from_flags(), _Example())

  def test_takes_every_type(self):
    arguments = ['--folder=/data', '--colour=blue', '--apples=5']
    arguments += ['--share=0.25', '--noripe', '--weight=2']
    flags.FLAGS(['command', *arguments])
    self.assertEqual(
      _Example.from_flags(), _Example('/data', 'blue', 5, 0.25, False, 2.0)
    )

  def test_refuses_what_is_out_of_range(self):
    flags.FLAGS(['command', '--apples=0'])
    with self.assertRaisesRegex(
      setting.ConfigError, '^--apples is 0; it must be 1 or more$'
    ):
      _Example.from_flags()

  def test_refuses_another_type(self):
    with self.assertRaisesRegex(flags.IllegalFlagValueError, '--apples=many'):
      flags.FLAGS(['command', '--apples=many'])

  @parameterized.parameters(
    ('folder', 'where it lies.'),
    ('colour', 'its colour; one of red, blue.'),
    ('apples', 'how many; 1 or more.'),
    ('share', 'how much of them; above 0 and below 1.'),
  )
  def test_help_says_what_is_allowed(self, name, text):
    self.assertEqual(flags.FLAGS[name].help, text)


if __name__ == '__main__':
  absltest.main()
