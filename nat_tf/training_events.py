"""What TensorBoard shows of a training, beside the numbers of its epochs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nat_tf import architecture_source
from nat_tf import event_file
from nat_tf import text_table
from nat_tf.train_config import TrainConfig

# Of `summary.json`; what searches have, too, is called as theirs.
_RESULTS = {
  'validation_accuracy': 'validation_accuracy',
  'test_accuracy': 'test_accuracy',
  'params': 'parameters',
  'madds': 'multiply_adds',
  'images_per_second': 'images_per_second',
}


def write(
  directory: str,
  config: TrainConfig,
  title: str,
  summary: Mapping[str, Any],
):
  """Writes settings and result of a training that is finished.

  Args:
    directory: of the event files.
    config: of the training.
    title: what to call it.
    summary: what `summary.json` holds.

  Raises:
    EventFileError: it cannot be written.
  """
  label = architecture_source.label(title)
  events = event_file.results(
    directory, config, command='train', architecture=label
  )
  found = {
    tag: summary[name]
    for name, tag in _RESULTS.items()
    if summary[name] is not None
  }
  rows = [(title, ''), *((name, _shown(x)) for name, x in found.items())]
  events.add(
    config.epochs,
    {f'result/{name}': float(value) for name, value in found.items()},
    texts={'result': '\n'.join(text_table.markdown(rows))},
  )
  events.close()


def _shown(number: float) -> str:
  return f'{number:,}' if isinstance(number, int) else f'{number:,.4g}'
