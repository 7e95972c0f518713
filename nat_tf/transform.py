"""Applies a learned transformer to an architecture.

bazel run //nat_tf:transform -- --workdir=W --architecture=vggblock
"""

from __future__ import annotations

import os

from nat_tf import command  # isort: skip

from absl import flags

from nat_tf import architecture_source
from nat_tf import budget_flags
from nat_tf import learned
from nat_tf import pareto
from nat_tf import pareto_report
from nat_tf import progress_bar
from nat_tf import report
from nat_tf import result
from nat_tf import search_report
from nat_tf import text_table

_WORKDIR = flags.DEFINE_string(
  'workdir', None, 'directory of the search that learned the transformer.'
)
_ARCHITECTURE = flags.DEFINE_string(
  'architecture',
  None,
  'what to transform: a published name, a file of JSON or text, or the text of '
  'a genotype or of a NAS-Bench-201 cell.',
)
_OUTPUT = flags.DEFINE_string(
  'output', 'transformed', 'directory for the architecture and its drawing.'
)
_CANDIDATES = flags.DEFINE_integer(
  'candidates',
  10,
  'architectures sampled from the policy to choose from; 1 to 10000.',
  lower_bound=1,
  upper_bound=10_000,
)
_SEED = flags.DEFINE_integer(
  'seed',
  None,
  "decides the samples; 0 to 2147483647 (default: the search's seed).",
  lower_bound=0,
  upper_bound=2**31 - 1,
)
_PARETO = flags.DEFINE_bool(
  'pareto',
  False,
  'instead of one transformation returns many: the best ones for their '
  'multiply-adds, from the least that is possible to the limits.',
)
_EDGE_COSTS = flags.DEFINE_bool(
  'edge_costs',
  False,
  'writes to every edge of the drawing what it costs in the final network.',
)
flags.adopt_module_key_flags(learned)
flags.adopt_module_key_flags(budget_flags)
flags.mark_flags_as_required(['workdir', 'architecture'])


def main(argv: list[str]):
  """Runs the command."""
  del argv  # `command.run` refuses any.
  budget = budget_flags.from_flags()
  architecture = architecture_source.resolve(_ARCHITECTURE.value)
  output = command.output(_OUTPUT.value, 'output')
  transformer = learned.load(_WORKDIR.value)
  seed = transformer.config.seed if _SEED.value is None else _SEED.value
  name = architecture_source.label(_ARCHITECTURE.value)
  # Of the search; it may be gone.
  learning = os.path.join(command.path(_WORKDIR.value), 'learning.csv')
  arguments = (architecture, _CANDIDATES.value, seed, budget)
  of_report = (
    name,
    learning,
    command.line(),
    seed,
    transformer.config,
  )
  if _PARETO.value:
    bar = progress_bar.CountBar('measuring')
    front = pareto.explore(transformer, *arguments, bar)
    pareto_report.write(front, name, output)
    print(pareto_report.table(front, name))
    report.write(
      output,
      lambda: search_report.of_front(front, *of_report),
    )
    files = {'report': report.FILE, 'front': 'pareto.json, pareto.png'}
    print(text_table.files(output, files))
    return
  transformation = transformer.transform(
    *arguments, progress_bar.CountBar('scoring')
  )
  costs = transformer.final() if _EDGE_COSTS.value else None
  result.write(transformation, name, output, costs)
  print(result.table(transformation, name))
  report.write(
    output,
    lambda: search_report.of_transformation(transformation, *of_report),
  )
  files = {
    'report': report.FILE,
    'drawing': 'transformed.png, transformed.svg',
    'architecture': 'transformed.json',
  }
  print(text_table.files(output, files))


if __name__ == '__main__':
  command.run(main)
