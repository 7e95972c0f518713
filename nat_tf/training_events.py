"""What TensorBoard shows of a training, beside the numbers of its epochs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nat_tf import architecture_source
from nat_tf import event_file
from nat_tf import text_table
from nat_tf.train_config import TrainConfig

# Of `summary.json`.
_RESULTS = ('validation_accuracy', 'test_accuracy', 'params', 'madds')


def write(
  directory: str,
  config: TrainConfig,
  title: str,
  run: str,
  summary: Mapping[str, Any],
):
  """Writes settings and result of a training that is finished.

  Args:
    directory: of the event files.
    config: of the training.
    title: what to call it.
    run: name of the run.
    summary: what `summary.json` holds.

  Raises:
    EventFileError: it cannot be written.
  """
  label = architecture_source.label(title)
  events = event_file.results(
    directory, run, config, command='train', architecture=label
  )
  found = {
    name: summary[name] for name in _RESULTS if summary[name] is not None
  }
  rows = [(title, ''), *((name, f'{x:,}') for name, x in found.items())]
  events.add(
    config.epochs,
    {f'result/{name}': float(value) for name, value in found.items()},
    texts={'result': '\n'.join(text_table.markdown(rows))},
  )
  events.close()
