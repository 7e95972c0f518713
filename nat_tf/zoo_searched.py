"""Published cells that architecture search has found.

Facts only, from the papers and the authors' released code, written down in our
own form:

- DARTS: Liu et al., DARTS: Differentiable Architecture Search, ICLR 2019;
  `darts` is the second-order result, `darts_v1` the first-order one. From
  quark0/darts and guoyongcs/NATv2.
- ENAS: Pham et al., Efficient Neural Architecture Search via Parameter
  Sharing, ICML 2018, its convolutional cell (ENASNet) on NAT's graphs. From
  guoyongcs/NATv2.
- NASNet-A: Zoph et al., Learning Transferable Architectures for Scalable Image
  Recognition, CVPR 2018. From quark0/darts.
- AmoebaNet-A: Real et al., Regularized Evolution for Image Classifier
  Architecture Search, AAAI 2019. From quark0/darts.
- PNASNet: Liu et al., Progressive Neural Architecture Search, ECCV 2018; one
  cell stands for both. From chenxi116/PNASNet.pytorch.
- NAONet: Luo et al., Neural Architecture Optimization, NeurIPS 2018. From
  renqianluo/NAO (`dag.NAONet.json`) and guoyongcs/NATv2, which agree; in
  renqianluo/NAO_pytorch the two edges into vertex 4 of the reduction cell have
  exchanged their sources.
- SNAS: Xie et al., SNAS: Stochastic Neural Architecture Search, ICLR 2019, with
  the moderate constraint, of 2.8 M parameters. From SNAS-Series/SNAS-Series.
- P-DARTS: Chen et al., Progressive Differentiable Architecture Search, ICCV
  2019. From chenxin061/pdarts.
- PC-DARTS: Xu et al., PC-DARTS: Partial Channel Connections for
  Memory-Efficient Architecture Search, ICLR 2020, the cell searched on
  CIFAR-10. From yuhuixu1993/PC-DARTS.
"""

from __future__ import annotations

from nat_tf.architecture import Architecture
from nat_tf.zoo_cell import cell

_SKIP = 'skip'
_AVG2 = 'avg_pool_2x2'
_AVG3 = 'avg_pool_3x3'
_AVG5 = 'avg_pool_5x5'
_MAX2 = 'max_pool_2x2'
_MAX3 = 'max_pool_3x3'
_CONV1 = 'conv_1x1'
_CONV3 = 'conv_3x3'
_DIL3 = 'dil_conv_3x3'
_DIL5 = 'dil_conv_5x5'
_LINES3 = 'conv_3x1_1x3'
_LINES7 = 'conv_7x1_1x7'
_SEP3 = 'sep_conv_3x3'
_SEP5 = 'sep_conv_5x5'
_SEP7 = 'sep_conv_7x7'

