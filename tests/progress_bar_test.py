"""Tests of nat_tf.progress_bar."""

from __future__ import annotations

import contextlib
import io
from unittest import mock

from absl.testing import absltest
import tensorflow as tf

from nat_tf import agent
from nat_tf import progress_bar
from nat_tf.algorithm import Progress


class _Clock:
  """Stands for the module `time`; half a second passes between two looks."""

  def __init__(self):
    self._now = 0.0

  def monotonic(self) -> float:
    self._now += 0.5
    return self._now


class _Terminal(io.StringIO):
  def isatty(self) -> bool:
    return True


def _step(phase: str, epoch: int, **metrics: float) -> Progress:
  tensors = {name: tf.constant(value) for name, value in metrics.items()}
  return Progress(phase, epoch, 0, 0, 50, tensors)


def _shown(steps: list[Progress], total: int, done: int = 0) -> str:
  """Returns the line that stays when the bar is closed."""
  terminal = _Terminal()
  with contextlib.redirect_stderr(terminal):
    with mock.patch.object(progress_bar, 'time', _Clock()):
      bar = progress_bar.ProgressBar(total, done)
      for step in steps:
        bar(step)
      bar.close()
  return terminal.getvalue().rstrip('\n').split('\r')[-1]


class ProgressBarTest(absltest.TestCase):
  def test_shows_epoch_share_and_both_phases(self):
    # 50 images in half a second.
    line = _shown(
      [
        _step('weights', 1, loss=2.0, accuracy=0.5),
        _step('policy', 2, reward=-0.0625, entropy=7.5),
      ],
      total=8,
    )
    self.assertStartsWith(line, 'epoch 2  25% |')
    self.assertEndsWith(
      line, ' left, loss 2.000, reward -0.062, entropy 7.5, 100 images/s]'
    )

  def test_averages_move_by_a_tenth(self):
    # 0.9 * 2 + 0.1 * 1 = 1.9, and 0.9 * 1.9 + 0.1 * 1 = 1.81.
    losses = (2.0, 1.0, 1.0)
    line = _shown([_step('weights', 1, loss=loss) for loss in losses], total=3)
    self.assertEndsWith(line, ' left, loss 1.810, 100 images/s]')

  def test_the_policy_s_loss_is_not_shown(self):
    line = _shown([_step('policy', 1, loss=5.0, reward=0.5)], total=2)
    self.assertEndsWith(line, ' left, reward +0.500, 100 images/s]')

  def test_a_resumed_search_begins_where_it_was(self):
    line = _shown([_step('weights', 4, loss=1.0)], total=10, done=6)
    self.assertStartsWith(line, 'epoch 4  70% |')


class LinesTest(absltest.TestCase):
  def _lines(self, steps: int, done: int = 0) -> list[str]:
    file = io.StringIO()
    with contextlib.redirect_stderr(file):
      bar = progress_bar.ProgressBar(steps, done)
      for i in range(done, steps):
        bar(_step('weights', i, loss=0.5))
      bar.close()
    self.assertNotIn('\r', file.getvalue())
    return file.getvalue().splitlines()

  def test_a_log_gets_few_lines(self):
    lines = self._lines(1000)
    self.assertLen(lines, 20)
    for i, line in enumerate(lines, start=1):
      self.assertRegex(
        line,
        rf'^epoch {50 * i - 1} +{5 * i}% \[\d\d:\d\d, \d\d:\d\d left, '
        r'loss 0\.500, \d+ images/s\]$',
      )

  def test_short_runs_get_a_line_a_step(self):
    self.assertLen(self._lines(3), 3)

  def test_a_resumed_run_gets_those_that_are_left(self):
    lines = self._lines(1000, done=900)
    self.assertEqual([line.split()[2] for line in lines], ['95%', '100%'])


class StudyBarTest(absltest.TestCase):
  def test_shows_title_reward_and_entropy(self):
    metrics = agent.Metrics(*map(tf.constant, (0.125, 3.25, 9.0, 9.0, 9.0)))
    terminal = _Terminal()
    with contextlib.redirect_stderr(terminal):
      with progress_bar.StudyBar('edges, seed 3', 20) as bar:
        bar(5, metrics)
        bar(10, metrics)
    last = terminal.getvalue().rstrip('\n').rsplit('\r', 1)[-1]
    self.assertIn('edges, seed 3  50%', last)
    self.assertIn('reward +0.125, entropy 3.2', last)


class CountBarTest(absltest.TestCase):
  def test_one_after_another(self):
    terminal = _Terminal()
    with contextlib.redirect_stderr(terminal):
      bar = progress_bar.CountBar('measuring')
      for done, of in ((50, 100), (100, 100), (20, 20)):
        bar(done, of)
    lines = [
      text.rsplit('\r', 1)[-1] for text in terminal.getvalue().split('\n')
    ]
    self.assertIn('measuring 100 architectures 100%', lines[0])
    self.assertIn('measuring 20 architectures 100%', lines[1])


if __name__ == '__main__':
  absltest.main()
