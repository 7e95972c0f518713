"""Trains the final network of an architecture from scratch.

bazel run //nat_tf:train -- --architecture=darts --workdir=W
"""

from __future__ import annotations

from nat_tf import command  # isort: skip

from absl import flags

from nat_tf import architecture_source
from nat_tf import checkpoint_flags
from nat_tf import data
from nat_tf import profile_flags
from nat_tf import report
from nat_tf import restart
from nat_tf import setting
from nat_tf import strategy_flags
from nat_tf import text_table
from nat_tf import training
from nat_tf import training_report
from nat_tf import workdir as workdir_lib
from nat_tf.train_config import TrainConfig

_WORKDIR = flags.DEFINE_string(
  'workdir',
  None,
  'directory for checkpoints, event files, the model and the summary; one that '
  'holds a training with the same settings is gone on with (default: '
  'nat_tf_runs/<architecture>-<dataset>-<time>).',
)
TrainConfig.define_flags()
flags.adopt_module_key_flags(setting)
flags.adopt_module_key_flags(strategy_flags)
flags.adopt_module_key_flags(checkpoint_flags)
flags.adopt_module_key_flags(profile_flags)
flags.mark_flag_as_required('architecture')


def main(argv: list[str]):
  """Runs the command."""
  del argv  # `command.run` refuses any.
  config = command.with_data_dir(TrainConfig.from_flags())
  name = architecture_source.label(config.architecture or '')
  architecture = config.resolved()
  workdir = workdir_lib.Workdir(
    command.workdir(_WORKDIR.value, f'{name}-{config.dataset}'),
    TrainConfig,
  )
  where = f'training on {config.dataset}, workdir {workdir.path}'
  strategy, workdir = strategy_flags.create(_WORKDIR.value, workdir)
  with restart.when_lost(strategy), command.resumable(workdir.path):
    summary = training.run(
      config,
      architecture,
      workdir,
      name,
      lambda: print(where, flush=True),
      checkpoint_flags.minutes(),
      strategy,
      profile_flags.steps(),
    )
    if workdir.is_aside:
      return
    info = data.DatasetInfo.from_dict(workdir.read_json(training.PREPROCESSING))
    network = config.network_config(architecture, info)
    images = info.examples.candidates
    lines = text_table.aligned(training_report.rows(name, summary))
    print('\n'.join([*lines, *training_report.notes(network, images)]))
    curves, again = workdir.file('training.csv'), command.line()
    facts = (name, summary, config, architecture, network, images)
    report.write(
      workdir.path,
      lambda: training_report.of_training(*facts, curves, again),
    )
    print(_where(workdir))


def _where(workdir: workdir_lib.Workdir) -> str:
  files = {
    'report': report.FILE,
    'model': f'{training.MODEL}, {training.PREPROCESSING}',
    'numbers': f'{training.SUMMARY}, training.csv, training.png',
    'TensorBoard': command.tensorboard(workdir.events),
  }
  return text_table.files(workdir.path, files)


if __name__ == '__main__':
  command.run(main)
