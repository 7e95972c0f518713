"""The commands about one network, from outside."""

from __future__ import annotations

import json
import os
import pathlib

from absl.testing import absltest

from nat_tf import architecture_json
from nat_tf import cost
from nat_tf import description
from nat_tf import zoo
from tests import command_line


class OneArchitectureTest(absltest.TestCase):
  def test_searches_for_one_network_only(self):
    here = self.create_tempdir().full_path
    # It has its own number of cells.
    small = [x for x in command_line.SMALL if not x.startswith('--cells')]
    arguments = (*small, '--transitions=nat++', '--max_madds=90%')
    result = command_line.run(
      'search', *arguments, '--architecture=vgg16', '--workdir=w', cwd=here
    )
    self.assertEqual(result.returncode, 0, result.stderr)
    self.assertIn('input (vgg16)', result.stdout)
    summary = json.loads(pathlib.Path(here, 'w', 'summary.json').read_text())
    self.assertLessEqual(
      summary['transformed']['madds'], 0.9 * summary['input']['madds']
    )

    with self.subTest('goes on with what it made'):
      result = command_line.run(
        'transform',
        '--workdir=w',
        '--architecture=w/transformed.json',
        cwd=here,
      )
      self.assertEqual(result.returncode, 0, result.stderr)

    with self.subTest('and with no other number of cells'):
      refused = command_line.run(
        'search', *arguments, '--architecture=vgg16', '--cells=2', cwd=here
      )
      self.assertEqual(
        refused.stderr,
        'error: --cells is 2, but a vgg16 network has 5 cells of its own; '
        'leave it out\n',
      )

    with self.subTest('knows no other'):
      result = command_line.run(
        'transform', '--workdir=w', '--architecture=darts', cwd=here
      )
      self.assertEqual(result.returncode, 1)
      self.assertEqual(
        result.stderr,
        'error: the one space has networks of the kind vgg16; the architecture '
        'is of the kind cells; give it a search of its own\n',
      )


class DescribeTest(absltest.TestCase):
  def test_prints_a_table_and_draws(self):
    here = self.create_tempdir().full_path
    size = ('--cells=2', '--channels=2', '--image_size=8')
    result = command_line.run(
      'describe', '--architecture=darts', *size, '--output=out', cwd=here
    )
    self.assertEqual(result.returncode, 0, result.stderr)
    names = [line.split(' ')[0] for line in result.stdout.splitlines()[2:7]]
    self.assertEqual(names, ['stem', 'cell_0', 'cell_1', 'head', 'total'])
    self.assertContainsSubset(
      set(description.DRAWINGS),
      os.listdir(os.path.join(here, 'out')),
    )

  def test_prints_nothing_but_json(self):
    here = self.create_tempdir().full_path
    arguments = ('--network=imagenet', '--json', '--latency=false')
    result = command_line.run(
      'describe', '--architecture=resnet18', *arguments, cwd=here
    )
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
      result = command_line.run('describe', *arguments, cwd=here)
      self.assertEqual(result.returncode, 1, arguments)
      self.assertIn(words, result.stderr)
      self.assertLen(result.stderr.strip().splitlines(), 1, result.stderr)


class DrawTest(absltest.TestCase):
  def test_draws_a_transformation(self):
    here = self.create_tempdir().full_path
    pair = ('--architecture=vggblock', '--transformed=nat_vggblock')
    result = command_line.run(
      'draw', *pair, '--edge_costs', '--animation', '--output=out', cwd=here
    )
    self.assertEqual(result.returncode, 0, result.stderr)
    names = os.listdir(os.path.join(here, 'out'))
    self.assertCountEqual(
      result.stdout.strip().split(': ')[1].split(', '), names
    )
    self.assertLen(names, 5)

  def test_stops_with_one_line(self):
    here = self.create_tempdir().full_path
    for arguments, words in (
      (('--animation',), 'give --transformed, too'),
      (('--transformed=enas',), 'not on one graph'),
      (('--channels=3',), 'it must be an even number'),
    ):
      result = command_line.run(
        'draw', '--architecture=darts', *arguments, cwd=here
      )
      self.assertEqual(result.returncode, 1, arguments)
      self.assertIn(words, result.stderr)
      self.assertLen(result.stderr.strip().splitlines(), 1, result.stderr)
      self.assertEmpty(os.listdir(here))


class ControlTest(absltest.TestCase):
  def test_writes_what_costs_as_much(self):
    here = self.create_tempdir().full_path
    arguments = ('--architecture=darts', '--channels=8', '--cells=5')
    result = command_line.run(
      'control', *arguments, '--like=nat_darts', '--max_madds=70%', cwd=here
    )
    self.assertEqual(result.returncode, 0, result.stderr)
    self.assertIn('\nrandom transformation  ', result.stdout)
    self.assertContainsSubset(
      {'transformed.json', 'transformed.png', 'transformed.svg'},
      os.listdir(os.path.join(here, 'control')),
    )
    config = description.network_config('cells', 'cifar10', 5, 8)
    darts, like, found = (
      cost.network(one, config)
      for one in (
        zoo.load('darts'),
        zoo.load('nat_darts'),
        architecture_json.load(pathlib.Path(here, 'control/transformed.json')),
      )
    )
    # The explicit limit goes before; the other one's parameters still hold.
    self.assertLessEqual(found.madds, 0.7 * darts.madds)
    self.assertLessEqual(found.params, like.params)
    self.assertIn(f'{like.params:,}', result.stdout.splitlines()[2])

  def test_stops_with_one_line(self):
    here = self.create_tempdir().full_path
    for arguments, words in (
      (('--like=resnet20',), 'a cells network has the cells normal, reduction'),
      (('--max_madds=1%',), 'the least possible is'),
    ):
      result = command_line.run(
        'control', '--architecture=darts', *arguments, cwd=here
      )
      self.assertEqual(result.returncode, 1, arguments)
      self.assertIn(words, result.stderr)
      self.assertLen(result.stderr.strip().splitlines(), 1, result.stderr)
      self.assertEmpty(os.listdir(here))


if __name__ == '__main__':
  absltest.main()
