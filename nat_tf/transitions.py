"""Which operation may become which: the rules of NAT and of NAT++.

Both (method, section 2) are derived from orders on operations, so that an
operation that joins the vocabulary gets its rules from its type and kernel. No
TensorFlow here.

Sources: Guo et al., NAT, NeurIPS 2019 (`nat`); Guo et al., Towards Accurate and
Compact Architectures via Neural Architecture Transformer, TPAMI 2021 (`nat++`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from nat_tf import input_error
from nat_tf import vocabulary
from nat_tf.architecture import Architecture
from nat_tf.architecture import ArchitectureError
from nat_tf.vocabulary import Operation
from nat_tf.vocabulary import Type


class UnknownTransitionsError(input_error.InputError):
  """No rules go by a name."""


class ForbiddenTransitionError(ArchitectureError):
  """An architecture was changed against the rules; the message says where."""


# Types that compute, by rank: work of one rank may become work of the same or
# of a lower one. The two poolings cost the same and may become one another.
# Lines (a row and a column of length k) are not NAT++'s; their rank follows
# from their cost. With C channels they have 2 k C^2 weights: fewer than the
# k^2 C^2 of a convolution of that side, and from 5 (k = 3) or 9 (k = 7)
# channels on more than the 2 (k^2 + C) C of a separable one. A rank of their
# own leaves the order of the method's 13 operations as it is.
_RANKS = {
  Type.CONV: 5,
  Type.LINE_CONV: 4,
  Type.SEP_CONV: 3,
  Type.INVERTED_RESIDUAL: 2,
  Type.DIL_CONV: 1,
  Type.MAX_POOL: 0,
  Type.AVG_POOL: 0,
}


def _nat(before: Operation, after: Operation) -> bool:
  """NAT's classes: O (computes), S (skip), N (null); O -> S <-> N, never to O.

  Null to skip is meant: a skip is all but free and helps training. Whether it
  is free on a stride-2 edge is for the cost constraint to say.
  """
  return after == before or after.type not in _RANKS


def _nat_plus_plus(before: Operation, after: Operation) -> bool:
  """NAT's, and within class O to no costlier type and no larger kernel.

  What is not among the method's operations may become one of them by the same
  order, but none of them becomes anything else.
  """
  if _nat(before, after):
    return True
  if before.type not in _RANKS:
    return False
  if before in vocabulary.METHOD and after not in vocabulary.METHOD:
    return False  # The method's table is about its own operations.
  if after.type is Type.INVERTED_RESIDUAL and after.type is not before.type:
    return False  # What it costs depends on how wide it is inside.
  cheaper = _RANKS[after.type] <= _RANKS[before.type]
  return (
    cheaper
    and after.kernel <= before.kernel
    and after.expansion <= before.expansion
  )


_RULES = {'nat': _nat, 'nat++': _nat_plus_plus}

TRANSITIONS = tuple(_RULES)


def allowed(name: str, operations: Sequence[str]) -> np.ndarray:
  """Returns which operation may become which.

  Args:
    name: one of `TRANSITIONS`.
    operations: names of the operations of a space.

  Returns:
    Bool array `[from, to]`, both in the order of `operations`. An operation may
    always remain what it is.

  Raises:
    UnknownTransitionsError: no rules go by that name.
    vocabulary.UnknownOperationError: an operation is unknown.
  """
  rule = _rule(name)
  known = [vocabulary.operation(operation) for operation in operations]
  table = [[rule(before, after) for after in known] for before in known]
  return np.array(table, bool).reshape(len(known), len(known))


def check(
  source: Architecture, transformed: Architecture, transitions: str
) -> None:
  """Checks that one architecture may become another.

  Args:
    source: the architecture before.
    transformed: the one after, on the same graph.
    transitions: one of `TRANSITIONS`.

  Raises:
    UnknownTransitionsError: no rules go by that name.
    ForbiddenTransitionError: an edge changed against the rules.
    ArchitectureError: the graphs differ in more than operations.
  """
  rule = _rule(transitions)
  for cell, index in source.changed_edges(transformed):
    edge = source[cell].edges[index]
    after = transformed[cell].edges[index].operation
    before = vocabulary.operation(edge.operation)
    if not rule(before, vocabulary.operation(after)):
      raise ForbiddenTransitionError(
        f'{cell} cell: edge {index} ({edge}): {transitions} forbids '
        f'{before.name} -> {after}; allowed are '
        f'{", ".join(successors(before.name, transitions))}'
      )


def successors(name: str, transitions: str) -> tuple[str, ...]:
  """Returns what an operation may become, itself included.

  Args:
    name: of the operation.
    transitions: one of `TRANSITIONS`.

  Raises:
    UnknownTransitionsError: no rules go by that name.
    vocabulary.UnknownOperationError: the operation is unknown.
  """
  rule, before = _rule(transitions), vocabulary.operation(name)
  return tuple(after.name for after in vocabulary.ALL if rule(before, after))


def _rule(name: str) -> Callable[[Operation, Operation], bool]:
  rule = _RULES.get(name)
  if rule is None:
    raise UnknownTransitionsError(
      f'unknown transitions {name[:40]!r}; known are {", ".join(TRANSITIONS)}'
    )
  return rule
