"""Inputs that nobody would write, and what must hold for each of them.

Every parser either takes an input, and what it made of it can be written and
read again as an equal value, or refuses it with one line; it does so within a
second, and never fails in another way. A quarter of the inputs is random, the
others are valid ones with a few characters, words or lines deleted, doubled,
swapped, replaced or added.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
import contextlib
import csv
import dataclasses
import fractions
import io
import json
import os
import random
import re
import tempfile
import time
from typing import Any

import hypothesis
from hypothesis import strategies

from nat_tf import accuracy_table
from nat_tf import architecture_json
from nat_tf import budget
from nat_tf import checkpoint_directory
from nat_tf import comparison
from nat_tf import comparison_config
from nat_tf import data
from nat_tf import enumeration
from nat_tf import genotype
from nat_tf import input_error
from nat_tf import json_input
from nat_tf import kept_outcomes
from nat_tf import nasbench201
from nat_tf import overrides
from nat_tf import policy_study
from nat_tf import recipes
from nat_tf import setting
from nat_tf import spaces
from nat_tf import tabular_config
from nat_tf import train_config
from nat_tf import training_summary
from nat_tf import workdir
from nat_tf import zoo
from tests import bad_files

_LONGEST_MESSAGE = 3000
_CHANGES = 1, 1, 1, 2, 4
_RANDOM_CHARACTERS = 60
# Inputs that one example of Hypothesis makes, which remembers all examples.
_AT_ONCE = 20

_WORDS = re.compile(r'\w+|\s+|[^\w\s]')
_LINES = re.compile(r'[^\n]*\n|[^\n]+')
_CHARACTERS = re.compile('.', re.DOTALL)

# What has broken parsers elsewhere.
_ODD = (
  *'()[]{}|~+=,:;"\'\\%#-_.0 \n\t\0',
  '-1',
  '1e999',
  '1_0',
  '9' * 30,
  '9' * 5000,
  'NaN',
  'Infinity',
  'null',
  'true',
  '{}',
  '[]',
  '""',
  '../',
  '/etc/passwd',
  '\ufeff',
  '\u0663',  # A digit, in Arabic.
  '\u2028',
  '\ud800',
  '\xa0',
  'ü',
  '𝟙',
  'k',
  'G',
  '__class__',
  '[' * 5000,
)


@dataclasses.dataclass(frozen=True)
class Parser:
  """Something that reads what a user hands over.

  Attributes:
    name: what to call it.
    valid: inputs that it takes.
    read: makes a value of an input, or raises an `InputError`.
    write: makes of a value an input that must be read as an equal value; None
      where `read` has checked the value itself.
    share: of the usual number of inputs, for what takes long.
    seconds: of the processor's time, the most for one input.
  """

  name: str
  valid: Sequence[str]
  read: Callable[[str], Any]
  write: Callable[[Any], str] | None
  share: float = 1.0
  seconds: float = 1.0


@dataclasses.dataclass
class Tally:
  """What became of the inputs.

  Attributes:
    taken: how many were taken.
    refused: how many were refused.
    slowest: seconds of the processor's time.
    slow: the input that took them.
  """

  taken: int = 0
  refused: int = 0
  slowest: float = 0.0
  slow: str = ''


def fuzz(parser: Parser, inputs: int, repeatable: bool) -> Tally:
  """Gives a parser many inputs.

  Args:
    parser: which.
    inputs: how many.
    repeatable: whether all calls take the same inputs.

  Raises:
    AssertionError: what must hold does not.
  """
  tally = Tally()

  @hypothesis.settings(
    max_examples=max(1, int(inputs * parser.share) // _AT_ONCE),
    database=None,
    deadline=None,
    derandomize=repeatable,
    suppress_health_check=list(hypothesis.HealthCheck),
    phases=(hypothesis.Phase.generate,),
  )
  @hypothesis.given(
    strategies.integers(0, 2**64 - 1),
    strategies.text(max_size=_RANDOM_CHARACTERS),
  )
  def run(seed: int, text: str):
    source = random.Random(seed)
    check(parser, text, tally)
    for _ in range(_AT_ONCE // 4 - 1):
      check(parser, unlikely(source), tally)
    for _ in range(_AT_ONCE * 3 // 4):
      check(parser, mutated(source, parser.valid), tally)

  run()
  return tally


def check(parser: Parser, text: str, tally: Tally):
  """Checks what must hold for one input.

  Raises:
    AssertionError: it does not.
  """
  begun = time.thread_time()
  try:
    value = parser.read(text)
  except input_error.InputError as error:
    value = None
    tally.refused += 1
    message = str(error)
    assert message.strip(), f'{parser.name}: nothing is said of {text!r}'
    assert len(message) < _LONGEST_MESSAGE, f'{parser.name}: {message!r}'
    # A command joins its lines; what is not to be printed must not be there.
    message.encode('utf-8')
  else:
    tally.taken += 1
    if parser.write is not None:
      again = parser.read(parser.write(value))
      assert again == value, f'{parser.name}: {text!r}: {value} != {again}'
  seconds = time.thread_time() - begun
  assert seconds < parser.seconds, (
    f'{parser.name}: {seconds} seconds for {text!r}'
  )
  if seconds > tally.slowest:
    tally.slowest, tally.slow = seconds, text


def unlikely(source: random.Random) -> str:
  """Returns random characters, and words that are often wrong."""
  return ''.join(
    source.choice(_ODD)
    if source.random() < 0.3
    else chr(source.choice((source.randrange(128), source.randrange(0x3000))))
    for _ in range(source.randrange(_RANDOM_CHARACTERS))
  )


def mutated(source: random.Random, valid: Sequence[str]) -> str:
  """Returns a valid input with a few changes."""
  text = source.choice(valid)
  for _ in range(source.choice(_CHANGES)):
    parts = source.choice((_CHARACTERS, _WORDS, _LINES)).findall(text)
    text = ''.join(_changed(source, parts))
  return text


def _changed(source: random.Random, parts: list[str]) -> list[str]:
  at = source.randrange(len(parts) + 1)
  other = source.choice(parts) if parts else ''
  added = source.choice(_ODD) if source.random() < 0.6 else other
  change = source.randrange(6)
  if change == 0:
    del parts[at : at + 1]
  elif change == 1:
    parts[at:at] = parts[at : at + 1]
  elif change == 2:
    parts[at : at + 2] = reversed(parts[at : at + 2])
  elif change == 3:
    parts[at:at] = [added]
  elif change == 4:
    parts[at : at + 1] = [added]
  else:
    parts[at:] = []
  return parts


# --- parsers ---------------------------------------------------------------


def parsers() -> Iterator[Parser]:
  """Yields all parsers; those that read files share a directory."""
  small = [zoo.load(name) for name in ('darts', 'enas', 'nat_darts')]
  cell = bad_files.cell()
  yield Parser(
    'genotype text',
    [genotype.to_text(one) for one in (*small, cell)],
    genotype.from_text,
    genotype.to_text,
  )
  yield Parser(
    'architecture JSON',
    [architecture_json.to_json(one) for one in (*small, cell)],
    lambda text: architecture_json.from_json(_bytes(text)),
    architecture_json.to_json,
  )
  yield Parser(
    'NAS-Bench-201 string',
    [nasbench201.to_text(cell)],
    nasbench201.from_text,
    nasbench201.to_text,
  )
  kinds: tuple[tuple[str, setting.Settings], ...] = (
    ('search', bad_files.SEARCHED),
    ('search', bad_files.RANKED),
    ('train', bad_files.TRAINED),
    ('compare', comparison_config.Recipe(epochs=3)),
    ('tabular', tabular_config.TabularConfig(policies='gcn,edges')),
  )
  for command, config in kinds:
    kind = type(config)
    yield Parser(
      f'config.json, {command}',
      [config.to_json()],
      lambda text, kind=kind: kind.from_json(_bytes(text)),
      lambda value: value.to_json(),
    )
  yield Parser(
    'preprocessing.json',
    [bad_files.preprocessing()],
    _info,
    lambda info: json.dumps(info.to_dict()),
  )
  yield Parser(
    '--max_params and the like',
    ['2500000', '3.1e6', '2.5M', '80%', '400k', '7.', '1e3G', ' 5% '],
    _limit,
    lambda limit: limit.text,
  )
  yield Parser(
    '--cost_tolerance',
    ['0%', '2.5%', '1e1%'],
    _tolerance,
    lambda share: f'{_decimal(100 * share)}%',
  )
  yield Parser(
    '--architectures',
    [
      f'darts,nat={genotype.to_text(small[2])},b={nasbench201.to_text(cell)}',
      'resnet20,a=vgg16,ü.-+=enas',
    ],
    lambda text: _contenders(text),
    _contenders_text,
    share=0.5,
  )
  yield Parser(
    '--training',
    ['inputs=4,samples=2', 'steps=7,baseline=average', 'entropy=1e-3'],
    _overridden,
    _overrides_text,
  )


@contextlib.contextmanager
def file_parsers() -> Iterator[list[Parser]]:
  """Lets parsers be used that read files."""
  with tempfile.TemporaryDirectory() as folder:
    yield [
      Parser(
        'summary.json',
        [bad_files.summary(), bad_files.summary(test_accuracy=0.25)],
        lambda text: _summary(folder, text),
        json.dumps,
        share=0.5,
      ),
      Parser(
        'outcome-edges-seed-0.json',
        [_outcome_text(policy_study.Outcome(9.5, 8.0, 7.25, 6.0, [(0.0, -1)]))],
        lambda text: _outcome(folder, text),
        _outcome_text,
        share=0.2,
      ),
      Parser(
        'the file checkpoint',
        [
          'model_checkpoint_path: "ckpt-1"\n'
          'all_model_checkpoint_paths: "ckpt-1"\n'
          'all_model_checkpoint_timestamps: 1.5\nlast_preserved_timestamp: 2\n'
        ],
        lambda text: _checkpoint(folder, text),
        None,
        share=0.5,
      ),
      Parser(
        'accuracy table',
        ['\n'.join(bad_files.rows()[:30]) + '\n'],
        lambda text: _table(folder, text),
        _table_text,
        share=0.01,
        seconds=5.0,
      ),
    ]


def _bytes(text: str) -> bytes:
  return text.encode('utf-8', 'surrogatepass')


def _write(folder: str, name: str, text: str) -> str:
  path = os.path.join(folder, name)
  with open(path, 'wb') as file:
    file.write(_bytes(text))
  return path


def _info(text: str) -> data.DatasetInfo:
  values = json_input.parse(_bytes(text))
  return data.DatasetInfo.from_dict(values if isinstance(values, dict) else {})


def _limit(text: str) -> budget.Limit | None:
  found = budget.limit(text, 'max_params')
  assert found is not None
  _check_number(text, found.value, found.relative)
  return found


def _tolerance(text: str) -> fractions.Fraction:
  found = budget.tolerance(text)
  _check_number(text, found, True)
  return found


def _check_number(text: str, value: fractions.Fraction, relative: bool):
  """Checks a number against Python's own reading of it."""
  number = text.strip()
  factor = {'k': 1e3, 'M': 1e6, 'G': 1e9, '%': 1e-2}.get(number[-1:], 1.0)
  expected = float(number.rstrip('kMG%')) * factor
  assert relative == number.endswith('%'), text
  assert abs(float(value) - expected) <= 1e-12 * expected, (text, value)


