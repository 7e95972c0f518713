"""Trains architectures alike, with several seeds each, and compares them.

bazel run //nat_tf:compare -- --architectures=resnet20,W/transformed.json
"""

from __future__ import annotations

from collections.abc import Sequence
import functools

from nat_tf import command  # isort: skip

from absl import flags
import tensorflow as tf

from nat_tf import checkpoint_flags
from nat_tf import comparison
from nat_tf import comparison_report
from nat_tf import data
from nat_tf import description
from nat_tf import part_latency
from nat_tf import progress_bar
from nat_tf import report
from nat_tf import restart
from nat_tf import setting
from nat_tf import strategy_flags
from nat_tf import text_table
from nat_tf import trained as trained_lib
from nat_tf import training
from nat_tf import workdir as workdir_lib
from nat_tf.comparison_config import Recipe

_ARCHITECTURES = flags.DEFINE_multi_string(
  'architectures',
  None,
  'what to compare, joined by commas; the others are compared with the first. '
  'Each is a published name, a file of JSON or text, or the text of a genotype '
  'or of a NAS-Bench-201 cell, and may be given a name: mine=W/transformed.json'
  '. The flag may be repeated.',
)
_SEEDS = flags.DEFINE_integer(
  'seeds',
  3,
  'how often each is trained, with --seed and the numbers after it; 1 to 1000.',
  lower_bound=1,
  upper_bound=1000,
)
_WORKDIR = flags.DEFINE_string(
  'workdir',
  None,
  'directory for trainings and results; one that holds a comparison with the '
  'same settings is gone on with, with more architectures or seeds as well '
  '(default: nat_tf_runs/compare-<dataset>-<time>).',
)
_LATENCY = flags.DEFINE_bool(
  'latency', True, 'measures latencies on this device, which takes a while.'
)
Recipe.define_flags()
flags.adopt_module_key_flags(setting)
flags.adopt_module_key_flags(strategy_flags)
flags.adopt_module_key_flags(checkpoint_flags)
flags.mark_flag_as_required('architectures')


def main(argv: list[str]):
  """Runs the command."""
  del argv  # `command.run` refuses any.
  recipe = command.with_data_dir(Recipe.from_flags())
  contenders = comparison.contenders(_ARCHITECTURES.value)
  workdir = workdir_lib.Workdir(
    command.workdir(_WORKDIR.value, f'compare-{recipe.dataset}'), Recipe
  )
  strategy, workdir = strategy_flags.create(_WORKDIR.value, workdir)
  with restart.when_lost(strategy), command.resumable(workdir.path):
    _compare(recipe, contenders, workdir, strategy)


def _compare(
  recipe: Recipe,
  contenders: Sequence[comparison.Contender],
  workdir: workdir_lib.Workdir,
  strategy: tf.distribute.Strategy,
):
  """Trains, and writes and prints what came of it."""
  # Before anything is written: every training needs it.
  data.check(recipe.data_config())
  one = comparison.Comparison(
    recipe,
    contenders,
    _SEEDS.value,
    workdir,
    functools.partial(
      training.run, minutes=checkpoint_flags.minutes(), strategy=strategy
    ),
    functools.partial(_latencies, hidden=workdir.is_aside)
    if _LATENCY.value
    else None,
  )
  print(f'comparison on {recipe.dataset}, workdir {workdir.path}', flush=True)
  finished, of = one.finished()
  if finished:
    print(f'{finished} of {of} trainings were finished before', flush=True)
  for results in one.run():
    if results.runs and not workdir.is_aside:
      comparison_report.write(results, workdir)
      _write_page(results, one)
  if not results.runs:
    raise comparison.ComparisonError(
      f'all trainings failed: {next(iter(results.failures.values()))}'
    )
  if workdir.is_aside:
    return
  print(comparison_report.table(results))
  files = {
    'report': f'{report.FILE}, {comparison_report.MARKDOWN}',
    'numbers': f'{comparison_report.SUMMARY}, {comparison_report.PICTURE}',
    'TensorBoard': command.tensorboard(workdir.path),
  }
  print(text_table.files(workdir.path, files))


def _write_page(results: comparison.Results, one: comparison.Comparison):
  report.write(
    one.workdir.path,
    lambda: comparison_report.of_comparison(
      results, one.curves(), command.line()
    ),
  )


def _latencies(runs: Sequence[str], hidden: bool) -> list[tuple[float, ...]]:
  """Measures the networks of finished trainings, with a bar or without."""
  models = [trained_lib.load(run).model for run in runs]
  bar = progress_bar.CountBar('measuring', 'latencies', hidden)
  return part_latency.in_turns(models, description.BATCHES, report=bar)


if __name__ == '__main__':
  command.run(main)
