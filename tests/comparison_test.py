"""Tests of nat_tf.comparison."""

from __future__ import annotations

from collections.abc import Sequence
import json
import os
import pathlib

from absl.testing import absltest
from absl.testing import parameterized
import numpy as np
import scipy.stats

from nat_tf import architecture_json
from nat_tf import comparison
from nat_tf import comparison_report
from nat_tf import divergence
from nat_tf import genotype
from nat_tf import workdir as workdir_lib
from nat_tf import zoo
from nat_tf.architecture import ArchitectureError
from nat_tf.comparison_config import Recipe
from nat_tf.setting import ConfigError
from nat_tf.train_config import TrainConfig


class ContendersTest(parameterized.TestCase):
  def test_labels_and_folders(self):
    here = self.create_tempdir()
    path = here.create_file(
      'w/a=b.json', architecture_json.to_json(zoo.load('nat_darts'))
    ).full_path
    text = genotype.to_text(zoo.load('enas'))
    os.chdir(here.full_path)
    found = comparison.contenders(
      [f'darts, {text},w/a=b.json', 'mine = resnet20', 'INPUT=vgg16']
    )
    self.assertEqual(
      found,
      [
        ('darts', 'darts', zoo.load('darts')),
        ('input', 'input', zoo.load('enas')),
        ('w/a=b.json', 'w_a_b.json', zoo.load('nat_darts')),
        ('mine', 'mine', zoo.load('resnet20')),
        ('INPUT-2', 'INPUT-2', zoo.load('vgg16')),
      ],
    )
    self.assertTrue(os.path.exists(path))

  def test_leaves_the_results_their_names(self):
    (one,) = comparison.contenders(['summary.json=darts'])
    self.assertEqual(one.folder, 'summary.json-2')

  @parameterized.parameters(
    ('', 'names no architecture'),
    ('darts,dart', "unknown architecture 'dart'"),
    ('darts,a=darts', 'a and darts are the same architecture'),
    ('Genotype(normal=[,darts', 'genotype, line 1'),
  )
  def test_refuses(self, text, words):
    with self.assertRaisesRegex(
      (ArchitectureError, comparison.ComparisonError), words
    ) as caught:
      comparison.contenders([text])
    self.assertNotIn('\n', str(caught.exception))


class StatisticsTest(absltest.TestCase):
  def test_by_hand(self):
    # s = 1; of Student's t with 2 degrees of freedom 97.5 % lie below 4.303.
    found = comparison.difference([1.0, 2.0, 3.0])
    self.assertEqual((found.mean, found.seeds), (2.0, 3))
    np.testing.assert_allclose(
      found.interval, [2 - 4.30265 / 3**0.5, 2 + 4.30265 / 3**0.5], rtol=1e-5
    )

  def test_agrees_with_a_paired_t_test(self):
    rng = np.random.default_rng(0)
    first, other = rng.uniform(size=(2, 7))
    found = comparison.difference(list(other - first))
    interval = scipy.stats.ttest_rel(other, first).confidence_interval(0.95)
    np.testing.assert_allclose(found.interval, interval)

  def test_few_seeds(self):
    self.assertIsNone(comparison.difference([]))
    self.assertEqual(comparison.difference([0.5]), (0.5, None, 1))
    self.assertEqual(comparison.difference([0.5, 0.5]), (0.5, (0.5, 0.5), 2))
    self.assertIsNone(comparison.spread([]))
    self.assertEqual(comparison.spread([0.5]), (0.5, None))
    # The sample's: (1 + 1) / (2 - 1).
    self.assertEqual(comparison.spread([1.0, 3.0]), (2.0, 2**0.5))


