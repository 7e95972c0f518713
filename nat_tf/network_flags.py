"""The flags that say which network an architecture is put into."""

from __future__ import annotations

from absl import flags

from nat_tf import description
from nat_tf import layout
from nat_tf import skeletons
from nat_tf.architecture import Architecture

_NETWORK = flags.DEFINE_enum(
  'network',
  'cifar10',
  skeletons.FORMS,
  'form of the network: for small or for large images.',
)
_CELLS = flags.DEFINE_integer(
  'cells',
  None,
  'number of cells, where one is repeated; 1 or more (default: as published).',
  lower_bound=1,
)
_CHANNELS = flags.DEFINE_integer(
  'channels',
  None,
  'channels of the first cell; even and 2 or more (default: as published).',
)
_IMAGE_SIZE = flags.DEFINE_integer(
  'image_size',
  None,
  'height and width of the images in pixels; 1 or more (default: 32 or 224).',
  lower_bound=1,
)
_CLASSES = flags.DEFINE_integer(
  'classes',
  None,
  'number of classes; 1 or more (default: 10 or 1000).',
  lower_bound=1,
)


def network_config(architecture: Architecture) -> layout.NetworkConfig:
  """Returns the size of an architecture's network that the flags describe.

  Raises:
    description.DescriptionError: a number is out of its range.
  """
  return description.network_config(
    architecture.network,
    _NETWORK.value,
    _CELLS.value,
    _CHANNELS.value,
    _IMAGE_SIZE.value,
    _CLASSES.value,
  )