def _decimal(value: fractions.Fraction) -> str:
  # All of them are decimals of at most 40 characters.
  exponent = 0
  while value.denominator != 1:
    value, exponent = 10 * value, exponent - 1
  while value and value % 10 == 0:
    value, exponent = value / 10, exponent + 1
  return f'{value}e{exponent}'


def _contenders(text: str) -> list[comparison.Contender]:
  found = comparison.contenders([text])
  folders = [one.folder.casefold() for one in found]
  assert len(set(folders)) == len(folders), folders
  for one in found:
    assert re.fullmatch(r'[\w+-][\w.+-]*', one.folder), one.folder
  return [one.architecture for one in found]


def _contenders_text(found: Sequence[Any]) -> str:
  return ','.join(
    f'a{i}={genotype.to_text(one)}' for i, one in enumerate(found)
  )


def _overridden(text: str) -> recipes.Recipe:
  return overrides.apply(recipes.recipe('gcn'), text, 'training')


def _overrides_text(recipe: recipes.Recipe) -> str:
  return ','.join(f'{k}={v}' for k, v in dataclasses.asdict(recipe).items())


def _summary(folder: str, text: str) -> dict[str, Any]:
  _write(folder, training_summary.FILE, text)
  return training_summary.read(
    workdir.Workdir(folder, train_config.TrainConfig)
  )


