"""What a user can hand over that is wrong, and what is then said.

The cases are the rows of the tables in docs/reliability.md, which

    python -m tests.bad_input

writes anew; `bad_input_test` runs every one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
import dataclasses
import pathlib
from typing import Any

from nat_tf import comparison_config
from nat_tf import nasbench201
from nat_tf import search_config
from nat_tf import setting
from nat_tf import tabular_config
from nat_tf import train_config
from nat_tf import zoo
from tests import bad_files
from tests.bad_files import Prepare

# Not resolved: under Bazel it is where this test's own copies are.
DOCUMENT = (
  pathlib.Path(__file__).absolute().parent.parent / 'docs' / 'reliability.md'
)
_BEGIN = '<!-- Written by `python -m tests.bad_input`. -->'
_END = '<!-- The end of what is written. -->'

# Stand for the directory of the case and for what differs from call to call.
HERE, ANYTHING = '<here>', '…'

COMMANDS = (
  'prepare',
  'search',
  'transform',
  'describe',
  'draw',
  'train',
  'control',
  'compare',
  'export',
  'tabular',
  'ranking',
)

# What is right in every case, unless the case says otherwise.
BASE: dict[str, tuple[str, ...]] = {
  'prepare': ('--images=photos', '--name=my_photos', '--data_dir=data'),
  'search': (),
  'transform': ('--workdir=W', '--architecture=darts'),
  'describe': ('--architecture=darts', '--latency=false'),
  'draw': ('--architecture=darts',),
  'train': ('--architecture=darts',),
  'control': ('--architecture=darts',),
  'compare': ('--architectures=darts,enas',),
  'export': ('--workdir=W', '--export_dir=E'),
  'tabular': ('--table=table.csv',),
  'ranking': ('--workdir=W', '--table=table.csv'),
}


@dataclasses.dataclass(frozen=True)
class Case:
  """A call that is refused.

  Attributes:
    command: which.
    arguments: the wrong ones, beside those of `BASE`.
    message: the one line on standard error, after `error: `.
    prepare: makes the files that the call finds.
    wrong: what is wrong, where the arguments do not show it.
    leaves: whether the call may leave files behind; else it must not.
    without: a flag of `BASE` that is left out.
  """

  command: str
  arguments: tuple[str, ...]
  message: str
  prepare: Prepare | None = None
  wrong: str = ''
  leaves: bool = False
  without: str = ''

  def line(self) -> list[str]:
    """Returns all arguments, those that are right included."""
    own = {argument.partition('=')[0] for argument in self.arguments}
    base = [
      argument
      for argument in BASE[self.command]
      if argument.partition('=')[0] not in {*own, self.without}
    ]
    return [*base, *self.arguments]

  def what(self) -> str:
    """Returns the first column of the case's row."""
    return self.wrong or ' '.join(f'`{_short(x)}`' for x in self.arguments)


def cases() -> list[Case]:
  """Returns all cases, by command."""
  found = [case for make in _ALL for case in make()]
  return sorted(found, key=lambda case: COMMANDS.index(case.command))


def tables() -> str:
  """Returns the tables for the document."""
  every, parts = cases(), [_BEGIN]
  for command in COMMANDS:
    base = ' '.join(f'`{x}`' for x in BASE[command]) or 'nothing'
    parts += [f'### {command}', f'Beside {base}:']
    rows = [case for case in every if case.command == command]
    lines = ['| what is wrong | what is said |', '|---|---|']
    lines += [
      f'| {_cell(case.what())} | {_cell(case.message)} |' for case in rows
    ]
    parts.append('\n'.join(lines))
  return '\n\n'.join([*parts, _END])


def written() -> str:
  """Returns the document with tables that are up to date."""
  text = DOCUMENT.read_text('utf-8')
  before, _, rest = text.partition(_BEGIN)
  _, _, after = rest.partition(_END)
  return before + tables() + after


def _short(text: str) -> str:
  return text if len(text) <= 70 else f'{text[:60]}…'


def _cell(text: str) -> str:
  return text.replace('|', '\\|').replace('<', '\\<').replace('\0', '␀')


def _case(command: str, message: str, *arguments: str, **rest: Any) -> Case:
  return Case(command, arguments, message, **rest)


# --- flags -----------------------------------------------------------------


def _settings() -> list[Case]:
  """Every flag that is a field of a configuration, by its type and range."""
  kinds: dict[str, type[setting.Settings]] = {
    'search': search_config.SearchConfig,
    'train': train_config.TrainConfig,
    'compare': comparison_config.Recipe,
    'tabular': tabular_config.TabularConfig,
  }
  found = []
  for command, kind in kinds.items():
    for field in dataclasses.fields(kind):
      if field.metadata['flag']:
        for value, words in _wrong_values(field):
          name = f'--{field.name}'
          found.append(
            _case(command, words.format(name, value), f'{name}={value}')
          )
  return found


