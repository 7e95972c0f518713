"""A search on digits in a space of few architectures, for tests."""

from __future__ import annotations

import os
from typing import Any
from unittest import mock

import tensorflow as tf

from nat_tf import search_config
from nat_tf import spaces


def space(
  targets: tuple[int, ...],
  operations: tuple[str, ...] = ('conv_1x1', 'max_pool_3x3', 'skip', 'null'),
  graphs: tuple[spaces.Graph, ...] | None = None,
) -> spaces.Space:
  """Returns one with two intermediate vertices in each of DARTS's cells.

  Args:
    targets: of every edge the vertex that it leads to, 2 or 3.
    operations: of its vocabulary.
    graphs: see `spaces.Space`.
  """
  return spaces.Space(
    name='darts',
    cells=spaces.DARTS.cells,
    inputs=2,
    targets=targets,
    operations=operations,
    sizes=(2,),
    loose_ends=(False,),
    graphs=graphs,
  )


def in_place_of_darts(case: type[tf.test.TestCase], one: spaces.Space):
  """Calls a space `darts` until the tests of a class are over."""
  patch = mock.patch.dict(spaces.SPACES, darts=one)
  patch.start()
  case.addClassCleanup(patch.stop)


def config(**settings: Any) -> search_config.SearchConfig:
  """Returns settings with data in the test's own folder.

  Args:
    **settings: where they are not those of a very small search in `darts`.
  """
  data_dir = os.path.join(tf.compat.v1.test.get_temp_dir(), 'data')
  os.makedirs(data_dir, exist_ok=True)
  small = {'space': 'darts', 'cells': 2, 'channels': 2, 'data_dir': data_dir}
  return search_config.SearchConfig(**{**small, **settings})
