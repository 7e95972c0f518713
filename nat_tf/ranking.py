"""Measures a search on NAS-Bench-201 against networks trained for real.

bazel run //nat_tf:ranking -- --workdir=W --table=cifar10.csv
"""

from __future__ import annotations

from typing import Any

from nat_tf import command  # isort: skip

from absl import flags

from nat_tf import input_error
from nat_tf import learned
from nat_tf import policy_study
from nat_tf import progress_bar
from nat_tf import ranking_report
from nat_tf import ranking_study
from nat_tf import report
from nat_tf import search_events
from nat_tf import table_source
from nat_tf import text_table
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
  bar = progress_bar.CountBar('measuring')
  study = ranking_study.RankingStudy(transformer, table, _IMAGES.value, bar)
  scale = study.scale(inputs)
  ranking = study.ranking(_ARCHITECTURES.value, _SEED.value)
  gains = study.gains(scale, policy_study.CANDIDATES, _SEED.value)
  facts = ranking_report.summary(
    table.space, config.reward, ranking, gains, scale.beta, scale.oracle
  )
  workdir.add_json('summary.json', {'ranking': facts})
  picture = workdir.file('ranking.png')
  ranking_report.draw(ranking, gains, scale.beta, config.reward, picture)
  _to_tensorboard(workdir, config, facts, picture)
  print(ranking_report.table(facts))
  report.write(
    workdir.path,
    lambda: ranking_report.of_ranking(
      facts, ranking, gains, scale.beta, _SEED.value, command.line()
    ),
    ranking_report.PAGE,
  )
  print(_where(workdir))


def _to_tensorboard(
  workdir: workdir_lib.Workdir,
  config: SearchConfig,
  facts: dict[str, Any],
  picture: str,
):
  *tables, _ = ranking_report.rows(facts)
  captured = facts['captured_gain']
  search_events.ranked(
    workdir.events,
    config,
    {
      'captured_gain': captured['argmax'],
      'captured_gain_of_best_of_10': captured['best_of_10'],
      'kendall_tau': facts['kendall'],
    },
    tables,
    picture,
  )


def _where(workdir: workdir_lib.Workdir) -> str:
  files = {
    'report': ranking_report.PAGE,
    'numbers': 'summary.json, ranking.png',
    'TensorBoard': command.tensorboard(workdir.events),
  }
  return text_table.files(workdir.path, files)


if __name__ == '__main__':
  command.run(main)
