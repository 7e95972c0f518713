"""The command that compares, from outside."""

from __future__ import annotations

import json
import os
import pathlib

from absl.testing import absltest

from nat_tf import genotype
from nat_tf import zoo
from tests import command_line

_TINY = (
  '--data_dir=data',
  '--epochs=1',
  '--warmup_epochs=0',
  '--cells=2',
  '--channels=2',
  '--workdir=C',
)


class CompareTest(absltest.TestCase):
  def test_compares_and_takes_in_more(self):
    here = self.create_tempdir().full_path
    os.mkdir(os.path.join(here, 'data'))
    text = genotype.to_text(zoo.load('nat_darts'))
    arguments = (*_TINY, '--architectures=darts', f'--architectures=nat={text}')
    done = command_line.run('compare', *arguments, '--seeds=1', cwd=here)
    self.assertEqual(done.returncode, 0, done.stderr)
    self.assertIn('batch of 64', done.stdout)
    # Two networks, two sizes of batches, three times each.
    self.assertIn('measuring 12 latencies\n', done.stderr)
    self.assertContainsSubset(
      {
        'config.json',
        'summary.json',
        'comparison.md',
        'comparison.png',
        'report.html',
      },
      os.listdir(os.path.join(here, 'C')),
    )
    first = json.loads(pathlib.Path(here, 'C', 'summary.json').read_text())

    with self.subTest('another seed, and what was done is done'):
      kept = pathlib.Path(here, 'C', 'darts', 'seed-0', 'model.keras')
      before = kept.stat().st_mtime_ns
      arguments = (*_TINY, f'--architectures=darts,nat={text}', '--seeds=2')
      done = command_line.run(
        'compare', *arguments, '--latency=false', cwd=here
      )
      self.assertEqual(done.returncode, 0, done.stderr)
      self.assertNotIn('batch of', done.stdout)
      self.assertNotIn('latencies', done.stderr)
      self.assertEqual(kept.stat().st_mtime_ns, before)
      second = json.loads(pathlib.Path(here, 'C', 'summary.json').read_text())
      for one, other in zip(first['architectures'], second['architectures']):
        accuracies = other['accuracy']['by_seed']
        self.assertEqual(list(accuracies), ['0', '1'])
        self.assertEqual(one['accuracy']['by_seed']['0'], accuracies['0'])
        self.assertEqual(one['madds'], other['madds'])
      nat = second['architectures'][1]
      self.assertLess(nat['difference']['low'], nat['difference']['high'])

    with self.subTest('a run is an ordinary training'):
      run = pathlib.Path(here, 'C', 'nat', 'seed-1', 'summary.json')
      summary = json.loads(run.read_text())
      self.assertEqual(
        summary['test_accuracy'], nat['accuracy']['by_seed']['1']
      )

    with self.subTest('other settings do not overwrite it'):
      done = command_line.run('compare', *arguments, '--epochs=2', cwd=here)
      self.assertEqual(done.returncode, 1)
      self.assertIn('holds a comparison with other settings', done.stderr)
      self.assertLen(done.stderr.strip().splitlines(), 1, done.stderr)


if __name__ == '__main__':
  absltest.main()
