"""Takes the pictures of a report that the documents show.

python -m tests.report_pictures nat_tf_runs/digits-… docs
"""

from __future__ import annotations

import os
import sys
import tempfile
import urllib.parse

from PIL import Image

from tests import chromium

_WIDTH, _HEIGHT = 1100, 1180
_PHONE = 400, 860
_SCALE = 1.5
# Enough for flat areas and smooth letters, at a third of the bytes.
_COLORS = 64


def main(argv: list[str]):
  """Takes them.

  Args:
    argv: directory of a search, and of the pictures.
  """
  workdir, folder = argv
  browser = chromium.find()
  if browser is None:
    sys.exit('there is no Chromium: apt-get install chromium')
  report = os.path.abspath(os.path.join(workdir, 'report.html'))
  with chromium.Page(browser) as page:
    page.resize(_WIDTH, _HEIGHT, _SCALE)
    page.open(urllib.parse.quote(report))
    for scheme in ('light', 'dark'):
      page.prefer(scheme)
      take(page, os.path.join(folder, f'report_{scheme}.png'))
    page.prefer('light')
    _read_a_curve(page)
    take(page, os.path.join(folder, 'report_curves.png'))
    page.prefer('dark')
    page.resize(*_PHONE, _SCALE)
    page.evaluate('scrollTo(0, 0)')
    take(page, os.path.join(folder, 'report_phone.png'))


def _read_a_curve(page: chromium.Page):
  """Shows the curves, with the mouse on the first of them."""
  page.resize(_WIDTH, 900, _SCALE)
  left, top, width, height = page.evaluate(
    """(() => {
      const charts = document.querySelector('.charts');
      charts.parentElement.scrollIntoView();
      const box = charts.querySelector('.chart').getBoundingClientRect();
      return [box.left, box.top, box.width, box.height];
    })()"""
  )
  page.move(left + 0.6 * width, top + 0.4 * height)


def take(page: chromium.Page, path: str):
  """Takes a picture of what is seen, in few colours."""
  with tempfile.TemporaryDirectory() as folder:
    raw = os.path.join(folder, 'raw.png')
    page.screenshot(raw)
    with Image.open(raw) as image:
      few = image.convert('RGB').quantize(_COLORS, dither=Image.Dither.NONE)
      few.save(path, optimize=True)


if __name__ == '__main__':
  main(sys.argv[1:])
