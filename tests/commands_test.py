"""The commands from outside: what a user types, reads and finds."""

from __future__ import annotations

import csv
import itertools
import json
import os
import pathlib
import subprocess
import sys

from absl.testing import absltest
from absl.testing import parameterized

# Not resolved: under Bazel it is where this test's own copies are.
_ROOT = pathlib.Path(__file__).absolute().parent.parent
# Learns in seconds: two cells of four channels, one epoch.
_SMALL = (
  '--epochs=1',
  '--weights_steps=2',
  '--policy_steps=1',
  '--policy_batch=2',
  '--cells=2',
  '--channels=2',
  '--batch_size=8',
  '--candidates=2',
)
_CYCLIC = (
  "Genotype(normal=[('skip_connect', 0), ('skip_connect', 2)], "
  "normal_concat=[2], reduce=[('skip_connect', 0), ('skip_connect', 1)], "
  'reduce_concat=[2])'
)


def _run(module: str, *arguments: str, cwd: str):
  """Runs a command as `bazel run` does: from elsewhere."""
  environment = {
    **os.environ,
    'BUILD_WORKING_DIRECTORY': cwd,
    'PYTHONPATH': os.pathsep.join([str(_ROOT), *sys.path]),
  }
  return subprocess.run(
    [sys.executable, '-m', f'nat_tf.{module}', *arguments],
    cwd=_ROOT,
    env=environment,
    capture_output=True,
    text=True,
    check=False,
  )


class SearchAndTransformTest(absltest.TestCase):
  def test_learns_then_transforms(self):
    here = self.create_tempdir().full_path
    os.mkdir(os.path.join(here, 'data'))
    small = (*_SMALL, '--data_dir=data')
    first = _run('search', *small, '--seed=7', '--workdir=a', cwd=here)
    self.assertEqual(first.returncode, 0, first.stderr)
    self._check_workdir(pathlib.Path(here, 'a'), first.stdout)

    with self.subTest('the same seed gives the same, without a test split'):
      test_files = list(pathlib.Path(here, 'data').rglob('*-test.*'))
      self.assertNotEmpty(test_files)
      for file in test_files:
        file.unlink()
      second = _run('search', *small, '--seed=7', '--workdir=b', cwd=here)
      self.assertEqual(second.returncode, 0, second.stderr)
      self.assertEqual(self._metrics(here, 'a'), self._metrics(here, 'b'))
      self.assertEqual(
        pathlib.Path(here, 'a', 'transformed.json').read_text('utf-8'),
        pathlib.Path(here, 'b', 'transformed.json').read_text('utf-8'),
      )

    with self.subTest('other settings do not overwrite a search'):
      again = _run('search', *small, '--seed=8', '--workdir=a', cwd=here)
      self._check_refused(again, 'holds a search with other settings')

    for name in ('enas', 'a/transformed.json'):
      with self.subTest(f'transforms {name}'):
        output = f'out_{name.replace("/", "_")}'
        result = _run(
          'transform',
          '--workdir=a',
          f'--architecture={name}',
          f'--output={output}',
          cwd=here,
        )
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn(f'input ({name})', result.stdout)
        self.assertContainsSubset(
          {'transformed.json', 'transformed.png', 'transformed.svg'},
          os.listdir(os.path.join(here, output)),
        )

    with self.subTest('keeps to a budget'):
      result = _run(
        'transform',
        '--workdir=a',
        '--architecture=darts',
        '--max_madds=70%',
        '--max_params=3M',
        '--pareto',
        '--candidates=1',
        '--output=front',
        cwd=here,
      )
      self.assertEqual(result.returncode, 0, result.stderr)
      self.assertIn('point 1', result.stdout)
      front = pathlib.Path(here, 'front')
      self.assertCountEqual(os.listdir(front), ['pareto.json', 'pareto.png'])
      facts = json.loads((front / 'pareto.json').read_text('utf-8'))
      self.assertNotEmpty(facts['points'])
      for point in facts['points']:
        self.assertLessEqual(point['madds'], 0.7 * facts['input']['madds'])
        self.assertLessEqual(point['params'], 3_000_000)
        self.assertEqual(
          list(point['architecture']), ['schema_version', 'cells']
        )

    with self.subTest('says the least that is possible'):
      result = _run(
        'transform',
        '--workdir=a',
        '--architecture=darts',
        '--max_params=1k',
        cwd=here,
      )
      self._check_refused(
        result,
        '--max_params=1k: nothing that the architecture may become costs so '
        'little; the least possible is ',
      )

    with self.subTest('says which architecture is unknown'):
      result = _run('transform', '--workdir=a', '--architecture=dart', cwd=here)
      self._check_refused(result, "unknown architecture 'dart'")

  def _metrics(self, here, workdir):
    """Returns the learned numbers of every epoch, without the times."""
    with open(os.path.join(here, workdir, 'learning.csv'), newline='') as file:
      rows = list(csv.DictReader(file))
    for row in rows:
      del row['seconds'], row['images_per_second']
    self.assertNotEmpty(rows)
    return rows

  def _check_workdir(self, workdir, stdout):
    summary = json.loads((workdir / 'summary.json').read_text('utf-8'))
    self.assertEqual(
      list(summary),
      [
        'dataset',
        'space',
        'transitions',
        'seed',
        'seconds',
        'input',
        'transformed',
      ],
    )
    for side in ('input', 'transformed'):
      self.assertEqual(
        list(summary[side]), ['name', 'params', 'madds', 'accuracy']
      )
    self.assertEqual(summary['input']['name'], 'darts')
    self.assertLessEqual(
      summary['transformed']['params'], summary['input']['params']
    )
    self.assertLessEqual(
      summary['transformed']['madds'], summary['input']['madds']
    )
    self.assertContainsSubset(
      {
        'checkpoints',
        'config.json',
        'events',
        'learning.csv',
        'learning.png',
        'transformed.json',
        'transformed.png',
        'transformed.svg',
      },
      os.listdir(workdir),
    )
    self.assertIn(str(workdir), stdout)
    self.assertIn('input (darts)', stdout)

  def _check_refused(self, result, words):
    self.assertNotEqual(result.returncode, 0)
    self.assertIn(words, result.stderr)
    self.assertLen(result.stderr.strip().splitlines(), 1, result.stderr)


