"""Tests of nat_tf.progress_bar."""

from __future__ import annotations

import contextlib
import io
import re
from unittest import mock

from absl.testing import absltest
import tensorflow as tf

from nat_tf import agent
from nat_tf import progress_bar
from nat_tf.algorithm import Progress


class _Clock:
  """Stands for the module `time`."""

  def __init__(self):
    self.now = 0.0

  def monotonic(self) -> float:
    return self.now


class _Terminal(io.StringIO):
  def isatty(self) -> bool:
    return True


def _step(
  phase: str, epoch: int, ends: bool = False, then: str = '', **metrics
) -> Progress:
  tensors = {name: tf.constant(value) for name, value in metrics.items()}
  return Progress(phase, epoch, 0, 0, 50, tensors, ends, then)


def _shown(
  steps: list[tuple[float, Progress]],
  ahead: dict[str, int],
  done: int = 0,
  output: io.StringIO | None = None,
) -> list[str]:
  """Returns the lines that stay when the bar is closed.

  Args:
    steps: pairs of the seconds that a step takes and what it reports.
    ahead: see `ProgressBar`.
    done: see `ProgressBar`.
    output: what is written to; None for a terminal.
  """
  output = output or _Terminal()
  clock = _Clock()
  with contextlib.redirect_stderr(output):
    with mock.patch.object(progress_bar, 'time', clock):
      bar = progress_bar.ProgressBar(ahead, done)
      for seconds, step in steps:
        clock.now += seconds
        bar(step)
      bar.close()
  lines = output.getvalue().rstrip('\n').split('\n')
  return [line.rsplit('\r', 1)[-1] for line in lines]


class ProgressBarTest(absltest.TestCase):
  def test_shows_epoch_share_and_both_phases(self):
    # 50 images in half a second, whatever compiling took.
    (line,) = _shown(
      [
        (40, _step('weights', 1, loss=2.0, accuracy=0.5)),
        (0.5, _step('weights', 1, loss=2.0, accuracy=0.5)),
        (60, _step('policy', 1, reward=-0.0625, entropy=7.5)),
        (0.5, _step('policy', 2, reward=-0.0625, entropy=7.5)),
      ],
      {'weights': 8, 'policy': 8},
    )
    self.assertStartsWith(line, 'epoch 2  25% |')
    self.assertEndsWith(
      line, ' left, loss 2.000, reward -0.062, entropy 7.5, 100 images/s]'
    )

  def test_every_network_compiles(self):
    #  network  0   1   0    1
    #  seconds  40  60  0.5  0.5: of 96 more steps 48 seconds
    step = _step('policy', 1, reward=0.5)
    other = step._replace(network=1)
    (line,) = _shown(
      [(40, step), (60, other), (0.5, step), (0.5, other)], {'policy': 100}
    )
    self.assertIn(', 00:48 left, ', line)
    self.assertEndsWith(line, ', reward +0.500, 100 images/s]')

  def test_averages_move_by_a_tenth(self):
    # 0.9 * 2 + 0.1 * 1 = 1.9, and 0.9 * 1.9 + 0.1 * 1 = 1.81.
    losses = (2.0, 1.0, 1.0)
    steps = [(0.5, _step('weights', 1, loss=loss)) for loss in losses]
    (line,) = _shown(steps, {'weights': 3})
    self.assertEndsWith(line, ', loss 1.810, 100 images/s]')

  def test_the_policy_s_loss_is_not_shown(self):
    step = (0.5, _step('policy', 1, loss=5.0, reward=0.5))
    (line,) = _shown([step, step], {'policy': 2})
    self.assertEndsWith(line, ', reward +0.500, 100 images/s]')

  def test_a_resumed_search_begins_where_it_was(self):
    (line,) = _shown(
      [(1, _step('weights', 4, loss=1.0))], {'weights': 4}, done=6
    )
    self.assertStartsWith(line, 'epoch 4  70% |')

  def test_says_where_it_goes_on(self):
    self.assertEqual(progress_bar.going_on(12, 40), 'goes on at epoch 12 of 40')
    self.assertEqual(
      progress_bar.going_on(41, 40), 'goes on after epoch 40 of 40'
    )


