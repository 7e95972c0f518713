"""Says what an architecture's final network costs, part by part.

bazel run //nat_tf:describe -- --architecture=darts
"""

from __future__ import annotations

from nat_tf import command  # isort: skip

from absl import flags

from nat_tf import architecture_source
from nat_tf import description
from nat_tf import layout
from nat_tf import network_flags

_ARCHITECTURE = flags.DEFINE_string(
  'architecture',
  None,
  'what to describe: a published name, a file of JSON or text, or the text of '
  'a genotype or of a NAS-Bench-201 cell.',
)
_LATENCY = flags.DEFINE_bool(
  'latency', True, 'measures latencies on this device, which takes a while.'
)
_JSON = flags.DEFINE_bool('json', False, 'prints JSON instead of a table.')
_OUTPUT = flags.DEFINE_string(
  'output',
  None,
  'directory for drawings (default: described; with --json none are made).',
)
_EDGE_COSTS = flags.DEFINE_bool(
  'edge_costs', False, 'writes to every edge what it costs in the network.'
)
flags.adopt_module_key_flags(network_flags)
flags.mark_flag_as_required('architecture')


def main(argv: list[str]):
  """Runs the command."""
  del argv  # `command.run` refuses any.
  architecture = architecture_source.resolve(_ARCHITECTURE.value)
  name = architecture_source.label(_ARCHITECTURE.value)
  config = network_flags.network_config(architecture)
  layout.check(architecture, config.skeleton)
  folder = _OUTPUT.value or (None if _JSON.value else 'described')
  output = command.output(folder, 'output') if folder else None
  if output:
    description.draw(name, architecture, config, output, _EDGE_COSTS.value)
  latencies = _latencies(architecture, config) if _LATENCY.value else None
  described = description.describe(name, architecture, config, latencies)
  if _JSON.value:
    print(description.to_json(described))
    return
  print(description.table(described))
  if output:
    print(f'in {output}: {", ".join(description.DRAWINGS)}')


def _latencies(architecture, config):
  # They bring TensorFlow, which takes seconds to load and only measures here.
  from nat_tf import part_latency
  from nat_tf import progress_bar

  return part_latency.measure(
    architecture,
    config,
    description.BATCHES,
    progress_bar.CountBar('measuring', 'parts'),
  )


if __name__ == '__main__':
  command.run(main)
