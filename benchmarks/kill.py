"""Kills searches at random moments and calls them again.

bazel run //benchmarks:kill -- --runs=20

Each must end, and with all variables bit for bit as in a search that was never
killed; see tests/killing.py.
"""

from __future__ import annotations

import collections
import random
import tempfile

from nat_tf import command  # isort: skip

from absl import flags

from tests import killing

_RUNS = flags.DEFINE_integer('runs', 20, 'searches; 1 or more.', lower_bound=1)
_KILLS = flags.DEFINE_integer(
  'kills', 3, 'most kills of a search, 1 or more.', lower_bound=1
)
_MINUTES = flags.DEFINE_float(
  'checkpoint_minutes', 0.005, 'of the searches; 0 or more.', lower_bound=0
)
_SEED = flags.DEFINE_integer('seed', 0, 'of the moments.')

# A dozen seconds of steps on a core.
_SEARCH = [
  '--architecture=resblock',
  '--epochs=30',
  '--weights_steps=6',
  '--policy_steps=2',
  '--policy_batch=2',
  '--cells=2',
  '--channels=2',
  '--batch_size=8',
  '--candidates=2',
]


def main(argv: list[str]):
  """Runs the command."""
  del argv  # `command.run` refuses any.
  chance = random.Random(_SEED.value)
  moments: collections.Counter[str] = collections.Counter()
  equal = 0
  with tempfile.TemporaryDirectory() as folder:
    own = [*_SEARCH, f'--checkpoint_minutes={_MINUTES.value}']
    runs = killing.Killing(folder, own, _SEED.value)
    runs.whole()
    for number in range(1, _RUNS.value + 1):
      outcome = runs.killed(f'run-{number}', chance.randint(1, _KILLS.value))
      moments.update(kill.moment for kill in outcome.kills)
      equal += not outcome.differences
      kills = ', '.join(f'{x.moment} ({x.kept})' for x in outcome.kills)
      what = 'equal' if not outcome.differences else outcome.differences[:5]
      print(f'run {number}: killed in {kills}; {what}', flush=True)
  told = ', '.join(f'{count} in {name}' for name, count in moments.items())
  print(
    f'{_RUNS.value} runs, {sum(moments.values())} kills ({told}): '
    f'{equal} equal to the whole one'
  )


if __name__ == '__main__':
  command.run(main)
