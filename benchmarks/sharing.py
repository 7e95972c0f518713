"""Measures how well shared weights rank, by the way that they are trained.

bazel run //benchmarks:sharing -- --table=cifar10.csv --data_dir=D --paths=fair

Trains a super network of the NAS-Bench-201 space on CIFAR-10, without any
policy; then holds accuracy, loss and separation (`supernet.Scores`) of random
cells against the table's test accuracy. With --alone every cell is trained by
itself instead.
"""

from __future__ import annotations

import functools
import time
from unittest import mock

from nat_tf import command  # isort: skip

from absl import flags
import numpy as np
import scipy.stats
import tensorflow as tf

from benchmarks import measurement
from benchmarks import paths
from nat_tf import accuracy_table
from nat_tf import data
from nat_tf import enumeration
from nat_tf import scoring
from nat_tf import separation
from nat_tf import spaces
from nat_tf import supernet
from nat_tf import table_source
from nat_tf import transformer
from nat_tf.search_config import SearchConfig

_TABLE = flags.DEFINE_string(
  'table', None, 'accuracies of all cells, see //nat_tf:tabular.'
)
_DATA_DIR = flags.DEFINE_string(
  'data_dir', None, "where CIFAR-10 is prepared (default: TFDS's directory)."
)
_JSON = flags.DEFINE_string(
  'json', None, 'file to write the measured values to (default: none).'
)
_PATHS = flags.DEFINE_enum(
  'paths', 'one', tuple(paths.WAYS), 'what a step learns from.'
)
_ODDS = flags.DEFINE_float(
  'odds',
  1.0,
  'how many times likelier an operation with weights is drawn; above 0.',
  lower_bound=1e-9,
)
_LAST_ODDS = flags.DEFINE_float(
  'last_odds',
  None,
  'to which the odds fall over the first 70 % of the training; above 0 '
  '(default: they stay).',
  lower_bound=1e-9,
)
_PASSES = flags.DEFINE_integer(
  'passes',
  10_000,
  'paths that are learned from in all; a step takes one, or several where '
  '--paths says so; 5 or more.',
  lower_bound=5,
)
_CELLS = flags.DEFINE_integer(
  'cells', 5, 'of the super network; 5, 8, 11, ...', lower_bound=5
)
_SCORED_CELLS = flags.DEFINE_integer(
  'scored_cells',
  None,
  'of the network that ranks, which passes the cells of a stage of the super '
  'network as often as it takes; 5, 8, 11, ... (default: --cells).',
  lower_bound=5,
)
_TIED = flags.DEFINE_bool(
  'tied', False, 'whether cells of one stage share their weights.'
)
_CHANNELS = flags.DEFINE_integer(
  'channels', 8, 'of the first cell; even, 2 or more.', lower_bound=2
)
_IMAGE_SIZE = flags.DEFINE_integer(
  'image_size', 16, 'side of the images in pixels; 8 or more.', lower_bound=8
)
_RATE = flags.DEFINE_float(
  'rate', 0.05, 'learning rate in the beginning; above 0.', lower_bound=1e-9
)
_SMOOTHING = flags.DEFINE_float(
  'smoothing',
  0.0,
  'share of a label that goes to all classes alike; 0 to below 1.',
  lower_bound=0.0,
  upper_bound=0.999,
)
_ALONE = flags.DEFINE_bool(
  'alone', False, 'trains every ranked cell by itself, --passes steps each.'
)
_COUNT = flags.DEFINE_integer(
  'architectures',
  250,
  'random cells to rank; 8 to 500.',
  lower_bound=8,
  upper_bound=500,
)
_IMAGES = flags.DEFINE_integer(
  'images', 1000, 'held-out images to rank by; 1 or more.', lower_bound=1
)
_RANKING_BATCH = flags.DEFINE_integer(
  'ranking_batch',
  250,
  'images at a time, whose statistics batch norm takes; 1 or more.',
  lower_bound=1,
)
_SHRINKAGE = flags.DEFINE_multi_float(
  'shrinkage',
  [separation.SHRINKAGE],
  'of the separation (nat_tf/separation.py); 1e4 makes it the ratio of traces; '
  '1e-6 or more, once or several times.',
  lower_bound=1e-6,
)
_SEED = flags.DEFINE_integer(
  'seed', 0, 'decides all but which cells are ranked.', lower_bound=0
)
flags.mark_flag_as_required('table')

_STEP_IMAGES = 32
# Cells scored in one call of the graph, and steps from one report to the next.
_CHUNK, _REPORT = 25, 1000
# Share of the training over which the odds fall.
_FALLS = 0.7


