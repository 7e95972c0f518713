"""Files that are wrong, and what is said of them; see `bad_input`."""

from __future__ import annotations

from collections.abc import Callable
import dataclasses
import fcntl
import functools
import itertools
import json
import os
import pathlib
from typing import Any

from nat_tf import architecture_json
from nat_tf import genotype
from nat_tf import nasbench201
from nat_tf import search_config
from nat_tf import setting
from nat_tf import tabular_config
from nat_tf import train_config
from nat_tf import zoo
from nat_tf.architecture import Architecture

# Makes files in a directory.
Prepare = Callable[[pathlib.Path], None]

ELSEWHERE = '/etc/ckpt-9'

_SMALL: dict[str, Any] = {
  'epochs': 1,
  'weights_steps': 2,
  'policy_steps': 1,
  'policy_batch': 2,
  'cells': 2,
  'channels': 2,
  'batch_size': 8,
}
SEARCHED = search_config.SearchConfig(shards=1, **_SMALL)
RANKED = dataclasses.replace(SEARCHED, space='nasbench201', held_out=9)
TRAINED = train_config.TrainConfig(
  architecture=genotype.to_text(zoo.load('darts')),
  epochs=1,
  warmup_epochs=0,
  cells=1,
  channels=2,
)


def cell() -> Architecture:
  """Returns a cell of NAS-Bench-201."""
  return nasbench201.from_text(
    '|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+'
    '|skip_connect~0|none~1|nor_conv_1x1~2|'
  )


def flags(config: setting.Settings) -> list[str]:
  """Returns the flags of a configuration, but for its architecture."""
  usual = type(config)()
  return [
    f'--{field.name}={getattr(config, field.name)}'
    for field in dataclasses.fields(config)
    if field.name != 'architecture'
    and getattr(config, field.name) != getattr(usual, field.name)
  ]


# --- what makes files ------------------------------------------------------


def text(name: str, content: str | bytes) -> Prepare:
  """Returns what writes a file."""

  def prepare(here: pathlib.Path):
    path = here / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
      content.encode('utf-8') if isinstance(content, str) else content
    )

  return prepare


def both(*several: Prepare) -> Prepare:
  """Returns what does all of several."""

  def prepare(here: pathlib.Path):
    for one in several:
      one(here)

  return prepare


def config(value: setting.Settings) -> Prepare:
  """Returns what makes a workdir `W` of a run that did nothing yet."""
  return text('W/config.json', value.to_json())


def tabled(here: pathlib.Path):
  """Makes a workdir `W` of a comparison of one policy by `table.csv`."""
  file = str(here / 'table.csv')
  own = tabular_config.TabularConfig(table=file, policies='edges', seeds=1)
  config(own)(here)


@functools.cache
def rows() -> tuple[str, ...]:
  """Returns the lines of a table of all cells."""
  names = 'none', 'skip_connect', 'nor_conv_1x1', 'nor_conv_3x3', 'avg_pool_3x3'
  return (
    'architecture,toy_valid_accuracy,toy_test_accuracy',
    *(
      f'|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|,{len(a + c)},{len(b + d)}'
      for a, b, c, d, e, f in itertools.product(names, repeat=6)
    ),
  )


def table(change: Callable[[list[str]], Any] | None = None) -> Prepare:
  """Returns what writes a table of all cells.

  Args:
    change: is given the lines, to change them.
  """

  def prepare(here: pathlib.Path):
    lines = list(rows())
    if change is not None:
      change(lines)
    (here / 'table.csv').write_text('\n'.join(lines) + '\n', 'utf-8')

  return prepare


def cluster(config: str) -> Prepare:
  """Returns what sets TF_CONFIG, until it is set anew."""

  def prepare(folder: pathlib.Path):
    del folder
    os.environ['TF_CONFIG'] = config

  return prepare


def held(here: pathlib.Path):
  """Holds the workdir `W`, as a run does, until this process ends."""
  descriptor = os.open(here / 'W' / '.lock', os.O_RDWR | os.O_CREAT)
  fcntl.flock(descriptor, fcntl.LOCK_EX)
  os.write(descriptor, b'123\n')