def _wrong_values(field: dataclasses.Field) -> list[tuple[str, str]]:
  help_ = '; --help lists all flags'
  kind, limits = type(field.default), field.metadata['range']
  found = []
  if kind is bool:
    found.append(('maybe', 'flag {0}={1}: it must be true or false' + help_))
  if kind is int:
    found.append(('many', 'flag {0}={1}: it must be a whole number' + help_))
  if kind is float:
    found.append(('nan', '{0} is {1}; it must be a finite number'))
  if limits is not None:
    value = _outside(limits)
    shown = float(value) if kind is float else value
    found.append((str(shown), f'{{0}} is {{1}}; it must be {limits}'))
  if kind is int and (limits is None or limits.below is None):
    found.append((str(2**31), '{0} is {1}; it must be below 2147483648'))
  if field.metadata['choices']:
    known = ', '.join(field.metadata['choices'])
    found.append(('odd', f"{{0}} is 'odd'; it must be one of {known}"))
  return found


def _outside(limits: setting.Range) -> Any:
  if limits.least is not None:
    return limits.least - 1
  if limits.above is not None:
    return limits.above
  return limits.below


def _number_flags() -> list[Case]:
  """Flags of a command's own."""
  help_ = '; --help lists all flags'
  seed = 'an integer in the range [0, 2147483647]'
  ten_thousand = 'an integer in the range [1, 10000]'
  found = []
  for command, flag, value, wanted in (
    ('search', 'candidates', '0', ten_thousand),
    ('search', 'candidates', '10001', ten_thousand),
    ('transform', 'candidates', '0', ten_thousand),
    ('transform', 'candidates', '10001', ten_thousand),
    ('transform', 'seed', '-1', seed),
    ('transform', 'seed', '2147483648', seed),
    ('control', 'seed', '-1', seed),
    ('control', 'draws', '0', 'an integer in the range [1, 100000]'),
    ('control', 'draws', '100001', 'an integer in the range [1, 100000]'),
    ('compare', 'seeds', '0', 'an integer in the range [1, 1000]'),
    ('compare', 'seeds', '1001', 'an integer in the range [1, 1000]'),
    ('ranking', 'architectures', '7', 'an integer in the range [8, 15625]'),
    ('ranking', 'architectures', '15626', 'an integer in the range [8, 15625]'),
    ('ranking', 'images', '0', 'an integer in the range [1, 2147483647]'),
    ('ranking', 'seed', '-1', seed),
    ('describe', 'cells', '0', 'a positive integer'),
    ('describe', 'image_size', '0', 'a positive integer'),
    ('describe', 'classes', '0', 'a positive integer'),
    ('draw', 'cells', '0', 'a positive integer'),
    ('control', 'cells', '0', 'a positive integer'),
    ('control', 'image_size', '0', 'a positive integer'),
    ('control', 'classes', '0', 'a positive integer'),
  ):
    words = f'flag --{flag}={value}: {value} is not {wanted}{help_}'
    found.append(_case(command, words, f'--{flag}={value}'))
  for command in ('describe', 'draw', 'control'):
    for value in ('3', '0', '-2'):
      words = (
        f'channels is {value}; it must be an even number of 2 or more, '
        'because a factorised reduction halves it'
      )
      found.append(_case(command, words, f'--channels={value}'))
    for flag in ('cells', 'channels', 'image_size', 'classes'):
      words = f'flag --{flag}=1.5: it must be a whole number{help_}'
      found.append(_case(command, words, f'--{flag}=1.5'))
    words = 'flag --network=odd: it must be one of cifar10, imagenet'
    found.append(_case(command, words + help_, '--network=odd'))
    words = (
      'cells is 3, but a resnet20 network has 9 cells of its own; leave it out'
    )
    arguments = ('--architecture=resnet20', '--cells=3')
    found.append(_case(command, words, *arguments))
  for command, flag in (
    ('transform', 'pareto'),
    ('transform', 'edge_costs'),
    ('describe', 'edge_costs'),
    ('describe', 'latency'),
    ('describe', 'json'),
    ('draw', 'edge_costs'),
    ('draw', 'animation'),
    ('compare', 'latency'),
    ('export', 'fold'),
    ('export', 'tflite'),
  ):
    words = f'flag --{flag}=maybe: it must be true or false{help_}'
    found.append(_case(command, words, f'--{flag}=maybe'))
  for command, flag, known in (
    ('control', 'transitions', 'nat, nat++'),
    ('export', 'reduced', 'float16, dynamic'),
  ):
    words = f'flag --{flag}=odd: it must be one of {known}{help_}'
    found.append(_case(command, words, f'--{flag}=odd'))
  for command in COMMANDS:
    for argument in BASE[command]:
      flag = argument.partition('=')[0]
      if (command, flag) in (('describe', '--latency'),):
        continue
      words = f'{flag} must be given{help_}'
      found.append(_case(command, words, wrong=f'no `{flag}`', without=flag))
  return found


