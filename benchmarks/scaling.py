"""Measures what docs/scaling.md reckons with: steps, sums, memory.

bazel run //benchmarks:scaling -- --json=FILE
"""

from __future__ import annotations

import dataclasses
import resource

from nat_tf import command  # isort: skip

from absl import flags
import numpy as np
import tensorflow as tf

from benchmarks import measurement
from benchmarks import workload
from nat_tf import shards

_JSON = flags.DEFINE_string(
  'json', None, 'file to write the measured values to (default: none).'
)
_STEPS = flags.DEFINE_integer(
  'steps',
  1000,
  'steps over which memory is watched; 100 or more.',
  lower_bound=100,
)

# Devices, and what joins them: bytes a second and seconds from one to the next.
# Assumed, not measured: eight devices of one machine, ten-gigabit Ethernet
# between machines.
_DEVICES = (1, 8, 64, 512)
_MACHINE = 8
_INSIDE, _BETWEEN = (10e9, 10e-6), (1.25e9, 50e-6)
_PAIRS = 512
# Images of a device in a weight step.
_BATCHES = (8, 16, 32, 64, 128)
_ARCHITECTURES = 8
_REPEATS = 3
# Architectures that take turns where memory is watched.
_DRAWN = 40


def main(argv: list[str]):
  """Runs the command."""
  del argv  # `command.run` refuses any.
  size = workload.Size()
  small = workload.Size(cells=3, channels=8, batch=16)
  values: dict = memory(workload.SharedWork(small), _STEPS.value)
  print(values, flush=True)
  values['batches'] = {}
  for batch in _BATCHES:
    work = workload.SharedWork(dataclasses.replace(size, batch=batch))
    values['batches'][batch] = times(work)
    print(batch, values['batches'][batch], flush=True)
    if batch == size.batch:
      values.update(sums(work))
  print({name: x for name, x in values.items() if name != 'batches'})
  print(table(values, size.batch))
  if _JSON.value:
    path = command.path(_JSON.value)
    measurement.write(path, values)
    print(f'written: {path}')


def times(work: workload.SharedWork) -> dict:
  """Returns the median seconds of a weight step and of a pair's scores."""
  rows = []
  for seed in range(_ARCHITECTURES):
    one, pair = work.architecture(seed), work.pair(seed)
    rows.append(
      measurement.side_by_side(
        {
          'step_seconds': lambda one=one: work.step(one),
          'pair_seconds': lambda pair=pair: work.score(pair),
        },
        _REPEATS,
      )
    )
  return {name: float(np.median([r[name] for r in rows])) for name in rows[0]}


def sums(work: workload.SharedWork) -> dict:
  """Returns the bytes that devices have to add up in a weight step."""
  weights = work.network.trainable_variables

  def values(architecture):
    _, gradients = shards.loss_and_gradients(
      work.network, work.images, work.labels, architecture, 1
    )
    return [
      x.values if isinstance(x, tf.IndexedSlices) else x for x in gradients
    ]

  traced = tf.function(values, autograph=False).get_concrete_function(
    work.architecture(0)
  )
  return {
    'sum_bytes': sum(4 * x.shape.num_elements() for x in traced.outputs),
    'weights_bytes': sum(4 * x.shape.num_elements() for x in weights),
  }


def table(values: dict, batch: int) -> str:
  """Returns predictions for many devices, in Markdown.

  Args:
    values: what `main` measured.
    batch: images of a weight step, all devices together.
  """
  found = values['batches']
  images = np.array(list(found))
  slope, fixed = np.polyfit(
    images, [x['step_seconds'] for x in found.values()], 1
  )
  rows = [
    '| devices | summing, s | step of one batch, s | images/s | step of one '
    'batch a device, s | images/s | rewards/s |',
    '|---:|---:|---:|---:|---:|---:|---:|',
  ]
  for count in _DEVICES:
    summing = sum_seconds(values['sum_bytes'], count)
    strong = fixed + slope * batch / count + summing
    weak = fixed + slope * batch + summing
    scores = -(-_PAIRS // count) * found[batch]['pair_seconds']
    rows.append(
      f'| {count} | {summing:.4f} | {strong:.2f} | {batch / strong:,.0f} | '
      f'{weak:.2f} | {count * batch / weak:,.0f} | {_PAIRS / scores:,.0f} |'
    )
  return '\n'.join(
    [f'step: {fixed:.3f} s + {1000 * slope:.2f} ms an image', *rows]
  )


def sum_seconds(size: int, devices: int) -> float:
  """Returns how long devices that stand in a ring take to add up gradients.

  Args:
    size: bytes of the gradients of one device.
    devices: how many.
  """
  rate, latency = _INSIDE if devices <= _MACHINE else _BETWEEN
  # Everything goes round twice but for a device's own part.
  return 2 * (devices - 1) * (size / devices / rate + latency)


def memory(work: workload.SharedWork, steps: int) -> dict:
  """Returns the process's memory after every fifth of some steps and scores.

  In the first of them arenas and caches fill.
  """
  drawn = [(work.architecture(i), work.pair(i)) for i in range(_DRAWN)]
  sizes = []
  for number in range(1, steps + 1):
    one, pair = drawn[number % _DRAWN]
    work.step(one)
    work.score(pair)
    if number % (steps // 5) == 0:
      sizes.append(_resident())
  return {'memory_steps': steps, 'memory_bytes': sizes}


def _resident() -> int:
  """Returns the memory that the process holds now, in bytes."""
  with open('/proc/self/statm', encoding='ascii') as file:
    return int(file.read().split()[1]) * resource.getpagesize()


if __name__ == '__main__':
  command.run(main)
