"""Learns a Neural Architecture Transformer and applies it to one architecture.

bazel run //nat_tf:search -- --workdir=W
"""

from __future__ import annotations

import dataclasses
import time
from typing import Any

from nat_tf import command  # isort: skip

from absl import flags

from nat_tf import algorithm
from nat_tf import architecture_source
from nat_tf import budget_flags
from nat_tf import checkpoint_flags
from nat_tf import data
from nat_tf import genotype
from nat_tf import layout
from nat_tf import learning_log
from nat_tf import policy_watch
from nat_tf import profile_flags
from nat_tf import profiling
from nat_tf import progress_bar
from nat_tf import report
from nat_tf import restart
from nat_tf import result
from nat_tf import search_config
from nat_tf import search_events
from nat_tf import search_report
from nat_tf import setting
from nat_tf import strategy_flags
from nat_tf import text_table
from nat_tf import transformer as transformer_lib
from nat_tf import transitions
from nat_tf import workdir as workdir_lib
from nat_tf.architecture import Architecture
from nat_tf.budget import Budget
from nat_tf.search_config import SearchConfig

_WORKDIR = flags.DEFINE_string(
  'workdir',
  None,
  'directory for checkpoints, event files and results; one that holds a search '
  'with the same settings is gone on with (default: '
  'nat_tf_runs/<dataset>-<time>).',
)
_CANDIDATES = flags.DEFINE_integer(
  'candidates',
  10,
  'architectures sampled from the policy to choose from; 1 to 10000.',
  lower_bound=1,
  upper_bound=10_000,
)
SearchConfig.define_flags()
flags.adopt_module_key_flags(setting)
flags.adopt_module_key_flags(budget_flags)
flags.adopt_module_key_flags(strategy_flags)
flags.adopt_module_key_flags(checkpoint_flags)
flags.adopt_module_key_flags(profile_flags)


def main(argv: list[str]):
  """Runs the command."""
  del argv  # `command.run` refuses any.
  config = _config()
  budget = budget_flags.from_flags()
  workdir = workdir_lib.Workdir(
    command.workdir(_WORKDIR.value, config.dataset), SearchConfig
  )
  wanted = config.architecture
  if wanted is None:
    wanted = search_config.DEFAULT
  architecture = architecture_source.resolve(wanted)
  config = _identity(config, architecture)
  # These fail now, before any data is read, where something does not fit.
  _check_ignored(config)
  layout.check(architecture, config.skeleton())
  config.search_space().encode(architecture)
  # Nothing was computed so far, which strategies insist on.
  strategy, workdir = strategy_flags.create(_WORKDIR.value, workdir)
  config = config.on_devices(
    strategy.num_replicas_in_sync, strategy_flags.counting()
  )
  workdir.check(config)
  name = architecture_source.label(wanted)
  with restart.when_lost(strategy), command.resumable(workdir.path):
    _search(config, architecture, name, budget, workdir, strategy)


def _search(
  config: SearchConfig,
  architecture: Architecture,
  name: str,
  budget: Budget,
  workdir: workdir_lib.Workdir,
  strategy: Any,
):
  """Learns, transforms, and writes and prints what came of it."""
  started = time.monotonic()
  dataset = data.load(config.data_config())
  config.check_reward(dataset.info.classes)
  transformer = transformer_lib.Transformer(config, dataset, strategy)
  # What is possible depends on the images' size and the number of classes.
  transformer.terms(architecture, budget)
  with workdir.filled(config):
    print(f'search on {config.dataset}, workdir {workdir.path}', flush=True)
    earlier = learn(
      transformer,
      dataset,
      workdir,
      architecture,
      name,
      checkpoint_flags.minutes(),
      profile_flags.steps(),
    )
    if workdir.is_aside:
      return
    transformation = transformer.transform(
      architecture,
      _CANDIDATES.value,
      config.seed,
      budget,
      progress_bar.CountBar('scoring'),
    )
    seconds = earlier + time.monotonic() - started
    _write(transformation, name, transformer, workdir, seconds)
  print(result.table(transformation, name))
  print(_where(workdir))


