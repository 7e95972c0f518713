"""The commands that compare with a table, from outside."""

from __future__ import annotations

import json
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import tempfile
import time

from absl.testing import absltest

from nat_tf import kept_outcomes
from tests import cell_table
from tests import command_line
from tests import event_reading


def _table(here: str) -> pathlib.Path:
  """Writes a table of every cell."""
  path = pathlib.Path(here, 'table.csv')
  cell_table.write(path)
  return path


def _found(workdir: str) -> dict:
  """Returns what a comparison found, without times."""
  summary = json.loads(pathlib.Path(workdir, 'summary.json').read_text('utf-8'))
  for policy in summary['policies'].values():
    del policy['seconds']
  return summary


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
      *command_line.SMALL,
      '--data_dir=data',
      '--space=nasbench201',
      f'--architecture={cell}',
    )
    done = command_line.run(
      'search', *search, '--held_out=9', '--workdir=w', cwd=here
    )
    self.assertEqual(done.returncode, 0, done.stderr)
    found = json.loads(pathlib.Path(here, 'w', 'summary.json').read_text())
    shutil.copytree(os.path.join(here, 'w'), os.path.join(here, 'v'))

    arguments = ('--workdir=w', '--architectures=20', '--images=16')
    done = command_line.run(
      'ranking', *arguments, '--table=table.csv', cwd=here
    )
    self.assertEqual(done.returncode, 0, done.stderr)
    self.assertIn("Kendall's tau", done.stdout)
    self.assertIn('9 held-out inputs', done.stdout)
    self.assertContainsSubset(
      {'ranking.html', 'ranking.png', 'report.html'},
      os.listdir(os.path.join(here, 'w')),
    )
    page = pathlib.Path(here, 'w', 'ranking.html').read_text('utf-8')
    # The search's own page stays, and this one leads there.
    self.assertIn('href="./report.html"', page)
    summary = json.loads(pathlib.Path(here, 'w', 'summary.json').read_text())
    ranking = summary.pop('ranking')
    self.assertEqual(summary, found)
    self.assertEqual((ranking['architectures'], ranking['inputs']), (20, 9))
    results = event_reading.scalars(os.path.join(here, 'w/events/result'))
    ((_, gain),) = results['result/captured_gain']
    self.assertAlmostEqual(gain, ranking['captured_gain']['argmax'], places=3)
    # The search's own are still there.
    self.assertIn('result/accuracy', results)
    # No transformation of this space costs more.
    self.assertEqual(ranking['costlier'], {'argmax': 0, 'best_of_10': 0})

    with self.subTest('a search that held nothing out'):
      path = pathlib.Path(here, 'v', 'config.json')
      config = json.loads(path.read_text())
      self.assertEqual(config['held_out'], 9)
      path.write_text(json.dumps({**config, 'held_out': 0}))
      done = command_line.run(
        'ranking', '--workdir=v', '--table=table.csv', cwd=here
      )
      self.assertEqual(done.returncode, 1)
      self.assertIn('it needs --space=nasbench201 and --held_out', done.stderr)
      self.assertLen(done.stderr.strip().splitlines(), 1, done.stderr)
      self.assertNotIn('ranking.png', os.listdir(path.parent))


class TabularTest(absltest.TestCase):
  # Of two policies, with two seeds each.
  arguments = (
    '--table=table.csv',
    '--policies=edges,random',
    '--seeds=2',
    '--steps=3',
    '--points=2',
    '--training=inputs=4,samples=2',
    '--transitions=nat++',
  )

  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.here = tempfile.mkdtemp(dir=absltest.get_default_test_tmpdir())
    _table(cls.here)
    cls.done = command_line.run(
      'tabular', *cls.arguments, '--workdir=w', cwd=cls.here
    )

  def setUp(self):
    super().setUp()
    self.assertEqual(self.done.returncode, 0, self.done.stderr)

  def test_compares_policies(self):
    here, result = self.here, self.done
    self.assertContainsSubset(
      {'config.json', 'summary.json', 'captured_gain.png', 'report.html'},
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
    gains = []
    for seed in (0, 1):
      run = os.path.join(here, f'w/events/edges-seed-{seed}')
      found = event_reading.scalars(run)
      rewards = [step for step, _ in found['policy/reward']]
      self.assertEqual(rewards, [1, 2, 3])
      points = found['policy/captured_gain']
      self.assertEqual([step for step, _ in points], [0, 1, 3])
      ((_, gain),) = event_reading.scalars(f'{run}/result')[
        'result/captured_gain'
      ]
      self.assertAlmostEqual(gain, points[-1][1], places=3)
      gains.append(gain)
    mean = summary['policies']['edges']['argmax']['mean']
    self.assertAlmostEqual(sum(gains) / 2, mean, places=3)

    with self.subTest('other settings do not overwrite it'):
      again = command_line.run(
        'tabular', *self.arguments, '--seed=1', '--workdir=w', cwd=here
      )
      self.assertEqual(again.returncode, 1)
      self.assertIn('holds a comparison with other settings', again.stderr)

  def test_goes_on_with_the_next_policy(self):
    here = self.here
    first, second = (
      pathlib.Path(here, 'v', kept_outcomes.file('edges', k)) for k in (0, 1)
    )
    process = command_line.start(
      'tabular',
      *self.arguments,
      '--workdir=v',
      cwd=here,
      stderr=subprocess.PIPE,
    )
    while not first.exists() and process.poll() is None:
      time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    self.assertEqual(process.returncode, 128 + signal.SIGINT, err)
    self.assertFalse(second.exists())
    kept = first.stat().st_mtime_ns

    line = err.splitlines()[-1]
    self.assertStartsWith(line, 'stopped by SIGINT; go on with: ')
    words = shlex.split(line.partition('; go on with: ')[2])
    self.assertEqual(words[1:3], ['-m', 'nat_tf.tabular'])
    done = command_line.run('tabular', *words[3:], cwd=here)
    self.assertEqual(done.returncode, 0, done.stderr)
    self.assertIn('1 of 4 policies learned before\n', done.stdout)
    # The first policy did not learn again, and the result is that of one go.
    self.assertEqual(first.stat().st_mtime_ns, kept)
    self.assertEqual(_found(f'{here}/v'), _found(f'{here}/w'))

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
      result = command_line.run('tabular', *arguments, cwd=here)
      self.assertEqual(result.returncode, 1, arguments)
      self.assertIn(words, result.stderr)
      self.assertLen(result.stderr.strip().splitlines(), 1, result.stderr)
      self.assertEqual(os.listdir(here), ['table.csv'])


if __name__ == '__main__':
  absltest.main()
