"""The progress of searches and comparisons on the terminal."""

from __future__ import annotations

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
# Of a run whose output is no terminal.
_LINES = 20
# tqdm begins the postfix with a comma.
_FORMAT = (
  '{desc} {percentage:3.0f}% |{bar}| [{elapsed}, {remaining} left{postfix}]'
)


class ProgressBar:
  """Shows losses, mean reward, entropy, speed and remaining time.

  Args:
    steps: steps of the whole search.
    done: steps taken before.
    hidden: whether to show nothing.
  """

  def __init__(self, steps: int, done: int = 0, hidden: bool = False):
    self._bar = _bar(steps, done, hidden)
    self._bar.set_description_str('compiling')
    self._shown: dict[str, float] = {}
    self._last = time.monotonic()
    self._begun: set[str] = set()

  def __call__(self, progress: algorithm.Progress):
    """Takes in one step."""
    if progress.phase not in self._begun:
      # A phase's first step compiles: no measure of the time that remains.
      self._begun.add(progress.phase)
      self._bar.unpause()
    now = time.monotonic()
    seconds, self._last = max(now - self._last, 1e-9), now
    metrics = {'images/s': progress.images / seconds}
    metrics |= {
      name: float(progress.metrics[name])
      for name in ('loss', 'reward', 'entropy')
      if name in progress.metrics
      # The policy's loss says little: its gradient is what counts.
      and (progress.phase, name) != ('policy', 'loss')
    }
    for name, value in metrics.items():
      old = self._shown.get(name, value)
      self._shown[name] = _SMOOTHING * old + (1 - _SMOOTHING) * value
    self._bar.set_description_str(f'epoch {progress.epoch}', refresh=False)
    self._bar.set_postfix_str(self._text(), refresh=False)
    self._bar.update()

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
    self._bar = _bar(steps, 0)
    self._title = title
    self._bar.set_description_str(f'{title}: compiling')

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
    if not self._bar.n:
      # The first steps compile: no measure of the time that remains.
      self._bar.set_description_str(self._title, refresh=False)
      self._bar.unpause()
    reward, entropy = float(metrics.reward), float(metrics.entropy)
    text = f'reward {reward:+.3f}, entropy {entropy:.1f}'
    self._bar.set_postfix_str(text, refresh=False)
    self._bar.update(taken - self._bar.n)


class CountBar:
  """Shows how many of many have been measured, one time after another.

  Args:
    title: what is done.
  """

  def __init__(self, title: str):
    self._title = title
    self._bar: Any = None

  def __call__(self, done: int, of: int):
    """Takes in what was done.

    Args:
      done: how many so far.
      of: how many in all; where they are done, the next ones are others.
    """
    if self._bar is None:
      self._bar = _bar(of, 0)
      self._bar.set_description_str(f'{self._title} {of} architectures')
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
    self._bar = _bar(epochs * steps, done, hidden)
    self._bar.set_description_str(f'{title}: compiling')
    self._compiled = False

  def on_train_batch_end(self, batch: int, logs: Any = None):
    """Takes in one step."""
    if not self._compiled:
      # The first step compiles: no measure of the time that remains.
      self._compiled = True
      self._bar.set_description_str(self._title, refresh=False)
      self._bar.unpause()
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
    self._bar.set_postfix_str(', '.join(texts))

  def close(self):
    """Ends the line."""
    self._bar.close()


class _Lines:
  """Stands for a bar where nobody watches: a line now and then.

  A log would keep every state of a bar, and there may be many thousands.
  """

  def __init__(self, steps: int, done: int):
    self.n = done
    self._steps = steps
    self._shown = _share(done, steps)
    self._title = self._postfix = ''
    self.unpause()

  def set_description_str(self, text: str, refresh: bool = True):
    """Sets what stands in front; as tqdm does, but shows nothing yet."""
    del refresh
    self._title = text

  def set_postfix_str(self, text: str, refresh: bool = True):
    """Sets what stands behind; as tqdm does, but shows nothing yet."""
    del refresh
    self._postfix = text

  def unpause(self):
    """Takes the time from now on."""
    self._begun, self._initial = time.monotonic(), self.n

  def update(self, count: int = 1):
    """Takes in some steps."""
    self.n += count
    share = _share(self.n, self._steps)
    if share > self._shown:
      self._shown = share
      self._show()

  def close(self):
    """Ends it, as tqdm does; what is to be seen was shown."""

  def _show(self):
    text = tqdm.tqdm.format_meter(
      self.n,
      self._steps,
      time.monotonic() - self._begun,
      initial=self._initial,
      prefix=self._title,
      postfix=self._postfix,
      bar_format=_FORMAT.replace('|{bar}| ', ''),
    )
    print(text, file=sys.stderr, flush=True)


def _share(done: int, steps: int) -> int:
  """Returns how many of the lines are due after so many steps."""
  return _LINES * done // max(1, steps)


def _bar(steps: int, done: int, hidden: bool = False) -> Any:
  """Returns a bar on a terminal, lines elsewhere; tqdm's, or as if it were."""
  if not hidden and not sys.stderr.isatty():
    return _Lines(steps, done)
  return tqdm.tqdm(
    disable=hidden,
    total=steps,
    initial=done,
    unit='step',
    dynamic_ncols=True,
    mininterval=0.5,
    smoothing=0.05,
    bar_format=_FORMAT,
  )