def searched(own: setting.Settings = SEARCHED) -> Prepare:
  """Returns what makes a workdir with a checkpoint, of something else."""
  return foreign_checkpoint(own)


def foreign_checkpoint(own: setting.Settings) -> Prepare:
  """Returns what makes a workdir with a checkpoint of another version."""

  def prepare(here: pathlib.Path):
    # Late, for whoever loads this must not begin to compute.
    import tensorflow as tf

    config(own)(here)
    checkpoint = tf.train.Checkpoint(other=tf.Variable([1.0] * 100))
    folder = str(here / 'W' / 'checkpoints')
    manager = tf.train.CheckpointManager(
      checkpoint, folder, 2, checkpoint_name='ckpt'
    )
    manager.save(checkpoint_number=1)

  return prepare


def _state(own: setting.Settings, content: str | bytes) -> Prepare:
  return both(config(own), text('W/checkpoints/checkpoint', content))


def checkpoint_elsewhere(own: setting.Settings) -> Prepare:
  """Returns what makes a workdir that names a checkpoint outside of it."""
  line = f'model_checkpoint_path: "{ELSEWHERE}"\n'
  return _state(own, line + 'all_' + line.replace('path:', 'paths:'))


def _climbing(own: setting.Settings) -> Prepare:
  return _state(own, 'model_checkpoint_path: "../../../ckpt-9"\n')


def _deleting(own: setting.Settings) -> Prepare:
  state = (
    'model_checkpoint_path: "ckpt-1"\nall_model_checkpoint_paths: "/b-1"\n'
  )
  return _state(own, state)


def _cut_off(own: setting.Settings) -> Prepare:
  def prepare(here: pathlib.Path):
    foreign_checkpoint(own)(here)
    (here / 'W' / 'checkpoints' / 'ckpt-1.index').write_bytes(b'cut')

  return prepare


_NAMES = '<here>/W/checkpoints/checkpoint names '
_OUTSIDE = (
  ', which is not in <here>/W/checkpoints; checkpoints are read from their own '
  'directory only'
)
_DAMAGED = '<here>/W/checkpoints/checkpoint is damaged: '
_READING = (
  'cannot read the checkpoint <here>/W/checkpoints/ckpt-1: {}; it is damaged '
  'or of another version, begin anew in a new --workdir'
)
_ANEW = '; begin anew in a new --workdir'

# What is wrong, what makes it of a configuration, what is said.
CHECKPOINTS: list[tuple[str, Callable[[setting.Settings], Prepare], str]] = [
  (
    'a `checkpoint` that names an absolute path',
    checkpoint_elsewhere,
    f'{_NAMES}{ELSEWHERE!r}{_OUTSIDE}',
  ),
  (
    'a `checkpoint` that names a path above the workdir',
    _climbing,
    f"{_NAMES}'../../../ckpt-9'{_OUTSIDE}",
  ),
  (
    'a `checkpoint` whose older paths, which would be deleted, lie elsewhere',
    _deleting,
    f"{_NAMES}'/b-1'{_OUTSIDE}",
  ),
  (
    'a `checkpoint` that is no text',
    lambda own: _state(own, b'\xff\x00'),
    f'{_DAMAGED}…{_ANEW}',
  ),
  (
    'a `checkpoint` of something else',
    lambda own: _state(own, '{"path": 3}'),
    f'{_DAMAGED}…{_ANEW}',
  ),
  (
    'a `checkpoint` that is empty',
    lambda own: _state(own, ''),
    f"{_DAMAGED}it names ''; names are ckpt-<step>{_ANEW}",
  ),
  (
    'a `checkpoint` that is vast',
    lambda own: _state(own, ' ' * 1_000_000),
    f'{_DAMAGED}too large{_ANEW}',
  ),
  (
    'a checkpoint that is gone',
    lambda own: _state(own, 'model_checkpoint_path: "ckpt-1"\n'),
    f'{_NAMES}ckpt-1, which is not there{_ANEW}',
  ),
  (
    'a checkpoint that is cut off',
    _cut_off,
    _READING.format('…'),
  ),
  (
    'a checkpoint of another version',
    foreign_checkpoint,
    _READING.format('AssertionError'),
  ),
]


