"""Measures what policies learn from the rewards of shared weights.

bazel run //benchmarks:rewards -- --workdir=W --table=cifar10.csv \
  --answers=answers.npz --reward=loss

W is a search that held cells of NAS-Bench-201 out. All cells are scored on some
mini-batches, once, in the network where its rewards were measured; policies
learn anew from these scores, in half a minute each; the cells held out judge
them, by the table. Beside them stands the best by the same scores of all that a
cell may become.
"""

from __future__ import annotations

import dataclasses
import functools
import os
from typing import NamedTuple
from unittest import mock

from nat_tf import command  # isort: skip

from absl import flags
import numpy as np
import tensorflow as tf

from benchmarks import measurement
from nat_tf import agent
from nat_tf import atomic_file
from nat_tf import captured_gain
from nat_tf import enumeration
from nat_tf import environment
from nat_tf import exhaustive
from nat_tf import policy
from nat_tf import sampling
from nat_tf import scoring
from nat_tf import separation
from nat_tf import spaces
from nat_tf import table_source
from nat_tf import transformer as transformer_lib
from nat_tf import transitions
from nat_tf.search_config import SearchConfig
from nat_tf.spaces import Encoding

_WORKDIR = flags.DEFINE_string('workdir', None, 'of the search.')
_TABLE = flags.DEFINE_string(
  'table', None, 'accuracies of all cells, see //nat_tf:tabular.'
)
_ANSWERS = flags.DEFINE_string(
  'answers',
  None,
  'file that keeps the scores of all cells; made if missing, and else taken as '
  'it is, whatever --workdir, --images and --batches say.',
)
_JSON = flags.DEFINE_string(
  'json', None, 'file to write the measured values to (default: none).'
)
_IMAGES = flags.DEFINE_integer(
  'images', 128, 'of a mini-batch; 1 or more.', lower_bound=1
)
_BATCHES = flags.DEFINE_integer(
  'batches',
  24,
  'mini-batches that cells are scored on, a third of them to choose among '
  'candidates; 3 or more.',
  lower_bound=3,
)
_REWARD = flags.DEFINE_enum(
  'reward',
  'accuracy',
  ('accuracy', 'loss', 'separation'),
  'what is to be gained.',
)
_SHRINKAGE = flags.DEFINE_float(
  'shrinkage',
  separation.SHRINKAGE,
  'of the separation, where cells are scored (nat_tf/separation.py); 1e4 makes '
  'it the ratio of traces; 1e-6 or more.',
  lower_bound=1e-6,
)
_TOGETHER = flags.DEFINE_integer(
  'together', 1, 'mini-batches a reward; 1 or more.', lower_bound=1
)
_COMMON = flags.DEFINE_bool(
  'common', True, 'whether all rewards of a step are of the same images.'
)
_ADVANTAGE = flags.DEFINE_enum(
  'advantage',
  'others',
  ('others', 'average', 'normalised', 'rank'),
  "rewards less those of the other samples of the input, or less all rewards' "
  'moving average; the first divided by their spread; the share of the others '
  'below less that above, -1 to 1.',
)
_INPUTS = flags.DEFINE_integer(
  'inputs', 16, 'cells a step; 1 or more.', lower_bound=1
)
_SAMPLES = flags.DEFINE_integer(
  'samples', 8, 'transformations of each; 1 or more.', lower_bound=1
)
_STEPS = flags.DEFINE_integer(
  'steps', 700, 'policy steps; 1 or more.', lower_bound=1
)
_RATE = flags.DEFINE_float(
  'rate', 2e-3, 'learning rate in the beginning; above 0.', lower_bound=1e-9
)
_ENTROPY = flags.DEFINE_float(
  'entropy', 0.02, 'its weight in the beginning; 0 or more.', lower_bound=0.0
)
_DECAY = flags.DEFINE_float(
  'decay', 5e-4, "L2 penalty of the policy's weights; 0 or more.", lower_bound=0
)
_SEEDS = flags.DEFINE_integer(
  'seeds', 3, 'policies to train; 1 or more.', lower_bound=1
)
flags.mark_flags_as_required(['workdir', 'table', 'answers'])

_CHUNK = 125


