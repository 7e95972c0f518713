"""Architectures trained alike and compared: is the transformed one better?

Every architecture is trained with the same recipe and the same seeds. A seed
decides the same of all: the order of the images and how they are changed.
Differences are therefore taken seed by seed, and their mean is given with a
95 % confidence interval by Student's t distribution.

    C/config.json               the recipe
    C/<label>/seed-<seed>/      an ordinary training
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
import dataclasses
import itertools
import math
import os
import re
from typing import Any, NamedTuple

import numpy as np
import scipy.stats
import tensorflow as tf

from nat_tf import architecture_source
from nat_tf import divergence
from nat_tf import genotype
from nat_tf import input_error
from nat_tf import layout
from nat_tf import training
from nat_tf import workdir as workdir_lib
from nat_tf.architecture import Architecture
from nat_tf.comparison_config import Recipe
from nat_tf.train_config import TrainConfig

# Of the confidence intervals.
CONFIDENCE = 0.95

# A name that a user gives an architecture: `mine=W/transformed.json`.
_NAMED = re.compile(r'([\w.+-]+)\s*=\s*(.+)', re.DOTALL)
# Directories are called by it.
_LONGEST_LABEL = 60
# What a directory of a comparison holds beside its trainings.
_RESERVED = (
  'config.json',
  'summary.json',
  'comparison.md',
  'comparison.png',
  'report.html',
)

# See `training.run`.
Train = Callable[
  [TrainConfig, Architecture, workdir_lib.Workdir, str], 'dict[str, Any]'
]
# Directories of finished trainings -> of each the median seconds by batch size.
Measure = Callable[[Sequence[str]], 'list[tuple[float, ...]]']


class ComparisonError(input_error.InputError):
  """Architectures cannot be compared as it was asked for."""


class Contender(NamedTuple):
  """One of the architectures that are compared.

  Attributes:
    label: what to call it.
    folder: name of the directory of its trainings.
    architecture: the architecture.
  """

  label: str
  folder: str
  architecture: Architecture


class Spread(NamedTuple):
  """Accuracies over the seeds.

  Attributes:
    mean: their mean.
    deviation: their sample standard deviation; None for a single one.
  """

  mean: float
  deviation: float | None


class Difference(NamedTuple):
  """How much more accurate one architecture is than the first.

  Attributes:
    mean: of the differences seed by seed.
    interval: the ends of its confidence interval; None for a single seed.
    seeds: how many both were trained with.
  """

  mean: float
  interval: tuple[float, float] | None
  seeds: int


@dataclasses.dataclass(frozen=True)
class Results:
  """What is known of a comparison, be it finished or not.

  Attributes:
    recipe: how all were trained.
    contenders: what is compared; the first is what others are compared with.
    seeds: with which all are trained.
    runs: summaries of the finished trainings, by label and seed.
    latencies: median seconds of a forward pass for every batch size, by label;
      empty until all trainings are done.
    failures: why a training could not go on, by label and seed.
  """

  recipe: Recipe
  contenders: Sequence[Contender]
  seeds: Sequence[int]
  runs: dict[tuple[str, int], dict[str, Any]]
  latencies: dict[str, tuple[float, ...]]
  failures: dict[tuple[str, int], str] = dataclasses.field(default_factory=dict)

  @property
  def judged_by(self) -> str:
    """Which of a summary's accuracies counts: the test split's, if any."""
    tested = all(run['test_accuracy'] is not None for run in self.runs.values())
    return 'test_accuracy' if tested else 'validation_accuracy'

  def summary(self, label: str) -> dict[str, Any]:
    """Returns the summary of an architecture's first training, {} before."""
    found = (run for (name, _), run in self.runs.items() if name == label)
    return next(found, {})

  def accuracies(self, label: str) -> dict[int, float]:
    """Returns an architecture's accuracies, 0 to 1, by seed."""
    return {
      seed: self.runs[label, seed][self.judged_by]
      for seed in self.seeds
      if (label, seed) in self.runs
    }

  def spread(self, label: str) -> Spread | None:
    """Returns mean and deviation of the accuracies; None before any."""
    return spread(list(self.accuracies(label).values()))

  def difference(self, label: str) -> Difference | None:
    """Returns the difference from the first one.

    Returns:
      None for the first one itself, or where no seed is common to both.
    """
    first = self.contenders[0].label
    if label == first:
      return None
    base, own = self.accuracies(first), self.accuracies(label)
    return difference([own[s] - base[s] for s in own if s in base])