@functools.cache
def _model() -> bytes:
  """Returns the file of a network of `TRAINED`."""
  import tempfile

  from nat_tf import data
  from nat_tf import final_network

  architecture = zoo.load('darts')
  info = data.DatasetInfo.from_dict(json.loads(preprocessing()))
  model = final_network.build(
    architecture, TRAINED.network_config(architecture, info)
  )
  with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / 'model.keras'
    model.save(path)
    return path.read_bytes()


def preprocessing(**changes: Any) -> str:
  """Returns a description of images, with changes."""
  values = {
    'dataset': 'digits',
    'version': '1.0.0',
    'image_shape': [8, 8, 1],
    'mean': [0.3],
    'std': [0.2],
    'label_names': list('0123456789'),
    'examples': {'weights': 3, 'policy': 0, 'candidates': 2},
  }
  return json.dumps({**values, **changes})


def summary(**changes: Any) -> str:
  """Returns what is known of a finished training, with changes."""
  values = {
    'params': 3,
    'madds': 4,
    'seconds': 1.5,
    'validation_accuracy': 0.5,
    'test_accuracy': None,
  }
  return json.dumps({**values, **changes})


def trained(files: dict[str, str | bytes] | None = None) -> Prepare:
  """Returns what makes a workdir `W` of a finished training.

  Args:
    files: what some of its files hold instead.
  """

  def prepare(here: pathlib.Path):
    content: dict[str, str | bytes] = {
      'config.json': TRAINED.to_json(),
      'architecture.json': architecture_json.to_json(zoo.load('darts')),
      'preprocessing.json': preprocessing(),
      'summary.json': summary(),
      **(files or {}),
    }
    content.setdefault('model.keras', b'' if files else _model())
    for name, one in content.items():
      text(f'W/{name}', one)(here)

  return prepare


# --- hostile JSON ----------------------------------------------------------

# What is wrong, the text, what is said of it; of any JSON that we read.
HOSTILE = [
  ('that is nested deeply', '[' * 200_000, 'the JSON is nested too deeply'),
  (
    'of objects nested deeply',
    '{"a":' * 150_000,
    'the JSON is nested too deeply',
  ),
  (
    'of 100 MB of blanks',
    ' ' * 100_000_000,
    'the JSON is larger than 1000000 bytes',
  ),
  (
    'of a million edges',
    '{"cells": {"normal": {"edges": ['
    + ','.join(['{"source": 0, "target": 1, "operation": "skip"}'] * 1_000_000)
    + ']}}}',
    'the JSON is larger than 1000000 bytes',
  ),
  (
    'with an integer of 900,000 digits',
    '{"seed": ' + '9' * 900_000 + '}',
    f'found the number {"9" * 20}; integers have at most 20 digits',
  ),
  ('with NaN', '{"seed": NaN}', 'found the number NaN; it must be finite'),
  (
    'with -Infinity',
    '{"seed": -Infinity}',
    'found the number -Infinity; it must be finite',
  ),
  (
    'with a number beyond all floats',
    '{"seed": 1e999}',
    'found the number 1e999; it must be finite',
  ),
  (
    'with a key twice',
    '{"seed": 1, "seed": 2}',
    'an object holds the key "seed" twice',
  ),
  ('that is no text', b'\xff\xfe\x00', 'the JSON is not in UTF-8'),
  (
    'that is cut off',
    '{"seed": ',
    'not JSON: Expecting value: line 1 column 10 (char 9)',
  ),
]

# The same of a config.json, and what is wrong with such a file alone.
CONFIGS = [
  *HOSTILE,
  ('that is a list', '[]', 'it must be a mapping, not list'),
  (
    'of another version',
    '{"sede": 1}',
    "unknown setting 'sede'; it may be of another command or of another "
    'version of nat_tf',
  ),
  (
    'with a value of another type',
    '{"seed": "1"}',
    "--seed is '1'; it must be of type int",
  ),
  (
    'with a value out of its range',
    '{"epochs": 0}',
    '--epochs is 0; it must be 1 or more',
  ),
  (
    'whose architecture is the path of a file',
    '{"architecture": "/etc/passwd"}',
    "the architecture '/etc/passwd' is not the text of one; a configuration "
    'holds Genotype(...), not the path of a file',
  ),
  (
    'whose architecture lies above the workdir',
    '{"architecture": "../darts.json"}',
    "the architecture '../darts.json' is not the text of one; a configuration "
    'holds Genotype(...), not the path of a file',
  ),
]

