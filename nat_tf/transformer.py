"""A learned transformer: architecture in, better and no costlier one out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
import dataclasses
import os

import numpy as np
import tensorflow as tf

from nat_tf import affordable
from nat_tf import agent
from nat_tf import checkpoint_directory
from nat_tf import cost as cost_lib
from nat_tf import data
from nat_tf import edge_costs
from nat_tf import environment
from nat_tf import latency
from nat_tf import layout
from nat_tf import policy
from nat_tf import reach
from nat_tf import reward
from nat_tf import search_config
from nat_tf import spaces
from nat_tf import supernet
from nat_tf import transitions
from nat_tf import trimming
from nat_tf import workdir as workdir_lib
from nat_tf.architecture import Architecture
from nat_tf.budget import Budget
from nat_tf.budget import BudgetError
from nat_tf.search_config import SearchConfig

# Images that candidates are scored on at a time.
_MOST_IMAGES = 512
# How often candidates are drawn at most until enough of them carry images.
_ROUNDS = 30
# Contenders beside the samples: the input and the most probable choice.
_OTHERS = 2


@dataclasses.dataclass(frozen=True)
class Measured:
  """An architecture and what is known of it.

  Attributes:
    architecture: the architecture.
    cost: of its final network.
    accuracy: with the shared weights on held-out training data, 0 to 1, the
      mean over `Transformer.networks`.
    latency_ms: milliseconds an image on this device, estimated from parts; None
      where no budget asked for it.
    carries_images: whether its output depends on the image.
    separation: of the classes with the shared weights on the same data, 0 to 1
      (`supernet.Scores`); None where the search had another reward.
  """

  architecture: Architecture
  cost: cost_lib.Cost
  accuracy: float
  latency_ms: float | None = None
  carries_images: bool = True
  separation: float | None = None

  @property
  def worth(self) -> float:
    """What candidates are compared by: what the reward of the search gains.

    Of a separation four digits; the others are noise.
    """
    if self.separation is None:
      return self.accuracy
    return round(self.separation, 4)

  def summary(self, name: str) -> dict:
    """Returns the facts for `summary.json`."""
    facts = {
      'name': name,
      'params': self.cost.params,
      'madds': self.cost.madds,
      'accuracy': self.accuracy,
    }
    if self.separation is not None:
      facts['separation'] = self.separation
    if self.latency_ms is not None:
      facts['latency_ms_estimate'] = self.latency_ms
    return facts


@dataclasses.dataclass(frozen=True)
class Basis:
  """What the numbers of architectures rest on.

  Attributes:
    network: the final network, whose costs they are.
    images: how many held-out ones the accuracies were measured on.
    compared: how many different architectures were compared by that, of those
      that keep to the budget; the input counts where it does.
    scored: numbers of cells of the networks whose mean that is.
    prior: whether the policy's preferences counted beside it.
  """

  network: layout.NetworkConfig
  images: int
  compared: int
  scored: tuple[int, ...] = ()
  prior: bool = False


@dataclasses.dataclass(frozen=True)
class Transformation:
  """What became of an architecture.

  Attributes:
    source: the input.
    transformed: the output; the input itself where nothing was better or
      preferred.
    basis: what their numbers rest on.
  """

  source: Measured
  transformed: Measured
  basis: Basis

  def changes(self) -> int:
    """Returns how many edges changed."""
    changed = self.source.architecture.changed_edges(
      self.transformed.architecture
    )
    return len(changed)

  @property
  def separation_gain(self) -> float | None:
    """By how much the separation grew; None where it was not the reward."""
    before, after = self.source.separation, self.transformed.separation
    return None if before is None or after is None else after - before


@dataclasses.dataclass(frozen=True)
class Terms:
  """What whatever an architecture may become costs, and what it may cost.

  Attributes:
    costs: by operation.
    limits: `[measures]` int64, of whole networks.
    allowed: `[cells, edges, operations]` bool, what its edges may become.
  """

  costs: edge_costs.EdgeCosts
  limits: np.ndarray
  allowed: np.ndarray

  def allowance(self, limits: np.ndarray | None = None) -> affordable.Allowance:
    """Returns them as the policy's sampling wants them.

    Args:
      limits: `[batch, measures]` int64, of whole networks; None for a batch of
        one with the limits of these terms.
    """
    if limits is None:
      limits = self.limits[np.newaxis]
    return affordable.Allowance(*map(np.stack, zip(*map(self._row, limits))))

  def _row(self, limits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns prices and what all edges together may cost."""
    fixed, allowed = self.costs.fitting(limits, self.allowed)
    # What can be promised may exceed the limits only where much of the input
    # does not reach the output; then the cheapest is all that is left.
    spent = edge_costs.lowest(self.costs.edges, allowed)
    rest = np.maximum(limits - fixed, spent)
    given_up = self.allowed & ~allowed
    beyond = rest[:, np.newaxis, np.newaxis, np.newaxis] + 1
    return np.where(given_up, beyond, self.costs.edges), rest

  def fit(self, operations: np.ndarray) -> np.ndarray:
    """Returns whether transformations surely keep to the limits, `[...]` bool.

    Args:
      operations: `[..., cells, edges]` integers.
    """
    return (self.costs.total(operations) <= self.limits).all(axis=-1)

  def kept_by(
    self, measured: Sequence[Measured], operations: np.ndarray
  ) -> np.ndarray:
    """Returns whether architectures keep to the limits, `[architectures]` bool.

    Those whose output does not depend on the image are never kept: on few
    images chance makes them look good, and they cost nothing.

    Args:
      measured: what is known of them.
      operations: `[architectures, cells, edges]` integers.
    """
    totals = self.costs.total(operations)
    totals[:, : edge_costs.NANOSECONDS] = [one.cost for one in measured]
    carries = [one.carries_images for one in measured]
    return (totals <= self.limits).all(axis=-1) & carries


