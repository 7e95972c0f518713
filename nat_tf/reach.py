"""What of a network reaches its output: only that is built, trained and paid.

An edge that carries null reads nothing. What nobody reads, be it an edge, the
preparation of an input, a cell or a convolution of the stem, has no influence
on the classes and could not be trained; the final network and its cost leave it
out, as the super network does not compute it. What is read counts, even where
it only ever sees zeros: a vertex that nothing feeds is zeros, and batch norm
behind it still adds its offset. No TensorFlow here.
"""

from __future__ import annotations

import dataclasses

from nat_tf import layout
from nat_tf import vocabulary
from nat_tf.architecture import Architecture
from nat_tf.architecture import Cell
from nat_tf.layout import NetworkConfig


@dataclasses.dataclass(frozen=True)
class CellReach:
  """What of a cell reaches the network's output.

  Attributes:
    live: whether anything does.
    edges: whether each edge does, in the cell's order.
    inputs: whether each input does.
  """

  live: bool
  edges: tuple[bool, ...]
  inputs: tuple[bool, ...]


@dataclasses.dataclass(frozen=True)
class Reach:
  """What of a network reaches its output.

  Attributes:
    stem: whether each convolution of the stem does.
    cells: one for every cell, from first to last.
  """

  stem: tuple[bool, ...]
  cells: tuple[CellReach, ...]


def of_cell(cell: Cell) -> CellReach:
  """Returns what of a cell reaches its own output.

  Args:
    cell: the cell.
  """
  read = set(cell.concat)
  edges = [False] * len(cell.edges)
  # Edges are in the order of their targets, and sources come before targets.
  for index, edge in reversed(list(enumerate(cell.edges))):
    if edge.target in read and edge.operation != vocabulary.NULL.name:
      edges[index] = True
      read.add(edge.source)
  inputs = tuple(vertex in read for vertex in range(cell.inputs))
  return CellReach(True, tuple(edges), inputs)


def of_network(architecture: Architecture, config: NetworkConfig) -> Reach:
  """Returns what of a network reaches its output.

  Args:
    architecture: what the network is made of.
    config: its size.
  """
  places = layout.places(config)
  inputs = config.skeleton.cell_inputs
  # Number `inputs + i` is cell i; what comes before are outputs of the stem.
  read = [False] * (inputs + len(places) - 1) + [True]
  cells: list[CellReach] = []
  for number, place in reversed(list(enumerate(places))):
    cell = config.cell(place, architecture)
    if read[inputs + number]:
      one = of_cell(cell)
    else:
      nothing = (False,) * len(cell.edges)
      one = CellReach(False, nothing, (False,) * cell.inputs)
    for i, reaches in enumerate(one.inputs):
      read[number + i] |= reaches
    cells.insert(0, one)
  return Reach(_of_stem(config, read[:inputs]), tuple(cells))


def carries_images(architecture: Architecture, config: NetworkConfig) -> bool:
  """Returns whether the output depends on what the network is shown.

  Where null cuts every way through it, a network gives the same classes for all
  images; it costs next to nothing and is worth nothing.

  Args:
    architecture: what the network is made of.
    config: its size.
  """
  sees = [True] * config.skeleton.cell_inputs
  for place in layout.places(config):
    cell = config.cell(place, architecture)
    vertices = sees[-cell.inputs :]
    vertices += [False] * len(cell.intermediates)
    for edge in cell.edges:
      if edge.operation != vocabulary.NULL.name:
        vertices[edge.target] |= vertices[edge.source]
    sees.append(any(vertices[v] for v in cell.concat))
  return sees[-1]


def of_everything(architecture: Architecture, config: NetworkConfig) -> Reach:
  """Returns a reach that leaves nothing out, whatever carries null.

  Args:
    architecture: what the network is made of.
    config: its size.
  """
  cells = [config.cell(place, architecture) for place in layout.places(config)]
  return Reach(
    (True,) * len(config.skeleton.stem),
    tuple(
      CellReach(True, (True,) * len(cell.edges), (True,) * cell.inputs)
      for cell in cells
    ),
  )


def without_input(
  reach: Reach, config: NetworkConfig, kind: str, i: int
) -> Reach:
  """Returns a reach that leaves an input of all cells of a kind out.

  Args:
    reach: what it is without that.
    config: the network's size.
    kind: which cells.
    i: number of the input.
  """
  cells = [
    dataclasses.replace(
      one, inputs=tuple(x and j != i for j, x in enumerate(one.inputs))
    )
    if place.kind == kind
    else one
    for place, one in zip(layout.places(config), reach.cells)
  ]
  return dataclasses.replace(reach, cells=tuple(cells))


def _of_stem(config: NetworkConfig, read: list[bool]) -> tuple[bool, ...]:
  """Returns which convolutions come before one whose output is read."""
  outputs = config.skeleton.stem_outputs
  last = max((i for i, one in zip(outputs, read) if one), default=-1)
  return tuple(i <= last for i in range(len(config.skeleton.stem)))