def _budgets() -> list[Case]:
  found = []
  for command in ('search', 'transform', 'control'):
    for flag in ('max_params', 'max_madds', 'max_latency_ms'):
      form = 'a number (2500000, 3.1e6, 2.5M)'
      if flag == 'max_latency_ms':
        form = 'a number of milliseconds (12, 0.5)'
      for value in ('80 %', '-1', 'nan', '1e999', '1_0', 'abc', ''):
        words = (
          f"--{flag} is '{value}'; it must be {form} or a share of the input's "
          'cost (80%)'
        )
        found.append(_case(command, words, f'--{flag}={value}'))
      words = f"--{flag} is '0%'; it must be above 0"
      found.append(_case(command, words, f'--{flag}=0%'))
    for value in ('5', '-5%', '5%%'):
      words = (
        f"--cost_tolerance is '{value}'; it must be a share of the input's "
        'cost in percent, 0% or more (5%)'
      )
      found.append(_case(command, words, f'--cost_tolerance={value}'))
  words = (
    '--max_params=1%: nothing that the architecture may become costs so '
    'little; the least possible is …'
  )
  found.append(_case('control', words, '--max_params=1%'))
  return found


def _any_command() -> list[Case]:
  help_ = '; --help lists all flags'
  return [
    _case(
      'describe',
      f"Unknown command line flag 'latancy'. Did you mean: latency ?{help_}",
      '--latancy',
    ),
    _case('describe', f'Missing value for flag --cells{help_}', '--cells'),
    _case(
      'describe',
      "unexpected argument 'darts'; options are written --name=value",
      'darts',
    ),
    _case(
      'describe',
      f'flag --cells={"9" * 60}...: it is too long{help_}',
      f'--cells={"9" * 5000}',
    ),
    _case(
      'describe',
      f'cannot read the flag file none.flags: No such file or directory{help_}',
      '--flagfile=none.flags',
    ),
    _case(
      'describe',
      f'cannot read the flag file .: Is a directory{help_}',
      '--flagfile=.',
    ),
    _case(
      'describe',
      f"Unknown command line flag 'sells'. Did you mean: cells ?{help_}",
      '--flagfile=a.flags',
      prepare=bad_files.text('a.flags', '--sells=3\n'),
      wrong='a flag file with a flag that the command has not',
    ),
    _case(
      'describe',
      'a --flagfile is not a text file in UTF-8',
      '--flagfile=a.flags',
      prepare=bad_files.text('a.flags', b'\xff\xfe--cells=3\n'),
      wrong='a flag file that is no text',
    ),
  ]


def _outputs() -> list[Case]:
  """Directories that results should go to."""
  found = []
  for command, flag, remedy in (
    ('transform', 'output', 'an --output'),
    ('describe', 'output', 'an --output'),
    ('draw', 'output', 'an --output'),
    ('control', 'output', 'an --output'),
    ('export', 'export_dir', 'an --export_dir'),
    ('prepare', 'data_dir', 'a --data_dir'),
  ):
    end = f'; give {remedy} that can be written'
    found += [
      _case(
        command,
        f'cannot write to <here>/file: <here>/file is no directory{end}',
        f'--{flag}=file',
        prepare=bad_files.text('file', ''),
        wrong=f'`--{flag}=file`, which is a file',
      ),
      _case(
        command,
        f'cannot write to gs://bucket/out{end}',
        f'--{flag}=gs://bucket/out',
      ),
      _case(
        command,
        "the path 'a\\x00b' holds a null character",
        f'--{flag}=a\0b',
        wrong=f'`--{flag}` with a null character (of a flag file)',
      ),
      _case(
        command,
        "the path 'a\\udcff' is not in UTF-8",
        f'--{flag}=a\udcff',
        wrong=f'`--{flag}` that is not in UTF-8',
      ),
    ]
  return found


# --- architectures ---------------------------------------------------------