class Transformer:
  """A super network and a policy; transforms architectures.

  Attributes:
    config: how it was or will be learned.
    space: the architectures it knows.
    network: the super network.
    networks: it and, where the configuration asks for one, a deeper one of the
      same weights. By the mean of their scores candidates are compared;
      rewards are measured in them by turns.
    actor: the policy, which proposes them.
    dataset: its held-out part scores candidates.
    strategy: the devices that hold the super network.
  """

  def __init__(
    self,
    config: SearchConfig,
    dataset: data.ImageDataset,
    strategy: tf.distribute.Strategy | None = None,
  ):
    """Makes one that has learned nothing yet.

    Args:
      config: sizes and seed.
      dataset: its held-out part scores candidates.
      strategy: the devices that hold the super network; None for one. The
        policy, which is small, stays on the host.
    """
    tf.keras.utils.set_random_seed(config.seed)
    self.config = config
    self.space = config.search_space()
    self.dataset = dataset
    self.strategy = strategy or tf.distribute.get_strategy()
    with self.strategy.scope():
      self.network = supernet.SuperNetwork(
        self.space, self._frame(config.cells, config.channels)
      )
      self.networks = self._networks()
    self.actor = policy.create(
      config.policy, self.space, seed=config.seed, stay=config.stay()
    )
    self._allowed = transitions.allowed(
      config.transitions, self.space.operations
    )
    self._latency = latency.PartsLatency()
    self._scores = reward.HeldOutScores(
      self.networks,
      dataset.candidate_batches(_even(dataset.info.examples.candidates)),
    )

  def _networks(self) -> tuple[supernet.SuperNetwork, ...]:
    """Returns the networks that score."""
    if not self.config.reward_cells:
      return (self.network,)
    return self.network, self.network.with_cells(self.config.reward_cells)

  def transform(
    self,
    architecture: Architecture,
    candidates: int = 10,
    seed: int = 0,
    budget: Budget | None = None,
    report: Callable[[int, int], None] = lambda done, of: None,
  ) -> Transformation:
    """Returns the best of the sampled candidates that keep to a budget.

    The contenders are the input, the policy's most probable choice and its
    samples (method, section 4, inference), the last two chosen so that they
    keep to the budget; see `best` for who wins. The input wins only where it
    keeps to the budget itself.

    Args:
      architecture: the input.
      candidates: how many to sample, 1 or more.
      seed: of the samples.
      budget: what the result may cost; None for what the input costs.
      report: is told how many architectures of how many are scored; also of
        none, before any is sampled.

    Raises:
      spaces.SpaceError: the architecture is not of this transformer's space.
      BudgetError: nothing that the architecture may become fits the budget, or
        no candidate that does carries images.
    """
    terms = self.terms(architecture, budget)
    beta = spaces.stack([self.space.encode(architecture)])
    most = candidates + _OTHERS
    report(0, most)
    seen = self.seen(beta, terms)
    contenders = self._contenders(beta, seen, candidates, seed, terms)
    operations = np.asarray(contenders.operations)
    # Where fewer were found, the others are done with.
    missing = most - len(operations)
    measured = self.measure(
      contenders,
      terms=terms,
      report=lambda done, _: report(missing + done, most),
    )
    kept = terms.kept_by(measured, operations)
    if not kept.any():
      raise BudgetError(
        f'of {_ROUNDS} times {candidates} samples within the budget none lets '
        'an image reach the classes; raise the budget or --candidates'
      )
    (preferences,) = self.preferences(seen, spaces.stack([contenders]))
    winner = best(measured, kept, preferences)
    basis = dataclasses.replace(
      self.basis(len(np.unique(operations[kept], axis=0))),
      prior=self.config.policy_prior > 0,
    )
    return Transformation(measured[0], measured[winner], basis)

  def _contenders(
    self,
    beta: spaces.Encoding,
    seen: spaces.Encoding,
    candidates: int,
    seed: int,
    terms: Terms,
  ) -> spaces.Encoding:
    """Returns the input and what the policy makes of it, `[contenders, ...]`.

    Where little may be paid much is null, and where null cuts all ways nothing
    need be scored: such samples are drawn again.
    """
    frame, found = self.final(), [np.asarray(beta.operations)]
    allowance = terms.allowance()
    for round_ in range(_ROUNDS):
      drawn = self.propose(
        seen, candidates, tf.constant([seed, round_]), allowance
      ).operations[0]
      for operations in np.asarray(drawn):
        one = spaces.Encoding(*(x[0] for x in beta))._replace(
          operations=operations
        )
        if reach.carries_images(self.space.decode(one), frame):
          found.append(operations[np.newaxis])
      if len(found) >= candidates + _OTHERS:
        break
    chosen = np.concatenate(found[: candidates + _OTHERS])
    return spaces.Encoding(
      *(np.repeat(x, len(chosen), axis=0) for x in beta)
    )._replace(operations=chosen)

  def seen(
    self,
    beta: spaces.Encoding,
    terms: Terms,
    limits: np.ndarray | None = None,
  ) -> spaces.Encoding:
    """Returns an input as the policy is to see it.

    Where its costs may not grow, what nothing reads is null: a policy that
    learned without limits likes to bring such an operation to life, which has
    to be paid. But one that learned on a single architecture knows no other.

    Args:
      beta: the input, NumPy arrays `[rows, ...]`.
      terms: of the input.
      limits: `[rows, measures]` int64, of whole networks; None for those of the
        terms.
    """
    if self.config.space == search_config.ONE:
      return beta
    if limits is None:
      limits = terms.limits[np.newaxis]
    # Time has no limit by itself.
    both = slice(edge_costs.NANOSECONDS)
    grows = (limits[:, both] > terms.costs.own[both]).all(axis=-1)
    return beta._replace(
      operations=np.where(
        grows[:, np.newaxis, np.newaxis],
        beta.operations,
        trimming.trimmed(self.space, beta).operations,
      )
    )

  def propose(
    self,
    beta: spaces.Encoding,
    candidates: int,
    seed: tf.Tensor,
    allowance: affordable.Allowance,
  ) -> spaces.Encoding:
    """Returns what the policy makes of architectures; see `agent.transform`."""
    return agent.transform(
      self.actor, self._allowed, beta, candidates, seed, allowance
    )

  def preferences(
    self, seen: spaces.Encoding, contenders: spaces.Encoding
  ) -> np.ndarray:
    """Returns by how much the policy prefers contenders, beside their worth.

    That is `policy_prior` times the logarithm of their probability. Where
    entropy of that weight is all that keeps a policy from the best, its
    probabilities are proportional to `exp(R / policy_prior)`: this is then what
    it takes the reward R to be, but for a constant. A policy whose entropy's
    weight fell in the end is surer than that.

    Args:
      seen: inputs as the policy sees them (`seen`), `[rows, ...]`.
      contenders: what becomes of them, NumPy arrays `[rows, contenders, ...]`.
        What nothing reads counts as null, so that those which compute the same
        are preferred alike.

    Returns:
      `[rows, contenders]` float64 of four digits, in the unit of
      `Measured.worth`.
    """
    if not self.config.policy_prior:
      return np.zeros(contenders.operations.shape[:2])
    logs = agent.log_probability(
      self.actor,
      self._allowed,
      seen,
      tf.constant(trimming.trimmed(self.space, contenders).operations),
    )
    return np.round(self.config.policy_prior * logs.numpy().astype(float), 4)

  def terms(
    self, architecture: Architecture, budget: Budget | None = None
  ) -> Terms:
    """Returns what an architecture's transformations cost, and what they may.

    Args:
      architecture: the input.
      budget: what the result may cost; None for what the input costs. Where it
        limits time, parts that have not been timed yet are timed now.

    Raises:
      spaces.SpaceError: the architecture is not of this transformer's space.
      BudgetError: nothing that the architecture may become fits the budget.
    """
    budget = budget or Budget()
    encoding = self.space.encode(architecture)
    observed = environment.observe(self.space, self._allowed, encoding)
    allowed = observed['mask'].numpy()
    costs = edge_costs.measure(
      architecture,
      self.space,
      self.final(),
      allowed,
      self._latency if budget.timed else None,
    )
    limits = budget.limits(costs, allowed)
    return Terms(costs, limits, allowed)

  def measure(
    self,
    architectures: spaces.Encoding,
    scores: reward.HeldOutScores | None = None,
    terms: Terms | None = None,
    report: Callable[[int, int], None] = lambda done, of: None,
  ) -> list[Measured]:
    """Returns cost and held-out scores of encoded architectures.

    Args:
      architectures: encodings with one leading dimension.
      scores: measures on images; None for all of the held-out part.
      terms: of an architecture on the same graph; where they know the time, so
        does what is returned.
      report: is told how many architectures of how many are scored.

    Raises:
      DataError: the held-out part cannot be read any more.
    """
    frame = self.final()
    results = []
    with self.dataset.reading():
      found = (scores or self._scores)(architectures, report=report)
    separates = self.config.reward == 'separation'
    for i, accuracy in enumerate(found.accuracy):
      one = self.space.decode(spaces.Encoding(*(x[i] for x in architectures)))
      results.append(
        Measured(
          one,
          cost_lib.network(one, frame),
          float(accuracy),
          carries_images=reach.carries_images(one, frame),
          separation=float(found.separation[i]) if separates else None,
        )
      )
    if terms is None or len(terms.limits) <= edge_costs.NANOSECONDS:
      return results
    totals = terms.costs.total(np.asarray(architectures.operations))
    return [
      dataclasses.replace(one, latency_ms=int(ns) / 1e6)
      for one, ns in zip(results, totals[:, edge_costs.NANOSECONDS])
    ]

  def basis(self, compared: int) -> Basis:
    """Returns what the numbers rest on that `measure` gives.

    Args:
      compared: how many different architectures were compared by them.
    """
    return Basis(
      self.final(),
      self.dataset.info.examples.candidates,
      compared,
      tuple(len(network.places) for network in self.networks),
    )

  def trackables(self) -> dict[str, tf.Module]:
    """Returns what a checkpoint holds of it, by name."""
    return {'network': self.network, 'policy': self.actor.model}

  def final(self) -> layout.NetworkConfig:
    """Returns the size of the final network, for which costs are counted."""
    skeleton = self.config.skeleton()
    return self._frame(
      self.config.final_cells or skeleton.cells or 1,
      self.config.final_channels or skeleton.channels,
    )

  def _frame(self, cells: int, channels: int) -> layout.NetworkConfig:
    height, width, image_channels = self.dataset.info.image_shape
    return layout.NetworkConfig(
      cells,
      channels,
      (height, width),
      image_channels,
      self.dataset.info.classes,
      self.config.skeleton(),
    )


