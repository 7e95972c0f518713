"""The progress of searches and comparisons on the terminal.

The time that is left is told once it can be known: when steps of all kinds that
are to come were measured, without those that compiled.
"""

from __future__ import annotations

from collections.abc import Mapping
import sys
import time
from typing import TYPE_CHECKING, Any

import tqdm

from nat_tf import training_callbacks

# Named only: who trains a network need not load what learns policies.
if TYPE_CHECKING:
  from nat_tf import agent
  from nat_tf import algorithm

# Share of the old value that a shown average keeps at every step.
_SMOOTHING = 0.9
# Of a run whose output is no terminal: how many at most, and seconds between.
_LINES = 20
_LINES_APART = 2.0
# `left` and tqdm's postfix begin with a comma.
_FORMAT = '{desc} {percentage:3.0f}% |{bar}| [{elapsed}{left}{postfix}]'


def going_on(epoch: int, epochs: int) -> str:
  """Returns the line that says from where a run goes on.

  Args:
    epoch: the one that comes next, from 1; one more than `epochs` for none.
    epochs: of the whole run.
  """
  if epoch > epochs:
    return f'goes on after epoch {epochs} of {epochs}'
  return f'goes on at epoch {epoch} of {epochs}'


class _Pace:
  """Measures steps, and says how long those that are left will take.

  The first step of a kind compiles, in every graph that it has, and so may what
  is done at an epoch's first end; they are no measure.

  Args:
    ahead: steps to come, by kind.

  Attributes:
    begun: when it began, by `time.monotonic`.
  """

  def __init__(self, ahead: Mapping[str, int]):
    self.begun = self._last = time.monotonic()
    self._ahead = dict(ahead)
    self._counts = dict.fromkeys(ahead, 0)
    self._seconds = dict.fromkeys(ahead, 0.0)
    self._met: set[tuple[str, int, bool]] = set()
    self._ended = False

  def take(
    self,
    kind: str,
    steps: int = 1,
    ends_epoch: bool = False,
    graph: int = 0,
  ) -> float | None:
    """Takes in steps that were just done.

    Args:
      kind: theirs.
      steps: how many.
      ends_epoch: whether the last of them is its epoch's last one.
      graph: number of the one that they ran.

    Returns:
      Their seconds; None where these hold something else.
    """
    now = time.monotonic()
    seconds, self._last = max(now - self._last, 1e-9), now
    self._ahead[kind] -= steps
    after_end, self._ended = self._ended, ends_epoch
    if (kind, graph, after_end) not in self._met:
      self._met.add((kind, graph, after_end))
      return None
    self._counts[kind] += steps
    self._seconds[kind] += seconds
    return None if after_end else seconds

  def left(self) -> str:
    """Returns how long the rest takes, after a comma; empty if not known."""
    ahead = {kind: steps for kind, steps in self._ahead.items() if steps > 0}
    if not ahead or not all(self._counts[kind] for kind in ahead):
      return ''
    seconds = sum(
      steps * self._seconds[kind] / self._counts[kind]
      for kind, steps in ahead.items()
    )
    return f', {tqdm.tqdm.format_interval(seconds)} left'


