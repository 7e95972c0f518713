"""Published cells of NAT and NAT++: what they made, and hand-made blocks.

Facts only, from the papers and the authors' released code (guoyongcs/NATv2),
written down in our own form:

- `nat_...`: Guo et al., NAT, NeurIPS 2019. `nat++_...`: Guo et al., Towards
  Accurate and Compact Architectures via Neural Architecture Transformer,
  TPAMI 2021. Each stands on the graph of the cell it was made from.
- `resblock`, `vggblock`: residual (He et al., CVPR 2016) and VGG blocks
  (Simonyan and Zisserman, ICLR 2015) as NAT writes them, as cells of four
  vertices whose null edges are room for skips.

All of them obey the rules of `transitions.py` with respect to their input.
NAONet's in the release do not, and are not here: NAT's turns 1 -> 2 of the
reduction cell from avg_pool_2x2 into avg_pool_3x3, though a computation may
only become skip or null; NAT++'s turns conv_1x1, which may only become skip or
null, into max_pool_3x3 (normal, 0 -> 4) and avg_pool_3x3 (reduction, 0 -> 3).
"""

from __future__ import annotations

from nat_tf.architecture import Architecture
from nat_tf.zoo_cell import cell

_NULL = 'null'
_SKIP = 'skip'
_AVG3 = 'avg_pool_3x3'
_MAX3 = 'max_pool_3x3'
_CONV3 = 'conv_3x3'
_DIL3 = 'dil_conv_3x3'
_SEP3 = 'sep_conv_3x3'
_SEP5 = 'sep_conv_5x5'