_CANNOT = 'cannot use <here>/W/summary.json: '
_BROKEN = '<here>/W is damaged: '
_NO_IMAGES = f'{_BROKEN}no description of images: '
_NO_MODEL = (
  'cannot read <here>/W/model.keras: {}; it is damaged or of another version, '
  'train again in a new --workdir'
)

# File of a finished training, what is wrong with it, content, what is said.
TRAININGS: list[tuple[str, str, str | bytes, str]] = [
  *(
    ('summary.json', wrong, content, _CANNOT + words)
    for wrong, content, words in HOSTILE
  ),
  (
    'summary.json',
    'that is a list',
    '[]',
    f'{_CANNOT}it must be a mapping, not list',
  ),
  ('summary.json', 'that lacks something', '{}', f'{_CANNOT}it lacks params'),
  (
    'summary.json',
    'with an accuracy of 12',
    summary(test_accuracy=12),
    f'{_CANNOT}test_accuracy is 12; it must be 0 to 1, or null',
  ),
  (
    'summary.json',
    'with a text for a number',
    summary(params='many'),
    f"{_CANNOT}params is 'many'; it must be a whole number",
  ),
  *(
    (
      'preprocessing.json',
      wrong,
      content,
      f'{_BROKEN}cannot use <here>/W/preprocessing.json: {words}',
    )
    for wrong, content, words in HOSTILE
  ),
  *(
    ('preprocessing.json', wrong, preprocessing(**change), _NO_IMAGES + words)
    for wrong, change, words in (
      (
        'with two sides only',
        {'image_shape': [8, 8]},
        'image_shape must be 3 values of type int',
      ),
      (
        'with vast images',
        {'image_shape': [10**9, 8, 1]},
        'image_shape must be numbers from 1 to 100000',
      ),
      (
        'with images of no height',
        {'image_shape': [0, 8, 1]},
        'image_shape must be numbers from 1 to 100000',
      ),
      (
        'with fractions of pixels',
        {'image_shape': [8.5, 8, 1]},
        'image_shape must be 3 values of type int',
      ),
      (
        'with a deviation of 0',
        {'std': [0.0]},
        'std must be above 0',
      ),
      (
        'with means of three channels where there is one',
        {'mean': [0.1, 0.2, 0.3]},
        'mean must be 1 values of type float',
      ),
      (
        'without classes',
        {'label_names': []},
        'label_names must be 1 to 100000 texts',
      ),
      (
        'with a text for the classes',
        {'label_names': '0123456789'},
        'label_names must be values of type str',
      ),
      (
        'with other parts of the data',
        {'examples': {'weights': 3}},
        'examples must be an object of weights, policy, candidates',
      ),
    )
  ),
  *(
    (
      'architecture.json',
      wrong,
      content,
      f'{_BROKEN}<here>/W/architecture.json: {words}',
    )
    for wrong, content, words in HOSTILE
    if 'number' not in words
  ),
  (
    'architecture.json',
    'of another network',
    architecture_json.to_json(zoo.load('resnet20')),
    f'{_BROKEN}--cells is 1, but a resnet20 network has 9 cells of its own; '
    'leave it out',
  ),
  ('model.keras', 'that is empty', b'', _NO_MODEL.format('OSError')),
  (
    'model.keras',
    'that is a pickle',
    b'\x80\x04N.',
    _NO_MODEL.format('OSError'),
  ),
]


# --- architectures ---------------------------------------------------------