class _Answers(NamedTuple):
  """Scores of all cells, `[cells, batches]`.

  Attributes:
    accuracy: share of right answers, 0 to 1.
    loss: mean cross-entropy, negative: more is better.
    separation: of the classes before the last layer, 0 to 1.
  """

  accuracy: np.ndarray
  loss: np.ndarray
  separation: np.ndarray


class _StoredReward:
  """Looks the gain up, on mini-batches drawn anew for every step."""

  def __init__(self, values: np.ndarray, space: spaces.Space, seed: int):
    self._values = tf.constant(values, tf.float32)
    self._place_values = enumeration.place_values(space)
    self._steps = tf.Variable(0)
    self._seed = seed

  def __call__(self, beta: Encoding, alpha: Encoding) -> tf.Tensor:
    """Returns the rewards `[architectures]`."""
    step = self._steps.assign_add(1)
    codes = [
      tf.reduce_sum(one.operations * self._place_values, axis=[-2, -1])
      for one in (alpha, beta)
    ]
    rows = tf.gather(self._values, tf.concat(codes, axis=0))
    count, batches = rows.shape
    different = 1 if _COMMON.value else count
    columns = tf.random.stateless_uniform(
      [different, _TOGETHER.value],
      tf.stack([self._seed, step]),
      0,
      batches,
      tf.int32,
    )
    columns = tf.broadcast_to(columns, [count, _TOGETHER.value])
    means = tf.reduce_mean(tf.gather(rows, columns, batch_dims=1), axis=1)
    return means[: count // 2] - means[count // 2 :]


def main(argv: list[str]):
  """Runs the command."""
  del argv  # `command.run` refuses any.
  if _SAMPLES.value < 2 and _ADVANTAGE.value != 'average':
    command.fail(
      f'--samples is {_SAMPLES.value}; --advantage={_ADVANTAGE.value} needs 2 '
      'or more'
    )
  table = table_source.read(command.path(_TABLE.value))
  transformer = transformer_lib.load(command.path(_WORKDIR.value))
  allowed = _allowed(transformer)
  held_out = transformer.config.held_out_codes()
  scale = captured_gain.CapturedGain(table, allowed, held_out)
  answers = _answers(transformer, command.path(_ANSWERS.value))
  ends = {
    f'best of all by {name}': exhaustive.oracle(
      dataclasses.replace(table, valid=scores.mean(1)), allowed
    )[held_out]
    for name, scores in answers._asdict().items()
  }
  found = [
    _judged(
      _chosen(_proposed(transformer, answers, seed), answers) | ends,
      scale,
      table.test,
    )
    for seed in range(_SEEDS.value)
  ]
  values = {
    name: {'mean': float(np.mean(x)), 'std': float(np.std(x, ddof=1))}
    if len(x) > 1
    else {'mean': float(x[0])}
    for name in found[0]
    for x in [[one[name] for one in found]]
  }
  for name, value in values.items():
    spread = f' ± {value["std"]:.1f}' if 'std' in value else ''
    print(f'{name}: {value["mean"]:.1f}{spread} %')
  if _JSON.value:
    measurement.write(command.path(_JSON.value), values)


def _allowed(transformer: transformer_lib.Transformer) -> np.ndarray:
  """Returns which operation may become which in a search."""
  return transitions.allowed(
    transformer.config.transitions, transformer.space.operations
  )


def _answers(transformer: transformer_lib.Transformer, path: str) -> _Answers:
  """Scores all cells, or reads what was scored before."""
  if os.path.exists(path):
    with np.load(path) as file:
      needed = (*_Answers._fields, 'shrinkage')
      missing = [name for name in needed if name not in file]
      if missing:
        command.fail(
          f'--answers: {path} holds no {missing[0]}, so it is of an earlier '
          'version; name another file, and the cells are scored anew'
        )
      if file['shrinkage'] != _SHRINKAGE.value:
        command.fail(
          f'--answers: {path} is of --shrinkage={file["shrinkage"]}; say that, '
          'or name another file, and the cells are scored anew'
        )
      return _Answers(*(file[name] for name in _Answers._fields))
  with mock.patch.object(separation, 'SHRINKAGE', _SHRINKAGE.value):
    answers = _scored(transformer)
  with atomic_file.replacing(path) as temporary:
    with open(temporary, 'wb') as file:
      np.savez(file, shrinkage=_SHRINKAGE.value, **answers._asdict())
  return answers


def _scored(transformer: transformer_lib.Transformer) -> _Answers:
  """Scores all cells."""
  score = tf.function(
    functools.partial(scoring.score, transformer.networks[-1]), autograph=False
  )
  batches = list(
    transformer.dataset.candidate_batches(_IMAGES.value).take(_BATCHES.value)
  )
  space, found = transformer.space, []
  for start in range(0, enumeration.count(space), _CHUNK):
    codes = np.arange(start, start + _CHUNK)
    cells = Encoding(*map(tf.constant, enumeration.encode(space, codes)))
    scores = [score(*batch[:2], cells, batch[2]) for batch in batches]
    found.append([[x.accuracy, -x.loss, x.separation] for x in scores])
    print(f'\rscored {start + _CHUNK} cells', end='', flush=True)
  print()
  # `[chunks, batches, scores, cells]`
  each = np.array(found).transpose(2, 0, 3, 1)
  return _Answers(*each.reshape(len(each), -1, len(batches)))


def _proposed(
  transformer: transformer_lib.Transformer, answers: _Answers, seed: int
) -> np.ndarray:
  """Trains a policy; returns what the cells held out are to become.

  Returns:
    Codes `[held_out, 12]`: the input, the most probable one, ten samples.
  """
  config, space = transformer.config, transformer.space
  allowed = _allowed(transformer)
  values = getattr(answers, _REWARD.value)
  actor = policy.create(config.policy, space, seed=seed)
  pool = enumeration.encode(space, config.learned_codes())
  world = environment.TransformationEnvironment(
    space,
    sampling.Repeated(sampling.PoolSampler(pool), _SAMPLES.value),
    _StoredReward(values[:, : values.shape[1] * 2 // 3], space, seed),
    allowed,
    _INPUTS.value * _SAMPLES.value,
    seed,
  )
  with _ranks() if _ADVANTAGE.value == 'rank' else mock.MagicMock():
    learner = agent.Learner(world, actor, _agent_config(config), seed)
    learner.run(tf.constant(_STEPS.value))
  held_out = config.held_out_codes()
  beta = Encoding(*map(tf.constant, enumeration.encode(space, held_out)))
  codes = enumeration.code(
    agent.transform(actor, allowed, beta, 10, tf.constant([seed, 0])), space
  )
  return np.concatenate([held_out[:, np.newaxis], codes], axis=1)


def _agent_config(config: SearchConfig) -> agent.AgentConfig:
  """Returns the search's own but for what flags say."""
  asked = dataclasses.replace(
    config,
    policy_learning_rate=_RATE.value,
    policy_decay=_DECAY.value,
    policy_samples=_SAMPLES.value,
    entropy=_ENTROPY.value,
    anneal=True,
  ).agent_config(_STEPS.value)
  average = _ADVANTAGE.value == 'average'
  return dataclasses.replace(
    asked,
    baseline='average' if average else 'others',
    normalize=_ADVANTAGE.value == 'normalised',
  )


def _ranks():
  """Lets agents take as advantage the others below less those above."""

  def advantages(self, rewards):
    del self
    beats = tf.sign(rewards[:, :, tf.newaxis] - rewards[:, tf.newaxis])
    return tf.reduce_sum(beats, axis=2) / (rewards.shape[1] - 1)

  return mock.patch.object(agent.Agent, '_advantages', advantages)


def _chosen(codes: np.ndarray, answers: _Answers) -> dict[str, np.ndarray]:
  """Returns what the cells become, by policy alone and by choice.

  Args:
    codes: `[held_out, 12]`, see `_proposed`.
    answers: by whose last third is chosen.
  """
  chosen = {'most probable': codes[:, 1]}
  for name, values in answers._asdict().items():
    value = values[:, values.shape[1] * 2 // 3 :].mean(1)
    best = value[codes].argmax(1)[:, np.newaxis]
    chosen[f'best of 10 by {name}'] = np.take_along_axis(codes, best, 1)[:, 0]
  return chosen


def _judged(
  chosen: dict[str, np.ndarray],
  scale: captured_gain.CapturedGain,
  test: np.ndarray,
) -> dict[str, float]:
  """Returns captured gain and share of improved inputs, percent."""
  result = {}
  for name, codes in chosen.items():
    result[f'{name}, captured'] = scale(test[codes])
    result[f'{name}, improved'] = scale.improved(test[codes])
  return result


if __name__ == '__main__':
  command.run(main)
