"""What TensorBoard shows of a comparison of policies.

One run for each policy and seed: how it learns, and what becomes of the cells
that it never learned from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import os

import numpy as np
import tensorflow as tf

from nat_tf import agent
from nat_tf import enumeration
from nat_tf import event_file
from nat_tf import search_events
from nat_tf import text_table
from nat_tf.policy_study import Outcome
from nat_tf.recipes import Recipe
from nat_tf.spaces import Space

# Tags that are shown in one chart.
_CHARTS = {
  'captured gain on held-out cells, percent': ['policy/captured_gain'],
  **search_events.CHARTS,
}


class StudyEvents:
  """Writes what one policy does while it learns; to be closed.

  Args:
    directory: of this run.
    space: of the cells, one that fixes its graph.
    inputs: `[inputs]` codes of the cells that are transformed.
    recipe: how the policy is trained.

  Raises:
    EventFileError: here and in every method, it cannot be written.
  """

  def __init__(
    self, directory: str, space: Space, inputs: np.ndarray, recipe: Recipe
  ):
    self._space = space
    self._before = enumeration.operations(space, inputs)
    self._rate = recipe.agent_config().learning_rate
    # All of them: what did not end begins anew when it is called again.
    self._events = event_file.EventFile(directory)

  def learned(self, taken: int, metrics: agent.Metrics):
    """Takes in some steps.

    Args:
      taken: steps taken so far.
      metrics: of those since the last call.
    """
    self._events.add(
      taken,
      {
        'policy/learning_rate': float(self._rate(tf.constant(taken - 1))),
        **{
          f'policy/{name}': float(value)
          for name, value in metrics._asdict().items()
        },
      },
    )

  def judged(self, taken: int, codes: np.ndarray, gain: float):
    """Takes in what the policy makes of the held-out cells.

    Args:
      taken: steps taken so far.
      codes: `[inputs]` of what they most probably become.
      gain: their captured gain, percent.
    """
    names = self._space.operations
    after = enumeration.operations(self._space, codes)
    edges = {
      name: np.bincount(after[:, row, slot], minlength=len(names))
      for name, (row, slot) in _edges(self._space).items()
    }
    shares = np.mean(list(edges.values()), axis=0) / len(codes)
    present = np.asarray(self._space.fixed().present)
    scalars, counts = search_events.choices(
      float((after != self._before)[:, present].mean()),
      dict(zip(names, map(float, shares))),
      edges,
    )
    self._events.add(taken, {'policy/captured_gain': gain, **scalars}, counts)

  def close(self):
    """Ends the file."""
    self._events.close()


def run(policy: str, seed: int) -> str:
  """Returns what the run of a policy is called, below all event files."""
  return f'{policy}-seed-{seed}'


def begin(directory: str, operations: Sequence[str]):
  """Writes what explains the curves.

  Args:
    directory: of all event files.
    operations: of the space.

  Raises:
    EventFileError: it cannot be written.
  """
  events = event_file.EventFile(directory)
  events.charts(_CHARTS)
  events.add(0, texts={'numbers': search_events.numbers(operations)})
  events.close()


def end(
  directory: str,
  policy: str,
  seed: int,
  recipe: Recipe,
  outcome: Outcome,
  **others: str,
):
  """Writes how a policy was trained, and how it does in the end.

  Args:
    directory: of all event files.
    policy: its name.
    seed: of its training.
    recipe: how it was trained.
    outcome: how it does on held-out cells.
    **others: settings that are no part of the recipe.

  Raises:
    EventFileError: it cannot be written.
  """
  events = event_file.results(
    os.path.join(directory, run(policy, seed)),
    recipe,
    command='tabular',
    policy=policy,
    seed=seed,
    **others,
  )
  results = {
    'captured_gain': outcome.argmax,
    'captured_gain_of_a_sample': outcome.sample,
    'captured_gain_of_best_of_10': outcome.best_of_10,
    'training_seconds': outcome.seconds,
  }
  events.add(recipe.steps, {f'result/{name}': x for name, x in results.items()})
  events.close()


def compared(directory: str, rows: Sequence[Sequence[str]], picture: str):
  """Writes the table and the picture of the whole comparison.

  Args:
    directory: of all event files.
    rows: of the table, the heading first.
    picture: path of a PNG file.

  Raises:
    EventFileError: it cannot be written.
  """
  with open(picture, 'rb') as file:
    png = file.read()
  events = event_file.EventFile(os.path.join(directory, event_file.RESULT))
  events.add(
    0,
    images={'captured gain': png},
    texts={'result': '\n'.join(text_table.markdown(rows))},
  )
  events.close()


def _edges(space: Space) -> Mapping[str, tuple[int, int]]:
  """Returns row and slot of every edge by what to call it."""
  fixed = space.fixed()
  return {
    f'{cell} {slot:02d}: {fixed.sources[row, slot]} to {target}': (row, slot)
    for row, cell in enumerate(space.cells)
    for slot, target in enumerate(space.targets)
    if fixed.present[row, slot]
  }