def _architectures() -> list[Case]:
  found = []
  for wrong, name, content, words in bad_files.ARCHITECTURES:
    found.append(
      _case(
        'describe',
        f'{name}: {words}',
        f'--architecture={name}',
        prepare=bad_files.text(name, content),
        wrong=wrong,
      )
    )
  for text, words, wrong in bad_files.TEXTS:
    found.append(
      _case('describe', words, f'--architecture={text}', wrong=wrong)
    )
  names = ', '.join(zoo.names())
  for command, flag in (
    ('search', 'architecture'),
    ('transform', 'architecture'),
    ('describe', 'architecture'),
    ('draw', 'architecture'),
    ('draw', 'transformed'),
    ('train', 'architecture'),
    ('control', 'architecture'),
    ('control', 'like'),
    ('compare', 'architectures'),
  ):
    words = (
      f"unknown architecture 'dartz'; did you mean darts? known are {names}, "
      'the path of a file of JSON or text, Genotype(...), or |operation~0|+...'
    )
    found.append(_case(command, words, f'--{flag}=dartz'))
  for command in ('describe', 'draw', 'train', 'control'):
    found.append(
      _case(
        command,
        bad_files.UNFIT_WORDS,
        f'--architecture={bad_files.UNFIT}',
      )
    )
  found.append(
    _case(
      'control',
      '--like must be of the same form as --architecture: '
      f'{bad_files.UNFIT_WORDS}',
      f'--like={bad_files.UNFIT}',
    )
  )
  return found


def _drawn() -> list[Case]:
  return [
    _case(
      'draw',
      '--animation shows how an architecture becomes another; give '
      '--transformed, too',
      '--animation',
    ),
    _case(
      'draw',
      'the two architectures are not on one graph; they may differ in '
      'operations alone',
      '--transformed=enas',
    ),
    _case(
      'draw',
      'Missing value for flag --title; --help lists all flags',
      '--title',
    ),
  ]


def _compared() -> list[Case]:
  return [
    _case(
      'compare',
      '--architectures names no architecture',
      '--architectures=,',
    ),
    _case(
      'compare',
      'b and a are the same architecture; leave one out',
      '--architectures=a=darts,b=darts',
    ),
    _case(
      'compare',
      f"--architectures: the label '{'a' * 40}' has 61 characters; at most 60 "
      'are allowed',
      f'--architectures={"a" * 61}=darts',
    ),
    _case(
      'compare',
      '--cells is 3, but a resnet20 network has 9 cells of its own; leave it '
      'out',
      '--architectures=resnet20',
      '--cells=3',
    ),
    _case(
      'compare',
      '--seed is 2147483648; it must be 0 or more and below 2147483648',
      '--seed=2147483647',
      '--seeds=2',
    ),
  ]


# --- combinations ----------------------------------------------------------


def _combined() -> list[Case]:
  text = nasbench201.to_text(bad_files.cell())
  count = 5**6
  return [
    _case(
      'search',
      '--warmup is 40 and --epochs 40; the policy learns in the epochs after '
      'the warm-up and needs one at least',
      '--warmup=40',
    ),
    _case(
      'search',
      '--reward is separation, but the rewards of 10 classes are measured on '
      '32 images; give --reward_images=40 or more, or --reward=accuracy',
      '--reward=separation',
      '--batch_size=32',
    ),
    _case(
      'search',
      '--reward_cells is 8, but in a cells network no cell can stand in two '
      'places, for every place has weights of its own; give 0',
      '--reward_cells=8',
    ),
    _case(
      'search',
      '--reward_cells is 5; it must be above --cells, which is 5, or 0',
      '--space=nasbench201',
      '--cells=5',
      '--reward_cells=5',
    ),
    _case(
      'search',
      '--reward_cells is 8, but a network of --cells=4 has no cell in some '
      'stage of it; give --cells=5 or more and a higher --reward_cells, or '
      '--reward_cells=0',
      '--space=nasbench201',
      '--cells=4',
      '--reward_cells=8',
    ),
    _case(
      'search',
      '--policy_prior is 0.01, but a policy of --space=one leans to the one '
      'architecture before it has learned anything; give 0',
      '--architecture=resnet20',
      '--policy_prior=0.01',
    ),
    _case(
      'search',
      '--space is one, but --architecture does not say which one',
      '--space=one',
    ),
    _case(
      'search',
      f'--held_out is {count}; the nasbench201 space has only {count} '
      'architectures, and the policy needs some to learn from',
      '--space=nasbench201',
      f'--held_out={count}',
    ),
    _case(
      'search',
      '--held_out is 5, but the micro space does not fix its graph; its '
      'architectures are more than the operations of their edges',
      '--held_out=5',
    ),
    _case(
      'search',
      '--weights_fraction=0.8 and --candidates_fraction=0.2 leave no examples '
      'for the policy; their sum must be below 1',
      '--weights_fraction=0.8',
    ),
    _case(
      'search',
      'weights_fraction 0.8 and candidates_fraction 0.3 leave a part without '
      'examples; both must be above 0 and their sum at most 1',
      '--weights_fraction=0.8',
      '--candidates_fraction=0.3',
    ),
    _case(
      'search',
      '--cells is 3, but a resnet20 network has 9 cells of its own; leave it '
      'out',
      '--architecture=resnet20',
      '--cells=3',
    ),
    _case(
      'search',
      '--final_cells is 3, but a resnet20 network has 9 cells of its own; '
      'leave it out',
      '--architecture=resnet20',
      '--final_cells=3',
    ),
    _case(
      'search',
      '--weights_odds is 3.0, but the weights of --space=one are trained near '
      'the one architecture, all operations alike; leave it out',
      '--architecture=resnet20',
      '--weights_odds=3',
    ),
    _case(
      'search',
      bad_files.UNFIT_WORDS,
      '--space=darts',
      f'--architecture={text}',
    ),
    _case(
      'train',
      '--augmentation=resized_crop needs --image_size, the side in pixels to '
      'which the crops are resized',
      '--augmentation=resized_crop',
    ),
    _case(
      'train',
      '--warmup_epochs is 30; it must be below --epochs, 30',
      '--warmup_epochs=30',
    ),
    _case(
      'train',
      '--cells is 3, but a resnet20 network has 9 cells of its own; leave it '
      'out',
      '--architecture=resnet20',
      '--cells=3',
    ),
    *(
      _case(
        'tabular',
        message,
        *arguments,
        prepare=bad_files.table(),
      )
      for message, *arguments in (
        (
          "--policies: unknown policy 'gnc'; known are …",
          '--policies=gnc',
        ),
        ('--policies names a policy twice: gcn,gcn', '--policies=gcn,gcn'),
        (
          '--model changes one policy; choose it with --policies',
          '--model=embedding=3',
        ),
        (
          "--model: found 'depth=3' where field=value should be; fields are …",
          '--policies=gcn',
          '--model=depth=3',
        ),
        (
          "--training: found 'step=3' where field=value should be; fields "
          'are …',
          '--training=step=3',
        ),
        ('--training: steps is 0; it must be 1 or more', '--training=steps=0'),
        (
          "<here>/table.csv: --table_dataset is 'mnist'; the table holds toy",
          '--table_dataset=mnist',
        ),
      )
    ),
  ]


