"""How much of what can be gained a policy finds, against ground truth.

A policy learns on one half of all cells and is judged on the other, by its
captured gain there (see `captured_gain`).
"""

from __future__ import annotations

from collections.abc import Callable
import time
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from nat_tf import agent
from nat_tf import captured_gain
from nat_tf import enumeration
from nat_tf import environment
from nat_tf import exhaustive
from nat_tf import policy as policy_lib
from nat_tf import sampling
from nat_tf import spaces
from nat_tf import tabular_reward
from nat_tf.accuracy_table import AccuracyTable
from nat_tf.recipes import Recipe

# Transformations among which the best by validation is taken.
CANDIDATES = 10
RANDOM_EVALUATIONS = (10, 100)

# Calls of the graph a run: each reports to the progress bar.
_REPORTS = 100
_BATCH = 1024


class Bounds(NamedTuple):
  """What is known of the held-out half without any policy.

  Attributes:
    beta: mean test accuracy of the inputs, percent.
    oracle: mean test accuracy of the best they may become, percent.
    random: captured gain of random search, percent, by number of evaluations.
  """

  beta: float
  oracle: float
  random: dict[int, float]


class Outcome(NamedTuple):
  """How a trained policy does on the held-out half.

  Attributes:
    argmax: captured gain of the most probable transformation, percent.
    sample: of one sample.
    best_of_10: of the best of ten by validation accuracy.
    seconds: how long training took; tracing counted, evaluation not.
    curve: seconds of training and captured gain of the most probable
      transformation, at several points of the training.
  """

  argmax: float
  sample: float
  best_of_10: float
  seconds: float
  curve: list[tuple[float, float]]


# Told after some steps: how many have been taken, and the metrics since the
# last call.
Report = Callable[[int, agent.Metrics], None]
# Told at the points of the curve: how many steps have been taken, codes
# `[held_out]` of what the held-out cells most probably become, and their
# captured gain.
Judged = Callable[[int, np.ndarray, float], None]


class Study:
  """A table, rules, and one split of the cells into two halves.

  Attributes:
    space: of the cells.
    learned_from: codes of the cells that policies learn from.
    held_out: codes of the others.
    captured: the held-out cells' captured gain.
  """

  def __init__(self, table: AccuracyTable, allowed: np.ndarray, seed: int):
    """Splits the cells.

    Args:
      table: accuracies of all cells.
      allowed: bool `[from, to]`, which operation may become which.
      seed: decides the halves, and everything in `train`.

    Raises:
      accuracy_table.TableError: no cell has a better one within reach.
    """
    self._table = table
    self.space = table.space
    self._allowed = allowed
    self._seed = seed
    codes = np.random.default_rng(seed).permutation(len(table.test))
    self.learned_from, self.held_out = np.split(codes, [len(codes) // 2])
    self.captured = captured_gain.CapturedGain(table, allowed, self.held_out)

  def bounds(self) -> Bounds:
    """Returns what can be gained, and what chance finds of it."""
    random = exhaustive.random_search(
      self._table, self._allowed, self.held_out, RANDOM_EVALUATIONS
    )
    captured = {
      k: self.captured(row) for k, row in zip(RANDOM_EVALUATIONS, random)
    }
    beta, oracle = self.captured.beta.mean(), self.captured.oracle.mean()
    return Bounds(float(100 * beta), float(100 * oracle), captured)

  def train(
    self,
    policy: str,
    model_config: Any,
    recipe: Recipe,
    points: int,
    report: Report,
    judged: Judged = lambda taken, codes, gain: None,
  ) -> Outcome:
    """Trains a policy and judges it.

    Args:
      policy: its name.
      model_config: its configuration.
      recipe: how it is trained.
      points: of the curve.
      report: is told of the progress.
      judged: is told what becomes of the held-out cells.
    """
    actor = policy_lib.create(
      policy, self._table.space, model_config, self._seed
    )
    seconds, curve = 0.0, [(0.0, self._judge(actor, 0, judged))]
    if actor.trainable_variables:
      learner = self._learner(actor, recipe)
      marks = {recipe.steps * (i + 1) // points for i in range(points)}
      taken = 0
      for until in sorted((marks | _milestones(recipe.steps)) - {0}):
        started = time.perf_counter()
        metrics = learner.run(tf.constant(until - taken))
        float(metrics.reward)  # Waits for the result.
        seconds += time.perf_counter() - started
        taken = until
        if until in marks:
          curve.append((seconds, self._judge(actor, taken, judged)))
        report(taken, metrics)
    return self._judged(actor, seconds, curve)

  def _learner(
    self, actor: policy_lib.PolicyNetwork, recipe: Recipe
  ) -> agent.Learner:
    pool = enumeration.encode(self._table.space, self.learned_from)
    sampler = sampling.Repeated(sampling.PoolSampler(pool), recipe.samples)
    world = environment.TransformationEnvironment(
      self._table.space,
      sampler,
      tabular_reward.TabularReward(self._table),
      self._allowed,
      recipe.inputs * recipe.samples,
      self._seed,
    )
    return agent.Learner(world, actor, recipe.agent_config(), self._seed)

  def _judged(self, actor, seconds, curve) -> Outcome:
    codes = self._transformed(actor, CANDIDATES)
    argmax, samples = codes[:, 0], codes[:, 1:]
    best = self._table.valid[samples].argmax(axis=1)
    chosen = np.take_along_axis(samples, best[:, np.newaxis], axis=1)
    test = self._table.test
    return Outcome(
      self.captured(test[argmax]),
      self.captured(test[samples]),
      self.captured(test[chosen]),
      seconds,
      curve,
    )

  def _judge(
    self, actor: policy_lib.PolicyNetwork, taken: int, judged: Judged
  ) -> float:
    """Returns the captured gain as it is now; has it told."""
    codes = self._transformed(actor, 0)[:, 0]
    gain = self.captured(self._table.test[codes])
    judged(taken, codes, gain)
    return gain

  def _transformed(
    self, actor: policy_lib.PolicyNetwork, samples: int
  ) -> np.ndarray:
    """Returns codes `[held_out, 1 + samples]`, the most probable first."""
    space, results = self._table.space, []
    for start in range(0, len(self.held_out), _BATCH):
      beta = enumeration.encode(space, self.held_out[start : start + _BATCH])
      candidates = agent.transform(
        actor,
        self._allowed,
        spaces.Encoding(*map(tf.constant, beta)),
        samples,
        tf.constant([self._seed, 2 + start]),
      )
      results.append(enumeration.code(candidates, space))
    return np.concatenate(results)


def _milestones(steps: int) -> set[int]:
  return {steps * (i + 1) // _REPORTS for i in range(_REPORTS)} - {0}
