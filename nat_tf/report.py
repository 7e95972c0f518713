"""`report.html`: all that a command found, on one page that can be mailed.

The page holds everything itself and asks nobody for anything; a policy in its
head forbids it. It is made of elements (`html_tree`), so that no name and no
path of a user's can become markup. Links to the files beside it are relative:
they stay right where a directory is moved as a whole. No TensorFlow here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import datetime
import importlib.metadata
import os
import platform
import sys
from typing import Any
import urllib.parse

from nat_tf import atomic_file
from nat_tf import chart
from nat_tf import html_tree
from nat_tf import report_assets
from nat_tf import setting
from nat_tf import version
from nat_tf.html_tree import Element
from nat_tf.html_tree import element

FILE = 'report.html'
# What can still be mailed.
MAX_BYTES = 3_000_000

_PACKAGES = (
  'tensorflow',
  'tf-agents',
  'tensorflow-probability',
  'tensorflow-datasets',
  'spektral',
  'numpy',
  'matplotlib',
)
_POLICY = (
  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
  'img-src data:'
)
_TOO_LARGE = 'Left out, as this page would be too large to mail; see the files.'


@dataclasses.dataclass(frozen=True)
class Section:
  """A part of a page.

  Attributes:
    title: its heading.
    body: what stands below that.
  """

  title: str
  body: Sequence[Element | None]


@dataclasses.dataclass(frozen=True)
class Report:
  """What a page says.

  Attributes:
    kind: what was done: `search`, `training`.
    title: of the page.
    lead: what came out, in a sentence.
    tiles: pairs of a number and what it is: what one should see first.
    sections: what was found, the result first.
    seed: as text.
    command: what makes all this again.
    config: what all was done with; None for nothing beyond the command.
    files: pairs of a file beside the page and what it holds; those that are not
      there are not linked to.
    resolved: values of settings that stand where nothing was said, but are not
      the defaults.
  """

  kind: str
  title: str
  lead: str
  tiles: Sequence[tuple[str, str]]
  sections: Sequence[Section]
  seed: str
  command: str
  config: setting.Settings | None = None
  files: Sequence[tuple[str, str]] = ()
  resolved: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def write(folder: str, build: Callable[[], Report], name: str = FILE) -> bool:
  """Writes `report.html`; whatever fails is said in a line and does no harm.

  The run is over and its results are written: a page about them is not worth
  losing that.

  Args:
    folder: an existing directory that holds the files of the report.
    build: makes the report.
    name: of the file, where the folder has a report of its own already.

  Returns:
    Whether the file was written.
  """
  path = os.path.join(folder, name)
  try:
    text = page(build(), folder)
    with atomic_file.replacing(path) as temporary:
      with open(temporary, 'w', encoding='utf-8') as file:
        file.write(text)
  except Exception as error:
    reason = getattr(error, 'strerror', None) or error
    line = ' '.join(f'{type(error).__name__}: {reason}'.split())
    print(f'warning: cannot write {path}: {line}', file=sys.stderr)
    return False
  return True


def page(report: Report, folder: str) -> str:
  """Returns the page as text, of no more than `MAX_BYTES`.

  Args:
    report: what it says.
    folder: holds the files of the report.
  """
  sections = list(report.sections)
  while True:
    text = html_tree.document(_html(report, sections, folder))
    sizes = [_size(one) for one in sections]
    if len(text.encode()) <= MAX_BYTES or not any(sizes):
      return text
    largest = sizes.index(max(sizes))
    left_out = [element('p', _TOO_LARGE)]
    if sizes[largest] <= _size(Section('', left_out)):
      return text
    sections[largest] = Section(sections[largest].title, left_out)


def _size(section: Section) -> int:
  return sum(
    len(html_tree.document(one).encode())
    for one in section.body
    if one is not None
  )


def table(rows: Sequence[Sequence[str]], notes: Sequence[str] = ()) -> Element:
  """Returns a table and notes below it.

  Args:
    rows: cells, equally many a row; the first row holds the heads.
    notes: a line each.
  """
  heads, *others = rows
  lines = [element('p', note, class_='note') for note in notes]
  return element('div', chart.table(heads, others), *lines)


def charts(some: Sequence[chart.Chart]) -> Element:
  """Returns charts side by side; those without a point are left out."""
  shown = [one for one in some if not one.empty]
  return element('div', *map(chart.figure, shown), class_='charts')


def _html(report: Report, sections: Sequence[Section], folder: str) -> Element:
  head = element(
    'head',
    element('meta', charset='utf-8'),
    element(
      'meta', name='viewport', content='width=device-width, initial-scale=1'
    ),
    element('meta', http_equiv='Content-Security-Policy', content=_POLICY),
    element('title', f'{report.title} \N{EM DASH} nat_tf'),
    # Else a browser asks for an icon.
    element('link', rel='icon', href='data:,'),
    element('style', report_assets.STYLE),
  )
  main = element(
    'main',
    element(
      'header',
      element('p', f'nat_tf {report.kind}', class_='kind'),
      element('h1', report.title),
      element('p', report.lead, class_='lead'),
      _tiles(report.tiles),
    ),
    *map(_section, sections),
    _section(Section('Do it again', _again(report))),
    _section(Section('Settings', _settings(report.config, report.resolved)))
    if report.config
    else None,
    _section(Section('Files', [_files(report.files, folder)])),
    element('footer', _footer()),
  )
  body = element('body', main, element('script', report_assets.SCRIPT))
  return element('html', head, body, lang='en')


def _tiles(tiles: Sequence[tuple[str, str]]) -> Element | None:
  if not tiles:
    return None
  items = [
    element('li', element('strong', number), element('span', what))
    for number, what in tiles
  ]
  return element('ul', *items, class_='tiles')


def _section(section: Section) -> Element:
  return element('section', element('h2', section.title), *section.body)


def _again(report: Report) -> list[Element]:
  packages = [
    ('nat_tf', version.VERSION),
    ('Python', platform.python_version()),
  ]
  packages += [(name, found) for name in _PACKAGES if (found := _version(name))]
  packages.append(('system', f'{platform.system()} {platform.machine()}'))
  return [
    element('pre', element('code', report.command)),
    element('p', f'Seed: {report.seed}.'),
    element(
      'details',
      element('summary', 'Versions'),
      _texts([('', 'version'), *packages]),
    ),
  ]


def _version(package: str) -> str | None:
  try:
    return importlib.metadata.version(package)
  except importlib.metadata.PackageNotFoundError:
    return None


def _settings(
  config: setting.Settings, resolved: Mapping[str, Any]
) -> list[Element]:
  """Returns the settings, first those that someone changed."""
  changed: list[tuple[str, ...]] = []
  usual: list[tuple[str, ...]] = []
  for field in dataclasses.fields(config):
    value = getattr(config, field.name)
    row = (field.name, _value(value), field.metadata['meaning'])
    own = value in (field.default, resolved.get(field.name, field.default))
    (usual if own else changed).append(row)
  head = ('setting', 'value', 'meaning')
  return [
    _texts([head, *changed])
    if changed
    else element('p', 'All are the defaults.'),
    element(
      'details',
      element('summary', f'The {len(usual)} settings that nobody changed'),
      _texts([head, *usual]),
    ),
  ]


def _value(value: Any) -> str:
  return 'none' if value is None else str(value)


def _texts(rows: Sequence[Sequence[str]]) -> Element:
  found = table(rows)
  found.set('class', 'texts')
  return found


def _files(files: Sequence[tuple[str, str]], folder: str) -> Element:
  items = [
    element(
      'li',
      element('a', name, href=urllib.parse.quote(f'./{name}')),
      element('span', f' \N{EN DASH} {what}'),
    )
    for name, what in files
    if os.path.exists(os.path.join(folder, name))
  ]
  return element('ul', *items, class_='files')


def _footer() -> str:
  now = datetime.datetime.now(datetime.timezone.utc)
  return f'Written {now:%Y-%m-%d %H:%M} UTC by nat_tf {version.VERSION}.'