class Trainer:
  """Stands for `training.run`; knows accuracies beforehand.

  Attributes:
    trained: label and seed of what was trained, in order.
  """

  def __init__(self, stops_at: int | None = None):
    self.trained: list[tuple[str, int]] = []
    self._stops_at = stops_at

  def __call__(self, config, architecture, workdir, title):
    assert type(config) is TrainConfig
    assert config.architecture == genotype.to_text(architecture)
    workdir.create(config)
    path = pathlib.Path(workdir.file('summary.json'))
    if path.exists():
      return json.loads(path.read_text('utf-8'))
    if len(self.trained) == self._stops_at:
      raise KeyboardInterrupt
    self.trained.append((title.split(',')[0], config.seed))
    accuracy = 0.5 + 0.01 * len(genotype.to_text(architecture)) + config.seed
    summary = {
      'seed': config.seed,
      'test_accuracy': accuracy,
      'validation_accuracy': 0.0,
      'params': 1000,
      'madds': 2000,
      'seconds': 1.0,
    }
    workdir.write_json('summary.json', summary)
    return summary


def _measure(runs: Sequence[str]) -> list[tuple[float, ...]]:
  return [(float(len(os.listdir(run))), 2.0) for run in runs]


class ComparisonTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.workdir = os.path.join(self.create_tempdir().full_path, 'C')

  def _run(self, trainer, *arguments, **settings):
    return list(self._comparison(trainer, *arguments, **settings).run())

  def _comparison(self, trainer, texts=('darts', 'enas'), seeds=2, **settings):
    return comparison.Comparison(
      Recipe(**settings),
      comparison.contenders(texts),
      seeds,
      workdir_lib.Workdir(self.workdir, Recipe),
      trainer,
      _measure,
    )

  def test_takes_turns_and_says_what_is_known(self):
    trainer = Trainer()
    results = self._run(trainer, seed=3)
    order = [('darts', 3), ('enas', 3), ('darts', 4), ('enas', 4)]
    self.assertEqual(trainer.trained, order)
    self.assertEqual([list(one.runs) for one in results], [
      order[:1], order[:2], order[:3], order
    ])  # fmt: skip
    self.assertTrue(
      os.path.exists(os.path.join(self.workdir, 'enas/seed-4/summary.json'))
    )
    last = results[-1]
    darts = 0.5 + 0.01 * len(genotype.to_text(zoo.load('darts')))
    self.assertEqual(last.accuracies('darts'), {3: darts + 3, 4: darts + 4})
    self.assertEqual(last.spread('darts').mean, darts + 3.5)
    longer = len(genotype.to_text(zoo.load('enas'))) - len(
      genotype.to_text(zoo.load('darts'))
    )
    self.assertAlmostEqual(last.difference('enas').mean, 0.01 * longer)
    self.assertIsNone(last.difference('darts'))
    self.assertIsNone(results[0].difference('enas'))
    self.assertEqual(results[1].difference('enas').seeds, 1)
    self.assertEqual(results[2].difference('enas').seeds, 1)
    # config.json and summary.json.
    self.assertEqual(last.latencies, {'darts': (2.0, 2.0), 'enas': (2.0, 2.0)})

  def test_nothing_is_filled_that_another_process_fills(self):
    known = []

    def train(config, architecture, workdir, title):
      known.append((title, workdir.is_aside))
      workdir.write_text('summary.json', '')
      return {}

    one = comparison.Comparison(
      Recipe(),
      comparison.contenders(['darts', 'enas']),
      1,
      workdir_lib.Workdir(self.workdir, Recipe).aside(),
      train,
      lambda runs: self.fail('measured'),
    )
    *_, last = one.run()
    self.assertEqual(
      known,
      [('darts, seed 0 (1 of 2)', True), ('enas, seed 0 (2 of 2)', True)],
    )
    self.assertEqual(last.runs, {('darts', 0): {}, ('enas', 0): {}})
    self.assertFalse(os.path.exists(self.workdir))

  def test_goes_on_where_it_stopped(self):
    first, second = Trainer(stops_at=3), Trainer()
    self.assertEqual(self._comparison(first).finished(), (0, 4))
    with self.assertRaises(KeyboardInterrupt):
      self._run(first)
    self.assertEqual(self._comparison(first).finished(), (3, 4))
    results = self._run(second)
    self.assertEqual(second.trained, [('enas', 1)])
    # What was known before is not reported again bit by bit.
    self.assertEqual([len(one.runs) for one in results], [4])
    self.assertEqual([len(one.runs) for one in self._run(second)], [4])
    self.assertLen(second.trained, 1)

  def test_a_failure_keeps_no_other_from_its_turn(self):
    #   darts 0, enas 0 (diverges), darts 1, enas 1
    class Diverges(Trainer):
      def __call__(self, config, architecture, workdir, title):
        if config.seed == 0 and title.startswith('enas'):
          raise divergence.DivergenceError('the loss is nan')
        return super().__call__(config, architecture, workdir, title)

    trainer = Diverges()
    results = self._run(trainer)
    self.assertEqual(trainer.trained, [('darts', 0), ('darts', 1), ('enas', 1)])
    last = results[-1]
    self.assertEqual(last.failures, {('enas', 0): 'the loss is nan'})
    self.assertEqual(last.difference('enas').seeds, 1)
    self.assertEqual(list(last.latencies), ['darts', 'enas'])
    self.assertIn(
      'enas, seed 0 failed: the loss is nan', comparison_report.table(last)
    )
    facts = comparison_report.summary(last)
    self.assertEqual(
      facts['failures'],
      [{'label': 'enas', 'seed': 0, 'why': 'the loss is nan'}],
    )

  def test_takes_in_more(self):
    self._run(Trainer())
    trainer = Trainer()
    self._run(trainer, seeds=3)
    self.assertEqual(trainer.trained, [('darts', 2), ('enas', 2)])
    trainer = Trainer()
    results = self._run(trainer, texts=['vgg16,darts,enas'])
    self.assertEqual(trainer.trained, [('vgg16', 0), ('vgg16', 1)])
    # The finished ones are known before.
    self.assertEqual([len(one.runs) for one in results], [5, 6])
    trainer = Trainer()
    self._run(trainer, seeds=1, seed=7)
    self.assertEqual(trainer.trained, [('darts', 7), ('enas', 7)])

  def test_refuses_another_recipe(self):
    self._run(Trainer())
    with self.assertRaisesRegex(
      workdir_lib.WorkdirError,
      r'other settings: --epochs=30; .* \(--architectures, --seeds '
      r'and --seed may differ\)$',
    ):
      self._run(Trainer(), epochs=31)

  def test_refuses_another_architecture_by_a_label(self):
    self._run(Trainer(), texts=['a=darts'])
    with self.assertRaisesRegex(
      comparison.ComparisonError,
      'C/a holds trainings of another architecture than a is now; give this',
    ):
      self._run(Trainer(), texts=['a=enas'])

  def test_refuses_before_it_trains(self):
    trainer = Trainer()
    with self.assertRaisesRegex(ConfigError, '9 cells of its own'):
      self._run(trainer, texts=['darts,resnet20'], cells=4)
    with self.assertRaisesRegex(ConfigError, '--seed is 2147483648'):
      self._run(trainer, seed=2**31 - 2, seeds=3)
    self.assertEmpty(trainer.trained)
    self.assertFalse(os.path.exists(self.workdir))

  def test_falls_back_to_held_out_data(self):
    results = self._run(Trainer(), seeds=1)[-1]
    self.assertEqual(results.judged_by, 'test_accuracy')
    results.runs['darts', 0]['test_accuracy'] = None
    self.assertEqual(results.judged_by, 'validation_accuracy')
    self.assertEqual(results.accuracies('enas'), {0: 0.0})


class RecipeTest(absltest.TestCase):
  def test_remembers_what_all_have_in_common(self):
    recipe = Recipe(epochs=7, seed=5)
    values = json.loads(recipe.to_json())
    self.assertNoCommonElements(values, ('seed', 'architecture'))
    self.assertEqual(Recipe.from_json(recipe.to_json()), recipe.without_seed())
    self.assertEqual(recipe.training(6), TrainConfig(epochs=7, seed=6))
    self.assertEqual(recipe.changes(), {'epochs': 7})


if __name__ == '__main__':
  absltest.main()