# --- data ------------------------------------------------------------------


def _data() -> list[Case]:
  found = []
  for command in ('search', 'train', 'compare'):
    found += [
      _case(
        command,
        "unknown data set 'cifar01'; did you mean cifar10, …?",
        '--dataset=cifar01',
      ),
      _case(
        command,
        "'../x' is no name of a data set; names look like cifar10, "
        'imagenet_resized/32x32 or cifar10:3.0.2',
        '--dataset=../x',
      ),
      _case(
        command,
        'data directory <here>/none does not exist; give the one that holds '
        'digits, or create it to have digits prepared there',
        '--data_dir=none',
      ),
    ]
  found += [
    _case(
      'train',
      'cannot open digits: …',
      '--data_dir=data',
      prepare=bad_files.broken_description,
      wrong='a data directory whose description of the data set is damaged',
    ),
    _case(
      'train',
      'cannot read the train split in <here>/data/digits/1.0.0: …; prepare it '
      'anew in another --data_dir',
      '--data_dir=data',
      prepare=bad_files.broken_records,
      wrong='a data directory whose records are cut off',
    ),
  ]
  return found


def _photos() -> list[Case]:
  """Folders of images that make no data set."""
  names = (
    'a name has up to 40 lower-case letters, digits and underscores, as in '
    'my_photos'
  )
  two = bad_files.both(
    bad_files.text('photos/cat/1.png', ''),
    bad_files.text('photos/dog/1.png', ''),
  )
  more = [bad_files.text(f'photos/cat/{n}.png', '') for n in range(2, 6)]
  return [
    _case(
      'prepare',
      f"'My Photos' cannot name a data set; {names}",
      '--name=My Photos',
    ),
    _case(
      'prepare',
      'TensorFlow Datasets has a data set cifar10 of its own; give another '
      'name',
      '--name=cifar10',
    ),
    *(
      _case(
        'prepare',
        f'<here>/{name} is no directory; give the --images that holds a folder '
        'of JPEG or PNG files for each class',
        f'--images={name}',
      )
      for name in ('none', 'None')
    ),
    _case(
      'prepare',
      '<here>/data/my_photos exists; give another name, or delete it to '
      'prepare it anew',
      prepare=bad_files.text('data/my_photos/1', ''),
      wrong='a data set of this name that is there',
    ),
    _case(
      'prepare',
      '<here>/photos does not hold images of two classes; it must have a '
      'folder for each class, with files *.jpeg, *.jpg, *.png',
      prepare=bad_files.text('photos/1.png', ''),
      wrong='a folder of images without classes',
    ),
    _case(
      'prepare',
      'no class has 5 images, of which one would be for testing',
      prepare=two,
      wrong='classes of a single image',
    ),
    _case(
      'prepare',
      '<here>/photos/test has no images; it must have images of classes that '
      '<here>/photos/train has',
      prepare=bad_files.both(
        bad_files.text('photos/train/cat/1.png', ''),
        bad_files.text('photos/train/dog/1.png', ''),
        bad_files.text('photos/test/notes.txt', ''),
      ),
      wrong='a folder `test` without images',
    ),
    _case(
      'prepare',
      '<here>/photos/cat/1.png is no image that can be read: …',
      prepare=bad_files.both(two, *more),
      wrong='a file that is no image',
    ),
  ]


