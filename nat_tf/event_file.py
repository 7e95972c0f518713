"""TensorBoard's event files, and one line where they cannot be written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
import contextlib
import dataclasses
import itertools
import os
import socket
import struct
import time
from typing import Any

import numpy as np
from tensorboard.compat.proto import event_pb2
from tensorboard.compat.proto import summary_pb2
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import metadata as custom_metadata
from tensorboard.plugins.histogram import metadata as histogram_metadata
from tensorboard.plugins.hparams import api
from tensorboard.plugins.image import metadata as image_metadata
from tensorboard.plugins.scalar import summary_v2 as scalar_summary
from tensorboard.plugins.text import summary_v2 as text_summary
from tensorboard.util import tensor_util
import tensorflow as tf

from nat_tf import input_error
from nat_tf import tensorflow_error

# Tells readers that steps made void are marked, see `EventFile`.
_VERSION = 'brain.Event:2'
# Of a run's directory, what it is compared by.
RESULT = 'result'
# Settings that say where a run was, not how.
_PLACES = ('data_dir', 'table')
# Files of one process in one second.
_NUMBERS = itertools.count()


class EventFileError(input_error.InputError):
  """An event file cannot be written; the message says why."""


class EventFile:
  """What TensorBoard shows of a run.

  Written as records of TensorBoard's own messages: TensorFlow's writers cannot
  say that a run went on from an earlier step, and compute in the graph.

  Args:
    directory: gets a new file.
    first: step that the run goes on with. What other files of the directory
      hold of it and of later steps is void.

  Raises:
    EventFileError: here and in every method, it cannot be written.
  """

  def __init__(self, directory: str, first: int = 0):
    self._directory = directory
    # Readers take files by their names.
    name = f'{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}'
    with self._writing():
      tf.io.gfile.makedirs(directory)
      self._writer = tf.io.TFRecordWriter(
        os.path.join(
          directory, f'events.out.tfevents.{name}.{next(_NUMBERS):03d}.v2'
        )
      )
    self._write(file_version=_VERSION)
    started = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
    self._write(step=first, session_log=started)
    self._flush()

  def add(
    self,
    step: int,
    scalars: Mapping[str, float] | None = None,
    counts: Mapping[str, np.ndarray] | None = None,
    images: Mapping[str, bytes] | None = None,
    texts: Mapping[str, str] | None = None,
  ):
    """Writes what belongs to a step, so that a reader sees it now.

    Args:
      step: its number.
      scalars: numbers by their tags.
      counts: histograms: how often each of the numbers 0, 1, 2, ... occurred.
      images: PNG files.
      texts: Markdown.
    """
    parts: list[Any] = [
      scalar_summary.scalar_pb(tag, value)
      for tag, value in (scalars or {}).items()
    ]
    parts += [_histogram(tag, one) for tag, one in (counts or {}).items()]
    parts += [_image(tag, png) for tag, png in (images or {}).items()]
    parts += [
      text_summary.text_pb(tag, text) for tag, text in (texts or {}).items()
    ]
    for part in parts:
      self._write(step=step, summary=part)
    self._flush()

  def settings(self, settings: Mapping[str, Any]):
    """Writes how the run was set, so that runs can be compared.

    Args:
      settings: numbers and texts by their names.
    """
    # Without a name, for TensorBoard then calls it by its directory: of what
    # has one name, as all `seed-0` of comparisons, it shows the means.
    self._write(summary=api.hparams_pb(dict(settings), trial_id=''))
    self._flush()

  def charts(self, charts: Mapping[str, Sequence[str]]):
    """Has scalars shown together, under "Custom Scalars".

    Args:
      charts: for every title the tags, regular expressions.
    """
    layout = layout_pb2.Layout(
      category=[
        layout_pb2.Category(
          title='nat_tf',
          chart=[
            layout_pb2.Chart(
              title=title, multiline=layout_pb2.MultilineChartContent(tag=tags)
            )
            for title, tags in charts.items()
          ],
        )
      ]
    )
    tensor = tensor_util.make_tensor_proto(layout.SerializeToString())
    metadata = custom_metadata.create_summary_metadata()
    tag = custom_metadata.CONFIG_SUMMARY_TAG
    self._write(summary=_summary(tag, tensor, metadata))
    self._flush()

  def close(self):
    """Ends the file."""
    with self._writing():
      self._writer.close()

  def _write(self, **content: Any):
    event = event_pb2.Event(wall_time=time.time(), **content)
    with self._writing():
      self._writer.write(event.SerializeToString())

  def _flush(self):
    with self._writing():
      self._writer.flush()

  @contextlib.contextmanager
  def _writing(self) -> Iterator[None]:
    try:
      yield
    except tf.errors.OpError as error:
      raise EventFileError(
        f'cannot write event files to {self._directory}: '
        f'{tensorflow_error.reason(error)}; make room or rights, the same '
        'command goes on from the last checkpoint'
      ) from error


def results(directory: str, config: Any, **others: Any) -> EventFile:
  """Returns the file of what runs are compared by, with the run's settings.

  A directory of its own, a run for TensorBoard: its "HParams" offer all curves
  of a run that has settings.

  Args:
    directory: of the run's event files.
    config: a dataclass whose fields are numbers, texts or None.
    **others: values beside, or instead of, its own.

  Raises:
    EventFileError: it cannot be written.
  """
  events = EventFile(os.path.join(directory, RESULT))
  events.settings(_plain(config, **others))
  return events


def _plain(config: Any, **others: Any) -> dict[str, Any]:
  """Returns a configuration as `EventFile.settings` takes it."""
  known = {**dataclasses.asdict(config), **others}
  return {
    name: value
    for name, value in known.items()
    if name not in _PLACES and isinstance(value, (bool, int, float, str))
  }


def _histogram(tag: str, counts: np.ndarray) -> summary_pb2.Summary:
  """Returns a histogram whose every number has a bar of its own."""
  middles = np.arange(len(counts))
  bars = np.stack([middles - 0.5, middles + 0.5, counts], axis=1)
  return _summary(
    tag,
    tensor_util.make_tensor_proto(bars.astype(np.float64)),
    histogram_metadata.create_summary_metadata(None, None),
  )


def _image(tag: str, png: bytes) -> summary_pb2.Summary:
  # Where every PNG file has its size.
  size = [str(side).encode() for side in struct.unpack('>II', png[16:24])]
  return _summary(
    tag,
    tensor_util.make_tensor_proto([*size, png]),
    image_metadata.create_summary_metadata(None, None),
  )


def _summary(tag: str, tensor: Any, metadata: Any) -> summary_pb2.Summary:
  value = summary_pb2.Summary.Value(tag=tag, tensor=tensor, metadata=metadata)
  return summary_pb2.Summary(value=[value])
