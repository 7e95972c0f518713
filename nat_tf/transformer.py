"""A learned transformer: architecture in, better and no costlier one out."""

from __future__ import annotations

from collections.abc import Sequence
import dataclasses

import numpy as np
import tensorflow as tf

from nat_tf import agent
from nat_tf import cost as cost_lib
from nat_tf import data
from nat_tf import layout
from nat_tf import policy
from nat_tf import reward
from nat_tf import spaces
from nat_tf import supernet
from nat_tf import transitions
from nat_tf import workdir as workdir_lib
from nat_tf.architecture import Architecture
from nat_tf.search_config import SearchConfig


@dataclasses.dataclass(frozen=True)
class Measured:
  """An architecture and what is known of it.

  Attributes:
    architecture: the architecture.
    cost: of its final network.
    accuracy: with the shared weights on held-out training data, 0 to 1.
  """

  architecture: Architecture
  cost: cost_lib.Cost
  accuracy: float

  def summary(self, name: str) -> dict:
    """Returns the facts for `summary.json`."""
    return {
      'name': name,
      'params': self.cost.params,
      'madds': self.cost.madds,
      'accuracy': self.accuracy,
    }


@dataclasses.dataclass(frozen=True)
class Transformation:
  """What became of an architecture.

  Attributes:
    source: the input.
    transformed: the output; the input itself where nothing better was found.
  """

  source: Measured
  transformed: Measured

  def changes(self) -> int:
    """Returns how many edges changed."""
    changed = self.source.architecture.changed_edges(
      self.transformed.architecture
    )
    return len(changed)


class Transformer:
  """A super network and a policy; transforms architectures.

  Attributes:
    config: how it was or will be learned.
    space: the architectures it knows.
    network: the super network, which scores candidates.
    actor: the policy, which proposes them.
    dataset: its held-out part scores candidates.
  """

  def __init__(self, config: SearchConfig, dataset: data.ImageDataset):
    """Makes one that has learned nothing yet.

    Args:
      config: sizes and seed.
      dataset: its held-out part scores candidates.
    """
    tf.keras.utils.set_random_seed(config.seed)
    self.config = config
    self.space = config.search_space()
    self.dataset = dataset
    self.network = supernet.SuperNetwork(
      self.space, self._frame(config.cells, config.channels)
    )
    self.actor = policy.create(
      config.policy, self.space, seed=config.seed, stay=config.stay()
    )
    self._allowed = transitions.allowed(
      config.transitions, self.space.operations
    )
    self._accuracy = reward.HeldOutAccuracy(
      self.network, dataset.candidate_batches()
    )

  def transform(
    self, architecture: Architecture, candidates: int = 10, seed: int = 0
  ) -> Transformation:
    """Returns the best of the sampled candidates that costs no more.

    The contenders are the input, the policy's most probable choice and its
    samples (method, section 4, inference); see `best` for who wins.

    Args:
      architecture: the input.
      candidates: how many to sample, 1 or more.
      seed: of the samples.

    Raises:
      spaces.SpaceError: the architecture is not of this transformer's space.
    """
    beta = spaces.stack([self.space.encode(architecture)])
    proposed = agent.transform(
      self.actor, self._allowed, beta, candidates, tf.constant([seed, 0])
    )
    contenders = spaces.Encoding(
      *(np.concatenate([b, p[0]]) for b, p in zip(beta, proposed))
    )
    measured = self.measure(contenders)
    return Transformation(measured[0], measured[best(measured)])

  def measure(
    self,
    architectures: spaces.Encoding,
    accuracy: reward.HeldOutAccuracy | None = None,
  ) -> list[Measured]:
    """Returns cost and held-out accuracy of encoded architectures.

    Args:
      architectures: encodings with one leading dimension.
      accuracy: measures the accuracies; None for all of the held-out part.
    """
    frame = self.final()
    results = []
    for i, value in enumerate((accuracy or self._accuracy)(architectures)):
      one = self.space.decode(spaces.Encoding(*(x[i] for x in architectures)))
      results.append(Measured(one, cost_lib.network(one, frame), float(value)))
    return results

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


def best(contenders: Sequence[Measured]) -> int:
  """Returns who does best and costs no more than the first, by position.

  The one with the highest accuracy wins; among equals the one with the fewest
  multiply-adds, then parameters, then the first.

  Args:
    contenders: the input and what it may become.
  """
  limit = contenders[0].cost
  affordable = [i for i, m in enumerate(contenders) if m.cost.within(limit)]

  def rank(i: int) -> tuple[float, int, int]:
    one = contenders[i]
    return one.accuracy, -one.cost.madds, -one.cost.params

  return max(affordable, key=rank)


def load(workdir: str, data_dir: str | None = None) -> Transformer:
  """Returns the transformer that a search has learned.

  Args:
    workdir: directory of the search.
    data_dir: where its data set lies now; None for where it was then.

  Raises:
    workdir_lib.WorkdirError: the directory holds no search, or one that has
      not finished an epoch.
    data.DataError: the data set cannot be read.
  """
  directory = workdir_lib.Workdir(workdir)
  config = directory.config()
  checkpoint = tf.train.latest_checkpoint(directory.checkpoints)
  if checkpoint is None:
    raise workdir_lib.WorkdirError(
      f'{directory.path} holds no checkpoint: its search has not finished an '
      'epoch yet; run it to the end first'
    )
  dataset = data.load(config.data_config(data_dir))
  transformer = Transformer(config, dataset)
  reader = tf.train.Checkpoint(**transformer.trackables())
  try:
    status = reader.restore(checkpoint)
    status.assert_existing_objects_matched().expect_partial()
  except (tf.errors.OpError, AssertionError, ValueError) as error:
    raise workdir_lib.WorkdirError(
      f'cannot read the checkpoint {checkpoint}: {type(error).__name__}; it is '
      'damaged or of another version, run the search again'
    ) from error
  return transformer