class ProgressBar:
  """Shows losses, mean reward, entropy, speed and remaining time.

  Args:
    ahead: steps to come, by phase.
    done: steps taken before.
    hidden: whether to show nothing.
  """

  def __init__(
    self, ahead: Mapping[str, int], done: int = 0, hidden: bool = False
  ):
    self._pace = _Pace(ahead)
    title = 'compiling' if any(ahead.values()) else ''
    self._bar = _bar(
      self._pace, done + sum(ahead.values()), done, title, hidden
    )
    self._shown: dict[str, float] = {}
    self._compiled: set[str] = set()

  def __call__(self, progress: algorithm.Progress):
    """Takes in one step."""
    seconds = self._pace.take(
      progress.phase, ends_epoch=progress.ends_epoch, graph=progress.network
    )
    metrics = {
      name: float(progress.metrics[name])
      for name in ('loss', 'reward', 'entropy')
      if name in progress.metrics
      # The policy's loss says little: its gradient is what counts.
      and (progress.phase, name) != ('policy', 'loss')
    }
    if seconds is not None:
      metrics['images/s'] = progress.images / seconds
    for name, value in metrics.items():
      old = self._shown.get(name, value)
      self._shown[name] = _SMOOTHING * old + (1 - _SMOOTHING) * value
    self._bar.set_description_str(f'epoch {progress.epoch}', refresh=False)
    self._bar.set_postfix_str(self._text(), refresh=False)
    self._bar.update()
    self._compiled.add(progress.phase)
    coming = progress.next_phase
    if coming and coming not in self._compiled:
      # Of the first step of all it is said before there is an epoch.
      self._bar.set_description_str(
        f'epoch {progress.epoch}: compiling the {coming}'
      )

  def close(self):
    """Ends the line."""
    self._bar.close()

  def _text(self) -> str:
    formats = {
      'loss': 'loss {:.3f}',
      'reward': 'reward {:+.3f}',
      'entropy': 'entropy {:.1f}',
      'images/s': '{:.0f} images/s',
    }
    return ', '.join(
      text.format(self._shown[name])
      for name, text in formats.items()
      if name in self._shown
    )


class StudyBar:
  """Shows mean reward, entropy and remaining time of one policy's training.

  Args:
    title: what is trained.
    steps: steps of the training.
  """

  def __init__(self, title: str, steps: int):
    self._pace = _Pace({'': steps})
    self._bar = _bar(self._pace, steps, 0, f'{title}: compiling')
    self._title = title

  def __enter__(self) -> StudyBar:
    return self

  def __exit__(self, *unused: object):
    self._bar.close()

  def __call__(self, taken: int, metrics: agent.Metrics):
    """Takes in some steps.

    Args:
      taken: steps taken so far.
      metrics: what the last of them measured.
    """
    self._pace.take('', taken - self._bar.n)
    self._bar.set_description_str(self._title, refresh=False)
    reward, entropy = float(metrics.reward), float(metrics.entropy)
    text = f'reward {reward:+.3f}, entropy {entropy:.1f}'
    self._bar.set_postfix_str(text, refresh=False)
    self._bar.update(taken - self._bar.n)


class CountBar:
  """Shows how many of many have been measured, one time after another.

  Args:
    title: what is done.
    noun: what it is done to, in the plural.
    hidden: whether to show nothing.
  """

  def __init__(
    self, title: str, noun: str = 'architectures', hidden: bool = False
  ):
    self._title = title
    self._noun = noun
    self._hidden = hidden
    # Of what comes after the first ones.
    self._more = ''
    self._bar: Any = None
    self._pace = _Pace({})

  def __call__(self, done: int, of: int):
    """Takes in what was done.

    Args:
      done: how many so far; 0 to begin with.
      of: how many in all; where they are done, the next ones are others.
    """
    if self._bar is None:
      self._pace = _Pace({'': of})
      text = f'{self._title} {of} {self._more}{self._noun}'
      self._bar = _bar(self._pace, of, 0, text, self._hidden)
      self._more = 'more '
    if done:
      self._pace.take('', done - self._bar.n)
      self._bar.update(done - self._bar.n)
    if done == of:
      self._bar.close()
      self._bar = None


