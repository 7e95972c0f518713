"""Applies a learned transformer to an architecture.

bazel run //nat_tf:transform -- --workdir=W --architecture=vggblock
"""

from __future__ import annotations

from nat_tf import command  # isort: skip

from absl import flags

from nat_tf import architecture_source
from nat_tf import learned
from nat_tf import result

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
  'architectures sampled from the policy to choose from; 1 or more.',
  lower_bound=1,
)
_SEED = flags.DEFINE_integer(
  'seed',
  None,
  "decides the samples; 0 to 2147483647 (default: the search's seed).",
  lower_bound=0,
  upper_bound=2**31 - 1,
)
flags.adopt_module_key_flags(learned)
flags.mark_flags_as_required(['workdir', 'architecture'])


def main(argv: list[str]):
  """Runs the command."""
  del argv  # `command.run` refuses any.
  architecture = architecture_source.resolve(_ARCHITECTURE.value)
  transformer = learned.load(_WORKDIR.value)
  seed = transformer.config.seed if _SEED.value is None else _SEED.value
  transformation = transformer.transform(architecture, _CANDIDATES.value, seed)
  name = architecture_source.label(_ARCHITECTURE.value)
  output = command.path(_OUTPUT.value)
  result.write(transformation, name, output)
  print(result.table(transformation, name))
  print(f'in {output}: transformed.json, transformed.png, transformed.svg')


if __name__ == '__main__':
  command.run(main)
