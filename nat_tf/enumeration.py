"""All architectures of a small space, by number.

In a space that fixes the graph, an architecture is the operations of its edges,
and these, read as digits of a number to the base of the operations' count, are
its *code*: 0 to `count(space) - 1`, the first edge the highest digit. A table
over all architectures is then an array. No TensorFlow here.
"""

from __future__ import annotations

import numpy as np

from nat_tf import spaces
from nat_tf.spaces import Encoding
from nat_tf.spaces import Space


def count(space: Space) -> int:
  """Returns the number of architectures of a space.

  Args:
    space: one that fixes sources, output, and the number of vertices.

  Raises:
    ValueError: the space leaves more than the operations open.
  """
  if space.graphs is None or not space.choices().all():
    raise ValueError(
      f'the {space.name} space does not fix its graph; its architectures are '
      'more than the operations of their edges'
    )
  return len(space.operations) ** _edges(space)


def place_values(space: Space) -> np.ndarray:
  """Returns what one step in each digit is worth.

  Args:
    space: one that fixes its graph.

  Returns:
    `[cells, edges]` int32: the sum of `operations * place_values` is the code.
  """
  if count(space) > np.iinfo(np.int32).max:
    raise ValueError(f'the {space.name} space is too large to enumerate')
  powers = len(space.operations) ** np.arange(_edges(space))[::-1]
  return powers.reshape(len(space.cells), space.edges).astype(np.int32)


def operations(space: Space, codes: np.ndarray) -> np.ndarray:
  """Returns the operations of architectures.

  Args:
    space: one that fixes its graph.
    codes: `[...]` integers.

  Returns:
    `[..., cells, edges]` int32, indices into the space's operations.
  """
  digits = np.asarray(codes)[..., np.newaxis, np.newaxis] // place_values(space)
  return (digits % len(space.operations)).astype(np.int32)


def encode(space: Space, codes: np.ndarray) -> Encoding:
  """Returns the encoding of architectures.

  Args:
    space: one that fixes its graph.
    codes: `[...]` integers.

  Returns:
    An encoding with leading dimensions `[...]`.
  """
  chosen = operations(space, codes)
  fixed = space.fixed()
  leading = chosen.shape[:-2]
  return Encoding(
    chosen,
    *(np.broadcast_to(x, (*leading, *x.shape)) for x in fixed[1:]),
  )


def code(encoding: Encoding, space: Space) -> np.ndarray:
  """Returns the codes of encoded architectures, `[...]` int32.

  Args:
    encoding: architectures, leading dimensions `[...]`.
    space: their space, one that fixes its graph.
  """
  digits = np.asarray(encoding.operations) * place_values(space)
  return digits.sum(axis=(-2, -1)).astype(np.int32)


def _edges(space: spaces.Space) -> int:
  return len(space.cells) * space.edges
