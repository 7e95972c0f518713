"""Where the parts of a drawn cell go: pure geometry, nothing is drawn here.

A layered layout (Sugiyama, Tagawa and Toda, 1981). Vertices stand in columns
by their depth. An edge that spans several columns has a *lane* of its own in
every column between, among the vertices and apart from them. Between two
columns lie a *fan*, where edges change their height, and a *label strip*, where
they run level, each at a height of its own. So a label in the strip touches no
other label, no vertex and no edge but its own: for every cell, by construction.
"""

from __future__ import annotations

from collections.abc import Sequence
import dataclasses

import networkx as nx
import numpy as np

from nat_tf.architecture import Cell

# Inches.
_VERTEX_WIDTH = 0.46
_VERTEX_HEIGHT = 0.38
_LABEL_HEIGHT = 0.25
_LINE_HEIGHT = 0.2
_LABEL_GAP = 0.07
_CONCAT_PITCH = 0.16
_ITEM_GAP = 0.14
_LANE_HEIGHT = 0.1
_LEAD = 0.08
_ARROW = 0.2
# A fan is wide enough for edges to stay flatter than about 60 degrees.
_FAN_WIDTH = 0.36
_FAN_SLOPE = 0.28

_ORDERING_SWEEPS = 4
_DESCENTS = 24
# Of all descents together, over the edges' steps: large cells get fewer.
_DESCENT_STEPS = 1_500
_PLACEMENT_SWEEPS = 24

Point = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Box:
  """A rectangle, in inches; y grows downwards.

  Attributes:
    x: of the centre.
    y: of the centre.
    width: of the whole.
    height: of the whole.
  """

  x: float
  y: float
  width: float
  height: float

  def overlaps(self, other: Box) -> bool:
    """Whether the two share more than a border."""
    across = abs(self.x - other.x) < (self.width + other.width) / 2
    return across and abs(self.y - other.y) < (self.height + other.height) / 2


@dataclasses.dataclass(frozen=True)
class Link:
  """The way of one edge.

  Attributes:
    points: from the 1st to the 2nd the edge changes its height, from the 2nd to
      the 3rd it runs level, and so on by turns; from the last it runs level to
      its tip.
    tip: where the edge touches its target.
    label: room for the operation's name; None on an edge into the output.
  """

  points: tuple[Point, ...]
  tip: Point
  label: Box | None


@dataclasses.dataclass(frozen=True)
class Layout:
  """The places of all parts of a cell.

  Attributes:
    width: of the whole, in inches.
    height: of the whole, in inches.
    vertices: one box for each, and one more, the cell's output.
    edges: one for every edge of the cell.
    concat: one for every vertex of the cell's `concat`, into the output.
  """

  width: float
  height: float
  vertices: tuple[Box, ...]
  edges: tuple[Link, ...]
  concat: tuple[Link, ...]


@dataclasses.dataclass
class _Item:
  """What stands in a column: a vertex, or the lane of an edge passing by."""

  column: int
  height: float
  vertex: bool
  y: float = 0.0


def layout(cell: Cell, label_widths: Sequence[float], lines: int = 1) -> Layout:
  """Lays a cell out; the result depends on its graph and labels' sizes alone.

  Args:
    cell: the cell.
    label_widths: for every edge the room that its label needs, in inches.
    lines: of text in every label, 1 or more.
  """
  return _Layouter(cell, label_widths, lines).layout()


