"""The axis of epochs of a picture."""

from __future__ import annotations

import matplotlib.axes
import matplotlib.ticker


def name(axes: matplotlib.axes.Axes):
  """Names the horizontal axis, and gives it ticks at whole epochs only.

  Args:
    axes: with epochs from left to right.
  """
  axes.set_xlabel('epoch')
  axes.xaxis.set_major_locator(
    matplotlib.ticker.MaxNLocator(
      integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]
    )
  )
