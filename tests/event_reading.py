"""What event files hold, as TensorBoard's own reader finds it."""

from __future__ import annotations

from tensorboard.backend.event_processing import event_accumulator
from tensorboard.util import tensor_util


def scalars(folder: str) -> dict[str, list[tuple[int, float]]]:
  """Returns `(step, value)` by tag.

  Args:
    folder: with event files of one run.
  """
  reader = _reader(folder)
  return {
    tag: [
      (event.step, float(tensor_util.make_ndarray(event.tensor_proto)))
      for event in reader.Tensors(tag)
    ]
    for tag in reader.Tags()['tensors']
    if _plugin(reader, tag) == 'scalars'
  }


def histograms(folder: str) -> dict[str, list[tuple[int, list[float]]]]:
  """Returns `(step, counts)` by tag; see `scalars`."""
  reader = _reader(folder)
  return {
    tag: [
      (event.step, tensor_util.make_ndarray(event.tensor_proto)[:, 2].tolist())
      for event in reader.Tensors(tag)
    ]
    for tag in reader.Tags()['tensors']
    if _plugin(reader, tag) == 'histograms'
  }


def _reader(folder: str) -> event_accumulator.EventAccumulator:
  # Else it would keep ten of each.
  everything = {event_accumulator.TENSORS: 0}
  return event_accumulator.EventAccumulator(folder, everything).Reload()


def _plugin(reader: event_accumulator.EventAccumulator, tag: str) -> str:
  return reader.SummaryMetadata(tag).plugin_data.plugin_name
