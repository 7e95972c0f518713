"""Transforms an architecture at random, as a control for what was learned.

bazel run //nat_tf:control -- --architecture=resnet20 --like=W/transformed.json
"""

from __future__ import annotations

import dataclasses

from nat_tf import command  # isort: skip

from absl import flags

from nat_tf import architecture_source
from nat_tf import budget
from nat_tf import budget_flags
from nat_tf import cost
from nat_tf import edge_costs
from nat_tf import layout
from nat_tf import network_flags
from nat_tf import random_transformation
from nat_tf import result
from nat_tf import transitions
from nat_tf.architecture import ArchitectureError

_ARCHITECTURE = flags.DEFINE_string(
  'architecture',
  None,
  'what to transform: a published name, a file of JSON or text, or the text of '
  'a genotype or of a NAS-Bench-201 cell.',
)
_LIKE = flags.DEFINE_string(
  'like',
  None,
  'an architecture for the same network, written like --architecture: neither '
  'parameters nor multiply-adds exceed what it costs, unless --max_params or '
  '--max_madds say otherwise.',
)
_TRANSITIONS = flags.DEFINE_enum(
  'transitions',
  'nat',
  transitions.TRANSITIONS,
  'rules that say which operation may become which.',
)
_SEED = flags.DEFINE_integer(
  'seed',
  0,
  'decides the draws; 0 to 2147483647.',
  lower_bound=0,
  upper_bound=2**31 - 1,
)
_DRAWS = flags.DEFINE_integer(
  'draws',
  100,
  'random transformations, of which the one whose multiply-adds come closest '
  'to the budget from below is returned; 1 to 100000.',
  lower_bound=1,
  upper_bound=100_000,
)
_OUTPUT = flags.DEFINE_string(
  'output', 'control', 'directory for the architecture and its drawing.'
)
flags.adopt_module_key_flags(budget_flags)
flags.adopt_module_key_flags(network_flags)
flags.mark_flag_as_required('architecture')


def main(argv: list[str]):
  """Runs the command."""
  del argv  # `command.run` refuses any.
  limits = budget_flags.from_flags()
  output = command.output(_OUTPUT.value, 'output')
  architecture = architecture_source.resolve(_ARCHITECTURE.value)
  name = architecture_source.label(_ARCHITECTURE.value)
  config = network_flags.network_config(architecture)
  if _LIKE.value:
    limits = _like(architecture_source.resolve(_LIKE.value), config, limits)
  transformation = random_transformation.transform(
    architecture,
    config,
    _TRANSITIONS.value,
    limits,
    _SEED.value,
    _DRAWS.value,
    _latency() if limits.timed else None,
  )
  title = f'{name}, transformed at random'
  result.save(architecture, transformation.transformed, title, output)
  print(random_transformation.table(transformation, name))
  print(f'in {output}: transformed.json, transformed.png, transformed.svg')


def _latency() -> edge_costs.Latency:
  # Brings TensorFlow, which takes seconds to load and only measures here.
  from nat_tf import latency

  return latency.PartsLatency()


def _like(architecture, config, limits: budget.Budget) -> budget.Budget:
  """Returns limits with an architecture's cost where they leave it open."""
  try:
    layout.check(architecture, config.skeleton)
  except ArchitectureError as error:
    raise type(error)(
      f'--like must be of the same form as --architecture: {error}'
    ) from None
  costs = cost.network(architecture, config)
  own = budget.Budget.of(str(costs.params), str(costs.madds))
  return dataclasses.replace(
    limits,
    max_params=limits.max_params or own.max_params,
    max_madds=limits.max_madds or own.max_madds,
  )


if __name__ == '__main__':
  command.run(main)
