"""Writes a folder of images with classes, to try out what reads such a folder.

python -m tests.example_photos photos
"""

from __future__ import annotations

import pathlib
import sys

from PIL import Image
from sklearn import datasets

_COUNT = 300


def main(argv: list[str]):
  """Writes them.

  Args:
    argv: the folder.
  """
  (folder,) = argv
  bunch = datasets.load_digits()
  for number, (image, label) in enumerate(zip(bunch.images, bunch.target)):
    if number == _COUNT:
      break
    path = pathlib.Path(folder, f'digit_{label}', f'{number}.png')
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((image * 15).astype('uint8')).save(path)


if __name__ == '__main__':
  main(sys.argv[1:])
