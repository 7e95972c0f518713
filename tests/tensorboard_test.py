"""Tests what TensorBoard shows of a search, and what the search prints."""

from __future__ import annotations

import collections
import json
import os
import re
import shutil
import tempfile
import time

from absl.testing import absltest

from nat_tf import train_config
from nat_tf import training_events
from tests import chromium
from tests import command_line
from tests import tensorboard_server

_BROWSER = chromium.find()
_EPOCHS = 3
_ARGUMENTS = (*command_line.SMALL, f'--epochs={_EPOCHS}', '--workdir=w')
_PATIENCE = 60
_TAGS = (
  'operations/null',
  'operations/skip',
  'policy/baseline',
  'policy/changed_edges',
  'policy/entropy',
  'policy/gradient_norm',
  'policy/loss',
  'policy/reward',
  'speed/epoch_seconds',
  'speed/images_per_second',
  'weights/accuracy',
  'weights/gradient_norm',
  'weights/loss',
)
_RUN = 'w/events'
# Of trainings, as `compare` names them, with their accuracies.
_OTHERS = {'c/a/seed-0/events': 0.25, 'c/b/seed-0/events': 0.75}
_COMMON = ('result/parameters', 'result/multiply_adds')
# What TensorBoard says of itself, whatever it shows.
_HARMLESS = (
  # Its projector brings a second copy of a library.
  'Multiple instances of Three.js',
  # A browser without a graphics card draws by the processor.
  'software WebGL',
  # Elements of its older pages.
  'is deprecated. Please use app-layout instead!',
)
# All that a search may print where no terminal is.
_LINES = (
  r'search on digits, workdir .*',
  r'(epoch 1: )?compiling( the policy)?',
  r'epoch \d+ +\d+% \[[\d:]+(, [\d:]+ left)?(, [^,]+)*\]',
  r'scoring \d+ architectures( +\d+% \[[\d:]+(, [\d:]+ left)?\])?',
  r' +parameters +multiply-adds +accuracy\*',
  r'(input \(darts\)|transformed) +[\d.]+ M +[\d.]+ M +[\d.]+ %',
  r'change +[+-][\d.]+ % +[+-][\d.]+ % +[+-][\d.]+ points',
  r'costs of 20 cells, 36 channels, images of 8x8x1, 10 classes',
  r'\* with the shared weights, on 287 held-out images \(one is .* points\)',
  r'(the best of \d+ architectures|nothing else was compared).*; .*',
  r'in .*:',
  r'  (report|drawing|architecture|numbers|TensorBoard) +.*',
)


def _write_others(here: str):
  """Writes what runs are compared by, of trainings that never were."""
  for run, accuracy in _OTHERS.items():
    summary = {
      'validation_accuracy': accuracy,
      'test_accuracy': None,
      'images_per_second': 9.5,
      'params': 7,
      'madds': 8,
    }
    config = train_config.TrainConfig()
    training_events.write(os.path.join(here, run), config, 'name', summary)