def _json(change: Callable[[dict], Any]) -> str:
  """Returns the JSON of a small architecture after a change."""
  edges = [
    {'source': s, 'target': t, 'operation': 'skip'}
    for s, t in ((0, 2), (1, 2), (0, 3), (2, 3))
  ]
  one = {'inputs': 2, 'vertices': 4, 'edges': edges, 'concat': [2, 3]}
  document = {
    'schema_version': 1,
    'cells': {'normal': one, 'reduction': json.loads(json.dumps(one))},
  }
  change(document)
  return json.dumps(document)


def _normal(**changes: Any) -> str:
  return _json(lambda document: document['cells']['normal'].update(changes))


def _edge(**changes: Any) -> str:
  return _json(
    lambda document: document['cells']['normal']['edges'][2].update(changes)
  )


_OPERATIONS = '…'

# What is wrong, file, content, what is said.
ARCHITECTURES: list[tuple[str, str, str | bytes, str]] = [
  *(
    (
      f'an architecture {wrong}',
      'a.json',
      content if isinstance(content, bytes) else '{"a": ' + content,
      words,
    )
    for wrong, content, words in (
      ('nested deeply', '[' * 200_000, 'the JSON is nested too deeply'),
      (
        'of 100 MB of blanks',
        ' ' * 100_000_000,
        'too large for an architecture',
      ),
      (
        'of a million edges',
        HOSTILE[3][1],
        'too large for an architecture',
      ),
      (
        'with an integer of 900,000 digits',
        '9' * 900_000 + '}',
        f'found the number {"9" * 20}; integers have at most 5 digits',
      ),
      (
        'with NaN',
        'NaN}',
        'found the number NaN; an architecture has integers only',
      ),
      (
        'with a key twice',
        '1, "a": 2}',
        'an object holds the key "a" twice',
      ),
      (
        'that is cut off',
        '',
        'not JSON: Expecting value: line 1 column 7 (char 6)',
      ),
      ('that is no text', b'{\xff', 'not a text file in UTF-8'),
    )
  ),
  (
    'an architecture of 10,001 edges',
    'a.json',
    '{"schema_version": 1, "cells": {"a": {"inputs": 1, "vertices": 2, '
    '"concat": [1], "edges": ['
    + ','.join(['{"source":0,"target":1,"operation":"skip"}'] * 10_001)
    + ']}}}',
    'the architecture has 10001 edges; at most 10000 are read',
  ),
  (
    'an empty file',
    'a.json',
    '',
    'genotype, line 1, column 1: found the end where Genotype(...) should be',
  ),
  *(
    (f'an architecture {wrong}', 'a.json', content, words)
    for wrong, content, words in (
      (
        'of another schema',
        _json(lambda d: d.update(schema_version=2)),
        'schema_version is 2; this version reads 1',
      ),
      (
        'without cells',
        _json(lambda d: d.update(cells={})),
        'cells must be an object of at least one cell',
      ),
      (
        'with an unknown key',
        _json(lambda d: d.update(cell=1)),
        'the document: unknown key "cell"; known are schema_version, cells, '
        'network',
      ),
      (
        'in an unknown network',
        _json(lambda d: d.update(network='resnet21')),
        'network is "resnet21"; it must be one of …',
      ),
      (
        'whose cell has a path for a name',
        _json(lambda d: d['cells'].update({'../a': {}})),
        'a cell is called "../a"; a name has up to 40 letters, digits and _',
      ),
      (
        'with a text for a number',
        _normal(inputs='2'),
        'normal cell: inputs is "2"; it must be an integer',
      ),
      (
        'without computed vertices',
        _normal(vertices=2),
        'normal cell: 2 vertices with 2 inputs leave none to compute; vertices '
        'must exceed inputs',
      ),
      (
        'without an edge to a vertex',
        _normal(vertices=5),
        'normal cell: vertex 4 has no incoming edge; give it one (null is '
        'allowed)',
      ),
      (
        'without output',
        _normal(concat=[]),
        'normal cell: concat must name at least one vertex, and each once',
      ),
      (
        'whose output is an input',
        _normal(concat=[1]),
        'normal cell: concat holds 1, which is not one of the computed '
        'vertices 2 to 3',
      ),
      (
        'with a cycle',
        _edge(source=3),
        'normal cell: edge 2 (3 -> 3, skip): it reads a vertex that is '
        'computed later (a cycle); its source must be below 3',
      ),
      (
        'with an edge that ends in an input',
        _edge(target=1),
        'normal cell: edge 2 (0 -> 1, skip): vertex 1 is an input of the cell '
        'and cannot be a target; targets are 2 to 3',
      ),
      (
        'with an edge from nowhere',
        _edge(source=-1),
        'normal cell: edge 2 (-1 -> 3, skip): source -1 is out of range; '
        'vertices are 0 to 3',
      ),
      (
        'with an unknown operation',
        _edge(operation='skop'),
        "normal cell: edge 2 (0 -> 3): unknown operation 'skop'; did you mean "
        'skip? known are …',
      ),
    )
  ),
]

