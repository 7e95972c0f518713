"""Functions that are compiled once, however many cells and edges call them.

Of a function that says nothing of devices TensorFlow 2.15 puts some switches on
the first machine of a cluster, where another one cannot run them. So on several
machines what is compiled says where it is, and nothing is inlined later.
"""

from __future__ import annotations

from collections.abc import Callable
import functools
from typing import Any

import tensorflow as tf

from nat_tf import strategies


def once(function: Callable[..., Any]) -> Callable[..., Any]:
  """Compiles a function that all its callers share.

  A function that is not inlined is optimised and instantiated once: start-up
  does not grow with the network.
  """

  @functools.wraps(function)
  def placed(*args: Any) -> Any:
    with tf.device(_here()):
      return function(*args)

  return tf.function(
    placed, autograph=False, experimental_attributes={'_noinline': True}
  )


def traced_once(function: Callable[..., Any]) -> Callable[..., Any]:
  """Shares the trace only: small functions are quicker where they are inlined.

  Tracing branches is what takes longest before the first step.
  """
  traced = tf.function(function, autograph=False)

  @functools.wraps(function)
  def call(*args: Any) -> Any:
    return function(*args) if _here() else traced(*args)

  return call


def _here() -> str | None:
  """Returns this machine, where there are several."""
  return strategies.task(tf.distribute.get_strategy())