def _table(here: str) -> pathlib.Path:
  """Writes a table of every cell: convolutions are good, nulls bad."""
  names = {
    'none': 0.0,
    'skip_connect': 2.0,
    'nor_conv_1x1': 7.0,
    'nor_conv_3x3': 12.0,
    'avg_pool_3x3': 1.0,
  }
  rows = ['architecture,toy_valid_accuracy,toy_test_accuracy']
  for a, b, c, d, e, f in itertools.product(names, repeat=6):
    accuracy = 10 + sum(names[name] for name in (a, b, c, d, e, f))
    rows.append(
      f'|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|,{accuracy},{accuracy}'
    )
  path = pathlib.Path(here, 'table.csv')
  path.write_text('\n'.join(rows), 'utf-8')
  return path


class OneArchitectureTest(absltest.TestCase):
  def test_searches_for_one_network_only(self):
    here = self.create_tempdir().full_path
    arguments = (*_SMALL, '--transitions=nat++', '--max_madds=90%')
    result = _run(
      'search', *arguments, '--architecture=vgg16', '--workdir=w', cwd=here
    )
    self.assertEqual(result.returncode, 0, result.stderr)
    self.assertIn('input (vgg16)', result.stdout)
    summary = json.loads(pathlib.Path(here, 'w', 'summary.json').read_text())
    self.assertLessEqual(
      summary['transformed']['madds'], 0.9 * summary['input']['madds']
    )

    with self.subTest('goes on with what it made'):
      result = _run(
        'transform',
        '--workdir=w',
        '--architecture=w/transformed.json',
        cwd=here,
      )
      self.assertEqual(result.returncode, 0, result.stderr)

    with self.subTest('knows no other'):
      result = _run(
        'transform', '--workdir=w', '--architecture=darts', cwd=here
      )
      self.assertEqual(result.returncode, 1)
      self.assertEqual(
        result.stderr,
        'error: the one space has networks of the kind vgg16; the architecture '
        'is of the kind cells\n',
      )


