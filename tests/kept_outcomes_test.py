"""Outcomes are read as they were kept, or refused."""

from __future__ import annotations

import json
import pathlib

from absl.testing import absltest
from absl.testing import parameterized

from nat_tf import kept_outcomes
from nat_tf import policy_study
from nat_tf import tabular_config
from nat_tf import workdir

_BOUNDS = policy_study.Bounds(60.25, 70.5, {10: 1 / 3})
_OUTCOME = policy_study.Outcome(
  99.5, 98.0, 1 / 3, 12.25, [(0.0, -0.1), (12.25, 99.5)]
)


class KeptOutcomesTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = pathlib.Path(self.create_tempdir().full_path)
    self.workdir = workdir.Workdir(
      str(self.folder), tabular_config.TabularConfig
    )

  def _keep(self):
    kept_outcomes.write(self.workdir, 'edges', 3, _BOUNDS, _OUTCOME)
    return self.folder / kept_outcomes.file('edges', 3)

  def _read(self, bounds=_BOUNDS):
    return kept_outcomes.read(self.workdir, 'edges', 3, bounds)

  def test_reads_what_was_kept(self):
    self.assertIsNone(self._read())
    self._keep()
    self.assertEqual(self._read(), _OUTCOME)
    self.assertIsNone(kept_outcomes.read(self.workdir, 'edges', 4, _BOUNDS))

  @parameterized.parameters('beta', 'oracle')
  def test_refuses_that_of_another_table(self, field):
    self._keep()
    other = _BOUNDS._replace(**{field: 65.0})
    with self.assertRaisesRegex(
      workdir.WorkdirError, rf'{field} was \S+ % and is 65.000 %, so the table'
    ):
      self._read(other)

  @parameterized.parameters(
    ('argmax', None),
    ('beta', '60'),
    ('seconds', True),
    ('curve', 3),
    ('curve', [[1.0]]),
    ('curve', [[1.0, 'x']]),
    ('curve', [{'0': 1}]),
  )
  def test_refuses_what_is_no_outcome(self, field, value):
    path = self._keep()
    path.write_text(json.dumps({**json.loads(path.read_text()), field: value}))
    with self.assertRaisesRegex(workdir.WorkdirError, f'json: {field} is '):
      self._read()

  @parameterized.parameters('', '[', '[]', '{"argmax": NaN}')
  def test_refuses_what_is_no_json(self, text):
    self._keep().write_text(text)
    with self.assertRaisesRegex(workdir.WorkdirError, 'move it away'):
      self._read()


if __name__ == '__main__':
  absltest.main()