# --- tables ----------------------------------------------------------------


def _tables() -> list[Case]:
  found = []
  for wrong, change, words in bad_files.TABLES:
    found.append(
      _case(
        'tabular',
        words,
        prepare=bad_files.table(change),
        wrong=wrong,
      )
    )
  found += [
    _case(
      'tabular',
      'cannot read <here>/none.csv: No such file or directory',
      '--table=none.csv',
    ),
    _case('tabular', 'there is no table <here>/none', '--table=none'),
    _case(
      'tabular',
      '<here>/NATS is no .csv file, and --table_dataset is missing; for a file '
      'of nats_bench give one of cifar10, cifar100, ImageNet16-120',
      '--table=NATS',
      prepare=bad_files.text('NATS', ''),
    ),
    _case(
      'tabular',
      '<here>/NATS is no .csv file; to read a file of nats_bench, install that '
      'package',
      '--table=NATS',
      '--table_dataset=cifar10',
      prepare=bad_files.text('NATS', b'\x80\x04.'),
      wrong='`--table=NATS`, a pickle, without the package nats_bench',
    ),
    _case(
      'tabular',
      '<here>/W holds a comparison with other settings: …; '
      'give a new --workdir, or the same settings to go on',
      '--workdir=W',
      prepare=bad_files.both(
        bad_files.table(), bad_files.config(tabular_config.TabularConfig())
      ),
      wrong='`--workdir=W` of a comparison with other settings',
    ),
    _case(
      'tabular',
      'cannot add to <here>/W/outcome-edges-seed-0.json: not JSON: Expecting '
      'value: line 1 column 2 (char 1); move it away',
      '--workdir=W',
      '--policies=edges',
      '--seeds=1',
      prepare=bad_files.both(
        bad_files.table(),
        bad_files.tabled,
        bad_files.text('W/outcome-edges-seed-0.json', '['),
      ),
      wrong='going on with an `outcome-edges-seed-0.json` that is damaged',
      leaves=True,
    ),
    _case(
      'ranking',
      'cannot read <here>/none.csv: No such file or directory',
      '--table=none.csv',
      prepare=bad_files.config(bad_files.RANKED),
    ),
    _case(
      'ranking',
      "<here>/table.csv: --table_dataset is 'mnist'; the table holds toy",
      '--table_dataset=mnist',
      prepare=bad_files.both(
        bad_files.config(bad_files.RANKED), bad_files.table()
      ),
    ),
    _case(
      'ranking',
      'the search in <here>/W has the space micro and holds 0 architectures '
      'out; it needs --space=nasbench201 and --held_out=1000 or so',
      prepare=bad_files.both(
        bad_files.config(search_config.SearchConfig()), bad_files.table()
      ),
      wrong='a search in another space',
    ),
    _case(
      'ranking',
      'cannot add to <here>/W/summary.json: not JSON: Expecting value: line 1 '
      'column 2 (char 1); move it away',
      prepare=bad_files.both(
        bad_files.config(bad_files.RANKED),
        bad_files.text('W/summary.json', '['),
        bad_files.table(),
      ),
      wrong='a `summary.json` that results cannot be added to',
    ),
  ]
  return found


# --- workdirs --------------------------------------------------------------


