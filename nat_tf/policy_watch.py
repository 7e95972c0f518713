"""What a policy would do at the moment, without learning from it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from nat_tf import agent
from nat_tf import policy
from nat_tf import sampling
from nat_tf import spaces
from nat_tf.architecture import Architecture

# Architectures drawn at random, and transformations of each.
_ARCHITECTURES = 64
_SAMPLES = 8
# Transformations of the one architecture.
_OWN_SAMPLES = 100
# Keep draws apart from other uses of the seed.
_INPUTS_STREAM, _SAMPLES_STREAM = 11, 12


class View(NamedTuple):
  """What a policy does.

  Attributes:
    shares: by operation, which share of the edges of random architectures
      carries it when they have been transformed.
    changed: share of these edges that change.
    edges: for every edge of the one architecture, how many of its
      transformations put each operation of the space there.
    likeliest: what the one architecture most probably becomes.
  """

  shares: dict[str, float]
  changed: float
  edges: dict[str, np.ndarray]
  likeliest: Architecture


class PolicyWatch:
  """Looks at a policy; the same inputs and samples every time.

  Args:
    actor: the policy.
    allowed: bool `[from, to]`, which operation may become which.
    architecture: the one that its edges are shown of; of the policy's space.
    alone: whether it is the policy's only input, so that there are no others.
    seed: of inputs and samples.
  """

  def __init__(
    self,
    actor: policy.PolicyNetwork,
    allowed: np.ndarray,
    architecture: Architecture,
    alone: bool,
    seed: int,
  ):
    seeded = tf.constant([seed, _SAMPLES_STREAM])
    # Compiled: after every epoch it is called for the same shapes.
    self._transform = tf.function(
      lambda beta, samples: (
        agent.transform(actor, allowed, beta, samples, seeded).operations
      ),
      autograph=False,
    )
    self._space = actor.space
    self._own = spaces.stack([self._space.encode(architecture)])
    self._names = _edge_names(self._space, architecture)
    if alone:
      self._others = self._own
    else:
      self._others = sampling.RandomSampler(self._space)(
        _ARCHITECTURES, tf.constant([seed, _INPUTS_STREAM])
      )

  def __call__(self) -> View:
    """Looks now."""
    count = len(self._space.operations)
    own = self._transformed(self._own, _OWN_SAMPLES)[0]
    others = self._transformed(self._others, _SAMPLES)[:, 1:]
    before = np.asarray(self._others.operations)[:, np.newaxis]
    present = np.broadcast_to(
      np.asarray(self._others.present)[:, np.newaxis], others.shape
    )
    shares = np.bincount(others[present], minlength=count) / present.sum()
    likeliest = spaces.Encoding(*(x[0] for x in self._own))
    return View(
      dict(zip(self._space.operations, map(float, shares))),
      float((others != before)[present].mean()),
      {
        name: np.bincount(own[1:, cell, slot], minlength=count)
        for name, (cell, slot) in self._names.items()
      },
      self._space.decode(likeliest._replace(operations=own[0])),
    )

  def _transformed(self, beta: spaces.Encoding, samples: int) -> np.ndarray:
    """Returns operations `[batch, 1 + samples, cells, edges]`."""
    tensors = spaces.Encoding(*map(tf.constant, beta))
    return self._transform(tensors, samples).numpy()


def _edge_names(
  space: spaces.Space, architecture: Architecture
) -> dict[str, tuple[int, int]]:
  """Returns row and slot of every edge by what to call it."""
  names = {}
  for name, cell in architecture.cells:
    for slot, edge in zip(space.slots(name, cell), cell.edges):
      words = f'{edge.source} to {edge.target}, {edge.operation}'
      names[f'{name} {slot:02d}: {words}'] = (space.row(name), slot)
  return names
