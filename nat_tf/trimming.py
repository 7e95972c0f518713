"""Architectures without what nothing reads, as arrays.

An operation whose result does not reach its cell's output has no influence and
costs nothing. A policy that sees it may bring it to life, which does cost; one
that sees null there cannot, for null becomes skip at most. No TensorFlow here.
"""

from __future__ import annotations

import numpy as np

from nat_tf import spaces


def trimmed(space: spaces.Space, encoding: spaces.Encoding) -> spaces.Encoding:
  """Returns architectures with null on every edge that nothing reads.

  Every such network computes what it did, and costs what it did.

  Args:
    space: of the architectures.
    encoding: the architectures, NumPy arrays with any leading dimensions.
  """
  null = space.index('null')
  operations = np.array(encoding.operations)
  vertices = np.arange(space.vertices)
  read = np.zeros([*operations.shape[:-1], space.vertices], bool)
  read[..., space.inputs :] = encoding.concat
  # Slots are in the order of their targets, and sources come before targets.
  for slot in reversed(range(space.edges)):
    live = read[..., space.targets[slot]]
    operations[..., slot] = np.where(live, operations[..., slot], null)
    reads = encoding.present[..., slot] & (operations[..., slot] != null)
    source = encoding.sources[..., slot, np.newaxis] == vertices
    read |= reads[..., np.newaxis] & source
  return encoding._replace(operations=operations)
