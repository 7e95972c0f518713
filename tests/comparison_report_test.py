"""Tests of nat_tf.comparison_report."""

from __future__ import annotations

import json
import os

from absl.testing import absltest
from absl.testing import parameterized
import matplotlib.image

from nat_tf import architecture_json
from nat_tf import comparison_report
from nat_tf import part_latency
from nat_tf import report
from nat_tf import workdir as workdir_lib
from nat_tf import zoo
from nat_tf.comparison import Contender
from nat_tf.comparison import Results
from nat_tf.comparison_config import Recipe

_CONTENDERS = [
  Contender('darts', 'darts', zoo.load('darts')),
  Contender('W/x|y.json', 'W_x_y.json', zoo.load('nat_darts')),
]


def _run(params: int, madds: int, accuracy: float) -> dict:
  return {
    'params': params,
    'madds': madds,
    'test_accuracy': accuracy,
    'validation_accuracy': 0.1,
    'seconds': 60.0,
  }


# Differences of 1, 2 and 3 points: s = 1, and t = 4.30265 for 3 seeds.
_RUNS = {
  ('darts', 0): _run(3_349_342, 528_359_040, 0.90),
  ('W/x|y.json', 0): _run(2_682_334, 424_181_376, 0.91),
  ('darts', 1): _run(3_349_342, 528_359_040, 0.91),
  ('W/x|y.json', 1): _run(2_682_334, 424_181_376, 0.93),
  ('darts', 2): _run(3_349_342, 528_359_040, 0.92),
  ('W/x|y.json', 2): _run(2_682_334, 424_181_376, 0.95),
}
_LATENCIES = {'darts': (0.004, 0.1), 'W/x|y.json': (0.003, 0.0811)}
_RECIPE = Recipe(epochs=7, channels=4)
_RESULTS = Results(_RECIPE, _CONTENDERS, [0, 1, 2], _RUNS, _LATENCIES)


def _first(count: int, latencies=None) -> Results:
  """Returns what is known after some trainings."""
  runs = dict(list(_RUNS.items())[:count])
  return Results(_RECIPE, _CONTENDERS, [0, 1, 2], runs, latencies or {})


class TextTest(absltest.TestCase):
  def test_table(self):
    *rows, accuracy, difference, latency = comparison_report.table(
      _RESULTS
    ).splitlines()
    self.assertEqual(
      rows,
      [
        '            parameters  multiply-adds  batch of 1  batch of 64'
        '  test accuracy, %  difference   95 % interval',
        'darts        3,349,342    528,359,040     4.00 ms    100.00 ms'
        '      91.00 ± 1.00           -               -',
        'W/x|y.json   2,682,334    424,181,376     3.00 ms     81.10 ms'
        '      93.00 ± 2.00       +2.00  -0.48 to +4.48',
      ],
    )
    self.assertStartsWith(accuracy, 'accuracy: on the test split, which is ')
    self.assertEndsWith(accuracy, 'over the seeds 0, 1, 2')
    self.assertIn('from darts in points', difference)
    self.assertEndsWith(latency, part_latency.device())

  def test_what_is_not_known_yet(self):
    rows = comparison_report.table(_first(1)).splitlines()
    self.assertEqual(
      rows[:3],
      [
        '            parameters  multiply-adds  test accuracy, %  difference'
        '  95 % interval',
        'darts        3,349,342    528,359,040             90.00           -'
        '              -',
        'W/x|y.json           -              -                 -           -'
        '              -',
      ],
    )
    self.assertEqual(
      rows[-1], 'not finished: 1 of 6 trainings (darts 1, W/x|y.json 0)'
    )
    one_seed = comparison_report.table(_first(2)).splitlines()[2]
    self.assertEqual(one_seed.split()[-3:], ['91.00', '+1.00', '-'])

  def test_sizes(self):
    # What the costs are of: one size for all, or each one's own.
    def first(**sizes) -> str:
      runs = {
        (label, seed): {**run, **sizes.get(label, {})}
        for (label, seed), run in _RUNS.items()
      }
      results = Results(_RECIPE, _CONTENDERS, [0, 1, 2], runs, {})
      return comparison_report.table(results).splitlines()[3]

    small = {'cells': 1, 'channels': 4}
    large = {'cells': 20, 'channels': 36}
    self.assertStartsWith(first(), 'accuracy: ')
    self.assertEqual(
      first(**{'darts': small, 'W/x|y.json': small}),
      'costs of networks of 1 cell, 4 channels',
    )
    self.assertEqual(
      first(**{'darts': small, 'W/x|y.json': large}),
      'costs of darts: 1 cell, 4 channels; W/x|y.json: 20 cells, 36 channels',
    )

  def test_without_a_test_split(self):
    runs = {key: {**run, 'test_accuracy': None} for key, run in _RUNS.items()}
    results = Results(_RECIPE, _CONTENDERS, [0, 1, 2], runs, {})
    text = comparison_report.table(results)
    self.assertIn('held-out accuracy, %', text)
    self.assertIn('on the held-out training data, as there is no test', text)
    self.assertIn('10.00 ± 0.00', text)

  def test_markdown(self):
    lines = comparison_report.markdown(_first(3)).splitlines()
    self.assertEqual(lines[0], '# digits, 7 epochs, 3 seeds')
    self.assertIn(
      '* settings other than the defaults: `--channels=4 --epochs=7`', lines
    )
    self.assertIn('![accuracy against multiply-adds](comparison.png)', lines)
    self.assertEqual(
      lines[-4:],
      [
        '| accuracy, % | seed 0 | seed 1 | seed 2 |',
        '| --- | ---: | ---: | ---: |',
        '| darts | 90.00 | 91.00 | - |',
        r'| W/x\|y.json | 91.00 | - | - |',
      ],
    )


class FilesTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    self.workdir = workdir_lib.Workdir(self.create_tempdir().full_path, Recipe)

  def test_summary(self):
    comparison_report.write(_RESULTS, self.workdir)
    with open(self.workdir.file('summary.json'), encoding='utf-8') as file:
      facts = json.load(file)
    self.assertEqual((facts['finished'], facts['trainings']), (6, 6))
    self.assertEqual((facts['baseline'], facts['seeds']), ('darts', [0, 1, 2]))
    self.assertEqual(facts['recipe'], _RECIPE.common())
    darts, other = facts['architectures']
    self.assertIsNone(darts['difference'])
    self.assertEqual(
      architecture_json.from_json(json.dumps(other['architecture'])),
      zoo.load('nat_darts'),
    )
    self.assertEqual(other['label'], 'W/x|y.json')
    self.assertEqual((other['params'], other['madds']), (2682334, 424181376))
    self.assertEqual(other['latency_seconds'], {'1': 0.003, '64': 0.0811})
    self.assertAlmostEqual(other['accuracy']['mean'], 0.93)
    self.assertAlmostEqual(other['accuracy']['std'], 0.02)
    self.assertEqual(
      other['accuracy']['by_seed'], {'0': 0.91, '1': 0.93, '2': 0.95}
    )
    difference = other['difference']
    self.assertAlmostEqual(difference['mean'], 0.02)
    self.assertAlmostEqual(difference['low'], 0.02 - 0.0430265 / 3**0.5)
    self.assertAlmostEqual(difference['high'], 0.02 + 0.0430265 / 3**0.5)
    self.assertEqual(difference['confidence'], 0.95)
    self.assertEqual(difference['seeds'], 3)

  @parameterized.parameters(1, 2, 3, 6)
  def test_can_be_written_at_any_time(self, count):
    comparison_report.write(_first(count), self.workdir)
    self.assertCountEqual(
      os.listdir(self.workdir.path),
      ['summary.json', 'comparison.md', 'comparison.png'],
    )
    picture = matplotlib.image.imread(self.workdir.file('comparison.png'))
    self.assertGreater(picture.std(), 0.05)
    with open(self.workdir.file('summary.json'), encoding='utf-8') as file:
      other = json.load(file)['architectures'][1]
    self.assertEqual(other['accuracy'] is None, count == 1)

  def test_parts_what_costs_the_same(self):
    # 1 and 2 meet about 10.5; then 3 is too close to their row.
    self.assertEqual(
      comparison_report._apart([30.0, 11.0, 10.0, 13.5], 2.0),
      [30.0, 11.5, 9.5, 13.5],
    )
    self.assertEqual(
      comparison_report._apart([5.0, 5.0, 5.0], 1.0), [4.0, 5.0, 6.0]
    )
    # The third meets the row of the first two and moves all.
    self.assertEqual(
      comparison_report._apart([0.0, 1.0, 2.0], 2.0), [-1.0, 1.0, 3.0]
    )

  def test_says_what_cannot_be_written(self):
    os.mkdir(self.workdir.file('comparison.png'))
    with self.assertRaisesRegex(
      workdir_lib.WorkdirError, 'cannot write .*comparison.png'
    ):
      comparison_report.write(_RESULTS, self.workdir)


class ReportTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.folder = self.create_tempdir().full_path

  def _text(self, results: Results, curves=None) -> str:
    made = comparison_report.of_comparison(results, curves or {}, 'the command')
    return report.page(made, self.folder)

  def test_holds_the_table_and_the_best_difference(self):
    text = self._text(_RESULTS)
    self.assertIn('91.00 ± 1.00', text)
    self.assertIn('<strong>+2.0 points</strong>', text)
    self.assertIn('W/x|y.json against darts', text)
    self.assertIn('<td>7</td>', text)

  def test_every_training_and_every_mean_can_be_read(self):
    chart = comparison_report.chart(_RESULTS)
    labels = [label for one in chart.series for label in one.labels]
    self.assertEqual(
      labels,
      [
        *(f'darts, seed {seed}' for seed in range(3)),
        'darts, mean',
        *(f'W/x|y.json, seed {seed}' for seed in range(3)),
        'W/x|y.json, mean',
      ],
    )
    means = [one for one in chart.series if one.band]
    self.assertAlmostEqual(means[1].points[0][1], 93.0)
    # Of 91, 93 and 95: the sample's deviation is 2.
    self.assertAlmostEqual(means[1].band[0], 2.0)

  def test_curves_come_from_files_that_may_be_missing(self):
    path = os.path.join(self.folder, 'training.csv')
    with open(path, 'w', encoding='utf-8') as file:
      file.write('epoch,validation_accuracy\n1,0.25\n2,0.5\n')
    gone = os.path.join(self.folder, 'gone.csv')
    text = self._text(_RESULTS, {'darts': path, 'W/x|y.json': gone})
    self.assertIn('epoch 2\\ndarts 50', text)

  def test_what_is_not_finished_is_said(self):
    text = self._text(_first(1))
    self.assertIn('1 trainings of 6 finished', text)

  def test_only_equal_graphs_are_drawn_side_by_side(self):
    others = [*_CONTENDERS, Contender('enas', 'enas', zoo.load('enas'))]
    results = Results(_RECIPE, others, [0, 1, 2], _RUNS, {})
    text = self._text(results)
    self.assertEqual(text.count('class="drawing"'), 3)
    self.assertEqual(text.count('Left darts, right '), 2)

  # Two edges of the normal cell differ and three of the reduction cell.
  def test_what_was_not_transformed_is_not_called_so(self):
    text = self._text(_RESULTS)
    caption = 'Left darts, right W/x|y.json: 5 edges differ.'
    self.assertIn(f'<figcaption><strong>Cells.</strong> {caption}', text)
    self.assertIn(
      f'{caption} normal cell, edge 0 to 3: sep_conv_3x3 against skip', text
    )
    for wrong in ('what became of it', 'transformed', 'Changed edges'):
      self.assertNotIn(wrong, text.partition('<h2>Do it again')[0])


if __name__ == '__main__':
  absltest.main()
