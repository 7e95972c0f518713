"""The main commands from outside: what a user types, reads and finds."""

from __future__ import annotations

import csv
import json
import os
import pathlib

from absl.testing import absltest
from absl.testing import parameterized

from tests import command_line

_CYCLIC = (
  "Genotype(normal=[('skip_connect', 0), ('skip_connect', 2)], "
  "normal_concat=[2], reduce=[('skip_connect', 0), ('skip_connect', 1)], "
  'reduce_concat=[2])'
)


class SearchAndTransformTest(absltest.TestCase):
  def test_learns_then_transforms(self):
    here = self.create_tempdir().full_path
    os.mkdir(os.path.join(here, 'data'))
    small = (*command_line.SMALL, '--data_dir=data')
    first = command_line.run(
      'search', *small, '--seed=7', '--workdir=a', cwd=here
    )
    self.assertEqual(first.returncode, 0, first.stderr)
    self._check_workdir(pathlib.Path(here, 'a'), first.stdout)

    with self.subTest('the same seed gives the same, without a test split'):
      test_files = list(pathlib.Path(here, 'data').rglob('*-test.*'))
      self.assertNotEmpty(test_files)
      for file in test_files:
        file.unlink()
      second = command_line.run(
        'search', *small, '--seed=7', '--workdir=b', cwd=here
      )
      self.assertEqual(second.returncode, 0, second.stderr)
      self.assertEqual(self._metrics(here, 'a'), self._metrics(here, 'b'))
      self.assertEqual(
        pathlib.Path(here, 'a', 'transformed.json').read_text('utf-8'),
        pathlib.Path(here, 'b', 'transformed.json').read_text('utf-8'),
      )

    with self.subTest('other settings do not overwrite a search'):
      again = command_line.run(
        'search', *small, '--seed=8', '--workdir=a', cwd=here
      )
      self._check_refused(again, 'holds a search with other settings')

    for name in ('enas', 'a/transformed.json'):
      with self.subTest(f'transforms {name}'):
        output = f'out_{name.replace("/", "_")}'
        result = command_line.run(
          'transform',
          '--workdir=a',
          f'--architecture={name}',
          f'--output={output}',
          cwd=here,
        )
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn(f'input ({name})', result.stdout)
        self.assertContainsSubset(
          {
            'report.html',
            'transformed.json',
            'transformed.png',
            'transformed.svg',
          },
          os.listdir(os.path.join(here, output)),
        )

    with self.subTest('keeps to a budget'):
      result = command_line.run(
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
      self.assertRegex(result.stderr, r'measuring \d+ architectures 100% \[')
      front = pathlib.Path(here, 'front')
      self.assertCountEqual(
        os.listdir(front), ['pareto.json', 'pareto.png', 'report.html']
      )
      facts = json.loads((front / 'pareto.json').read_text('utf-8'))
      self.assertNotEmpty(facts['points'])
      for point in facts['points']:
        self.assertLessEqual(point['madds'], 0.7 * facts['input']['madds'])
        self.assertLessEqual(point['params'], 3_000_000)
        self.assertEqual(
          list(point['architecture']), ['schema_version', 'cells']
        )

    with self.subTest('says the least that is possible'):
      result = command_line.run(
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
      result = command_line.run(
        'transform', '--workdir=a', '--architecture=dart', cwd=here
      )
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
        'report.html',
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
    result = command_line.run('search', *arguments, cwd=here)
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
    result = command_line.run(
      'search', '--architecture=cyclic.json', cwd=here.full_path
    )
    self.assertEqual(result.returncode, 1)
    self.assertIn('normal cell: edge 2 (3 -> 3, skip)', result.stderr)
    self.assertLen(result.stderr.strip().splitlines(), 1, result.stderr)
    self.assertEqual(os.listdir(here.full_path), ['cyclic.json'])

  @parameterized.parameters(
    'search_cifar10.flags', 'search_nasbench201.flags', 'smoke.flags'
  )
  def test_flag_file_is_read(self, name):
    here = self.create_tempdir().full_path
    file = command_line.ROOT / 'flags' / name
    result = command_line.run(
      'search', f'--flagfile={file}', '--epochs=0', cwd=here
    )
    self.assertEqual(
      result.stderr, 'error: --epochs is 0; it must be 1 or more\n'
    )

  def test_help_lists_the_flags_of_the_configuration(self):
    result = command_line.run(
      'search', '--help', cwd=self.create_tempdir().full_path
    )
    self.assertEqual(result.returncode, 0, result.stderr)
    places = [
      result.stdout.index(f'\n  --{name}: ')
      for name in ('workdir', 'dataset', 'epochs', 'max_latency_ms', 'strategy')
    ]
    self.assertEqual(places, sorted(places))
    # How it was called may be as long as the path of Python.
    lines = [
      line for line in result.stdout.splitlines() if '-m nat_tf.' not in line
    ]
    self.assertLessEqual(max(map(len, lines)), 80)

  def test_search_refuses_an_impossible_budget_before_it_begins(self):
    here = self.create_tempdir()
    here.mkdir('data')
    result = command_line.run(
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
    result = command_line.run(
      'search', '--workdir=mine', '--data_dir=data', cwd=here.full_path
    )
    self.assertEqual(result.returncode, 1)
    self.assertIn('is not the workdir of a search', result.stderr)
    self.assertEmpty(os.listdir(os.path.join(here.full_path, 'data')))

  def test_transform_wants_the_workdir_of_a_search(self):
    here = self.create_tempdir().full_path
    result = command_line.run(
      'transform', '--workdir=.', '--architecture=darts', cwd=here
    )
    self.assertEqual(result.returncode, 1)
    self.assertIn('is not the workdir of a search', result.stderr)
    self.assertEmpty(os.listdir(here))


if __name__ == '__main__':
  absltest.main()