class LinesTest(absltest.TestCase):
  def _lines(self, steps, ahead, done=0) -> list[str]:
    file = io.StringIO()
    lines = _shown(steps, ahead, done, file)
    self.assertNotIn('\r', file.getvalue())
    return lines

  def _alike(self, count: int, seconds: float, done: int = 0) -> list[str]:
    steps = [
      (seconds, _step('weights', i, loss=0.5)) for i in range(done, count)
    ]
    return self._lines(steps, {'weights': count - done}, done)

  def test_a_log_gets_few_lines(self):
    first, *lines = self._alike(1000, seconds=1)
    self.assertEqual(first, 'compiling')
    self.assertLen(lines, 20)
    for i, line in enumerate(lines, start=1):
      self.assertRegex(
        line,
        rf'^epoch {50 * i - 1} +{5 * i}% \[\d\d:\d\d(, \d\d:\d\d left)?, '
        r'loss 0\.500, 50 images/s\]$',
      )
    self.assertIn(' 55% [09:10, 07:30 left, ', lines[10])
    self.assertIn(' 100% [16:40, loss', lines[-1])

  def test_the_other_phase_compiles_too(self):
    #  weights 1   policy 1   weights 2   policy 2
    #          |compiles
    lines = self._lines(
      [
        (9, _step('weights', 1, then='policy')),
        (9, _step('policy', 1, then='weights')),
        (9, _step('weights', 2, then='policy')),
        (9, _step('policy', 2)),
      ],
      {'weights': 2, 'policy': 2},
    )
    self.assertEqual(
      [re.sub(r' +\d+%.*', '', line) for line in lines],
      [
        'compiling',
        'epoch 1',
        'epoch 1: compiling the policy',
        'epoch 1',
        'epoch 2',
        'epoch 2',
      ],
    )

  def test_short_runs_get_a_line_a_step(self):
    self.assertLen(self._alike(3, seconds=2), 1 + 3)

  def test_fast_runs_get_few_lines(self):
    lines = self._alike(100, seconds=0.125)
    self.assertEqual(
      [line.split()[2] for line in lines[1:]],
      ['16%', '32%', '48%', '64%', '80%', '96%', '100%'],
    )

  def test_a_resumed_run_gets_those_that_are_left(self):
    lines = self._alike(1000, seconds=1, done=900)
    self.assertEqual([line.split()[2] for line in lines[1:]], ['95%', '100%'])

  def test_estimates_nothing_before_it_can(self):
    # What compiles takes a minute and counts for nothing: of 6 steps of 2 s and
    # of 4 of 5 s, and of an epoch's end that takes 10 s where it was compiled.
    weights, policy = 'weights', 'policy'
    steps = [
      (60.0, _step(weights, 1)),
      (2.0, _step(weights, 1)),
      (60.0, _step(policy, 1)),
      (5.0, _step(policy, 1, ends=True)),
      (60.0, _step(weights, 2)),
      (2.0, _step(weights, 2)),
      (5.0, _step(policy, 2)),
      (5.0, _step(policy, 2, ends=True)),
      (12.0, _step(weights, 3)),
      (2.0, _step(weights, 3)),
    ]
    ahead = {weights: 6, policy: 6}
    lines = self._lines(steps, ahead)
    found = [line.partition('[')[2].split(',') for line in lines[1:]]
    left = [
      next((text for text in texts if 'left' in text), None) for texts in found
    ]
    self.assertEqual(
      left,
      [
        None,
        None,
        # The policy compiled.
        None,
        # 4 of 2 s and 4 of 5 s.
        ' 00:28 left',
        ' 00:26 left',
        # 2 and 4; 2 and 3; 2 and 2.
        ' 00:24 left',
        ' 00:19 left',
        ' 00:14 left',
        # The weights' 2, 2 and 12 s are 16/3 s a step.
        ' 00:15 left',
        # 2, 2, 12 and 2 s: none is left of theirs.
        ' 00:10 left',
      ],
    )
    speeds = [line for line in lines if 'images/s' in line]
    self.assertEndsWith(speeds[0], '25 images/s]')


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
      for done, of in ((0, 100), (50, 100), (100, 100), (20, 20)):
        bar(done, of)
    lines = [
      text.rsplit('\r', 1)[-1] for text in terminal.getvalue().split('\n')
    ]
    self.assertIn('measuring 100 architectures 100%', lines[0])
    self.assertIn('measuring 20 more architectures 100%', lines[1])
    # No frame goes without a name.
    frames = re.findall(r'[^\r\n]*%', terminal.getvalue())
    self.assertNotEmpty(frames)
    for frame in frames:
      self.assertStartsWith(frame, 'measuring ')

  def test_says_at_once_what_is_done(self):
    for noun in ('architectures', 'parts'):
      log = io.StringIO()
      with contextlib.redirect_stderr(log):
        progress_bar.CountBar('measuring', noun)(0, 7)
      self.assertEqual(log.getvalue(), f'measuring 7 {noun}\n')


class EpochBarTest(absltest.TestCase):
  def test_neither_compiling_nor_the_first_judgement_is_a_measure(self):
    log, clock = io.StringIO(), _Clock()
    with contextlib.redirect_stderr(log):
      with mock.patch.object(progress_bar, 'time', clock):
        bar = progress_bar.EpochBar('it', epochs=3, steps=2, done=0)
        # Seconds of the steps, those before an epoch's first with its end.
        for step, seconds in enumerate((90, 3, 60, 3, 5, 3)):
          clock.now += seconds
          bar.on_train_batch_end(step % 2)
          if step % 2:
            bar.on_epoch_end(step // 2, {})
    self.assertEqual(
      [' '.join(line.split()) for line in log.getvalue().splitlines()],
      [
        'it: compiling',
        'it 17% [01:30]',
        'it 33% [01:33, 00:12 left, epoch 1 of 3]',
        'it 50% [02:33, 00:09 left, epoch 1 of 3]',
        'it 67% [02:36, 00:06 left, epoch 2 of 3]',
        # 3, 3 and 5 s: 11/3 s a step.
        'it 83% [02:41, 00:03 left, epoch 2 of 3]',
        'it 100% [02:44, epoch 3 of 3]',
      ],
    )

  def test_an_epoch_ends_with_what_it_measured(self):
    for output in (io.StringIO(), _Terminal()):
      with contextlib.redirect_stderr(output):
        bar = progress_bar.EpochBar('it', epochs=2, steps=1, done=0)
        for epoch, accuracy in enumerate((0.549, 0.7014)):
          bar.on_train_batch_end(0)
          bar.on_epoch_end(epoch, {'validation_accuracy': accuracy})
        bar.close()
      last = output.getvalue().rstrip('\n').replace('\r', '\n').split('\n')[-1]
      self.assertStartsWith(last, 'it 100%')
      self.assertEndsWith(last, ', epoch 2 of 2, held out 70.1 %]')


if __name__ == '__main__':
  absltest.main()