CELLS = {
  'darts': Architecture.of(
    normal=cell(
      (_SEP3, 0, _SEP3, 1),
      (_SEP3, 0, _SEP3, 1),
      (_SEP3, 1, _SKIP, 0),
      (_SKIP, 0, _DIL3, 2),
      concat=(2, 3, 4, 5),
    ),
    reduction=cell(
      (_MAX3, 0, _MAX3, 1),
      (_SKIP, 2, _MAX3, 1),
      (_MAX3, 0, _SKIP, 2),
      (_SKIP, 2, _MAX3, 1),
      concat=(2, 3, 4, 5),
    ),
  ),
  'darts_v1': Architecture.of(
    normal=cell(
      (_SEP3, 1, _SEP3, 0),
      (_SKIP, 0, _SEP3, 1),
      (_SKIP, 0, _SEP3, 1),
      (_SEP3, 0, _SKIP, 2),
      concat=(2, 3, 4, 5),
    ),
    reduction=cell(
      (_MAX3, 0, _MAX3, 1),
      (_SKIP, 2, _MAX3, 0),
      (_MAX3, 0, _SKIP, 2),
      (_SKIP, 2, _AVG3, 0),
      concat=(2, 3, 4, 5),
    ),
  ),
  'enas': Architecture.of(
    normal=cell(
      (_SEP3, 1, _SKIP, 1),
      (_SKIP, 0, _SEP5, 1),
      (_AVG3, 0, _SEP3, 1),
      (_SEP3, 0, _AVG3, 1),
      (_AVG3, 0, _SEP5, 1),
      concat=(2, 3, 4, 5, 6),
    ),
    reduction=cell(
      (_SEP5, 0, _AVG3, 1),
      (_SEP3, 1, _AVG3, 1),
      (_AVG3, 1, _SEP3, 1),
      (_AVG3, 1, _SEP5, 4),
      (_SEP5, 0, _SEP3, 5),
      concat=(2, 3, 6),
    ),
  ),
  'nasnet_a': Architecture.of(
    normal=cell(
      (_SEP5, 1, _SEP3, 0),
      (_SEP5, 0, _SEP3, 0),
      (_AVG3, 1, _SKIP, 0),
      (_AVG3, 0, _AVG3, 0),
      (_SEP3, 1, _SKIP, 1),
      concat=(2, 3, 4, 5, 6),
    ),
    reduction=cell(
      (_SEP5, 1, _SEP7, 0),
      (_MAX3, 1, _SEP7, 0),
      (_AVG3, 1, _SEP5, 0),
      (_SKIP, 3, _AVG3, 2),
      (_SEP3, 2, _MAX3, 1),
      concat=(4, 5, 6),
    ),
  ),
  'amoebanet_a': Architecture.of(
    normal=cell(
      (_AVG3, 0, _MAX3, 1),
      (_SEP3, 0, _SEP5, 2),
      (_SEP3, 0, _AVG3, 3),
      (_SEP3, 1, _SKIP, 1),
      (_SKIP, 0, _AVG3, 1),
      concat=(4, 5, 6),
    ),
    reduction=cell(
      (_AVG3, 0, _SEP3, 1),
      (_MAX3, 0, _SEP7, 2),
      (_SEP7, 0, _AVG3, 1),
      (_MAX3, 0, _MAX3, 1),
      (_LINES7, 0, _SEP3, 5),
      concat=(3, 4, 6),
    ),
  ),
  'pnasnet': Architecture.of(
    normal=cell(
      (_SEP5, 0, _MAX3, 0),
      (_SEP7, 1, _MAX3, 1),
      (_SEP5, 1, _SEP3, 1),
      (_SEP3, 4, _MAX3, 1),
      (_SEP3, 0, _SKIP, 1),
      concat=(2, 3, 4, 5, 6),
    ),
    reduction=cell(
      (_SEP5, 0, _MAX3, 0),
      (_SEP7, 1, _MAX3, 1),
      (_SEP5, 1, _SEP3, 1),
      (_SEP3, 4, _MAX3, 1),
      (_SEP3, 0, _SKIP, 1),
      concat=(2, 3, 4, 5, 6),
    ),
  ),
  'naonet': Architecture.of(
    normal=cell(
      (_CONV3, 0, _AVG5, 1),
      (_CONV3, 1, _LINES3, 2),
      (_CONV1, 0, _CONV3, 1),
      (_LINES3, 0, _CONV3, 4),
      (_CONV3, 0, _SKIP, 1),
      concat=(3, 5, 6),
    ),
    reduction=cell(
      (_CONV3, 0, _AVG2, 1),
      (_CONV1, 0, _AVG3, 0),
      (_MAX2, 0, _LINES7, 1),
      (_AVG3, 0, _CONV1, 2),
      (_CONV3, 0, _MAX3, 1),
      concat=(3, 4, 5, 6),
    ),
  ),
  'snas': Architecture.of(
    normal=cell(
      (_DIL5, 0, _SKIP, 1),
      (_SEP3, 0, _SKIP, 1),
      (_SKIP, 0, _SKIP, 1),
      (_SEP3, 0, _DIL5, 1),
      concat=(2, 3, 4, 5),
    ),
    reduction=cell(
      (_MAX3, 0, _MAX3, 1),
      (_SEP5, 0, _DIL5, 1),
      (_SEP5, 0, _SEP5, 1),
      (_SEP5, 0, _SEP5, 1),
      concat=(2, 3, 4, 5),
    ),
  ),
  'pdarts': Architecture.of(
    normal=cell(
      (_SKIP, 0, _DIL3, 1),
      (_SKIP, 0, _SEP3, 1),
      (_SEP3, 1, _SEP3, 3),
      (_SEP3, 0, _DIL5, 4),
      concat=(2, 3, 4, 5),
    ),
    reduction=cell(
      (_AVG3, 0, _SEP5, 1),
      (_SEP3, 0, _DIL5, 2),
      (_MAX3, 0, _DIL3, 1),
      (_DIL3, 1, _DIL5, 3),
      concat=(2, 3, 4, 5),
    ),
  ),
  'pcdarts': Architecture.of(
    normal=cell(
      (_SEP3, 1, _SKIP, 0),
      (_SEP3, 0, _DIL3, 1),
      (_SEP5, 0, _SEP3, 1),
      (_AVG3, 0, _DIL3, 1),
      concat=(2, 3, 4, 5),
    ),
    reduction=cell(
      (_SEP5, 1, _MAX3, 0),
      (_SEP5, 1, _SEP5, 2),
      (_SEP3, 0, _SEP3, 3),
      (_SEP3, 1, _SEP3, 2),
      concat=(2, 3, 4, 5),
    ),
  ),
}