_TWO = "[('skip_connect', 0), ('skip_connect', 1)]"
_PAIR = f'normal={_TWO}, normal_concat=[2], reduce={_TWO}, reduce_concat=[2]'
_AT = 'genotype, line 1, column {}: found {} where {} should be'

# Texts on the command line, and what is said.
TEXTS = [
  (
    f'Genotype({_PAIR}',
    _AT.format(148, 'the end', "',' or ')'"),
    'a genotype without its end',
  ),
  (
    f'Genotype({_PAIR}) or 1',
    _AT.format(150, "'or'", 'the end of the genotype'),
    'a genotype with more behind it',
  ),
  (
    "Genotype(__import__('os').system('true'))",
    _AT.format(20, "'('", "'='"),
    'a genotype that calls something',
  ),
  ('Genotype()', 'the genotype holds no cell', 'a genotype of nothing'),
  (
    f'Genotype(normal={_TWO})',
    'the genotype lacks normal_concat; a cell needs normal and normal_concat',
    'a genotype without output',
  ),
  (
    f'Genotype({_PAIR}, normal_concat=[2])',
    'the genotype holds normal_concat twice',
    'a genotype with a field twice',
  ),
  (
    f"Genotype({_PAIR}, network='resnet21')",
    'genotype, line 1, column 158: found "\'resnet21\'" where one of … should '
    'be',
    'a genotype in an unknown network',
  ),
  (
    f'Genotype({_PAIR.replace("skip_connect", "skop", 1)})',
    "normal cell: edge 0 (0 -> 2): unknown operation 'skop'; did you mean "
    'skip? known are …',
    'a genotype with an unknown operation',
  ),
  (
    f'Genotype({_PAIR.replace("[2]", "range(2, 9999)", 1)})',
    "genotype, line 1, column 84: found '9999' where the number of a vertex of "
    'at most 3 digits should be',
    'a genotype with a vast range',
  ),
  (
    "Genotype(normal=[('skip_connect', 0)], normal_concat=[2])",
    'normal cell: 1 pairs; a vertex has two, so their number must be even',
    'a genotype with an odd number of pairs',
  ),
  (
    "Genotype(normal=[('skip_connect', 0), ('skip_connect', 2)], "
    'normal_concat=[2])',
    'normal cell: edge 1 (2 -> 2, skip_connect): it reads a vertex that is '
    'computed later (a cycle); its source must be below 2',
    'a genotype with a cycle',
  ),
  (
    f'Genotype({" " * 100_000})',
    'the genotype has 100010 characters; at most 100000 are read',
    'a genotype of 100,010 characters',
  ),
  (
    '|none~0|+|none~0|none~1|',
    "cell '|none~0|+|none~0|none~1|': 2 parts joined by +; there must be 3, "
    'one for each of the vertices 1 to 3',
    'a NAS-Bench-201 cell of two parts',
  ),
  (
    '|none~0|+|none~0|none~2|+|none~0|none~1|none~2|',
    "vertex 2: found 'none~2' where operation~1 should be",
    'a NAS-Bench-201 cell with a wrong source',
  ),
  (
    '|none~0|+|none~0|+|none~0|none~1|none~2|',
    "vertex 2: found '|none~0|' where |operation~0|operation~1| should be",
    'a NAS-Bench-201 cell with an edge too few',
  ),
  (
    '|nope~0|+|none~0|none~1|+|none~0|none~1|none~2|',
    "edge 0 -> 1: unknown operation 'nope'; known are none, skip_connect, "
    'nor_conv_1x1, nor_conv_3x3, avg_pool_3x3',
    'a NAS-Bench-201 cell with an unknown operation',
  ),
  (
    '|' + 'n' * 400,
    'the cell has 401 characters; at most 400 are read',
    'a NAS-Bench-201 cell of 401 characters',
  ),
  ('.', "cannot read '.': Is a directory", ''),
  (
    'a' * 300,
    f"cannot read '{'a' * 80}': File name too long",
    'a path of 300 characters',
  ),
]

