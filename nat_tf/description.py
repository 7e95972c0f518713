"""What an architecture's final network costs, part by part: table and JSON."""

from __future__ import annotations

from collections.abc import Sequence
import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from nat_tf import activation_memory
from nat_tf import cost
from nat_tf import drawing
from nat_tf import input_error
from nat_tf import layout
from nat_tf import network_drawing
from nat_tf import skeletons
from nat_tf import text_table
from nat_tf.architecture import Architecture
from nat_tf.layout import NetworkConfig

if TYPE_CHECKING:
  from nat_tf import part_latency

# Numbers of images that latencies are measured for.
BATCHES = (1, 64)

# What `draw` writes.
DRAWINGS = tuple(
  f'{name}{suffix}'
  for name in ('architecture', 'network')
  for suffix in drawing.SUFFIXES
)

_IMAGE_CHANNELS = 3
# By form (method, section 6): side of the images and classes.
_IMAGES = {'cifar10': (32, 10), 'imagenet': (224, 1000)}


class DescriptionError(input_error.InputError):
  """A network cannot be made or described as it was asked for."""


class Row(NamedTuple):
  """What a part or the whole costs.

  Attributes:
    name: `stem`, `cell_0` and so on, `head`; `total` for the whole.
    cell: name of the architecture's cell that stands there; else empty.
    cost: parameters and multiply-adds.
    activation_bytes: of all maps of a forward pass for one image.
    seconds: median latency for every batch size; None where not measured.
  """

  name: str
  cell: str
  cost: cost.Cost
  activation_bytes: int
  seconds: tuple[float, ...] | None


class Description(NamedTuple):
  """A network with its costs.

  Attributes:
    name: what to call the architecture.
    config: what network it was put into.
    parts: from first to last.
    total: of the whole network.
    device: what latencies were measured on; None where they were not.
  """

  name: str
  config: NetworkConfig
  parts: list[Row]
  total: Row
  device: str | None


def network_config(
  network: str,
  form: str,
  cells: int | None = None,
  channels: int | None = None,
  image_size: int | None = None,
  classes: int | None = None,
) -> NetworkConfig:
  """Returns a network's size, the usual one where nothing else is said.

  Args:
    network: name of the network (`skeletons.names()`).
    form: one of `skeletons.FORMS`.
    cells: number of cells, where one is repeated.
    channels: of the first cell; scales a hand-made network's widths.
    image_size: height and width in pixels.
    classes: number of classes.

  Raises:
    DescriptionError: a number is out of its range, or `cells` was given for a
      network that has its own.
  """
  skeleton = skeletons.load(network, form)
  side, usual_classes = _IMAGES[form]
  if skeleton.blocks and cells is not None:
    raise DescriptionError(
      f'cells is {cells}, but a {network} network has {len(skeleton.blocks)} '
      'cells of its own; leave it out'
    )
  try:
    return NetworkConfig(
      len(skeleton.blocks) or _or(cells, skeleton.cells),
      _or(channels, skeleton.channels),
      (_or(image_size, side),) * 2,
      _IMAGE_CHANNELS,
      _or(classes, usual_classes),
      skeleton,
    )
  except ValueError as error:
    raise DescriptionError(str(error)) from None


def describe(
  name: str,
  architecture: Architecture,
  config: NetworkConfig,
  latencies: part_latency.Latencies | None = None,
) -> Description:
  """Counts what a network costs.

  Args:
    name: what to call the architecture.
    architecture: what the network is made of.
    config: its size.
    latencies: what was measured for `BATCHES`, if it was.

  Raises:
    ArchitectureError: the architecture does not fit the skeleton.
  """
  layout.check(architecture, config.skeleton)
  parts = []
  for i, ((kind, own), (_, size)) in enumerate(
    zip(
      cost.parts(architecture, config),
      activation_memory.parts(architecture, config),
    )
  ):
    is_cell = 0 < i <= len(layout.places(config))
    parts.append(
      Row(
        f'cell_{i - 1}' if is_cell else kind,
        kind if is_cell else '',
        own,
        size,
        latencies.parts[i] if latencies else None,
      )
    )
  total = Row(
    'total',
    '',
    cost.sum_of(row.cost for row in parts),
    sum(row.activation_bytes for row in parts),
    latencies.network if latencies else None,
  )
  device = latencies.device if latencies else None
  return Description(name, config, parts, total, device)


def table(description: Description) -> str:
  """Returns a description as an aligned table with a line for every part."""
  config, device = description.config, description.device
  title = (
    f'{description.name} in a {config.skeleton.name} network: {config.text()}'
  )
  heading = ['', '', 'parameters', 'multiply-adds', 'activations']
  if device:
    heading += [f'batch of {batch}' for batch in BATCHES]
  # The name of the cell stands to the left, too.
  longest = max(len(row.cell) for row in description.parts)
  rows = [heading] + [
    [row.name, row.cell.ljust(longest), *_numbers(row)]
    for row in (*description.parts, description.total)
  ]
  notes = [
    'activations: all maps of a forward pass for one image, in float32',
  ]
  if device:
    notes.append(
      f'batch of ...: median latency of a compiled forward pass, {device}; '
      'every part by itself, the total as a whole'
    )
  return '\n'.join([title, *text_table.aligned(rows), *notes])


def to_json(description: Description) -> str:
  """Returns a description as one JSON object."""
  config = description.config
  return json.dumps(
    {
      'architecture': description.name,
      'network': config.skeleton.name,
      'cells': config.cells,
      'channels': config.channels,
      'image': [*config.image_size, config.image_channels],
      'classes': config.classes,
      'device': description.device,
      **_values(description.total),
      'parts': [
        {'name': row.name, 'cell': row.cell or None, **_values(row)}
        for row in description.parts
      ],
    },
    indent=2,
  )


def draw(
  name: str,
  architecture: Architecture,
  config: NetworkConfig,
  folder: str,
  edge_costs: bool = False,
):
  """Writes the files of `DRAWINGS`.

  Args:
    name: what to call the architecture.
    architecture: what is drawn.
    config: the network that it is put into.
    folder: made if it does not exist.
    edge_costs: whether every edge says what it costs in that network.

  Raises:
    DescriptionError: the folder cannot be written.
  """
  costs = [cost.by_edge(architecture, config)] if edge_costs else []
  try:
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, 'architecture')
    drawing.draw_all(path, architecture, title=name, costs=costs)
    path = os.path.join(folder, 'network')
    network_drawing.draw_all(path, config, architecture, title=name)
  except OSError as error:
    raise DescriptionError(
      f'cannot write to {folder}: {error.strerror or error}'
    ) from None


def _or(value: int | None, usual: int) -> int:
  return usual if value is None else value


def _numbers(row: Row) -> Sequence[str]:
  seconds = row.seconds or ()
  return (
    f'{row.cost.params:,}',
    f'{row.cost.madds:,}',
    f'{row.activation_bytes / 1e6:.2f} MB',
    *(f'{1e3 * one:.2f} ms' for one in seconds),
  )


def _values(row: Row) -> dict[str, Any]:
  latency = None
  if row.seconds is not None:
    latency = {str(b): one for b, one in zip(BATCHES, row.seconds)}
  return {
    'params': row.cost.params,
    'madds': row.cost.madds,
    'activation_bytes': row.activation_bytes,
    'latency_seconds': latency,
  }