def _workdirs() -> list[Case]:
  found = []
  kinds: list[tuple[str, str, setting.Settings]] = [
    ('search', 'search', search_config.SearchConfig(seed=5)),
    ('train', 'training', train_config.TrainConfig(seed=5)),
    ('compare', 'comparison', comparison_config.Recipe(epochs=5)),
  ]
  for command, noun, other in kinds:
    again = type(other).again
    found += [
      _case(
        command,
        f'<here>/W holds a {noun} with other settings: …; '
        f'give a new --workdir, or the same settings {again}',
        '--workdir=W',
        prepare=bad_files.config(other),
        wrong=f'`--workdir=W` of a {noun} with other settings',
      ),
      _case(
        command,
        f'<here>/W is not the workdir of a {noun}: it holds no config.json; '
        f'give the --workdir of a {noun}, or a new one to begin one',
        '--workdir=W',
        prepare=bad_files.text('W/thesis.tex', ''),
        wrong='`--workdir=W` of something else',
      ),
      _case(
        command,
        'cannot make or read the directory <here>/W: Not a directory; give a '
        '--workdir that can be written',
        '--workdir=W',
        prepare=bad_files.text('W', ''),
        wrong='`--workdir=W`, which is a file',
      ),
      _case(
        command,
        'cannot use the directory gs://bucket/W; give a --workdir on this '
        'machine',
        '--workdir=gs://bucket/W',
      ),
    ]
  for command, noun in (
    ('transform', 'search'),
    ('ranking', 'search'),
    ('export', 'training'),
  ):
    found += [
      _case(
        command,
        f'there is no directory <here>/W; give the --workdir of a {noun}',
        '--workdir=W',
        wrong='`--workdir=W`, which is not there',
      ),
      _case(
        command,
        f'<here>/W is not the workdir of a {noun}: it holds no config.json; '
        f'give the --workdir of a {noun}, or a new one to begin one',
        '--workdir=W',
        prepare=bad_files.text('W/thesis.tex', ''),
        wrong='`--workdir=W` of something else',
      ),
    ]
    for wrong, content, words in bad_files.CONFIGS:
      found.append(
        _case(
          command,
          'cannot use <here>/W/config.json: not a valid configuration: '
          f'{words}',
          '--workdir=W',
          prepare=bad_files.text('W/config.json', content),
          wrong=f'a config.json {wrong}',
        )
      )
  return found


def _kept() -> list[Case]:
  """How often a run is kept, and a workdir that another run fills."""
  found = []
  wanted = 'it must be a finite number, 0 or more; --help lists all flags'
  for command in ('search', 'train', 'compare'):
    for value, words in (
      ('many', 'it must be a number; --help lists all flags'),
      ('nan', wanted),
      ('-1', wanted),
    ):
      name = f'--checkpoint_minutes={value}'
      shown = '-1.0' if value == '-1' else value
      line = f'flag --checkpoint_minutes={shown}: {words}'
      found.append(_case(command, line, name))
  for command, value in (
    ('search', '20,10'),
    ('search', '10'),
    ('train', '0,5'),
  ):
    found.append(
      _case(
        command,
        f'flag --profile_steps={value}: it must be the first and the last '
        'step, 1 or more, as in 10,20; --help lists all flags',
        f'--profile_steps={value}',
      )
    )
  for command, own in (
    ('search', bad_files.SEARCHED),
    ('train', bad_files.TRAINED),
  ):
    found.append(
      _case(
        command,
        '<here>/W is being filled by process 123; wait for it, stop it, or '
        'give another --workdir',
        *bad_files.flags(own),
        '--workdir=W',
        prepare=bad_files.both(bad_files.config(own), bad_files.held),
        wrong='going on with a run that another process runs',
      )
    )
  return found


def _devices() -> list[Case]:
  """Devices that are not there, and clusters that are none."""
  many = '--strategy=multi_worker'
  needs = f'{many}: the environment variable TF_CONFIG'
  like = (
    'on the first of two machines it would be {"cluster": {"worker": '
    '["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}'
  )
  may = (
    'it may list only chief and worker, each with addresses host:port, ports '
    'from 1 to 65535'
  )
  found = []
  for command in ('search', 'train', 'compare'):
    found += [
      _case(
        command,
        'flag --strategy=gpu: it must be one of auto, none, mirrored, '
        'multi_worker, tpu; --help lists all flags',
        '--strategy=gpu',
      ),
      _case(
        command,
        'flag --virtual_devices=65: 65 is not an integer in the range [0, 64]; '
        '--help lists all flags',
        '--virtual_devices=65',
      ),
      _case(
        command,
        '--virtual_devices is 2, but --strategy=none does not compute on them; '
        'leave it out or give --strategy=mirrored',
        '--strategy=none',
        '--virtual_devices=2',
      ),
      _case(
        command,
        f'{many} needs a --workdir, one that all workers reach',
        many,
      ),
      _case(command, f'{needs} is not set; {like}', many, '--workdir=W'),
    ]
  for what, config, wrong in (
    ('does not name a cluster and a task of it', '{', 'is no JSON'),
    (
      'calls this task number 2 of 2',
      '{"cluster": {"worker": ["a:1", "b:1"]}, '
      '"task": {"type": "worker", "index": 2}}',
      'numbers a task that is not there',
    ),
    (
      f"lists 'ps': ['a:1']; {may}",
      '{"cluster": {"ps": ["a:1"]}, "task": {"type": "ps", "index": 0}}',
      'lists parameter servers',
    ),
    (
      f"lists 'worker': ['a:1', 'b:70000']; {may}",
      '{"cluster": {"worker": ["a:1", "b:70000"]}, '
      '"task": {"type": "worker", "index": 0}}',
      'lists a port that there is not',
    ),
    (
      "lists 'a:1' twice",
      '{"cluster": {"worker": ["a:1", "a:1"]}, '
      '"task": {"type": "worker", "index": 0}}',
      'lists an address twice',
    ),
  ):
    found.append(
      _case(
        'search',
        f'{needs} {what}; {like}',
        many,
        '--workdir=W',
        prepare=bad_files.cluster(config),
        wrong=f'`{many}`, where TF_CONFIG {wrong}',
      )
    )
  for shards, batch, near in ((3, 64, 63), (5, 2, 5)):
    found.append(
      _case(
        'search',
        f'--batch_size is {batch}, which is no multiple of the {shards} shards '
        f'that it is divided into; give {near}, or other --shards',
        f'--shards={shards}',
        f'--batch_size={batch}',
      )
    )
  return found


