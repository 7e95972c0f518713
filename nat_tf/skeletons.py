"""The networks that cells and blocks stand in, by name and form.

Data only. `cifar10` is the form for small images, `imagenet` that for large
ones (224x224), where stem and strides divide the size by 32 in the end.

- `cells`: Liu et al., DARTS, ICLR 2019; ENAS and NAT have the same (method,
  section 3).
- `nasbench201`: Dong and Yang, NAS-Bench-201, ICLR 2020, section 2.1: cells
  follow one another directly, and residual blocks halve the size. Their
  shortcut has no batch norm, so that how large a map is that cells add to
  itself is kept.
- `resnet...`: He et al., Deep Residual Learning, CVPR 2016; ResNet-50 halves
  the size in its 3x3 convolutions, as all that use it do by now.
- `vgg16`: Simonyan and Zisserman, ICLR 2015, with batch norm; for CIFAR-10
  without the two wide dense layers.
- `mobilenetv2`: Sandler et al., CVPR 2018; its form for CIFAR-10 strides less.
"""

from __future__ import annotations

import dataclasses
import difflib

from nat_tf import input_error
from nat_tf.architecture import Cell
from nat_tf.architecture import Edge
from nat_tf.layout import Block
from nat_tf.layout import Convolution
from nat_tf.layout import Head
from nat_tf.layout import Pool
from nat_tf.layout import Shortcut
from nat_tf.layout import Skeleton

FORMS = ('cifar10', 'imagenet')


class UnknownNetworkError(input_error.InputError):
  """No network goes by a name; the message says which do."""


# The widths of stem and head count in halves of the first cell's channels.
CELLS = Skeleton(
  'cells',
  cell_inputs=2,
  stem=(Convolution(6, 3),),
  base=2,
  stem_outputs=(0, 0),
  prepares=True,
  cells=20,
  channels=36,
)
_CELLS_IMAGENET = dataclasses.replace(
  CELLS,
  stem=(Convolution(1, 3, 2), Convolution(2, 3, 2), Convolution(2, 3, 2)),
  stem_outputs=(1, 2),
  cells=14,
  channels=48,
)

NASBENCH201 = Skeleton(
  'nasbench201',
  cell_inputs=1,
  stem=(Convolution(2, 3),),
  base=2,
  head=Head(norm=True, activates=True),
  activates=False,
  activates_stem=False,
  reduction=Cell(
    1,
    4,
    (
      Edge(0, 1, 'conv_3x3'),
      Edge(0, 2, 'null'),
      Edge(0, 3, 'skip'),
      Edge(1, 3, 'conv_3x3'),
    ),
    (3,),
  ),
  cells=17,
  channels=16,
  shortcut=Shortcut.POOLED,
)


def _stages(
  depths: tuple[int, ...],
  widths: tuple[tuple[int, ...], ...],
  strides: tuple[int, ...],
  strided: int = 1,
) -> tuple[Block, ...]:
  """Returns the blocks of several stages.

  Args:
    depths: blocks of every stage.
    widths: channels of a block's vertices, for every stage.
    strides: of the first block of every stage.
    strided: see `Block`.
  """
  return tuple(
    Block(
      f'stage{stage + 1}_block{block + 1}',
      widths[stage],
      1 if block else strides[stage],
      strided,
    )
    for stage, depth in enumerate(depths)
    for block in range(depth)
  )


def _large_stem(small: Skeleton) -> Skeleton:
  """A ResNet as for ImageNet: 7x7 convolution and pooling, strides of 2."""
  first, *others = small.blocks
  return dataclasses.replace(
    small,
    stem=(Convolution(small.stem[0].channels, 7, 2),),
    blocks=(dataclasses.replace(first, pool=Pool(3, 2)), *others),
  )


def _resnet(
  name: str,
  depths: tuple[int, ...],
  widths: tuple[tuple[int, ...], ...],
  strided: int = 1,
) -> dict[str, Skeleton]:
  """A ResNet, whose stem is as wide as its first stage inside.

  Args:
    name: what the network is called.
    depths: blocks of every stage.
    widths: channels of a block's vertices, for every stage.
    strided: see `Block`.
  """
  channels = widths[0][0]
  strides = (1,) + (2,) * (len(depths) - 1)
  small = Skeleton(
    name,
    cell_inputs=1,
    stem=(Convolution(channels, 3),),
    base=channels,
    channels=channels,
    head=Head(activates=True),
    blocks=_stages(depths, widths, strides, strided),
    shortcut=Shortcut.PADDED,
  )
  return {'cifar10': small, 'imagenet': _large_stem(small)}


