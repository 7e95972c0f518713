"""What TensorBoard shows of a search, beside the numbers of its epochs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
import functools
import os

import numpy as np

from nat_tf import drawing
from nat_tf import event_file
from nat_tf import policy_watch
from nat_tf import result
from nat_tf import text_table
from nat_tf.architecture import Architecture
from nat_tf.search_config import SearchConfig
from nat_tf.transformer import Transformation

# Of a whole search.
_PICTURES = 10
_DOTS_PER_INCH = 60

# Tags that are shown in one chart.
CHARTS = {
  'share of every operation after transformation': ['operations/.*'],
  'mean reward and its moving average': ['policy/reward', 'policy/baseline'],
}


class PolicyEvents:
  """Writes after every epoch what the policy does.

  Shares of operations and histograms each time, a drawing now and then.

  Args:
    watch: looks at the policy.
    source: the architecture that the drawings show the transformation of.
    epochs: of the whole search.
  """

  def __init__(
    self,
    watch: Callable[[], policy_watch.View],
    source: Architecture,
    epochs: int,
  ):
    self._watch = watch
    self._epochs = epochs
    self._every = max(1, epochs // _PICTURES)
    # A policy that has settled is drawn once.
    self._drawn = functools.lru_cache(maxsize=1)(
      functools.partial(drawing.png, source, dots=_DOTS_PER_INCH)
    )

  def __call__(self, events: event_file.EventFile, epoch: int):
    """Looks at the policy as it is after an epoch."""
    view = self._watch()
    images = {}
    if epoch % self._every == 0 or epoch in (1, self._epochs):
      images['architecture/most probable'] = self._drawn(view.likeliest)
    scalars, counts = choices(view.changed, view.shares, view.edges)
    events.add(epoch, scalars, counts, images)


def choices(
  changed: float,
  shares: Mapping[str, float],
  edges: Mapping[str, np.ndarray],
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
  """Returns scalars and histograms of what a policy chooses, by their tags.

  Args:
    changed: share of the edges that change.
    shares: of the edges, by the operation that they carry afterwards.
    edges: for every edge how often it carries each operation.
  """
  scalars = {f'operations/{name}': share for name, share in shares.items()}
  return (
    {'policy/changed_edges': changed, **scalars},
    {f'edges/{name}': counts for name, counts in edges.items()},
  )


def begin(
  events: event_file.EventFile,
  config: SearchConfig,
  name: str,
  directory: str,
):
  """Writes what is known of a search before it learns.

  Args:
    events: gets what explains the curves.
    config: of the search.
    name: what to call the architecture that is transformed.
    directory: of all event files.

  Raises:
    EventFileError: it cannot be written.
  """
  events.charts(CHARTS)
  operations = config.search_space().operations
  events.add(0, texts={'numbers': numbers(operations)})
  _results(directory, config, name).close()


def numbers(operations: Sequence[str]) -> str:
  """Returns as Markdown which number histograms have for each operation.

  Args:
    operations: of the space.
  """
  rows = [(str(number), name) for number, name in enumerate(operations)]
  return '\n'.join(text_table.markdown([('', 'operation'), *rows]))


def end(
  directory: str,
  config: SearchConfig,
  transformation: Transformation,
  name: str,
):
  """Writes what came of a search, in place of what an earlier call wrote.

  Args:
    directory: of all event files.
    config: of the search.
    transformation: what became of the architecture.
    name: what to call it.

  Raises:
    EventFileError: it cannot be written.
  """
  source, transformed = transformation.source, transformation.transformed
  table = text_table.markdown(result.rows(transformation, name))
  notes = [
    *result.comparison_notes(transformation),
    result.verdict(transformation),
  ]
  # A star begins a list.
  below = '\n\n'.join(notes).replace('*', '\\*')
  values = {
    'result/separation': transformed.separation,
    'result/separation_gain': transformation.separation_gain,
    'result/accuracy': transformed.accuracy,
    'result/accuracy_gain': transformed.accuracy - source.accuracy,
    'result/parameters': transformed.cost.params,
    'result/multiply_adds': transformed.cost.madds,
    'result/changed_edges': transformation.changes(),
  }
  events = _results(directory, config, name)
  events.add(
    config.epochs,
    {name: x for name, x in values.items() if x is not None},
    images={
      'architecture/result': drawing.png(
        source.architecture, transformed.architecture, dots=_DOTS_PER_INCH
      )
    },
    texts={'result': '\n'.join([*table, '', below])},
  )
  events.close()


def ranked(
  directory: str,
  config: SearchConfig,
  found: Mapping[str, float],
  tables: Sequence[Sequence[Sequence[str]]],
  picture: str,
):
  """Writes how a finished search was held against networks trained for real.

  It joins the search's results, so that searches can be compared by it, in
  place of what an earlier call wrote.

  Args:
    directory: of all event files.
    config: of the search.
    found: numbers, by name.
    tables: rows of each, the heading first.
    picture: path of a PNG file.

  Raises:
    EventFileError: it cannot be written.
  """
  with open(picture, 'rb') as file:
    png = file.read()
  # After the search's own last step: only what is of this one is replaced.
  step = config.epochs + 1
  results = os.path.join(directory, event_file.RESULT)
  events = event_file.EventFile(results, step)
  events.add(
    step,
    {f'result/{name}': value for name, value in found.items()},
    images={'ranking': png},
    texts={
      'ranking': '\n\n'.join(
        '\n'.join(text_table.markdown(rows)) for rows in tables
      )
    },
  )
  events.close()


def _results(
  directory: str, config: SearchConfig, name: str
) -> event_file.EventFile:
  # The architecture's name: the text of a genotype is too long for a table.
  return event_file.results(
    directory, config, command='search', architecture=name
  )
