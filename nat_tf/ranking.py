"""Measures a search on NAS-Bench-201 against networks trained for real.

bazel run //nat_tf:ranking -- --workdir=W --table=cifar10.csv
"""

from __future__ import annotations

from nat_tf import command  # isort: skip

from absl import flags

from nat_tf import input_error
from nat_tf import learned
from nat_tf import policy_study
from nat_tf import ranking_report
from nat_tf import ranking_study
from nat_tf import report
from nat_tf import table_source
from nat_tf import workdir as workdir_lib
from nat_tf.search_config import SearchConfig

_WORKDIR = flags.DEFINE_string(
  'workdir',
  None,
  'directory of a search in --space=nasbench201 with --held_out; the results '
  'are put there.',
)
_TABLE = flags.DEFINE_string(
  'table',
  None,
  'file that says how accurate every cell is when trained for real; see the '
  'flag of that name of //nat_tf:tabular.',
)
_TABLE_DATASET = flags.DEFINE_string(
  'table_dataset', None, "data set of the table (default: the CSV's only one)."
)
_ARCHITECTURES = flags.DEFINE_integer(
  'architectures',
  500,
  'random architectures that are ranked; 8 to 15625, which are all.',
  lower_bound=8,
  upper_bound=15_625,
)
_IMAGES = flags.DEFINE_integer(
  'images',
  1000,
  'held-out images that shared weights are measured on, rounded up to a '
  'multiple of 250; 1 or more, of which there may be fewer.',
  lower_bound=1,
  upper_bound=2**31 - 1,
)
_SEED = flags.DEFINE_integer(
  'seed',
  0,
  'decides which architectures are ranked, and the samples; 0 to 2147483647.',
  lower_bound=0,
  upper_bound=2**31 - 1,
)
flags.adopt_module_key_flags(learned)
flags.mark_flags_as_required(['workdir', 'table'])


def main(argv: list[str]):
  """Runs the command."""
  del argv  # `command.run` refuses any.
  workdir = workdir_lib.Workdir(command.path(_WORKDIR.value), SearchConfig)
  config = workdir.config()
  workdir.before_adding('summary.json')
  table = table_source.read(command.path(_TABLE.value), _TABLE_DATASET.value)
  if config.space != table.space.name or not config.held_out:
    raise input_error.InputError(
      f'the search in {workdir.path} has the space {config.space} and holds '
      f'{config.held_out} architectures out; it needs --space='
      f'{table.space.name} and --held_out=1000 or so'
    )
  inputs = config.held_out_codes()
  transformer = learned.load(workdir.path)
  study = ranking_study.RankingStudy(transformer, table, _IMAGES.value)
  scale = study.scale(inputs)
  ranking = study.ranking(_ARCHITECTURES.value, _SEED.value)
  gains = study.gains(scale, policy_study.CANDIDATES, _SEED.value)
  facts = ranking_report.summary(ranking, gains, scale.beta, scale.oracle)
  workdir.add_json('summary.json', {'ranking': facts})
  ranking_report.draw(ranking, gains, scale.beta, workdir.file('ranking.png'))
  print(ranking_report.table(facts))
  report.write(
    workdir.path,
    lambda: ranking_report.of_ranking(
      facts, ranking, gains, scale.beta, _SEED.value, command.line()
    ),
    ranking_report.PAGE,
  )
  print(f'in {workdir.path}: {ranking_report.PAGE}, summary.json, ranking.png')


if __name__ == '__main__':
  command.run(main)