class TensorboardTest(absltest.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.here = tempfile.mkdtemp()
    cls.addClassCleanup(shutil.rmtree, cls.here, ignore_errors=True)
    cls.told = command_line.run('search', *_ARGUMENTS, cwd=cls.here)
    if cls.told.returncode:
      raise AssertionError(cls.told.stderr)
    _write_others(cls.here)
    cls.server = tensorboard_server.Server(cls.here)
    cls.server.start()
    cls.addClassCleanup(cls.server.stop)

  def test_search_prints_few_lines_and_no_foreign_ones(self):
    progress, others = self.told.stderr.splitlines(), self.told.stdout
    self.assertNotEmpty(progress)
    lines = [*progress, *others.splitlines()]
    self.assertLessEqual(len(lines), 60)
    self.assertTrue(any(line.startswith('scoring ') for line in progress))
    # However long a search is, its progress has 20 lines, and so has that of
    # the scores: `progress_bar_test`.
    self.assertLessEqual(len(others.splitlines()) + 2 * 20, 60)
    for line in lines:
      self.assertTrue(
        any(re.fullmatch(pattern, line) for pattern in _LINES), line
      )

  def test_scalars(self):
    tags = self.server.ask('plugin/scalars/tags')
    self.assertContainsSubset(_TAGS, tags[_RUN])
    results = ('accuracy', 'accuracy_gain', 'parameters', 'multiply_adds')
    self.assertContainsSubset(
      [f'result/{name}' for name in results], tags[f'{_RUN}/result']
    )
    shares = collections.Counter()
    for tag in tags[_RUN]:
      points = self.server.ask('plugin/scalars/scalars', tag=tag, run=_RUN)
      self.assertEqual([step for _, step, _ in points], [1, 2, 3], tag)
      if tag.startswith('operations/'):
        shares.update({step: value for _, step, value in points})
    for step in (1, 2, 3):
      self.assertAlmostEqual(shares[step], 1.0, places=5)

  def test_result_is_that_of_the_summary(self):
    path = os.path.join(self.here, 'w', 'summary.json')
    with open(path, encoding='utf-8') as file:
      summary = json.load(file)['transformed']
    for tag, name in (('parameters', 'params'), ('accuracy', 'accuracy')):
      ((_, step, value),) = self.server.ask(
        'plugin/scalars/scalars', tag=f'result/{tag}', run=f'{_RUN}/result'
      )
      self.assertEqual(step, _EPOCHS)
      self.assertAlmostEqual(value / summary[name], 1, places=5)
    (text,) = self.server.ask(
      'plugin/text/text', tag='result', run=f'{_RUN}/result'
    )
    self.assertIn('<td>transformed</td>', text['text'])

  def test_every_edge_of_the_input_has_a_histogram(self):
    tags = self.server.ask('plugin/histograms/tags')[_RUN]
    self.assertLen(tags, 16)
    for tag in tags:
      points = self.server.ask(
        'plugin/histograms/histograms', tag=tag, run=_RUN
      )
      self.assertEqual([step for _, step, _ in points], [1, 2, 3])
      for _, _, bars in points:
        self.assertEqual(sum(count for _, _, count in bars), 100)

  def test_pictures(self):
    tags = self.server.ask('plugin/images/tags')
    self.assertEqual(tags[_RUN]['architecture/most probable']['samples'], 1)
    self.assertIn('architecture/result', tags[f'{_RUN}/result'])

  def test_settings_and_results_can_be_compared(self):
    found = self.server.ask('plugin/hparams/experiment', {'experimentName': ''})
    names = {one['name'] for one in found['hparamInfos']}
    self.assertContainsSubset({'epochs', 'policy_learning_rate'}, names)
    # Where the files lie is no setting.
    self.assertNotIn('data_dir', names)
    metrics = {one['name']['tag'] for one in found['metricInfos']}
    self.assertIn('result/accuracy', metrics)
    for metric in metrics:
      self.assertStartsWith(metric, 'result/')
    # A row for each run, also for runs of one name.
    rows = self._rows(sorted(metrics))
    self.assertCountEqual(
      rows, [f'{_RUN}/result', *(f'{run}/result' for run in _OTHERS)]
    )
    for run, accuracy in _OTHERS.items():
      settings, results = rows[f'{run}/result']
      self.assertEqual(settings['command'], 'train')
      self.assertAlmostEqual(results['result/validation_accuracy'], accuracy)
    settings, results = rows[f'{_RUN}/result']
    self.assertEqual((settings['command'], settings['epochs']), ('search', 3))
    # In one column, whatever the command.
    for _, results in rows.values():
      self.assertContainsSubset(_COMMON, results)

  def _rows(self, metrics: list[str]) -> dict[str, tuple[dict, dict]]:
    """Returns settings and results by the names of "HParams"."""
    found = self.server.ask(
      'plugin/hparams/session_groups',
      {
        'experimentName': '',
        'allowedStatuses': ['STATUS_UNKNOWN'],
        'colParams': [{'metric': {'tag': tag}} for tag in metrics],
        'startIndex': 0,
        'sliceSize': 100,
      },
    )
    return {
      group['name']: (
        group['hparams'],
        {one['name']['tag']: one['value'] for one in group['metricValues']},
      )
      for group in found['sessionGroups']
    }

  @absltest.skipIf(_BROWSER is None, 'no Chromium: apt-get install chromium')
  def test_a_browser_shows_it(self):
    page = self.enter_context(chromium.Page(_BROWSER))
    page.resize(1250, 800)
    for tab, wanted in (
      ('timeseries', ('policy', 'weights', 'operations', 'speed')),
      ('images', ('architecture/most probable',)),
      ('text', ('transformed', 'multiply-adds')),
    ):
      page.open(f'{self.server.url}?seen={tab}#{tab}')
      self._wait(page, wanted)
    self.assertEmpty(
      [
        complaint
        for complaint in page.complaints
        if not any(words in complaint for words in _HARMLESS)
      ]
    )
    for url in page.requests:
      self.assertTrue(url.startswith((self.server.url, 'data:', 'blob:')), url)

  def _wait(self, page: chromium.Page, wanted: tuple[str, ...]):
    """Waits until a page shows some words."""
    end = time.monotonic() + _PATIENCE
    # What is hidden in elements of their own is no text of the page.
    script = """(() => {
      const all = node => [...node.querySelectorAll('*')].flatMap(
        one => one.shadowRoot ? [one.shadowRoot, ...all(one.shadowRoot)] : []);
      return [document.body, ...all(document)].map(
        one => one.innerText || one.textContent).join(' ');
    })()"""
    while True:
      text = page.evaluate(script)
      missing = [word for word in wanted if word not in text]
      if not missing:
        return
      if time.monotonic() > end:
        self.fail(f'{missing} not in {text}')
      time.sleep(0.3)


if __name__ == '__main__':
  absltest.main()