_BOUNDS = policy_study.Bounds(60.0, 70.0, {})


def _outcome(folder: str, text: str) -> policy_study.Outcome:
  _write(folder, kept_outcomes.file('edges', 0), text)
  kept = kept_outcomes.read(
    workdir.Workdir(folder, tabular_config.TabularConfig), 'edges', 0, _BOUNDS
  )
  if kept is None:
    raise workdir.WorkdirError('an empty mapping')
  return kept


def _outcome_text(outcome: policy_study.Outcome) -> str:
  table = {'beta': _BOUNDS.beta, 'oracle': _BOUNDS.oracle}
  return json.dumps({**table, **outcome._asdict()})


def _checkpoint(folder: str, text: str) -> str | None:
  _write(folder, 'ckpt-1.index', '')
  _write(folder, 'checkpoint', text)
  found = checkpoint_directory.latest(folder)
  assert found is not None
  assert os.path.dirname(os.path.realpath(found)) == os.path.realpath(folder)
  return found


def _table(folder: str, text: str) -> tuple:
  # All other rows are right, so that what is wrong is in the text.
  whole = text + '\n'.join(bad_files.rows()[30:]) + '\n'
  path = _write(folder, 'table.csv', whole)
  table = accuracy_table.read_csv(path)
  assert ((table.valid >= 0) & (table.valid <= 1)).all()
  assert len(table.valid) == len(table.test) == len(bad_files.rows()) - 1
  return table.dataset, table.valid.tolist(), table.test.tolist()


def _table_text(table: tuple) -> str:
  """Returns the first rows of a table, those that were read anew."""
  dataset, valid, test = table
  space = spaces.NASBENCH201
  lines = [
    list(row)
    for row in csv.reader(io.StringIO('\n'.join(bad_files.rows()[:30])))
  ]
  lines[0] = [
    'architecture',
    f'{dataset}_valid_accuracy',
    f'{dataset}_test_accuracy',
  ]
  values = enumeration.place_values(space).ravel()
  for row in lines[1:]:
    digits = [space.index(x) for x in nasbench201.operations(row[0])]
    code = sum(int(d) * int(v) for d, v in zip(digits, values))
    row[1:] = [repr(100 * valid[code]), repr(100 * test[code])]
  text = io.StringIO()
  csv.writer(text, lineterminator='\n').writerows(lines)
  return text.getvalue()