class _Layouter:
  """The steps of a layout, in the order of the methods."""

  def __init__(self, cell: Cell, label_widths: Sequence[float], lines: int):
    self._cell = cell
    self._label_widths = label_widths
    self._label_height = _LABEL_HEIGHT + (lines - 1) * _LINE_HEIGHT
    self._label_pitch = self._label_height + _LABEL_GAP
    self._items: list[_Item] = []
    self._routes: list[list[int]] = []
    self._columns: list[list[int]] = []

  def layout(self) -> Layout:
    self._make_vertices()
    self._make_routes()
    self._order_columns()
    self._place_rows()
    lefts, width = self._place_columns()
    middles = [left + _VERTEX_WIDTH / 2 for left in lefts]
    vertices = tuple(
      Box(middles[item.column], item.y, _VERTEX_WIDTH, item.height)
      for item in self._items
      if item.vertex
    )
    links = self._links(lefts)
    edges = len(self._cell.edges)
    height = max(item.y + item.height / 2 for item in self._items)
    return Layout(
      width, height, vertices, tuple(links[:edges]), tuple(links[edges:])
    )

  def _make_vertices(self) -> None:
    """Makes an item for every vertex, in the column of its depth."""
    graph = nx.DiGraph()
    graph.add_nodes_from(range(self._cell.vertices))
    graph.add_edges_from((e.source, e.target) for e in self._cell.edges)
    generations = list(nx.topological_generations(graph))
    depths = {v: i for i, vertices in enumerate(generations) for v in vertices}
    for vertex in range(self._cell.vertices):
      incoming = sum(edge.target == vertex for edge in self._cell.edges)
      height = max(_VERTEX_HEIGHT, incoming * self._label_pitch)
      self._items.append(_Item(depths[vertex], height, True))
    height = max(_VERTEX_HEIGHT, len(self._cell.concat) * _CONCAT_PITCH)
    self._items.append(_Item(len(generations), height, True))

  def _make_routes(self) -> None:
    """Makes for every edge the list of its items: source, lanes, target."""
    output = self._cell.vertices
    ends = [(edge.source, edge.target) for edge in self._cell.edges]
    ends += [(vertex, output) for vertex in self._cell.concat]
    for source, target in ends:
      route = [source]
      for column in range(
        self._items[source].column + 1, self._items[target].column
      ):
        route.append(len(self._items))
        self._items.append(_Item(column, _LANE_HEIGHT, False))
      self._routes.append([*route, target])
    self._columns = [[] for _ in range(self._items[output].column + 1)]
    for index, item in enumerate(self._items):
      self._columns[item.column].append(index)

  def _order_columns(self) -> None:
    """Orders each column to have few crossings: the best of several descents.

    The first descent starts from the vertices' numbers, the others from
    shuffled columns: the same ones every time, so that drawings reproduce.
    """
    shuffled = np.random.RandomState(0)
    descents = max(1, min(_DESCENTS, _DESCENT_STEPS // len(self._steps())))
    best, fewest = self._columns, None
    for _ in range(descents):
      for _ in range(_ORDERING_SWEEPS):
        self._sweep_orders(forward=True)
        self._sweep_orders(forward=False)
        crossings = self._crossings()
        if fewest is None or crossings < fewest:
          best, fewest = [list(column) for column in self._columns], crossings
      for column in self._columns[1:]:
        shuffled.shuffle(column)
    self._columns = best

  def _sweep_orders(self, forward: bool) -> None:
    """Sorts each column by where its neighbours on one side stand."""
    neighbours = self._neighbours(backward=forward)
    # The inputs keep their order: the cell before the last one on top.
    inner = self._columns[1:]
    for column in inner if forward else reversed(inner):
      positions = self._positions()
      column.sort(
        key=lambda i: _mean([positions[j] for j in neighbours[i] or [i]])
      )

  def _positions(self) -> dict[int, float]:
    """Relative heights in the columns, comparable between them."""
    return {
      item: (row + 0.5) / len(column)
      for column in self._columns
      for row, item in enumerate(column)
    }

  def _neighbours(self, backward: bool) -> list[list[int]]:
    result: list[list[int]] = [[] for _ in self._items]
    for first, second in self._steps():
      if backward:
        result[second].append(first)
      else:
        result[first].append(second)
    return result

  def _steps(self) -> list[tuple[int, int]]:
    """Pairs of items in adjacent columns that an edge joins."""
    return [pair for route in self._routes for pair in zip(route, route[1:])]

  def _crossings(self) -> int:
    positions = self._positions()
    steps = np.array([[positions[i], positions[j]] for i, j in self._steps()])
    columns = np.array([self._items[i].column for i, _ in self._steps()])
    gaps = steps[:, None] - steps[None]
    crossed = gaps[..., 0] * gaps[..., 1] < 0
    return int(np.sum(crossed & (columns[:, None] == columns[None])))

  def _place_rows(self) -> None:
    """Gives every item its height: near its neighbours', in order."""
    for column in self._columns:
      self._place_column(column, [0.0] * len(column))
    both = [
      a + b for a, b in zip(self._neighbours(True), self._neighbours(False))
    ]
    for sweep in range(_PLACEMENT_SWEEPS):
      columns = self._columns if sweep % 2 == 0 else self._columns[::-1]
      for column in columns:
        wanted = [
          _mean([self._items[j].y for j in both[i] or [i]]) for i in column
        ]
        self._place_column(column, wanted)
    top = min(item.y - item.height / 2 for item in self._items)
    for item in self._items:
      item.y -= top

  def _place_column(self, column: list[int], wanted: Sequence[float]) -> None:
    """Moves items as near to where they want to be as the others let them.

    Least squares under distances: an isotonic regression after the distances
    were taken off, by pooling adjacent violators.
    """
    items = [self._items[i] for i in column]
    offsets = np.cumsum(
      [0.0]
      + [
        (a.height + b.height) / 2 + _ITEM_GAP for a, b in zip(items, items[1:])
      ]
    )
    pools: list[list[float]] = []
    for want in np.asarray(wanted) - offsets:
      pools.append([want])
      while len(pools) > 1 and _mean(pools[-2]) >= _mean(pools[-1]):
        last = pools.pop()
        pools[-1] += last
    level = [_mean(pool) for pool in pools for _ in pool]
    for item, offset, y in zip(items, offsets, level):
      item.y = float(y + offset)

  def _place_columns(self) -> tuple[list[float], float]:
    """Returns the left border of every column's vertices, and the width."""
    lefts = [0.0]
    for column in range(1, len(self._columns)):
      fan, strip = self._fan(column), self._strip(column)
      lefts.append(lefts[-1] + _VERTEX_WIDTH + fan + strip)
    return lefts, lefts[-1] + _VERTEX_WIDTH

  def _fan(self, column: int) -> float:
    rises = [
      abs(self._items[i].y - self._items[j].y)
      for i, j in self._steps()
      if self._items[j].column == column
    ]
    return _FAN_WIDTH + _FAN_SLOPE * max(rises)

  def _strip(self, column: int) -> float:
    """Width of the label strip before a column."""
    widths = [
      width
      for edge, width in zip(self._cell.edges, self._label_widths)
      if self._items[edge.target].column == column
    ]
    return _LEAD + max(widths) + _ARROW if widths else _ARROW

  def _links(self, lefts: list[float]) -> list[Link]:
    ports = self._ports()
    links = []
    for index, route in enumerate(self._routes):
      points: list[Point] = []
      for before, after in zip(route, route[1:]):
        column = self._items[after].column
        y = ports[index] if after == route[-1] else self._items[after].y
        right = lefts[column - 1] + _VERTEX_WIDTH
        points.append((right, self._items[before].y))
        points.append((lefts[column] - self._strip(column), y))
      label = None
      if index < len(self._cell.edges):
        width = self._label_widths[index]
        x = lefts[column] - _ARROW - (self._strip(column) - _LEAD - _ARROW) / 2
        label = Box(x, y, width, self._label_height)
      links.append(Link(tuple(points), (lefts[column], y), label))
    return links

  def _ports(self) -> list[float]:
    """Returns for every route the height at which it enters its target.

    Edges enter in the order in which they come, so that they do not cross.
    """
    ports = [0.0] * len(self._routes)
    for target, item in enumerate(self._items):
      incoming = [i for i, r in enumerate(self._routes) if r[-1] == target]
      incoming.sort(key=lambda i: self._items[self._routes[i][-2]].y)
      is_output = target == self._cell.vertices
      pitch = _CONCAT_PITCH if is_output else self._label_pitch
      for rank, route in enumerate(incoming):
        ports[route] = item.y + (rank - (len(incoming) - 1) / 2) * pitch
    return ports


def _mean(values: Sequence[float]) -> float:
  """Returns the mean; NumPy takes 20 times as long for so few numbers."""
  return sum(values) / len(values)