# Cells that no network is made of: the reduction is missing.
UNFIT = f'Genotype(normal={_TWO}, normal_concat=[2])'
UNFIT_WORDS = (
  'a cells network has the cells normal, reduction; the architecture has normal'
)


# --- tables ----------------------------------------------------------------


def _replace(line: int, old: str, new: str) -> Callable[[list[str]], None]:
  def change(lines: list[str]):
    assert old in lines[line], lines[line]
    lines[line] = lines[line].replace(old, new, 1)

  return change


_T = '<here>/table.csv: '
_HEADER = (
  f'{_T}row 1: the header must name architecture, <dataset>_valid_accuracy and '
  '<dataset>_test_accuracy; found '
)

# What is wrong, what makes it of the lines, what is said.
TABLES: list[tuple[str, Callable[[list[str]], Any], str]] = [
  ('an empty table', list.clear, f"{_HEADER}''"),
  (
    'a table without the column architecture',
    _replace(0, 'architecture', 'cell'),
    f"{_HEADER}'cell, toy_valid_accuracy, toy_test_accuracy'",
  ),
  (
    'a table without test accuracies',
    _replace(0, 'toy_test', 'test'),
    f"{_HEADER}'architecture, toy_valid_accuracy, test_accuracy'",
  ),
  (
    'a column twice',
    _replace(0, 'toy_test', 'toy_valid'),
    f"{_T}row 1: the column 'toy_valid_accuracy' stands twice",
  ),
  (
    'a row with too few values',
    _replace(3, ',', ' '),
    f'{_T}row 4: 2 values; the header names 3',
  ),
  (
    'an unknown operation',
    _replace(3, 'none', 'nope'),
    f"{_T}row 4: edge 0 -> 1: unknown operation 'nope'; known are none, "
    'skip_connect, nor_conv_1x1, nor_conv_3x3, avg_pool_3x3',
  ),
  *(
    (
      f'an accuracy {value!r}',
      _replace(3, ',8,', f',{value},'),
      f'{_T}row 4: toy_valid_accuracy is {value!a}; it must be a number of '
      'percent, 0 to 100',
    )
    for value in ('', 'good', 'nan', '1e999', '-1', '101', '1_0', '٣')
  ),
  (
    'a row twice',
    lambda lines: lines.insert(9, lines[3]),
    f'{_T}row 10: the cell … stands in row 4 too',
  ),
  (
    'a row too few',
    lambda lines: lines.pop(9),
    f'{_T}1 of the 15625 cells are missing, among them …; a table must hold '
    'every cell, because any may be what another becomes',
  ),
  (
    'a value of 200,000 characters',
    _replace(3, ',', ',' + 'x' * 200_000),
    '<here>/table.csv is not a CSV file in UTF-8: …',
  ),
]


# --- data ------------------------------------------------------------------


def _digits(here: pathlib.Path) -> pathlib.Path:
  """Prepares digits in `data`; returns where they are."""
  from nat_tf import data

  (here / 'data').mkdir()
  data.load(data.DataConfig(data_dir=str(here / 'data')))
  return next(here.glob('data/**/dataset_info.json')).parent


def broken_description(here: pathlib.Path):
  """Prepares digits whose description is cut off."""
  (_digits(here) / 'dataset_info.json').write_text('{"name": ', 'utf-8')


def broken_records(here: pathlib.Path):
  """Prepares digits whose records are cut off."""
  for file in _digits(here).glob('*train*'):
    file.write_bytes(file.read_bytes()[:1000])