class RankingTest(absltest.TestCase):
  def test_ranks_a_search_by_a_table(self):
    here = self.create_tempdir().full_path
    _table(here)
    os.mkdir(os.path.join(here, 'data'))
    cell = (
      '|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+'
      '|skip_connect~0|none~1|nor_conv_1x1~2|'
    )
    search = (
      *_SMALL,
      '--data_dir=data',
      '--space=nasbench201',
      f'--architecture={cell}',
    )
    done = _run('search', *search, '--held_out=9', '--workdir=w', cwd=here)
    self.assertEqual(done.returncode, 0, done.stderr)
    found = json.loads(pathlib.Path(here, 'w', 'summary.json').read_text())

    arguments = ('--workdir=w', '--architectures=20', '--images=16')
    done = _run('ranking', *arguments, '--table=table.csv', cwd=here)
    self.assertEqual(done.returncode, 0, done.stderr)
    self.assertIn("Kendall's tau", done.stdout)
    self.assertIn('9 held-out inputs', done.stdout)
    self.assertIn('ranking.png', os.listdir(os.path.join(here, 'w')))
    summary = json.loads(pathlib.Path(here, 'w', 'summary.json').read_text())
    ranking = summary.pop('ranking')
    self.assertEqual(summary, found)
    self.assertEqual((ranking['architectures'], ranking['inputs']), (20, 9))
    # No transformation of this space costs more.
    self.assertEqual(ranking['costlier'], {'argmax': 0, 'best_of_10': 0})

    with self.subTest('a search that held nothing out'):
      done = _run('search', *search, '--workdir=v', cwd=here)
      self.assertEqual(done.returncode, 0, done.stderr)
      done = _run('ranking', '--workdir=v', '--table=table.csv', cwd=here)
      self.assertEqual(done.returncode, 1)
      self.assertIn('it needs --space=nasbench201 and --held_out', done.stderr)
      self.assertLen(done.stderr.strip().splitlines(), 1, done.stderr)
      self.assertNotIn('ranking.png', os.listdir(os.path.join(here, 'v')))


