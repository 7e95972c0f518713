"""Compares policies on a table of networks that were trained for real.

bazel run //nat_tf:tabular -- --table=cifar10.csv

Every policy that has learned is kept; the same command with its --workdir goes
on with the next.
"""

from __future__ import annotations

from collections.abc import Sequence
import contextlib
import dataclasses
import os
from typing import Any

from nat_tf import command  # isort: skip

from absl import flags
import tensorflow as tf

from nat_tf import kept_outcomes
from nat_tf import overrides
from nat_tf import policy as policy_lib
from nat_tf import policy_study
from nat_tf import progress_bar
from nat_tf import recipes
from nat_tf import report
from nat_tf import setting
from nat_tf import table_source
from nat_tf import tabular_events
from nat_tf import tabular_report
from nat_tf import text_table
from nat_tf import transitions
from nat_tf import workdir as workdir_lib
from nat_tf.tabular_config import TabularConfig

_WORKDIR = flags.DEFINE_string(
  'workdir',
  None,
  'directory for results; one that holds a comparison with the same settings '
  'is gone on with (default: nat_tf_runs/tabular-<dataset>-<time>).',
)
TabularConfig.define_flags()
flags.adopt_module_key_flags(setting)
flags.mark_flag_as_required('table')


def main(argv: list[str]):
  """Runs the command."""
  del argv  # `command.run` refuses any.
  config = TabularConfig.from_flags()
  file = command.path(config.table or '')  # The flag is required.
  config = dataclasses.replace(config, table=file)
  plans = {name: _plan(name, config) for name in config.policy_names()}
  table = table_source.read(file, config.table_dataset)
  allowed = transitions.allowed(config.transitions, table.space.operations)
  studies = [
    policy_study.Study(table, allowed, seed) for seed in config.seed_list()
  ]
  workdir = workdir_lib.Workdir(
    command.workdir(_WORKDIR.value, f'tabular-{table.dataset}'),
    TabularConfig,
  )
  with workdir.filled(config), command.resumable(workdir.path):
    _study(config, table.dataset, plans, studies, workdir)


def _study(
  config: TabularConfig,
  dataset: str,
  plans: dict[str, tuple[Any, recipes.Recipe]],
  studies: Sequence[policy_study.Study],
  workdir: workdir_lib.Workdir,
):
  """Trains and judges all policies; writes and prints what came of it."""
  bounds = [study.bounds() for study in studies]
  outcomes = _outcomes(config, dataset, plans, studies, bounds, workdir)
  facts = {
    'dataset': dataset,
    'transitions': config.transitions,
    'seeds': config.seed_list(),
  }
  workdir.write_json(
    'summary.json', {**facts, **tabular_report.summary(outcomes, bounds)}
  )
  picture = workdir.file('captured_gain.png')
  tabular_report.draw(outcomes, bounds, picture)
  tabular_events.compared(
    workdir.events, tabular_report.rows(outcomes, bounds), picture
  )
  print(tabular_report.table(outcomes, bounds))
  report.write(
    workdir.path,
    lambda: tabular_report.of_study(
      outcomes, bounds, dataset, config, command.line()
    ),
  )
  print(_where(workdir))


def _outcomes(
  config: TabularConfig,
  dataset: str,
  plans: dict[str, tuple[Any, recipes.Recipe]],
  studies: Sequence[policy_study.Study],
  bounds: Sequence[policy_study.Bounds],
  workdir: workdir_lib.Workdir,
) -> dict[str, list[policy_study.Outcome]]:
  """Returns the outcomes of all policies; trains those that are not kept."""
  halves = list(zip(config.seed_list(), studies, bounds))
  # All of them before any work, which would be in vain if one were refused.
  kept = {
    (name, seed): kept_outcomes.read(workdir, name, seed, ends)
    for name in plans
    for seed, _, ends in halves
  }
  if before := sum(outcome is not None for outcome in kept.values()):
    print(f'{before} of {len(kept)} policies learned before', flush=True)
  tabular_events.begin(workdir.events, studies[0].space.operations)
  outcomes: dict[str, list] = {name: [] for name in plans}
  for name, (model, recipe) in plans.items():
    for seed, study, ends in halves:
      outcome = kept[name, seed]
      if outcome is None:
        outcome = _train(
          study, name, seed, model, recipe, config, workdir.events
        )
        tabular_events.end(
          workdir.events,
          name,
          seed,
          recipe,
          outcome,
          dataset=dataset,
          transitions=config.transitions,
        )
        # Last: what is kept is not done again.
        kept_outcomes.write(workdir, name, seed, ends, outcome)
      outcomes[name].append(outcome)
  return outcomes


def _plan(name: str, config: TabularConfig) -> tuple[Any, recipes.Recipe]:
  """Returns a policy's configuration and how it is trained."""
  recipe = recipes.recipe(name)
  if config.steps:
    recipe = dataclasses.replace(recipe, steps=config.steps)
  recipe = overrides.apply(recipe, config.training, 'training')
  model = policy_lib.default_config(name)
  return overrides.apply(model, config.model, 'model'), recipe


def _train(
  study, name, seed, model, recipe, config, directory
) -> policy_study.Outcome:
  # Graphs of the policy before hold its tensors.
  tf.keras.backend.clear_session()
  directory = os.path.join(directory, tabular_events.run(name, seed))
  events = tabular_events.StudyEvents(
    directory, study.space, study.held_out, recipe
  )

  def learned(taken: int, metrics: Any):
    bar(taken, metrics)
    events.learned(taken, metrics)

  title = f'{name}, seed {seed}'
  with contextlib.closing(events):
    with progress_bar.StudyBar(title, recipe.steps) as bar:
      return study.train(
        name, model, recipe, config.points, learned, events.judged
      )


def _where(workdir: workdir_lib.Workdir) -> str:
  files = {
    'report': report.FILE,
    'numbers': 'summary.json, captured_gain.png',
    'TensorBoard': command.tensorboard(workdir.events),
  }
  return text_table.files(workdir.path, files)


if __name__ == '__main__':
  command.run(main)
