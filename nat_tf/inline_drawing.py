"""A drawing as part of an HTML page: SVG that follows the page's colours."""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree

from matplotlib.figure import Figure
import matplotlib.style

from nat_tf import drawing
from nat_tf import html_tree

# What a drawing's colours are called on the page, and what they are in the
# dark. Black and white are the page's own ink and paper.
_DARK = {
  drawing.INK: ('ink', '#c9d1d9'),
  drawing.CHANGED: ('changed', '#ff9f5a'),
  drawing.PALE: ('pale', '#4a2a14'),
  drawing.FAINT: ('faint', '#6e7681'),
  drawing.NULL_INK: ('null', '#8b949e'),
  drawing.CONCAT_INK: ('concat', '#5f86a6'),
  drawing.INNER: ('inner', '#1f3b57'),
  drawing.OUTER: ('outer', '#2b3138'),
  drawing.REDUCES: ('reduces', '#2f5479'),
}
_PAPER, _BLACK = ('#ffffff', 'paper'), ('#000000', 'text')
_NAMES = {
  **{color: f'drawing-{name}' for color, (name, _) in _DARK.items()},
  **dict([_PAPER, _BLACK]),
}
_COLOR = re.compile('#[0-9a-f]{6}')
_NUMBER = re.compile(r'-?\d+\.\d+')
_REFERENCE = re.compile(r'(url\(#|^#)')


def colors(dark: bool) -> dict[str, str]:
  """Returns colours by the names of the page's custom properties.

  Args:
    dark: whether for a dark page.
  """
  return {
    _NAMES[color]: instead if dark else color
    for color, (_, instead) in _DARK.items()
  }


def inline(figure: Figure, name: str, text: str) -> html_tree.Element:
  """Returns a figure as an `svg` element.

  Args:
    figure: the drawing.
    name: of the drawing, unlike any other's on the page.
    text: what those are told who cannot see it.
  """
  file = io.BytesIO()
  nobody = {'Date': None, 'Creator': None, 'Format': None, 'Type': None}
  with matplotlib.style.context(drawing.STYLE):
    figure.savefig(file, format='svg', metadata=nobody)
  root = ElementTree.fromstring(file.getvalue())
  _strip(root)
  for one in root.iter():
    _adopt(one, name)
  width, height = (round(96 * side) for side in figure.get_size_inches())
  root.attrib = {
    'viewBox': root.attrib['viewBox'],
    'class': 'drawing',
    'role': 'img',
    'aria-label': text,
    # As large as it was drawn, where there is room.
    'style': f'max-width: {width}px; aspect-ratio: {width} / {height}',
  }
  return root


def _strip(parent: ElementTree.Element):
  """Takes out what describes the file, and styles that would be the page's."""
  for child in list(parent):
    if child.tag.rpartition('}')[2] in ('metadata', 'style'):
      parent.remove(child)
    else:
      _strip(child)


def _adopt(one: ElementTree.Element, name: str):
  """Makes an element one of HTML's, with ids and colours of the page."""
  one.tag = one.tag.rpartition('}')[2]
  one.text = one.tail = None
  attributes = {}
  for key, value in one.attrib.items():
    key = key.rpartition('}')[2]
    if key == 'id':
      value = f'{name}-{value}'
    elif key in ('href', 'clip-path'):
      value = _REFERENCE.sub(rf'\g<1>{name}-', value)
    elif key == 'style':
      value = _COLOR.sub(_variable, value)
    elif key == 'd':
      # A hundredth of a point is less than anyone sees.
      value = ' '.join(_NUMBER.sub(_short, value).split())
    attributes[key] = value
  one.attrib = attributes


def _variable(match: re.Match) -> str:
  known = _NAMES.get(match[0])
  return f'var(--{known})' if known else match[0]


def _short(match: re.Match) -> str:
  return f'{float(match[0]):.2f}'.rstrip('0').rstrip('.')