class TabularTest(absltest.TestCase):
  def test_compares_policies(self):
    here = self.create_tempdir().full_path
    _table(here)
    arguments = (
      '--table=table.csv',
      '--policies=edges,random',
      '--seeds=2',
      '--steps=3',
      '--points=2',
      '--training=inputs=4,samples=2',
      '--transitions=nat++',
    )
    result = _run('tabular', *arguments, '--workdir=w', cwd=here)
    self.assertEqual(result.returncode, 0, result.stderr)
    self.assertContainsSubset(
      {'config.json', 'summary.json', 'captured_gain.png'},
      os.listdir(os.path.join(here, 'w')),
    )
    summary = json.loads(pathlib.Path(here, 'w', 'summary.json').read_text())
    self.assertEqual(list(summary['policies']), ['edges', 'random'])
    for policy in summary['policies'].values():
      self.assertEqual(
        list(policy), ['argmax', 'sample', 'best_of_10', 'seconds']
      )
      for gain in policy.values():
        self.assertEqual(list(gain), ['mean', 'std'])
    self.assertEqual(list(summary['random']), ['10', '100'])
    self.assertEqual(summary['seeds'], [0, 1])
    self.assertEqual(summary['dataset'], 'toy')
    self.assertLess(summary['beta'], summary['oracle'])
    self.assertLess(summary['random']['10'], summary['random']['100'])
    self.assertIn('random search, 100', result.stdout)
    self.assertIn('summary.json', result.stdout)

    with self.subTest('other settings do not overwrite it'):
      again = _run('tabular', *arguments, '--seed=1', '--workdir=w', cwd=here)
      self.assertEqual(again.returncode, 1)
      self.assertIn('holds a comparison with other settings', again.stderr)

  def test_stops_with_one_line(self):
    here = self.create_tempdir().full_path
    path = _table(here)
    lines = path.read_text('utf-8').splitlines()
    lines[41] = lines[41].replace('none', 'nope')
    path.write_text('\n'.join(lines), 'utf-8')
    for arguments, words in (
      ((), 'table'),
      (('--table=table.csv',), 'table.csv: row 42: edge '),
      (('--table=nothing.csv',), 'nothing.csv: No such file'),
      (('--table=table.csv', '--policies=gnc'), "unknown policy 'gnc'"),
      (('--table=table.csv', '--training=step=3'), "found 'step=3' where"),
      (
        ('--table=table.csv', '--training=baseline=best'),
        "--training: unknown baseline 'best'",
      ),
      (
        ('--table=table.csv', '--policies=gcn', '--model=depth=3'),
        "--model: found 'depth=3' where field=value should be; fields are emb",
      ),
    ):
      result = _run('tabular', *arguments, cwd=here)
      self.assertEqual(result.returncode, 1, arguments)
      self.assertIn(words, result.stderr)
      self.assertLen(result.stderr.strip().splitlines(), 1, result.stderr)
      self.assertEqual(os.listdir(here), ['table.csv'])


class DescribeTest(absltest.TestCase):
  def test_prints_a_table_and_draws(self):
    here = self.create_tempdir().full_path
    size = ('--cells=2', '--channels=2', '--image_size=8')
    result = _run(
      'describe', '--architecture=darts', *size, '--output=out', cwd=here
    )
    self.assertEqual(result.returncode, 0, result.stderr)
    names = [line.split(' ')[0] for line in result.stdout.splitlines()[2:7]]
    self.assertEqual(names, ['stem', 'cell_0', 'cell_1', 'head', 'total'])
    self.assertContainsSubset(
      {'architecture.png', 'architecture.svg'},
      os.listdir(os.path.join(here, 'out')),
    )

  def test_prints_nothing_but_json(self):
    here = self.create_tempdir().full_path
    arguments = ('--network=imagenet', '--json', '--latency=false')
    result = _run('describe', '--architecture=resnet18', *arguments, cwd=here)
    self.assertEqual(result.returncode, 0, result.stderr)
    described = json.loads(result.stdout)
    self.assertEqual(described['params'], 11_689_512)
    self.assertIsNone(described['latency_seconds'])
    self.assertEmpty(os.listdir(here))

  def test_stops_with_one_line(self):
    here = self.create_tempdir().full_path
    for arguments, words in (
      (('--architecture=dart',), "unknown architecture 'dart'"),
      (('--architecture=darts', '--channels=3'), 'it must be an even number'),
      (('--architecture=resnet20', '--cells=4'), '9 cells of its own'),
    ):
      result = _run('describe', *arguments, cwd=here)
      self.assertEqual(result.returncode, 1, arguments)
      self.assertIn(words, result.stderr)
      self.assertLen(result.stderr.strip().splitlines(), 1, result.stderr)