class Comparison:
  """Trainings of several architectures with several seeds.

  Args:
    recipe: how all are trained; its seed is the first.
    contenders: what is compared, see `contenders`.
    seeds: number of seeds, 1 or more.
    workdir: of the comparison. Where another process fills it, so do the
      workdirs of its trainings, and nothing is measured.
    train: trains one, or goes on, or returns what was found before.
    measure: measures the latencies of networks that were trained; None to
      leave them out.

  Raises:
    ConfigError: a seed or a number of cells is not possible.
    WorkdirError: the directory holds something else, a comparison with another
      recipe, or other architectures by these labels.
  """

  def __init__(
    self,
    recipe: Recipe,
    contenders: Sequence[Contender],
    seeds: int,
    workdir: workdir_lib.Workdir,
    train: Train,
    measure: Measure | None = None,
  ):
    self.workdir = workdir
    self._recipe = recipe
    self._contenders = contenders
    self._seeds = list(range(recipe.seed, recipe.seed + seeds))
    self._train = train
    self._measure = None if workdir.is_aside else measure
    self._check()

  def finished(self) -> tuple[int, int]:
    """Returns how many of how many trainings are finished."""
    pairs = self._pairs()
    return sum(self._finished(*pair) for pair in pairs), len(pairs)

  def run(self) -> Iterator[Results]:
    """Trains what was not trained yet; yields what is known after each.

    All architectures are trained with one seed before the next, so that what
    is known of an interrupted comparison is fair.

    What was finished before is taken first and yields nothing by itself. A
    training that diverges keeps no other from its turn; the results say so. In
    the end the latencies are measured, all beside one another.

    Raises:
      InputError: see the errors of `training.run`.
    """
    with self.workdir.filled(self._recipe.without_seed()):
      yield from self._run()

  def _run(self) -> Iterator[Results]:
    known = Results(self._recipe, self._contenders, self._seeds, {}, {})
    pairs = self._pairs()
    finished = [pair for pair in pairs if self._finished(*pair)]
    others = [pair for pair in pairs if pair not in finished]
    for seed, one in finished + others:
      # Keras remembers all graphs that it ever made.
      tf.keras.backend.clear_session()
      count = len(known.runs) + len(known.failures)
      title = f'{one.label}, seed {seed} ({count + 1} of {len(pairs)})'
      config, directory = self._config(seed, one), self._directory(seed, one)
      if self.workdir.is_aside:
        directory = directory.aside()
      try:
        run = self._train(config, one.architecture, directory, title)
        known.runs[one.label, seed] = run
      except divergence.DivergenceError as error:
        known.failures[one.label, seed] = str(error)
      if len(finished) <= count < len(pairs) - 1:
        yield dataclasses.replace(
          known, runs=dict(known.runs), failures=dict(known.failures)
        )
    yield dataclasses.replace(known, latencies=self._latencies(known))

  def curves(self) -> dict[str, str]:
    """Returns where each one's first training writes its epochs, by label."""
    return {
      one.label: self._directory(self._seeds[0], one).file('training.csv')
      for one in self._contenders
    }

  def _latencies(self, known: Results) -> dict[str, tuple[float, ...]]:
    """Returns the latencies of what was trained, by label."""
    trained = {label: self._first_run(label, known) for label, _ in known.runs}
    if self._measure is None or not trained:
      return {}
    return dict(zip(trained, self._measure(list(trained.values()))))

  def _first_run(self, label: str, known: Results) -> str:
    """Returns the directory of an architecture's first finished training."""
    one = next(x for x in self._contenders if x.label == label)
    seed = next(s for name, s in known.runs if name == label)
    return self._directory(seed, one).path

  def _check(self):
    """Refuses now what would be refused after hours."""
    self.workdir.check(self._recipe.without_seed())
    for seed in self._seeds:
      for one in self._contenders:
        config, directory = self._config(seed, one), self._directory(seed, one)
        layout.check(one.architecture, config.skeleton(one.architecture))
        if (
          os.path.exists(directory.config_file)
          and directory.config().architecture != config.architecture
        ):
          raise ComparisonError(
            f'{os.path.dirname(directory.path)} holds trainings of another '
            f'architecture than {one.label} is now; give this one a label of '
            f'its own (--architectures=label=...) or a new --workdir'
          )
        directory.check(config)

  def _config(self, seed: int, one: Contender) -> TrainConfig:
    text = genotype.to_text(one.architecture)
    return dataclasses.replace(self._recipe.training(seed), architecture=text)

  def _directory(self, seed: int, one: Contender) -> workdir_lib.Workdir:
    path = os.path.join(self.workdir.path, one.folder, f'seed-{seed}')
    return workdir_lib.Workdir(path, TrainConfig)

  def _pairs(self) -> list[tuple[int, Contender]]:
    return [(seed, one) for seed in self._seeds for one in self._contenders]

  def _finished(self, seed: int, one: Contender) -> bool:
    return os.path.exists(self._directory(seed, one).file(training.SUMMARY))