CELLS = {
  'nat_darts': Architecture.of(
    normal=cell(
      (_SEP3, 0, _SEP3, 1),
      (_SKIP, 0, _SEP3, 1),
      (_SKIP, 1, _SKIP, 0),
      (_SKIP, 0, _DIL3, 2),
      concat=(2, 3, 4, 5),
    ),
    reduction=cell(
      (_MAX3, 0, _SKIP, 1),
      (_SKIP, 2, _SKIP, 1),
      (_MAX3, 0, _NULL, 2),
      (_SKIP, 2, _MAX3, 1),
      concat=(2, 3, 4, 5),
    ),
  ),
  'nat++_darts': Architecture.of(
    normal=cell(
      (_SEP3, 0, _SEP3, 1),
      (_NULL, 0, _SKIP, 1),
      (_DIL3, 1, _SKIP, 0),
      (_SKIP, 0, _DIL3, 2),
      concat=(2, 3, 4, 5),
    ),
    reduction=cell(
      (_AVG3, 0, _MAX3, 1),
      (_SKIP, 2, _SKIP, 1),
      (_AVG3, 0, _SKIP, 2),
      (_SKIP, 2, _MAX3, 1),
      concat=(2, 3, 4, 5),
    ),
  ),
  'nat_enas': Architecture.of(
    normal=cell(
      (_SEP3, 1, _SKIP, 1),
      (_SKIP, 0, _SEP5, 1),
      (_NULL, 0, _SEP3, 1),
      (_SEP3, 0, _AVG3, 1),
      (_AVG3, 0, _SEP5, 1),
      concat=(2, 3, 4, 5, 6),
    ),
    reduction=cell(
      (_SEP5, 0, _AVG3, 1),
      (_SEP3, 1, _AVG3, 1),
      (_AVG3, 1, _SEP3, 1),
      (_NULL, 1, _SEP5, 4),
      (_SEP5, 0, _SEP3, 5),
      concat=(2, 3, 6),
    ),
  ),
  'nat++_enas': Architecture.of(
    normal=cell(
      (_SEP3, 1, _NULL, 1),
      (_SKIP, 0, _SEP5, 1),
      (_AVG3, 0, _SEP3, 1),
      (_SEP3, 0, _AVG3, 1),
      (_SKIP, 0, _SEP3, 1),
      concat=(2, 3, 4, 5, 6),
    ),
    reduction=cell(
      (_SEP3, 0, _AVG3, 1),
      (_SEP3, 1, _AVG3, 1),
      (_AVG3, 1, _AVG3, 1),
      (_AVG3, 1, _SEP5, 4),
      (_SEP5, 0, _MAX3, 5),
      concat=(2, 3, 6),
    ),
  ),
  'resblock': Architecture.of(
    normal=cell(
      (_NULL, 0, _SKIP, 1),
      (_NULL, 0, _CONV3, 2),
      (_NULL, 0, _CONV3, 3),
      (_SKIP, 2, _SKIP, 4),
      concat=(5,),
    ),
    reduction=cell(
      (_NULL, 0, _SKIP, 1),
      (_NULL, 0, _CONV3, 2),
      (_NULL, 0, _CONV3, 3),
      (_SKIP, 2, _SKIP, 4),
      concat=(5,),
    ),
  ),
  'nat_resblock': Architecture.of(
    normal=cell(
      (_NULL, 0, _SKIP, 1),
      (_SKIP, 0, _CONV3, 2),
      (_SKIP, 0, _CONV3, 3),
      (_SKIP, 2, _SKIP, 4),
      concat=(5,),
    ),
    reduction=cell(
      (_NULL, 0, _SKIP, 1),
      (_SKIP, 0, _CONV3, 2),
      (_SKIP, 0, _CONV3, 3),
      (_SKIP, 2, _SKIP, 4),
      concat=(5,),
    ),
  ),
  'nat++_resblock': Architecture.of(
    normal=cell(
      (_SKIP, 0, _SKIP, 1),
      (_SKIP, 0, _CONV3, 2),
      (_SKIP, 0, _CONV3, 3),
      (_SKIP, 2, _SKIP, 4),
      concat=(5,),
    ),
    reduction=cell(
      (_SKIP, 0, _SKIP, 1),
      (_SKIP, 0, _CONV3, 2),
      (_SKIP, 0, _SEP3, 3),
      (_SKIP, 2, _SKIP, 4),
      concat=(5,),
    ),
  ),
  'vggblock': Architecture.of(
    normal=cell(
      (_NULL, 0, _SKIP, 1),
      (_NULL, 0, _CONV3, 2),
      (_NULL, 0, _CONV3, 3),
      (_NULL, 0, _SKIP, 4),
      concat=(5,),
    ),
    reduction=cell(
      (_NULL, 0, _SKIP, 1),
      (_NULL, 0, _CONV3, 2),
      (_NULL, 0, _CONV3, 3),
      (_NULL, 0, _MAX3, 4),
      concat=(5,),
    ),
  ),
  'nat_vggblock': Architecture.of(
    normal=cell(
      (_SKIP, 0, _SKIP, 1),
      (_NULL, 0, _CONV3, 2),
      (_NULL, 0, _CONV3, 3),
      (_SKIP, 0, _SKIP, 4),
      concat=(5,),
    ),
    reduction=cell(
      (_SKIP, 0, _SKIP, 1),
      (_NULL, 0, _CONV3, 2),
      (_NULL, 0, _CONV3, 3),
      (_SKIP, 0, _SKIP, 4),
      concat=(5,),
    ),
  ),
  'nat++_vggblock': Architecture.of(
    normal=cell(
      (_SKIP, 0, _SKIP, 1),
      (_SKIP, 0, _CONV3, 2),
      (_NULL, 0, _SEP3, 3),
      (_SKIP, 0, _SKIP, 4),
      concat=(5,),
    ),
    reduction=cell(
      (_SKIP, 0, _SKIP, 1),
      (_SKIP, 0, _CONV3, 2),
      (_NULL, 0, _SEP3, 3),
      (_SKIP, 0, _MAX3, 4),
      concat=(5,),
    ),
  ),
}