class EpochBar(training_callbacks.Callback):
  """Shows accuracies, speed and remaining time of Keras's `fit`.

  Args:
    title: what is trained.
    epochs: of the whole training.
    steps: of an epoch.
    done: steps taken before.
    hidden: whether to show nothing.
  """

  def __init__(
    self,
    title: str,
    epochs: int,
    steps: int,
    done: int,
    hidden: bool = False,
  ):
    super().__init__()
    self._title = title
    self._epochs = epochs
    self._steps = steps
    self._ends_epoch = False
    self._pace = _Pace({'': epochs * steps - done})
    first = f'{title}: compiling' if done < epochs * steps else ''
    self._bar = _bar(self._pace, epochs * steps, done, first, hidden)

  def on_train_batch_end(self, batch: int, logs: Any = None):
    """Takes in one step; an epoch's last is shown with what it measured."""
    self._ends_epoch = batch + 1 == self._steps
    self._pace.take('', ends_epoch=self._ends_epoch)
    self._bar.set_description_str(self._title, refresh=False)
    if not self._ends_epoch:
      self._bar.update()

  def on_epoch_end(self, epoch: int, logs: Any = None):
    """Shows what the epoch measured."""
    texts = [f'epoch {epoch + 1} of {self._epochs}']
    for name, text in (
      ('loss', 'loss {:.3f}'),
      ('validation_accuracy', 'held out {:.1%}'),
      ('images_per_second', '{:.0f} images/s'),
    ):
      if name in logs:
        texts.append(text.format(float(logs[name])).replace('%', ' %'))
    self._bar.set_postfix_str(', '.join(texts), refresh=False)
    if self._ends_epoch:
      self._bar.update()
      self._ends_epoch = False
    self._bar.refresh()

  def close(self):
    """Ends the line."""
    self._bar.close()


class _Lines:
  """Stands for a bar where nobody watches: a line now and then.

  A log would keep every state of a bar, and there may be many thousands.
  """

  def __init__(self, pace: _Pace, steps: int, done: int, title: str):
    self.n = done
    self._pace = pace
    self._steps = steps
    self._shown = _share(done, steps)
    self._title = self._postfix = ''
    self._last = time.monotonic()
    if title:
      self.set_description_str(title)

  def set_description_str(self, text: str, refresh: bool = True):
    """Sets what stands in front; as tqdm does, but alone where it is shown."""
    self._title = text
    if refresh:
      print(text, file=sys.stderr, flush=True)

  def set_postfix_str(self, text: str, refresh: bool = True):
    """Sets what stands behind; as tqdm does, but shows nothing yet."""
    del refresh
    self._postfix = text

  def update(self, count: int = 1):
    """Takes in some steps."""
    self.n += count
    share, now = _share(self.n, self._steps), time.monotonic()
    rests = now - self._last < _LINES_APART and self.n < self._steps
    if share > self._shown and not rests:
      self._shown, self._last = share, now
      self._show(now)

  def refresh(self):
    """Does nothing: a line that was written stays as it is."""

  def close(self):
    """Ends it, as tqdm does; what is to be seen was shown."""

  def _show(self, now: float):
    text = tqdm.tqdm.format_meter(
      self.n,
      self._steps,
      now - self._pace.begun,
      left=self._pace.left(),
      prefix=self._title,
      postfix=self._postfix,
      bar_format=_FORMAT.replace('|{bar}| ', ''),
    )
    print(text, file=sys.stderr, flush=True)


def _share(done: int, steps: int) -> int:
  """Returns how many of the lines are due after so many steps."""
  return _LINES * done // max(1, steps)


class _Bar(tqdm.tqdm):
  """A bar that takes the time that is left from `pace`."""

  def __init__(self, pace: _Pace, **options: Any):
    self._pace = pace
    super().__init__(**options)

  @property
  def format_dict(self) -> dict[str, Any]:
    """What the format may name."""
    return {**super().format_dict, 'left': self._pace.left()}


def _bar(
  pace: _Pace, steps: int, done: int, title: str, hidden: bool = False
) -> Any:
  """Returns a bar on a terminal, lines elsewhere; tqdm's, or as if it were.

  Args:
    pace: says how long it will take.
    steps: all of them.
    done: steps taken before.
    title: stands in front from the beginning; empty for nothing.
    hidden: whether to show nothing.
  """
  if not hidden and not sys.stderr.isatty():
    return _Lines(pace, steps, done, title)
  return _Bar(
    pace,
    disable=hidden,
    total=steps,
    initial=done,
    desc=title,
    dynamic_ncols=True,
    mininterval=0.5,
    bar_format=_FORMAT,
  )