def main(argv: list[str]):
  """Runs the command."""
  del argv  # `command.run` refuses any.
  table = table_source.read(command.path(_TABLE.value))
  # Cells, seeds and images are those of //nat_tf:ranking, but for their number.
  codes = np.random.default_rng(0).choice(len(table.test), 500, replace=False)
  codes = codes[: _COUNT.value]
  config = command.with_data_dir(
    SearchConfig(
      dataset='cifar10',
      data_dir=_DATA_DIR.value,
      space='nasbench201',
      image_size=_IMAGE_SIZE.value,
      cells=_CELLS.value,
      channels=_CHANNELS.value,
      batch_size=_STEP_IMAGES,
      seed=_SEED.value,
    )
  )
  dataset = data.load(config.data_config())
  network = transformer.Transformer(config, dataset).network
  trainer = paths.Trainer(network, _RATE.value, _SMOOTHING.value, _TIED.value)
  batches = iter(dataset.weights_batches())
  deeper = _SCORED_CELLS.value
  scorer = _Scorer(network.with_cells(deeper) if deeper else network, dataset)
  if _ALONE.value:
    scores = [_alone(trainer, batches, scorer, code) for code in codes]
    values = _judged(np.concatenate(scores), table, codes)
  else:
    _train(trainer, batches)
    values = _judged(scorer(codes), table, codes)
  print('  '.join(f'{name} {value:.3f}' for name, value in values.items()))
  if _JSON.value:
    measurement.write(command.path(_JSON.value), values)


class _Scorer:
  """Scores of cells on the same held-out images."""

  def __init__(
    self, network: supernet.SuperNetwork, dataset: data.ImageDataset
  ):
    self._score = tf.function(
      functools.partial(_score, network), autograph=False
    )
    count = -(-_IMAGES.value // _RANKING_BATCH.value)
    self._batches = dataset.candidate_batches(_RANKING_BATCH.value).take(count)

  def __call__(self, codes: np.ndarray) -> np.ndarray:
    """Returns the scores of `_names`, `[architectures, scores]`."""
    found = []
    for start in range(0, len(codes), _CHUNK):
      chunk = codes[start : start + _CHUNK]
      # All calls have one shape, so that nothing is compiled twice.
      cells = enumeration.encode(spaces.NASBENCH201, np.resize(chunk, _CHUNK))
      encoding = spaces.Encoding(*map(tf.constant, cells))
      scores = [
        self._score(images, labels, encoding, weights)
        for images, labels, weights in self._batches
      ]
      found.append(np.mean(scores, axis=0)[: len(chunk)])
    return np.concatenate(found)


def _names() -> list[str]:
  """Returns what cells are ranked by."""
  several = len(_SHRINKAGE.value) > 1
  return [
    'accuracy',
    'loss',
    *(
      f'separation_{value:g}' if several else 'separation'
      for value in _SHRINKAGE.value
    ),
  ]


def _score(network, images, labels, cells, weights) -> tf.Tensor:
  """Returns the scores of `_names`, `[architectures, scores]`."""
  each = []
  for value in _SHRINKAGE.value:
    with mock.patch.object(separation, 'SHRINKAGE', value):
      each.append(scoring.score(network, images, labels, cells, weights))
  separations = [scores.separation for scores in each]
  return tf.stack([each[0].accuracy, each[0].loss, *separations], axis=1)


def _train(trainer: paths.Trainer, batches):
  """Trains the weights that all cells share."""
  way, draws = paths.WAYS[_PATHS.value], paths.Draws(_ODDS.value, _SEED.value)
  steps, losses = max(1, _PASSES.value // way.paths), []
  started = time.monotonic()
  for step in range(steps):
    draws.weigh(_odds(step / steps))
    drawn = way.draw(draws)
    losses.append(trainer.step(next(batches), drawn, step / steps, way.whole))
    if (step + 1) % _REPORT == 0:
      each = (time.monotonic() - started) / (step + 1)
      print(
        f'step {step + 1} of {steps}: loss {np.mean(losses):.3f}, '
        f'{1e3 * each:.1f} ms each',
        flush=True,
      )
      losses = []


def _odds(done: float) -> float:
  """Returns the odds when a share of the training is done."""
  first, last = _ODDS.value, _LAST_ODDS.value
  if last is None:
    return first
  return first + (last - first) * min(1.0, done / _FALLS)


def _alone(
  trainer: paths.Trainer, batches, scorer: _Scorer, code: int
) -> np.ndarray:
  """Trains one cell from new weights; returns its scores, `[1, scores]`."""
  trainer.begin()
  path = enumeration.operations(spaces.NASBENCH201, np.array([code]))[:, 0]
  for step in range(_PASSES.value):
    trainer.step(next(batches), path, step / _PASSES.value)
  scores = scorer(np.array([code]))
  print(f'cell {code}: accuracy {scores[0, 0]:.3f}', flush=True)
  return scores


def _judged(
  scores: np.ndarray, table: accuracy_table.AccuracyTable, codes: np.ndarray
) -> dict[str, float]:
  """Returns Kendall's tau by every score, of all cells and the best quarter."""
  test, each = table.test[codes], dict(zip(_names(), scores.T))
  ways = {**each, 'loss': -each['loss']}
  top = test >= np.quantile(test, 0.75)
  return {
    **{name: _tau(values, test) for name, values in ways.items()},
    **{
      f'{name}_of_top_quarter': _tau(values[top], test[top])
      for name, values in ways.items()
    },
    'mean_accuracy': float(each['accuracy'].mean()),
  }


def _tau(shared: np.ndarray, test: np.ndarray) -> float:
  return float(scipy.stats.kendalltau(shared, test).statistic)


if __name__ == '__main__':
  command.run(main)
