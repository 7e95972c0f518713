"""Takes the pictures of TensorBoard that docs/monitoring.md shows.

python -m tests.monitoring_pictures nat_tf_runs docs
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
import contextlib
import functools
import json
import os
import sys
import time
import urllib.parse

from tests import chromium
from tests import report_pictures
from tests import tensorboard_server

_WIDTH, _HEIGHT, _TABLE_HEIGHT = 1500, 860, 480
# Until a page has drawn what it was told, on a machine that is busy otherwise.
_SECONDS = 20
# Nothing is left out of a chart, nothing is smoothed, and no pane or table
# stands beside the charts.
_SETTINGS = {
  'ignoreOutliers': False,
  'scalarSmoothing': 0,
  'stepSelectorEnabled': False,
  'timeSeriesSettingsPaneOpened': False,
}
_SEARCH = (
  'policy/(reward|entropy|changed_edges|gradient_norm)|weights/(accuracy|loss)'
)
_POLICIES = (
  'policy/(captured_gain|reward|entropy|gradient_norm|changed_edges)'
  '|operations/null'
)
_COLUMNS = (
  'epochs',
  'policy_learning_rate',
  'weights_steps',
  'result/accuracy',
  'result/accuracy_gain',
)
# Elements are found through all the shadows of TensorBoard's older pages.
_BOXES = """
const all = node => [...node.querySelectorAll('*')].flatMap(
  one => one.shadowRoot ? [one, ...all(one.shadowRoot)] : [one]);
const boxes = all(document).filter(one => one.tagName == 'PAPER-CHECKBOX');
"""
_CHOOSE = f"""
const wanted = new Set({json.dumps(_COLUMNS)});
for (const one of boxes) {{
  if (!one.matches('.hparam-checkbox, .metric-checkbox')) continue;
  if (one.checked != wanted.has(one.textContent.trim())) one.click();
}}
"""
_ENLARGE = """
for (const one of boxes) {
  if (one.textContent.trim() == 'Show actual image size') one.click();
}
"""


def main(argv: list[str]):
  """Takes them.

  Args:
    argv: directory of the runs `healthy`, `rate`, `noise` and `policies`, and
      that of the pictures.
  """
  logdir, folder = argv
  browser = chromium.find()
  if browser is None:
    sys.exit('there is no Chromium: apt-get install chromium')
  with _opened(browser, logdir) as take:
    for name, run in (
      ('healthy', 'healthy'),
      ('settled', 'rate'),
      ('noise', 'noise'),
    ):
      query = {'tagFilter': _SEARCH, 'runFilter': f'^{run}/events$'}
      take(folder, name, 'timeseries', **query)
    query = {'tagFilter': _POLICIES, 'runFilter': 'edges-seed-0$'}
    take(folder, 'policies', 'timeseries', **query)
    take(folder, 'hparams', 'hparams', _CHOOSE)
  with _opened(browser, os.path.join(logdir, 'healthy')) as take:
    take(folder, 'image', 'images', _ENLARGE)
    take(folder, 'histograms', 'histograms')


@contextlib.contextmanager
def _opened(browser: str, logdir: str) -> Iterator[Callable[..., None]]:
  """Opens TensorBoard; gives what takes a picture of it."""
  server = tensorboard_server.Server(logdir)
  server.start()
  try:
    with chromium.Page(browser) as page:
      page.resize(_WIDTH, _HEIGHT)
      page.open(server.url)
      settings = json.dumps(json.dumps(_SETTINGS))
      page.evaluate(f"localStorage['_tb_global_settings'] = {settings}")
      yield functools.partial(_take, page, server.url)
  finally:
    server.stop()


def _take(
  page: chromium.Page,
  url: str,
  folder: str,
  name: str,
  tab: str,
  then: str = '',
  **query: str,
):
  """Takes a picture of a tab, after a script has done something there."""
  # Of another query, or the page would not be read again.
  query['seen'] = name
  page.resize(_WIDTH, _TABLE_HEIGHT if tab == 'hparams' else _HEIGHT)
  page.open(f'{url}?{urllib.parse.urlencode(query)}#{tab}')
  time.sleep(_SECONDS)
  if then:
    page.evaluate(f'(() => {{ {_BOXES} {then} }})()')
    time.sleep(_SECONDS)
  report_pictures.take(page, os.path.join(folder, f'monitoring_{name}.png'))


if __name__ == '__main__':
  main(sys.argv[1:])
