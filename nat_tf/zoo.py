"""Published cells by name.

Facts only, from the papers and the authors' released code (quark0/darts,
guoyongcs/NATv2), written down in our own form:

- DARTS: Liu et al., DARTS: Differentiable Architecture Search, ICLR 2019;
  `darts` is the second-order result, `darts_v1` the first-order one.
- ENAS: Pham et al., Efficient Neural Architecture Search via Parameter
  Sharing, ICML 2018, its convolutional cell on our graphs.
- `nat_...`: Guo et al., NAT, NeurIPS 2019. `nat++_...`: Guo et al., Towards
  Accurate and Compact Architectures via Neural Architecture Transformer,
  TPAMI 2021. Each stands on the graph of the cell it was made from.
- `resblock`, `vggblock`: residual (He et al., CVPR 2016) and VGG blocks
  (Simonyan and Zisserman, ICLR 2015) as NAT writes them, as cells of four
  vertices whose null edges are room for skips.

All of them obey the rules of `transitions.py` with respect to their input.
NAONet's in the release do not: NAT's turns 1 -> 2 of the reduction cell from
avg_pool_2x2 into avg_pool_3x3, though a computation may only become skip or
null; NAT++'s turns conv_1x1, which may only become skip or null, into
max_pool_3x3 (normal, 0 -> 4) and avg_pool_3x3 (reduction, 0 -> 3). NAONet is
not here: it needs operations (conv_1x3_3x1, conv_1x7_7x1, poolings of 2x2)
that are not among the 13 of the method.
"""

from __future__ import annotations

import difflib

from nat_tf import hand_made
from nat_tf.architecture import Architecture
from nat_tf.architecture import ArchitectureError
from nat_tf.architecture import Cell
from nat_tf.architecture import Edge


class UnknownArchitectureError(ArchitectureError):
  """No published cell goes by a name."""


_NULL = 'null'
_SKIP = 'skip'
_AVG3 = 'avg_pool_3x3'
_MAX3 = 'max_pool_3x3'
_CONV3 = 'conv_3x3'
_DIL3 = 'dil_conv_3x3'
_SEP3 = 'sep_conv_3x3'
_SEP5 = 'sep_conv_5x5'

_INPUTS = 2


def _cell(
  *vertices: tuple[str, int, str, int], concat: tuple[int, ...]
) -> Cell:
  """Makes a cell of its intermediate vertices.

  Args:
    *vertices: for every vertex, from 2 on, its two incoming edges: operation,
      source, operation, source.
    concat: see `Cell`.
  """
  edges = []
  for target, (first, first_source, second, second_source) in enumerate(
    vertices, start=_INPUTS
  ):
    edges.append(Edge(first_source, target, first))
    edges.append(Edge(second_source, target, second))
  return Cell(_INPUTS, _INPUTS + len(vertices), tuple(edges), concat)


