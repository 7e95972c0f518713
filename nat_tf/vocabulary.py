"""The operations that an edge may carry: their names, types and kernels.

This is the one place that knows which operations exist. It is data: how an
operation computes and what it costs stands in `operations.py`, which operation
may become which in `transitions.py`.
"""

from __future__ import annotations

import dataclasses
import difflib
import enum

from nat_tf import input_error


class Type(enum.Enum):
  """The kind of work an operation does, from costliest to cheapest."""

  CONV = 'conv'
  LINE_CONV = 'line_conv'
  SEP_CONV = 'sep_conv'
  INVERTED_RESIDUAL = 'inverted_residual'
  DIL_CONV = 'dil_conv'
  MAX_POOL = 'max_pool'
  AVG_POOL = 'avg_pool'
  SKIP = 'skip'
  NULL = 'null'


class UnknownOperationError(input_error.InputError):
  """An operation's name is not in the vocabulary."""


@dataclasses.dataclass(frozen=True)
class Operation:
  """One operation of the vocabulary.

  Attributes:
    name: how architectures spell it, for example `sep_conv_3x3`.
    type: the kind of work it does.
    kernel: side of its window in pixels, for a pair of lines their length; 0
      for skip and null.
    expansion: how many times as wide as its input it is inside (inverted
      residuals).
  """

  name: str
  type: Type
  kernel: int
  expansion: int = 1


def _windowed(type_: Type, kernel: int) -> Operation:
  return Operation(f'{type_.value}_{kernel}x{kernel}', type_, kernel)


def _inverted_residual(kernel: int, expansion: int) -> Operation:
  type_ = Type.INVERTED_RESIDUAL
  name = f'{type_.value}_e{expansion}_{kernel}x{kernel}'
  return Operation(name, type_, kernel, expansion)


def _lines(kernel: int) -> Operation:
  """A convolution with a window of one row, then with one of one column."""
  return Operation(f'conv_{kernel}x1_1x{kernel}', Type.LINE_CONV, kernel)


SKIP = Operation('skip', Type.SKIP, 0)
NULL = Operation('null', Type.NULL, 0)

# The 13 operations of NAT++ (method, section 2), costliest type first: what an
# edge of the spaces that transformers are trained in may carry.
METHOD = (
  *(_windowed(Type.CONV, k) for k in (5, 3, 1)),
  *(_windowed(Type.SEP_CONV, k) for k in (5, 3)),
  *(_windowed(Type.DIL_CONV, k) for k in (5, 3)),
  *(_windowed(Type.MAX_POOL, k) for k in (5, 3)),
  *(_windowed(Type.AVG_POOL, k) for k in (5, 3)),
  SKIP,
  NULL,
)

# What published cells need beyond them: AmoebaNet-A, NASNet-A and PNASNet the
# windows of 7, NAONet lines of 3 and of 7 and poolings of 2x2.
PUBLISHED = (
  *(_lines(k) for k in (7, 3)),
  _windowed(Type.SEP_CONV, 7),
  _windowed(Type.MAX_POOL, 2),
  _windowed(Type.AVG_POOL, 2),
)

# Sandler et al., MobileNetV2, CVPR 2018.
INVERTED_RESIDUALS = tuple(_inverted_residual(3, e) for e in (6, 1))

ALL = METHOD + PUBLISHED + INVERTED_RESIDUALS
_BY_NAME = {operation.name: operation for operation in ALL}

# Other spellings: DARTS and NAS-Bench-201 genotypes. NAT's code says 1x7_7x1
# and DARTS's 7x1_1x7 of one and the same: a row of 7 first, then a column.
_ALIASES = {
  'skip_connect': 'skip',
  'identity': 'skip',
  'none': 'null',
  'zero': 'null',
  'nor_conv_1x1': 'conv_1x1',
  'nor_conv_3x3': 'conv_3x3',
  'conv_1x7_7x1': 'conv_7x1_1x7',
  'conv_1x3_3x1': 'conv_3x1_1x3',
}


def operation(name: str) -> Operation:
  """Returns the operation of a name or of one of its other spellings.

  Args:
    name: for example `sep_conv_3x3`, `skip` or DARTS's `skip_connect`.

  Raises:
    UnknownOperationError: no operation is called so; the message proposes the
      closest name.
  """
  found = _BY_NAME.get(_ALIASES.get(name, name))
  if found is None:
    known = ', '.join(_BY_NAME)
    close = difflib.get_close_matches(name[:40], [*_BY_NAME, *_ALIASES], n=1)
    hint = f'did you mean {close[0]}? ' if close else ''
    raise UnknownOperationError(
      f'unknown operation {name[:40]!r}; {hint}known are {known}'
    )
  return found
