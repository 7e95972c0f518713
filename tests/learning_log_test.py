"""Tests of nat_tf.learning_log."""

from __future__ import annotations

import json
import os
from unittest import mock

from absl.testing import absltest
import matplotlib.image
import tensorflow as tf

from nat_tf import learning_log
from nat_tf import workdir
from nat_tf.algorithm import Progress
from nat_tf.search_config import SearchConfig

_HEADER = (
  'epoch,weights_loss,weights_accuracy,policy_reward,policy_entropy,'
  'policy_baseline,policy_loss,policy_gradient_norm,images_per_second,'
  'seconds\n'
)


def _weights(epoch: int, loss: float, accuracy: float, images=64) -> Progress:
  metrics = {'loss': tf.constant(loss), 'accuracy': tf.constant(accuracy)}
  return Progress('weights', epoch, 0, 0, images, metrics)


def _policy(epoch: int, reward: float, entropy: float, images=64) -> Progress:
  metrics = {
    'reward': reward,
    'entropy': entropy,
    'loss': 0.25,
    'gradient_norm': 2.0,
    'baseline': 0.5,
  }
  return Progress('policy', epoch, 0, 0, images, metrics, ends_epoch=True)


class _Clock:
  """Stands for the module `time`; does not move by itself."""

  def __init__(self):
    self.now = 100.0

  def monotonic(self) -> float:
    return self.now