def _searched() -> list[Case]:
  """What a search has left, damaged."""
  found = [
    _case(
      'transform',
      '<here>/W holds no checkpoint: its search was stopped before its first '
      'one; run it to the end first',
      prepare=bad_files.config(bad_files.SEARCHED),
      wrong='a search that was stopped before its first checkpoint',
    ),
    _case(
      'transform',
      'data directory <here>/none does not exist; give the one that holds '
      'digits, or create it to have digits prepared there',
      '--data_dir=none',
      prepare=bad_files.searched(),
    ),
    _case(
      'ranking',
      'data directory <here>/none does not exist; give the one that holds '
      'digits, or create it to have digits prepared there',
      '--data_dir=none',
      prepare=bad_files.both(
        bad_files.searched(bad_files.RANKED), bad_files.table()
      ),
    ),
  ]
  for wrong, prepare, words in bad_files.CHECKPOINTS:
    found.append(
      _case(
        'transform',
        words,
        prepare=prepare(bad_files.SEARCHED),
        wrong=wrong,
      )
    )
  for command, own, name in (
    ('search', bad_files.SEARCHED, 'learning.csv'),
    ('train', bad_files.TRAINED, 'training.csv'),
  ):
    for words, prepare, what in (
      (
        'cannot read the checkpoint <here>/W/checkpoints/ckpt-1: …; it is '
        'damaged or of another version, begin anew in a new --workdir',
        bad_files.foreign_checkpoint(own),
        'a checkpoint of another version',
      ),
      (
        f'<here>/W/checkpoints/checkpoint names {bad_files.ELSEWHERE!r}, which '
        'is not in <here>/W/checkpoints; checkpoints are read from their own '
        'directory only',
        bad_files.checkpoint_elsewhere(own),
        'a checkpoint outside of the workdir',
      ),
      (
        f'cannot add to <here>/W/{name}: row 1 does not hold …; move it away',
        bad_files.both(
          bad_files.config(own),
          bad_files.text(f'W/{name}', 'epoch,seconds\n1,long\n'),
        ),
        f'a damaged {name}',
      ),
    ):
      found.append(
        _case(
          command,
          words,
          *bad_files.flags(own),
          '--workdir=W',
          prepare=prepare,
          wrong=f'going on with {what}',
          leaves=True,
        )
      )
  return found


def _trained() -> list[Case]:
  """What a training has left, damaged."""
  found = [
    _case(
      'export',
      'the training in <here>/W is not finished; run it to the end first',
      prepare=bad_files.config(bad_files.TRAINED),
      wrong='a training that was stopped',
    ),
    _case(
      'export',
      'data directory <here>/none does not exist; give the one that holds '
      'digits, or create it to have digits prepared there',
      '--tflite',
      '--data_dir=none',
      prepare=bad_files.trained(),
    ),
  ]
  for name, wrong, content, words in bad_files.TRAININGS:
    found.append(
      _case(
        'export',
        words,
        prepare=bad_files.trained({name: content}),
        wrong=f'a {name} {wrong}',
      )
    )
  found.append(
    _case(
      'train',
      'cannot use <here>/W/summary.json: it lacks params',
      *bad_files.flags(bad_files.TRAINED),
      '--workdir=W',
      prepare=bad_files.trained({'summary.json': '{}'}),
      wrong='a finished training whose summary.json lacks something',
    )
  )
  return found


_ALL: Sequence[Callable[[], list[Case]]] = (
  _any_command,
  _settings,
  _number_flags,
  _budgets,
  _combined,
  _outputs,
  _architectures,
  _drawn,
  _compared,
  _data,
  _photos,
  _tables,
  _workdirs,
  _kept,
  _devices,
  _searched,
  _trained,
)


if __name__ == '__main__':
  DOCUMENT.write_text(written(), 'utf-8')
