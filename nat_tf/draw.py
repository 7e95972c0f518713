"""Draws an architecture, or a transformation of it, and its whole network.

bazel run //nat_tf:draw -- --architecture=darts --transformed=nat_darts
"""

from __future__ import annotations

import os

from nat_tf import command  # isort: skip

from absl import flags

from nat_tf import animation
from nat_tf import architecture_source
from nat_tf import cost
from nat_tf import drawing
from nat_tf import input_error
from nat_tf import layout
from nat_tf import network_drawing
from nat_tf import network_flags

_FORMS = (
  'a published name, a file of JSON or text, or the text of a genotype or of a '
  'NAS-Bench-201 cell.'
)
_ARCHITECTURE = flags.DEFINE_string(
  'architecture', None, f'what to draw: {_FORMS}'
)
_TRANSFORMED = flags.DEFINE_string(
  'transformed',
  None,
  f'what became of it, on the same graph, to draw beside it: {_FORMS}',
)
_TITLE = flags.DEFINE_string(
  'title', None, 'stands over the drawing (default: what was drawn).'
)
_EDGE_COSTS = flags.DEFINE_bool(
  'edge_costs', False, 'writes to every edge what it costs in the network.'
)
_ANIMATION = flags.DEFINE_bool(
  'animation', False, 'makes animation.gif as well; wants --transformed.'
)
_OUTPUT = flags.DEFINE_string('output', 'drawn', 'directory for the drawings.')
flags.adopt_module_key_flags(network_flags)
flags.mark_flag_as_required('architecture')


def main(argv: list[str]):
  """Runs the command."""
  del argv  # `command.run` refuses any.
  architecture = architecture_source.resolve(_ARCHITECTURE.value)
  transformed = None
  if _TRANSFORMED.value is not None:
    transformed = architecture_source.resolve(_TRANSFORMED.value)
    # Found out now whether both are on one graph.
    architecture.changed_edges(transformed)
  elif _ANIMATION.value:
    raise input_error.InputError(
      '--animation shows how an architecture becomes another; give '
      '--transformed, too'
    )
  title = _title() if _TITLE.value is None else _TITLE.value
  config = network_flags.network_config(architecture)
  layout.check(architecture, config.skeleton)
  output = command.output(_OUTPUT.value, 'output')
  os.makedirs(output, exist_ok=True)
  costs = []
  if _EDGE_COSTS.value:
    both = filter(None, (architecture, transformed))
    costs = [cost.by_edge(one, config) for one in both]
  drawing.draw_all(
    os.path.join(output, 'drawing'), architecture, transformed, title, costs
  )
  network_drawing.draw_all(
    os.path.join(output, 'network'), config, architecture, transformed, title
  )
  files = 'drawing.png, drawing.svg, network.png, network.svg'
  if _ANIMATION.value and transformed is not None:
    animation.write(
      os.path.join(output, 'animation.gif'),
      architecture,
      transformed,
      title,
      config,
    )
    files += ', animation.gif'
  print(f'in {output}: {files}')


def _title() -> str:
  name = architecture_source.label(_ARCHITECTURE.value)
  if _TRANSFORMED.value is None:
    return name
  after = architecture_source.label(_TRANSFORMED.value)
  return f'{name} \N{RIGHTWARDS ARROW} {after}'


if __name__ == '__main__':
  command.run(main)