def contenders(texts: Sequence[str]) -> list[Contender]:
  """Returns the architectures that a user means.

  Args:
    texts: each one or several of them, joined by commas; each as
      `architecture_source.resolve` takes it or, with a label, `label=text`.
      Commas within brackets, as in a genotype, join nothing.

  Raises:
    ArchitectureError: one is no architecture.
    ComparisonError: there is none, or one occurs twice.
  """
  result: list[Contender] = []
  for text in (part for joined in texts for part in _parts(joined)):
    # A name may hold what separates a label.
    named = None if os.path.exists(text) else _NAMED.fullmatch(text)
    label, source = named.groups() if named else ('', text)
    if len(label) > _LONGEST_LABEL:
      raise ComparisonError(
        f'--architectures: the label {ascii(label[:40])} has {len(label)} '
        f'characters; at most {_LONGEST_LABEL} are allowed'
      )
    architecture = architecture_source.resolve(source)
    label = label or architecture_source.label(source)
    for other in result:
      if other.architecture == architecture:
        raise ComparisonError(
          f'{label} and {other.label} are the same architecture; leave one out'
        )
    result.append(_contender(label, architecture, result))
  if not result:
    raise ComparisonError('--architectures names no architecture')
  return result


def spread(accuracies: Sequence[float]) -> Spread | None:
  """Returns mean and sample standard deviation; None of nothing."""
  if not accuracies:
    return None
  several = len(accuracies) > 1
  deviation = float(np.std(accuracies, ddof=1)) if several else None
  return Spread(float(np.mean(accuracies)), deviation)


def difference(differences: Sequence[float]) -> Difference | None:
  """Returns the mean of paired differences with its confidence interval.

  The interval of n differences d is mean(d) ± t s / sqrt(n), s their sample
  standard deviation and t the quantile of Student's distribution with n - 1
  degrees of freedom.

  Args:
    differences: one for every seed; none gives None.
  """
  own = spread(differences)
  if own is None:
    return None
  count = len(differences)
  if own.deviation is None:
    return Difference(own.mean, None, count)
  quantile = scipy.stats.t.ppf((1 + CONFIDENCE) / 2, count - 1)
  half = float(quantile) * own.deviation / math.sqrt(count)
  return Difference(own.mean, (own.mean - half, own.mean + half), count)


def _parts(text: str) -> list[str]:
  """Splits at the commas that stand outside of brackets."""
  parts, depth = [''], 0
  for character in text:
    depth += (character in '([') - (character in ')]')
    if character == ',' and depth <= 0:
      parts.append('')
    else:
      parts[-1] += character
  return [part.strip() for part in parts if part.strip()]


def _contender(
  label: str, architecture: Architecture, others: Sequence[Contender]
) -> Contender:
  """Returns an architecture with a label and a folder that no other has."""
  # Not all file systems tell capitals.
  taken = {*_RESERVED, *(other.folder.casefold() for other in others)}
  for number in itertools.count(1):
    own = label if number == 1 else f'{label}-{number}'
    folder = re.sub(r'[^\w.+-]+', '_', own).strip('._') or 'input'
    if folder.casefold() not in taken:
      break
  return Contender(own, folder, architecture)
