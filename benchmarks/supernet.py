"""Measures the super network against single architectures, all in one run.

bazel run //benchmarks:supernet -- --json=FILE
"""

from __future__ import annotations

import dataclasses
import gc

from nat_tf import command  # isort: skip

from absl import flags
import numpy as np
import tensorflow as tf

from benchmarks import measurement
from benchmarks import workload
from nat_tf.spaces import Encoding

_JSON = flags.DEFINE_string(
  'json', None, 'file to write the measured values to (default: none).'
)
_ARCHITECTURES = flags.DEFINE_integer(
  'architectures',
  8,
  'random architectures that are compared with their static form, and whose '
  'candidates are scored; 1 or more.',
  lower_bound=1,
)
_PASSES = flags.DEFINE_integer(
  'passes',
  200,
  'random architectures that pass through step and scores; 2 or more.',
  lower_bound=2,
)

_REPEATS = 3
_SIZED = 5  # Architectures for every other size.
_CANDIDATES = 10
_SIZES = {
  'cells': (4, 8, 16),
  'channels': (10, 20, 40),
  'operations': (5, 9, 13),
}


def main(argv: list[str]):
  """Runs the command."""
  del argv  # `command.run` refuses any.
  size = workload.Size()
  # First, because a process begins with the peak of the one that starts it.
  values: dict = search_memory(size)
  report('search memory', values)
  base = workload.SharedWork(size)
  for measure in (startup, passes, candidates, floors, growth):
    found = measure(base)
    report(measure.__name__, found)
    values.update(found)
  if _JSON.value:
    path = command.path(_JSON.value)
    measurement.write(path, values)
    print(f'written: {path}')


def startup(work: workload.SharedWork) -> dict:
  """Returns how long both compiled functions take to trace and run first."""
  step = measurement.seconds(lambda: work.step(work.architecture(0)))
  pair = measurement.seconds(lambda: work.score(work.pair(0)))
  return {
    'startup_seconds': step + pair,
    'startup_step_seconds': step,
    'startup_pair_seconds': pair,
  }


def passes(work: workload.SharedWork) -> dict:
  """Sends many random architectures through; returns times and retraces."""
  count = _PASSES.value
  functions = (work.step_function, work.score_function)
  traces = [f.experimental_get_tracing_count() for f in functions]
  steps = [
    measurement.seconds(lambda i=i: work.step(work.architecture(i)))
    for i in range(count)
  ]
  pairs = [
    measurement.seconds(lambda i=i: work.score(work.pair(i)))
    for i in range(count // 2)
  ]
  retraces = [
    f.experimental_get_tracing_count() - before
    for f, before in zip(functions, traces)
  ]
  return {
    'step_seconds': float(np.median(steps)),
    'pair_seconds': float(np.median(pairs)),
    'retraces': sum(retraces),
  }


def candidates(work: workload.SharedWork) -> dict:
  """Scores candidates of one architecture together, and one by one."""
  ratios = []
  for seed in range(_ARCHITECTURES.value):
    drawn = work.candidates(_CANDIDATES, seed)
    times = measurement.side_by_side(
      {
        'together': lambda drawn=drawn: work.score(drawn),
        'single': lambda drawn=drawn: _one_by_one(work, drawn),
      },
      _REPEATS,
    )
    ratios.append(times['together'] / times['single'])
  return {'ten_candidates_over_ten_forwards': float(np.median(ratios))}


def floors(work: workload.SharedWork) -> dict:
  """Compares with the same architectures, each compiled by itself."""
  rows = []
  for i in range(_ARCHITECTURES.value):
    architecture = work.architecture(i)
    static = workload.StaticWork(work, architecture)
    rows.append(
      measurement.side_by_side(
        {
          'step': lambda a=architecture: work.step(a),
          'static_step': static.step,
          'forward': lambda a=architecture: work.score(workload.row(a)),
          'static_forward': static.forward,
        },
        _REPEATS,
      )
    )
  median = {name: float(np.median([r[name] for r in rows])) for name in rows[0]}
  return {
    'step_over_static': _ratio(rows, 'step', 'static_step'),
    'forward_over_static': _ratio(rows, 'forward', 'static_forward'),
    'forward_seconds': median['forward'],
    'static_step_seconds': median['static_step'],
    'static_forward_seconds': median['static_forward'],
  }


def growth(work: workload.SharedWork) -> dict:
  """Compares networks of other sizes with the base, on equal architectures."""
  table: dict = {}
  for dimension, sizes in _SIZES.items():
    for size in sizes:
      if size == getattr(work.size, dimension):
        continue
      resized = dataclasses.replace(work.size, **{dimension: size})
      name = f'{dimension}_{size}'
      table[name] = _against(work, resized)
      gc.collect()  # Networks hold themselves; the next one needs the memory.
  return {
    'growth_16_over_8': table['cells_16']['step_ratio'],
    'growth': table,
  }


def search_memory(size: workload.Size) -> dict:
  """Runs a short search of the same size in a process of its own."""
  flags_of_size = [
    '--space=darts',
    f'--cells={size.cells}',
    f'--channels={size.channels}',
    f'--batch_size={size.batch}',
    '--image_size=32',
    '--epochs=1',
    '--weights_steps=4',
    '--policy_steps=2',
    '--policy_batch=2',
  ]
  peak = measurement.peak_memory_of('nat_tf.search', flags_of_size)
  return {'peak_memory_bytes': peak}


def report(title: str, values: dict):
  """Prints values, one a line."""
  print(title.replace('_', ' '))
  for name, value in values.items():
    if isinstance(value, dict):
      for label, row in value.items():
        numbers = ', '.join(f'{k} {v:.3g}' for k, v in row.items())
        print(f'  {label:<34} {numbers}')
    else:
      print(f'  {name:<34} {value:.4g}')
  print(flush=True)


def _against(work: workload.SharedWork, size: workload.Size) -> dict:
  """Compares another size with the base."""
  other = workload.SharedWork(size)
  rows = []
  for i in range(_SIZED):
    drawn = other.architecture(i)
    # The same one: where the other space has fewer operations, the base's
    # encoding differs.
    same = Encoding(
      *map(tf.constant, work.space.encode(other.space.decode(drawn)))
    )
    rows.append(
      measurement.side_by_side(
        {
          'step': lambda a=drawn: other.step(a),
          'base_step': lambda a=same: work.step(a),
          'forward': lambda a=drawn: other.score(workload.row(a)),
          'base_forward': lambda a=same: work.score(workload.row(a)),
        },
        1,
      )
    )
  return {
    'step_seconds': float(np.median([row['step'] for row in rows])),
    'base_step_seconds': float(np.median([row['base_step'] for row in rows])),
    'step_ratio': _ratio(rows, 'step', 'base_step'),
    'forward_ratio': _ratio(rows, 'forward', 'base_forward'),
  }


def _ratio(rows: list[dict[str, float]], one: str, other: str) -> float:
  return float(np.median([row[one] / row[other] for row in rows]))


def _one_by_one(work: workload.SharedWork, architectures: Encoding):
  for i in range(architectures.operations.shape[0]):
    work.score(workload.row(workload.one(architectures, i)))


if __name__ == '__main__':
  command.run(main)
