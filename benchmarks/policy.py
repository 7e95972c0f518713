"""Measures how many architectures a second go through a policy.

bazel run //benchmarks:policy -- --json=FILE
"""

from __future__ import annotations

import functools

from nat_tf import command  # isort: skip

from absl import flags
import numpy as np
import tensorflow as tf

from benchmarks import measurement
from nat_tf import agent
from nat_tf import policy
from nat_tf import sampling
from nat_tf import spaces
from nat_tf import transitions
from nat_tf.search_config import SearchConfig

_JSON = flags.DEFINE_string(
  'json', None, 'file to write the measured values to (default: none).'
)
_POLICY = flags.DEFINE_enum(
  'policy', SearchConfig().policy, policy.POLICIES, 'policy to measure.'
)
_SPACE = flags.DEFINE_enum(
  'space', 'darts', tuple(spaces.SPACES), 'space of the architectures.'
)
_BATCH = flags.DEFINE_integer(
  'batch', 1024, 'architectures at a time; 1 or more.', lower_bound=1
)

_REPEATS = 50


def main(argv: list[str]):
  """Runs the command."""
  del argv  # `command.run` refuses any.
  space = spaces.SPACES[_SPACE.value]
  actor = policy.create(_POLICY.value, space)
  allowed = transitions.allowed('nat', space.operations)
  transform = tf.function(
    functools.partial(agent.transform, actor, allowed, samples=0),
    autograph=False,
  )
  batches = [
    sampling.RandomSampler(space)(_BATCH.value, tf.constant([i, 0]))
    for i in range(_REPEATS)
  ]
  seed = tf.constant([0, 0])

  def run(beta: spaces.Encoding):
    transform(beta=beta, seed=seed).operations.numpy()

  run(batches[0])
  seconds = [measurement.seconds(lambda b=b: run(b)) for b in batches]
  values = {'architectures_per_second': _BATCH.value / np.median(seconds)}
  print(
    f'{_POLICY.value}, {space.name} space, batches of {_BATCH.value}: '
    f'{values["architectures_per_second"]:.0f} architectures a second'
  )
  if _JSON.value:
    measurement.write(command.path(_JSON.value), values)


if __name__ == '__main__':
  command.run(main)
