"""Drawings of architectures for a report."""

from __future__ import annotations

from matplotlib.figure import Figure

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
  config: NetworkConfig,
  name: str,
) -> Element:
  """Returns the cells, input beside output.

  Args:
    source: an architecture, or the input of a transformation.
    transformed: what became of it.
    config: the network whose costs stand on the edges.
    name: of the drawing, unlike any other's on the page.
  """
  both = [source] if transformed is None else [source, transformed]
  costs = [cost.by_edge(one, config) for one in both]
  drawn = drawing.figure(source, transformed, costs=costs)
  if transformed is None:
    return _alone(source, drawn, name)
  svg = inline_drawing.inline(
    drawn,
    name,
    f'Changed edges. {_differences(source, transformed, "became")}.',
  )
  return _figure('Cells.', 'Left the input, right what became of it.', svg)


def one_of_several(architecture: Architecture, name: str) -> Element:
  """Returns the cells of an architecture, without costs; see `cells`."""
  return _alone(architecture, drawing.figure(architecture), name)


def compared(
  left: Architecture, right: Architecture, labels: tuple[str, str], name: str
) -> Element:
  """Returns the cells of two architectures, none of which became the other.

  Args:
    left: an architecture.
    right: another one on the same graph.
    labels: what to call them.
    name: of the drawing, unlike any other's on the page.

  Raises:
    ArchitectureError: the graphs differ in more than operations.
  """
  count = len(left.changed_edges(right))
  edges = '1 edge differs' if count == 1 else f'{count} edges differ'
  sides = drawing.Sides(*labels, 'different')
  text = f'Left {labels[0]}, right {labels[1]}: {edges}.'
  svg = inline_drawing.inline(
    drawing.figure(left, right, sides=sides),
    name,
    f'{text} {_differences(left, right, "against")}.',
  )
  return _figure('Cells.', text, svg)


def _alone(architecture: Architecture, drawn: Figure, name: str) -> Element:
  edges = sum(len(cell.edges) for _, cell in architecture.cells)
  names = ', '.join(names[0] for names in drawing.groups([architecture]))
  text = f'Drawing of the cells {names} with {edges} edges.'
  svg = inline_drawing.inline(drawn, name, text)
  return _figure(
    'Cells.', 'Every vertex is a feature map, every edge an operation.', svg
  )


def network(
  source: Architecture,
  transformed: Architecture | None,
  config: NetworkConfig,
  name: str,
) -> Element:
  """Returns the whole network; see `cells`."""
  drawn = network_drawing.figure(config, source, transformed)
  parts = network_drawing.boxes(config, source, transformed)
  words = '; '.join(map(_words, parts))
  svg = inline_drawing.inline(drawn, name, f'Network: {words}.')
  text = 'from the image to the classes.'
  if any(part.before for part in parts):
    text = 'from the image to the classes; costs as they were and as they are.'
  return _figure('Final network,', text, svg)


def _words(part: network_drawing.Box) -> str:
  """Says in words what a box shows."""
  words = [part.name]
  if part.changed:
    words.append(f'{part.changed} edges changed')
  if part.before:
    names = ('parameters', 'multiply-adds')
    words += [
      f'{network_drawing.difference(before, after)} {name}'
      for name, before, after in zip(names, part.before, part.cost)
    ]
  return ', '.join(words)


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


def _differences(left: Architecture, right: Architecture, verb: str) -> str:
  """Says in words which edges differ, and what of each is on which side."""
  after = {(name, i): edge for name, i, edge in right.edges()}
  before = {(name, i): edge for name, i, edge in left.edges()}
  differences = [
    f'{key[0]} cell, edge {before[key].source} to {before[key].target}: '
    f'{before[key].operation} {verb} {after[key].operation}'
    for key in left.changed_edges(right)
  ]
  return '; '.join(differences) or 'None'
