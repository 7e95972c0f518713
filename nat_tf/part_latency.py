"""How long the parts of a final network take on this device, measured.

Every part is compiled as a model of its own and fed maps of the shapes that it
meets in the network; parts that compute the same on the same shapes are
measured once. The network as a whole is measured by itself: calls have a price
of their own and neighbours help each other's caches, so that the parts need not
add up to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
import statistics
import time
from typing import Any, NamedTuple

import tensorflow as tf

from nat_tf import final_network
from nat_tf.architecture import Architecture
from nat_tf.layout import NetworkConfig

_WARM_UPS = 2
# Runs go on until both are reached, or the most runs.
_LEAST_RUNS = 3
_LEAST_SECONDS = 0.5
_MOST_RUNS = 30


class Latencies(NamedTuple):
  """Median seconds of a forward pass, a value for every batch size.

  Attributes:
    parts: of every part, in the order of `cost.parts`.
    network: of the whole network.
    device: what they were measured on.
  """

  parts: list[tuple[float, ...]]
  network: tuple[float, ...]
  device: str


def device() -> str:
  """Returns the name of the device that is measured."""
  for one in tf.config.list_physical_devices('GPU'):
    details = tf.config.experimental.get_device_details(one)
    return details.get('device_name', 'GPU')
  return 'CPU'


def measure(
  architecture: Architecture,
  config: NetworkConfig,
  batches: Sequence[int],
  report: Callable[[int, int], None] = lambda done, of: None,
) -> Latencies:
  """Measures a network of random weights and its parts.

  Args:
    architecture: what the network is made of.
    config: its size.
    batches: numbers of images.
    report: is told how many of how many are measured; the whole network counts
      as one more.
  """
  parts = final_network.parts(architecture, config)
  models: dict[Any, tf.keras.Model | None] = {}
  for part in parts:
    models.setdefault(part.key, part.model)
  known: dict[Any, tuple[float, ...]] = {}
  report(0, len(models) + 1)
  for key, model in models.items():
    known[key] = _seconds(model, batches)
    report(len(known), len(models) + 1)
  network = final_network.build(architecture, config)
  whole = _seconds(network, batches)
  report(len(models) + 1, len(models) + 1)
  return Latencies([known[part.key] for part in parts], whole, device())


def _seconds(
  model: tf.keras.Model | None, batches: Sequence[int]
) -> tuple[float, ...]:
  """Returns a model's times; none where there is nothing to do."""
  if model is None:
    return (0.0,) * len(batches)
  return tuple(median_seconds(model, batch) for batch in batches)


def in_turns(
  models: Sequence[tf.keras.Model],
  batches: Sequence[int],
  rounds: int = 3,
  report: Callable[[int, int], None] = lambda done, of: None,
) -> list[tuple[float, ...]]:
  """Returns the median times of several models, the device's whims shared.

  Args:
    models: take maps.
    batches: numbers of images.
    rounds: how often each has its turn, 1 or more.
    report: is told how many turns of how many were had.

  Returns:
    Seconds of every model, a value for every number of images.
  """
  turns = [
    (batch, i)
    for batch in batches
    for _ in range(rounds)
    for i in range(len(models))
  ]
  times: dict[tuple[int, int], list[float]] = {turn: [] for turn in turns}
  report(0, len(turns))
  for done, (batch, i) in enumerate(turns, start=1):
    times[batch, i].append(median_seconds(models[i], batch))
    report(done, len(turns))
  return [
    tuple(statistics.median(times[batch, i]) for batch in batches)
    for i in range(len(models))
  ]


def median_seconds(model: tf.keras.Model, batch: int) -> float:
  """Returns the median time of compiled forward passes.

  Args:
    model: takes maps.
    batch: number of images.
  """
  inputs = [tf.random.normal([batch, *x.shape[1:]]) for x in model.inputs]
  given = inputs if len(inputs) > 1 else inputs[0]
  compiled = tf.function(lambda x: model(x, training=False), autograph=False)
  times: list[float] = []
  for run in range(_WARM_UPS + _MOST_RUNS):
    started = time.perf_counter()
    compiled(given)
    tf.test.experimental.sync_devices()
    if run >= _WARM_UPS:
      times.append(time.perf_counter() - started)
    if len(times) >= _LEAST_RUNS and sum(times) >= _LEAST_SECONDS:
      break
  return statistics.median(times)