def _even(examples: int) -> int:
  """Returns the size of few equal batches, for little noise in batch norm."""
  batches = -(-examples // _MOST_IMAGES)
  return -(-examples // batches)


def best(
  contenders: Sequence[Measured],
  fit: Sequence[bool] | np.ndarray,
  preferences: np.ndarray,
) -> int:
  """Returns who does best and costs little enough, by position.

  The one with the highest worth, preference added, wins; among equals the one
  with the fewest multiply-adds, then parameters, then the first.

  Args:
    contenders: the input and what it may become.
    fit: whose cost is little enough, at least one's.
    preferences: `[contenders]`, added to their worth.
  """

  def rank(i: int) -> tuple[float, int, int]:
    one = contenders[i]
    # Sums that differ by less are equal but for rounding.
    return (
      round(one.worth + preferences[i], 9),
      -one.cost.madds,
      -one.cost.params,
    )

  return max(np.flatnonzero(fit).tolist(), key=rank)


def load(workdir: str, data_dir: str | None = None) -> Transformer:
  """Returns the transformer that a search has learned.

  Args:
    workdir: directory of the search.
    data_dir: where its data set lies now; None for where it was then.

  Raises:
    workdir_lib.WorkdirError: the directory holds no search, or one that has
      no checkpoint yet.
    checkpoint_directory.CheckpointError: no checkpoint can be read.
    data.DataError: the data set cannot be read.
  """
  directory = workdir_lib.Workdir(workdir, SearchConfig)
  config = directory.config()
  none = workdir_lib.WorkdirError(
    f'{directory.path} holds no checkpoint: its search was stopped before its '
    'first one; run it to the end first'
  )
  if not os.path.isdir(directory.checkpoints):
    raise none
  dataset = data.load(config.data_config(data_dir))
  transformer = Transformer(config, dataset)
  reader = tf.train.Checkpoint(**transformer.trackables())

  def restore(path: str):
    status = reader.restore(path)
    status.assert_existing_objects_matched().expect_partial()

  # Last of all, for a search that still runs soon removes what was found.
  if checkpoint_directory.used(directory.checkpoints, restore) is None:
    raise none
  return transformer
