"""What every configuration says of the images that it learns from."""

from __future__ import annotations

import dataclasses

from nat_tf.setting import NOT_NEGATIVE
from nat_tf.setting import Settings
from nat_tf.setting import setting


@dataclasses.dataclass(frozen=True)
class DataSettings(Settings):
  """Base of configurations of what learns from a data set."""

  dataset: str = setting(
    'digits', 'TFDS name of an image-classification data set'
  )
  data_dir: str | None = setting(
    None, 'directory of the prepared data sets (default: the one TFDS uses)'
  )
  image_size: int = setting(
    0,
    'side in pixels to which images are cropped and resized, 0 for as they are',
    range=NOT_NEGATIVE,
  )