class LearningLogTest(absltest.TestCase):
  def setUp(self):
    super().setUp()
    self.workdir = workdir.Workdir(
      self.create_tempdir().full_path, SearchConfig
    )
    self.clock = _Clock()
    self.enter_context(mock.patch.object(learning_log, 'time', self.clock))

  def _log(self, steps, done=0):
    """Logs steps, a second each."""
    log = learning_log.LearningLog(self.workdir, done)
    for step in steps:
      self.clock.now += 1
      log(step)
    self.clock.now += 1
    log.close()

  def _csv(self) -> str:
    with open(self.workdir.file('learning.csv'), encoding='utf-8') as file:
      return file.read()

  def _events(self) -> dict[tuple[str, int], float]:
    found = {}
    for name in sorted(os.listdir(self.workdir.events)):
      path = os.path.join(self.workdir.events, name)
      for event in tf.compat.v1.train.summary_iterator(path):
        for value in event.summary.value:
          number = float(tf.make_ndarray(value.tensor))
          found[value.tag, event.step] = number
    return found

  # Epoch 1: two weight steps and a policy step; epoch 2: one of each.
  _STEPS = (
    _weights(1, 2.0, 0.25, images=10),
    _weights(1, 1.0, 0.75, images=10),
    _policy(1, -0.5, 8.0, images=40),
    _weights(2, 0.5, 1.0, images=10),
    _policy(2, 0.125, 6.0, images=20),
  )

  def test_table_holds_the_means_of_every_epoch(self):
    self._log(self._STEPS)
    # 60 images in 3 s, 30 in 2 s.
    self.assertEqual(
      self._csv(),
      f'{_HEADER}'
      '1,1.5,0.5,-0.5,8.0,0.5,0.25,2.0,20.0,3.0\n'
      '2,0.5,1.0,0.125,6.0,0.5,0.25,2.0,15.0,2.0\n',
    )

  def test_event_files_hold_the_same(self):
    self._log(self._STEPS)
    expected = {
      'weights/loss': (1.5, 0.5),
      'weights/accuracy': (0.5, 1.0),
      'policy/reward': (-0.5, 0.125),
      'policy/entropy': (8.0, 6.0),
      'policy/baseline': (0.5, 0.5),
      'policy/loss': (0.25, 0.25),
      'policy/gradient_norm': (2.0, 2.0),
      'speed/images_per_second': (20.0, 15.0),
      'speed/epoch_seconds': (3.0, 2.0),
    }
    self.assertEqual(
      self._events(),
      {
        (tag, epoch): value
        for tag, values in expected.items()
        for epoch, value in enumerate(values, start=1)
      },
    )

  def test_what_the_table_has_no_column_for_is_an_event(self):
    metrics = {'loss': 2.0, 'gradient_norm': 3.0}
    step = Progress('weights', 1, 0, 0, 1, metrics, ends_epoch=True)
    self._log([step])
    self.assertStartsWith(self._csv(), _HEADER)
    self.assertEqual(self._events()['weights/gradient_norm', 1], 3.0)

  def test_others_may_write_after_every_epoch(self):
    log = learning_log.LearningLog(
      self.workdir,
      0,
      after_epoch=lambda events, epoch: events.add(epoch, {'x': 10.0 * epoch}),
    )
    for step in self._STEPS:
      self.clock.now += 1
      log(step)
    log.close()
    found = {k: x for k, x in self._events().items() if k[0] == 'x'}
    self.assertEqual(found, {('x', 1): 10.0, ('x', 2): 20.0})

  def test_an_epoch_is_written_with_its_last_step(self):
    log = learning_log.LearningLog(self.workdir, 0)
    self.clock.now += 1
    log(_weights(1, 2.0, 0.5))
    self.assertFalse(os.path.exists(self.workdir.file('learning.csv')))
    self.clock.now += 1
    log(_policy(1, 0.0, 9.0))
    self.assertStartsWith(self._csv(), f'{_HEADER}1,2.0,0.5,')
    self.assertIn(('weights/loss', 1), self._events())

  # First run: epochs 1 and 2, and a part of 3 that no checkpoint holds. The
  # second goes on after 2.
  def test_a_resumed_search_keeps_the_rows_of_finished_epochs(self):
    first = [_weights(1, 3.0, 0.0), _policy(1, 0.0, 9.0)]
    first += [_weights(2, 2.0, 0.0), _policy(2, 0.1, 8.0)]
    self._log([*first, _weights(3, 9.0, 0.0), _policy(3, 0.2, 7.0)])
    before = self._csv().splitlines()
    self._log([_weights(3, 1.0, 0.5), _policy(3, 0.3, 6.0)], done=2)
    after = self._csv().splitlines()
    self.assertEqual(after[:3], before[:3])
    self.assertStartsWith(after[3], '3,1.0,0.5,0.3,6.0,')
    self.assertLen(after, 4)

  def test_goes_on_within_an_epoch(self):
    self._log(self._STEPS)
    whole = self._csv()
    for i in range(1, len(self._STEPS)):
      os.remove(self.workdir.file('learning.csv'))
      first = learning_log.LearningLog(self.workdir, 0)
      for step in self._STEPS[:i]:
        self.clock.now += 1
        first(step)
      notes = json.loads(json.dumps(first.notes()))
      # What comes after is not kept.
      first(_weights(1 if i < 3 else 2, 99.0, 0.0))
      self.clock.now += 1000
      second = learning_log.LearningLog(self.workdir, int(i >= 3), notes)
      for step in self._STEPS[i:]:
        self.clock.now += 1
        second(step)
      self.assertEqual(self._csv(), whole, i)

  def test_resuming_a_finished_search_changes_nothing(self):
    self._log(self._STEPS)
    before = self._csv()
    os.remove(self.workdir.file('learning.png'))
    self._log([], done=2)
    self.assertEqual(self._csv(), before)
    self.assertTrue(os.path.exists(self.workdir.file('learning.png')))

  def test_draws_three_panels(self):
    self._log(self._STEPS)
    image = matplotlib.image.imread(self.workdir.file('learning.png'))
    self.assertEqual(image.shape[:2], (385, 1320))  # 110 dots an inch.

  def test_epochs_have_whole_ticks_and_axes_a_unit(self):
    for epochs, wanted in (
      (1, [1]),
      (3, [1, 2, 3]),
      (40, [0, 5, 10, 15, 20, 25, 30, 35, 40]),
      (600, [0, 100, 200, 300, 400, 500, 600]),
    ):
      known = list(range(1, epochs + 1))
      table = mock.Mock()
      table.column.return_value = (known, [0.5] * epochs)
      drawn = learning_log.figure(table)
      for axes in drawn.axes:
        low, high = axes.get_xlim()
        ticks = [x for x in axes.get_xticks() if low <= x <= high]
        self.assertEqual(ticks, wanted)
      self.assertEqual(
        [axes.get_ylabel() for axes in drawn.axes],
        ['loss, nats', 'mean reward, hundredths', 'entropy, nats'],
      )
      # A fraction in the table, hundredths in the picture.
      self.assertEqual(drawn.axes[1].lines[0].get_ydata()[-1], 50.0)

  def test_lines_and_panels_have_names(self):
    table = mock.Mock()
    table.column.return_value = ([1, 2], [0.5, 0.25])
    drawn = learning_log.figure(table)
    (legend,) = drawn.legends
    self.assertEqual(
      [text.get_text() for text in legend.texts],
      ['each epoch', 'moving mean', 'no better than the input'],
    )
    self.assertLen({axes.get_title() for axes in drawn.axes}, 3)

  def test_without_steps_there_is_nothing_to_write(self):
    self._log([])
    self.assertEqual(os.listdir(self.workdir.path), ['events'])


if __name__ == '__main__':
  absltest.main()