class BadInputTest(parameterized.TestCase):
  @parameterized.named_parameters(
    ('data_set', ['--dataset=cifar01'], 'cifar01'),
    ('architecture', ['--architecture=dartz'], "unknown architecture 'dartz'"),
    (
      'operation',
      [f'--architecture={_CYCLIC.replace("skip_connect", "skop", 1)}'],
      "unknown operation 'skop'",
    ),
    ('budget', ['--max_madds=80 %'], "--max_madds is '80 %'; it must be a"),
    ('epochs', ['--epochs=-1'], '--epochs is -1; it must be 1 or more'),
    ('number', ['--epochs=many'], 'epochs'),
    ('space', ['--space=dart'], '--space'),
    ('flag', ['--epoch=1'], 'epoch'),
    ('argument', ['darts'], "unexpected argument 'darts'"),
    # vertex 2 reads itself
    ('cycle', [f'--architecture={_CYCLIC}'], 'edge 1 (2 -> 2, skip_connect)'),
  )
  def test_search_stops_with_one_line(self, arguments, words):
    here = self.create_tempdir().full_path
    result = _run('search', *arguments, cwd=here)
    self.assertNotEqual(result.returncode, 0)
    self.assertIn(words, result.stderr)
    self.assertLen(result.stderr.strip().splitlines(), 1, result.stderr)
    self.assertEmpty(os.listdir(here))

  def test_search_names_the_edge_of_a_malformed_file(self):
    # vertex 3 reads itself: 3 -> 3
    here = self.create_tempdir()
    edges = [
      {'source': s, 'target': t, 'operation': 'skip'}
      for s, t in ((0, 2), (1, 2), (3, 3), (0, 3), (0, 4), (0, 4), (0, 5))
    ]
    cell = {'inputs': 2, 'vertices': 6, 'edges': edges, 'concat': [5]}
    here.create_file(
      'cyclic.json',
      json.dumps(
        {'schema_version': 1, 'cells': {'normal': cell, 'reduction': cell}}
      ),
    )
    result = _run('search', '--architecture=cyclic.json', cwd=here.full_path)
    self.assertEqual(result.returncode, 1)
    self.assertIn('normal cell: edge 2 (3 -> 3, skip)', result.stderr)
    self.assertLen(result.stderr.strip().splitlines(), 1, result.stderr)
    self.assertEqual(os.listdir(here.full_path), ['cyclic.json'])

  @parameterized.parameters(
    'search_cifar10.flags', 'search_nasbench201.flags', 'smoke.flags'
  )
  def test_flag_file_is_read(self, name):
    here = self.create_tempdir().full_path
    file = _ROOT / 'flags' / name
    result = _run('search', f'--flagfile={file}', '--epochs=0', cwd=here)
    self.assertEqual(
      result.stderr, 'error: --epochs is 0; it must be 1 or more\n'
    )

  def test_help_lists_the_flags_of_the_configuration(self):
    result = _run('search', '--help', cwd=self.create_tempdir().full_path)
    for name in ('--dataset', '--epochs', '--workdir', '--max_latency_ms'):
      self.assertIn(name, result.stdout)

  def test_search_refuses_an_impossible_budget_before_it_begins(self):
    here = self.create_tempdir()
    here.mkdir('data')
    result = _run(
      'search', '--max_params=1%', '--data_dir=data', cwd=here.full_path
    )
    self.assertEqual(result.returncode, 1)
    self.assertIn('--max_params=1%: nothing that', result.stderr)
    self.assertLen(result.stderr.strip().splitlines(), 1, result.stderr)
    self.assertEqual(os.listdir(here.full_path), ['data'])

  def test_search_leaves_a_foreign_directory_alone(self):
    here = self.create_tempdir()
    here.create_file('mine/notes.txt', 'mine')
    here.mkdir('data')
    result = _run(
      'search', '--workdir=mine', '--data_dir=data', cwd=here.full_path
    )
    self.assertEqual(result.returncode, 1)
    self.assertIn('is not the workdir of a search', result.stderr)
    self.assertEmpty(os.listdir(os.path.join(here.full_path, 'data')))

  def test_transform_wants_the_workdir_of_a_search(self):
    here = self.create_tempdir().full_path
    result = _run('transform', '--workdir=.', '--architecture=darts', cwd=here)
    self.assertEqual(result.returncode, 1)
    self.assertIn('is not the workdir of a search', result.stderr)
    self.assertEmpty(os.listdir(here))


if __name__ == '__main__':
  absltest.main()