_ZOO = {
  'darts': Architecture.of(
    normal=_cell(
      (_SEP3, 0, _SEP3, 1),
      (_SEP3, 0, _SEP3, 1),
      (_SEP3, 1, _SKIP, 0),
      (_SKIP, 0, _DIL3, 2),
      concat=(2, 3, 4, 5),
    ),
    reduction=_cell(
      (_MAX3, 0, _MAX3, 1),
      (_SKIP, 2, _MAX3, 1),
      (_MAX3, 0, _SKIP, 2),
      (_SKIP, 2, _MAX3, 1),
      concat=(2, 3, 4, 5),
    ),
  ),
  'nat_darts': Architecture.of(
    normal=_cell(
      (_SEP3, 0, _SEP3, 1),
      (_SKIP, 0, _SEP3, 1),
      (_SKIP, 1, _SKIP, 0),
      (_SKIP, 0, _DIL3, 2),
      concat=(2, 3, 4, 5),
    ),
    reduction=_cell(
      (_MAX3, 0, _SKIP, 1),
      (_SKIP, 2, _SKIP, 1),
      (_MAX3, 0, _NULL, 2),
      (_SKIP, 2, _MAX3, 1),
      concat=(2, 3, 4, 5),
    ),
  ),
  'nat++_darts': Architecture.of(
    normal=_cell(
      (_SEP3, 0, _SEP3, 1),
      (_NULL, 0, _SKIP, 1),
      (_DIL3, 1, _SKIP, 0),
      (_SKIP, 0, _DIL3, 2),
      concat=(2, 3, 4, 5),
    ),
    reduction=_cell(
      (_AVG3, 0, _MAX3, 1),
      (_SKIP, 2, _SKIP, 1),
      (_AVG3, 0, _SKIP, 2),
      (_SKIP, 2, _MAX3, 1),
      concat=(2, 3, 4, 5),
    ),
  ),
  'darts_v1': Architecture.of(
    normal=_cell(
      (_SEP3, 1, _SEP3, 0),
      (_SKIP, 0, _SEP3, 1),
      (_SKIP, 0, _SEP3, 1),
      (_SEP3, 0, _SKIP, 2),
      concat=(2, 3, 4, 5),
    ),
    reduction=_cell(
      (_MAX3, 0, _MAX3, 1),
      (_SKIP, 2, _MAX3, 0),
      (_MAX3, 0, _SKIP, 2),
      (_SKIP, 2, _AVG3, 0),
      concat=(2, 3, 4, 5),
    ),
  ),
  'enas': Architecture.of(
    normal=_cell(
      (_SEP3, 1, _SKIP, 1),
      (_SKIP, 0, _SEP5, 1),
      (_AVG3, 0, _SEP3, 1),
      (_SEP3, 0, _AVG3, 1),
      (_AVG3, 0, _SEP5, 1),
      concat=(2, 3, 4, 5, 6),
    ),
    reduction=_cell(
      (_SEP5, 0, _AVG3, 1),
      (_SEP3, 1, _AVG3, 1),
      (_AVG3, 1, _SEP3, 1),
      (_AVG3, 1, _SEP5, 4),
      (_SEP5, 0, _SEP3, 5),
      concat=(2, 3, 6),
    ),
  ),
  'nat_enas': Architecture.of(
    normal=_cell(
      (_SEP3, 1, _SKIP, 1),
      (_SKIP, 0, _SEP5, 1),
      (_NULL, 0, _SEP3, 1),
      (_SEP3, 0, _AVG3, 1),
      (_AVG3, 0, _SEP5, 1),
      concat=(2, 3, 4, 5, 6),
    ),
    reduction=_cell(
      (_SEP5, 0, _AVG3, 1),
      (_SEP3, 1, _AVG3, 1),
      (_AVG3, 1, _SEP3, 1),
      (_NULL, 1, _SEP5, 4),
      (_SEP5, 0, _SEP3, 5),
      concat=(2, 3, 6),
    ),
  ),
  'nat++_enas': Architecture.of(
    normal=_cell(
      (_SEP3, 1, _NULL, 1),
      (_SKIP, 0, _SEP5, 1),
      (_AVG3, 0, _SEP3, 1),
      (_SEP3, 0, _AVG3, 1),
      (_SKIP, 0, _SEP3, 1),
      concat=(2, 3, 4, 5, 6),
    ),
    reduction=_cell(
      (_SEP3, 0, _AVG3, 1),
      (_SEP3, 1, _AVG3, 1),
      (_AVG3, 1, _AVG3, 1),
      (_AVG3, 1, _SEP5, 4),
      (_SEP5, 0, _MAX3, 5),
      concat=(2, 3, 6),
    ),
  ),
  'resblock': Architecture.of(
    normal=_cell(
      (_NULL, 0, _SKIP, 1),
      (_NULL, 0, _CONV3, 2),
      (_NULL, 0, _CONV3, 3),
      (_SKIP, 2, _SKIP, 4),
      concat=(5,),
    ),
    reduction=_cell(
      (_NULL, 0, _SKIP, 1),
      (_NULL, 0, _CONV3, 2),
      (_NULL, 0, _CONV3, 3),
      (_SKIP, 2, _SKIP, 4),
      concat=(5,),
    ),
  ),
  'nat_resblock': Architecture.of(
    normal=_cell(
      (_NULL, 0, _SKIP, 1),
      (_SKIP, 0, _CONV3, 2),
      (_SKIP, 0, _CONV3, 3),
      (_SKIP, 2, _SKIP, 4),
      concat=(5,),
    ),
    reduction=_cell(
      (_NULL, 0, _SKIP, 1),
      (_SKIP, 0, _CONV3, 2),
      (_SKIP, 0, _CONV3, 3),
      (_SKIP, 2, _SKIP, 4),
      concat=(5,),
    ),
  ),
  'nat++_resblock': Architecture.of(
    normal=_cell(
      (_SKIP, 0, _SKIP, 1),
      (_SKIP, 0, _CONV3, 2),
      (_SKIP, 0, _CONV3, 3),
      (_SKIP, 2, _SKIP, 4),
      concat=(5,),
    ),
    reduction=_cell(
      (_SKIP, 0, _SKIP, 1),
      (_SKIP, 0, _CONV3, 2),
      (_SKIP, 0, _SEP3, 3),
      (_SKIP, 2, _SKIP, 4),
      concat=(5,),
    ),
  ),
  'vggblock': Architecture.of(
    normal=_cell(
      (_NULL, 0, _SKIP, 1),
      (_NULL, 0, _CONV3, 2),
      (_NULL, 0, _CONV3, 3),
      (_NULL, 0, _SKIP, 4),
      concat=(5,),
    ),
    reduction=_cell(
      (_NULL, 0, _SKIP, 1),
      (_NULL, 0, _CONV3, 2),
      (_NULL, 0, _CONV3, 3),
      (_NULL, 0, _MAX3, 4),
      concat=(5,),
    ),
  ),
  'nat_vggblock': Architecture.of(
    normal=_cell(
      (_SKIP, 0, _SKIP, 1),
      (_NULL, 0, _CONV3, 2),
      (_NULL, 0, _CONV3, 3),
      (_SKIP, 0, _SKIP, 4),
      concat=(5,),
    ),
    reduction=_cell(
      (_SKIP, 0, _SKIP, 1),
      (_NULL, 0, _CONV3, 2),
      (_NULL, 0, _CONV3, 3),
      (_SKIP, 0, _SKIP, 4),
      concat=(5,),
    ),
  ),
  'nat++_vggblock': Architecture.of(
    normal=_cell(
      (_SKIP, 0, _SKIP, 1),
      (_SKIP, 0, _CONV3, 2),
      (_NULL, 0, _SEP3, 3),
      (_SKIP, 0, _SKIP, 4),
      concat=(5,),
    ),
    reduction=_cell(
      (_SKIP, 0, _SKIP, 1),
      (_SKIP, 0, _CONV3, 2),
      (_NULL, 0, _SEP3, 3),
      (_SKIP, 0, _MAX3, 4),
      concat=(5,),
    ),
  ),
}


def names() -> tuple[str, ...]:
  """Returns the names of all published architectures."""
  return (*_ZOO, *hand_made.names())


def load(name: str) -> Architecture:
  """Returns a published architecture.

  Args:
    name: one of `names()`.

  Raises:
    UnknownArchitectureError: no cell goes by that name; the message proposes
      the closest.
  """
  if name in hand_made.names():
    return hand_made.load(name)
  if name not in _ZOO:
    close = difflib.get_close_matches(name[:40].lower(), names(), n=1)
    hint = f'did you mean {close[0]}? ' if close else ''
    raise UnknownArchitectureError(
      f'unknown architecture {name[:40]!r}; {hint}known are '
      f'{", ".join(names())}'
    )
  return _ZOO[name]