def _write(
  transformation: transformer_lib.Transformation,
  name: str,
  transformer: transformer_lib.Transformer,
  workdir: workdir_lib.Workdir,
  seconds: float,
):
  """Writes the architecture, its drawings, the summary and the report."""
  config = transformer.config
  result.write(transformation, name, workdir.path)
  workdir.write_json(
    'summary.json',
    {
      'dataset': config.dataset,
      'space': config.space,
      'transitions': config.transitions,
      'seed': config.seed,
      'seconds': round(seconds, 1),
      'input': transformation.source.summary(name),
      'transformed': transformation.transformed.summary(f'{name}, transformed'),
    },
  )
  search_events.end(workdir.events, config, transformation, name)
  report.write(
    workdir.path,
    lambda: search_report.of_search(
      transformation,
      name,
      config,
      workdir.file(learning_log.FILE),
      command.line(),
      transformer.strategy.num_replicas_in_sync,
    ),
  )


def learn(
  transformer: transformer_lib.Transformer,
  dataset: data.ImageDataset,
  workdir: workdir_lib.Workdir,
  architecture: Architecture,
  name: str,
  minutes: float,
  profiled: tuple[int, int] | None = None,
) -> float:
  """Runs Algorithm 1 with a progress bar and event files.

  Args:
    transformer: what learns.
    dataset: what it learns from.
    workdir: gets checkpoints and files.
    architecture: whose transformation is shown meanwhile.
    name: what to call it.
    minutes: from one checkpoint to the next.
    profiled: first and last step to profile, see `profiling.StepProfiler`.

  Returns:
    Seconds that an earlier call took, where this one went on.
  """
  search = algorithm.Search(transformer, dataset, workdir.checkpoints, minutes)
  log = _log(transformer, workdir, architecture, name, search)
  if search.done:
    print(
      progress_bar.going_on(search.epoch + 1, transformer.config.epochs),
      flush=True,
    )
  bar = progress_bar.ProgressBar(
    search.ahead, search.done, hidden=workdir.is_aside
  )
  earlier = log.seconds
  profiler = profiling.StepProfiler(workdir.events, profiled)

  def report(progress: algorithm.Progress):
    bar(progress)
    log(progress)
    profiler.after_step()

  try:
    search.run(report, log.notes)
  finally:
    bar.close()
    profiler.close()
  log.close()
  return earlier


def _log(
  transformer: transformer_lib.Transformer,
  workdir: workdir_lib.Workdir,
  architecture: Architecture,
  name: str,
  search: algorithm.Search,
) -> learning_log.LearningLog:
  """Returns what writes down how a search learns, the policy watched."""
  config = transformer.config
  watch = policy_watch.PolicyWatch(
    transformer.actor,
    transitions.allowed(config.transitions, transformer.space.operations),
    architecture,
    config.space == search_config.ONE,
    config.seed,
  )
  log = learning_log.LearningLog(
    workdir,
    search.epoch,
    search.notes,
    search_events.PolicyEvents(watch, architecture, config.epochs),
  )
  search_events.begin(log.events, config, name, workdir.events)
  return log


def _config() -> SearchConfig:
  if flags.FLAGS.architecture is not None and not flags.FLAGS['space'].present:
    flags.FLAGS['space'].value = search_config.ONE
  return command.with_data_dir(SearchConfig.from_flags())


def _identity(config: SearchConfig, architecture: Architecture) -> SearchConfig:
  """Returns the configuration as the workdir remembers it.

  A search for one architecture is bound to it, wherever its file goes; any
  other one can transform another architecture in the end.
  """
  text = None
  if config.space == search_config.ONE:
    text = genotype.to_text(architecture)
  return dataclasses.replace(config, architecture=text)


def _check_ignored(config: SearchConfig):
  """Refuses numbers that such a search would have to ignore."""
  odds = flags.FLAGS.weights_odds
  if config.space == search_config.ONE and odds != 1:
    raise setting.ConfigError(
      f'--weights_odds is {odds}, but the weights of --space=one are trained '
      'near the one architecture, all operations alike; leave it out'
    )
  skeleton = config.skeleton()
  for name in ('cells', 'final_cells'):
    if skeleton.blocks and flags.FLAGS[name].present:
      raise setting.ConfigError(
        f'--{name} is {flags.FLAGS[name].value}, but a {skeleton.name} network '
        f'has {len(skeleton.blocks)} cells of its own; leave it out'
      )


def _where(workdir: workdir_lib.Workdir) -> str:
  files = {
    'report': report.FILE,
    'drawing': 'transformed.png, transformed.svg',
    'architecture': 'transformed.json',
    'numbers': 'summary.json, learning.csv, learning.png',
    'TensorBoard': command.tensorboard(workdir.events),
  }
  return text_table.files(workdir.path, files)


if __name__ == '__main__':
  command.run(main)
