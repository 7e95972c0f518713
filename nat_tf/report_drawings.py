"""Drawings of architectures for a report."""

from __future__ import annotations

from nat_tf import cost
from nat_tf import drawing
from nat_tf import inline_drawing
from nat_tf import network_drawing
from nat_tf.architecture import Architecture
from nat_tf.html_tree import Element
from nat_tf.html_tree import element
from nat_tf.layout import NetworkConfig
from nat_tf.report import Section


def section(
  source: Architecture,
  transformed: Architecture | None,
  config: NetworkConfig,
) -> Section:
  """Returns the drawings of cells and network.

  Args:
    source: an architecture, or the input of a transformation.
    transformed: what became of it.
    config: the network; the costs on the edges are its.
  """
  title = 'The cells' if transformed is None else 'What changed'
  return Section(
    title,
    [
      cells(source, transformed, config, 'cells'),
      network(source, transformed, config, 'network'),
    ],
  )


def cells(
  source: Architecture,
  transformed: Architecture | None,
  config: NetworkConfig | None,
  name: str,
) -> Element:
  """Returns the cells, input beside output.

  Args:
    source: an architecture, or the input of a transformation.
    transformed: what became of it.
    config: the network whose costs stand on the edges; None for none.
    name: of the drawing, unlike any other's on the page.
  """
  both = [source] if transformed is None else [source, transformed]
  costs = [cost.by_edge(one, config) for one in both] if config else []
  drawn = drawing.figure(source, transformed, costs=costs)
  text = 'Every vertex is a feature map, every edge an operation.'
  if transformed is not None:
    text = 'Left the input, right what became of it.'
  svg = inline_drawing.inline(drawn, name, _described(source, transformed))
  return _figure('Cells.', text, svg)


def network(
  source: Architecture,
  transformed: Architecture | None,
  config: NetworkConfig,
  name: str,
) -> Element:
  """Returns the whole network; see `cells`."""
  drawn = network_drawing.figure(config, source, transformed)
  words = [
    f'{box.name}, {box.changed} edges changed' if box.changed else box.name
    for box in network_drawing.boxes(config, source, transformed)
  ]
  svg = inline_drawing.inline(drawn, name, f'Network: {"; ".join(words)}.')
  return _figure('Final network,', 'from the image to the classes.', svg)


def _figure(title: str, text: str, svg: Element) -> Element:
  caption = element(
    'figcaption',
    element('strong', title),
    f' {text}',
    element('span', ' Tap to enlarge.', class_='tap'),
  )
  # A wide drawing scrolls by itself, by keys as well; where a phone shrinks it,
  # it does so once it is enlarged.
  scrolls = element(
    'div', svg, class_='wide', tabindex='0', role='group', aria_label=title
  )
  return element('figure', caption, scrolls)


def _described(source: Architecture, transformed: Architecture | None) -> str:
  """Says in words what a drawing of cells shows."""
  if transformed is None:
    edges = sum(len(cell.edges) for _, cell in source.cells)
    names = ', '.join(names[0] for names in drawing.groups([source]))
    return f'Drawing of the cells {names} with {edges} edges.'
  after = {(name, i): edge for name, i, edge in transformed.edges()}
  before = {(name, i): edge for name, i, edge in source.edges()}
  changes = [
    f'{key[0]} cell, edge {before[key].source} to {before[key].target}: '
    f'{before[key].operation} became {after[key].operation}'
    for key in source.changed_edges(transformed)
  ]
  return f'Changed edges. {"; ".join(changes) or "None"}.'