def _vgg16() -> dict[str, Skeleton]:
  """Five chains of 3x3 convolutions, the first of which is the stem."""
  halving = Pool(2, 2)
  blocks = tuple(
    Block(f'stage{i + 1}', (width,) * depth, pool=halving if i else None)
    for i, (depth, width) in enumerate(
      zip((1, 2, 3, 3, 3), (64, 128, 256, 512, 512))
    )
  )
  small = Skeleton(
    'vgg16',
    cell_inputs=1,
    stem=(Convolution(64, 3),),
    base=64,
    channels=64,
    head=Head(activates=True, pool=halving, flattens=True),
    blocks=blocks,
    shortcut=Shortcut.PADDED,
  )
  large = dataclasses.replace(
    small, head=dataclasses.replace(small.head, hidden=(4096, 4096))
  )
  return {'cifar10': small, 'imagenet': large}


def _mobilenetv2() -> dict[str, Skeleton]:
  """Seven stages of inverted residuals, without a ReLU between them."""
  widths = tuple((width,) for width in (16, 24, 32, 64, 96, 160, 320))
  depths = (1, 2, 3, 4, 3, 3, 1)
  small = Skeleton(
    'mobilenetv2',
    cell_inputs=1,
    stem=(Convolution(32, 3),),
    base=32,
    channels=32,
    head=Head(convolution=Convolution(1280, 1)),
    activates=False,
    blocks=_stages(depths, widths, (1, 1, 2, 2, 1, 2, 1)),
    shortcut=Shortcut.PADDED,
  )
  large = dataclasses.replace(
    small,
    stem=(Convolution(32, 3, 2),),
    blocks=_stages(depths, widths, (1, 2, 2, 2, 1, 2, 1)),
  )
  return {'cifar10': small, 'imagenet': large}


# Of the ResNets for CIFAR-10, with three stages, and of those for ImageNet.
_SMALL = tuple((width, width) for width in (16, 32, 64))
_BASIC = tuple((width, width) for width in (64, 128, 256, 512))
_BOTTLENECK = tuple((w, w, 4 * w) for w in (64, 128, 256, 512))

_SKELETONS = {
  'cells': {'cifar10': CELLS, 'imagenet': _CELLS_IMAGENET},
  'nasbench201': {'cifar10': NASBENCH201},
  'resnet20': _resnet('resnet20', (3, 3, 3), _SMALL),
  'resnet56': _resnet('resnet56', (9, 9, 9), _SMALL),
  'resnet18': _resnet('resnet18', (2, 2, 2, 2), _BASIC),
  'resnet50': _resnet('resnet50', (3, 4, 6, 3), _BOTTLENECK, 2),
  'vgg16': _vgg16(),
  'mobilenetv2': _mobilenetv2(),
}


def names() -> tuple[str, ...]:
  """Returns the names of all networks."""
  return tuple(_SKELETONS)


def forms(name: str) -> tuple[str, ...]:
  """Returns the forms that a network has, one of `names()`."""
  return tuple(_SKELETONS[name])


def load(name: str, form: str = 'cifar10') -> Skeleton:
  """Returns a skeleton.

  Args:
    name: one of `names()`.
    form: one of `FORMS`.

  Raises:
    UnknownNetworkError: there is no such network or form.
  """
  if name not in _SKELETONS:
    close = difflib.get_close_matches(name[:40], _SKELETONS, n=1)
    hint = f'did you mean {close[0]}? ' if close else ''
    raise UnknownNetworkError(
      f'unknown network {name[:40]!r}; {hint}known are {", ".join(_SKELETONS)}'
    )
  if form not in FORMS:
    raise UnknownNetworkError(
      f'unknown form of a network {form[:40]!r}; it must be one of '
      f'{", ".join(FORMS)}'
    )
  if form not in _SKELETONS[name]:
    raise UnknownNetworkError(
      f'a {name} network has no form {form}; it must be one of '
      f'{", ".join(_SKELETONS[name])}'
    )
  return _SKELETONS[name][form]
