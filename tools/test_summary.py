"""Adds up the results of the last `bazel test //...`.

Run as `python tools/test_summary.py TARGET...` in the root of the workspace;
prints `N passed, N failed, N skipped`, and the targets without a result.
"""

import collections
import pathlib
import sys
from xml.etree import ElementTree


def _outcome(case: ElementTree.Element) -> str:
  if case.find('failure') is not None or case.find('error') is not None:
    return 'failed'
  # absltest marks a skipped case only by its status.
  if case.find('skipped') is not None or case.get('status') == 'notrun':
    return 'skipped'
  return 'passed'


def count(logs: pathlib.Path) -> 'collections.Counter[str]':
  """Returns how many test cases passed, failed, and were skipped.

  Args:
    logs: the folder of one target's results; it has one file of results, or
      one a shard.
  """
  outcomes: collections.Counter[str] = collections.Counter()
  for path in logs.glob('**/test.xml'):
    try:
      cases = list(ElementTree.parse(path).iter('testcase'))
    except ElementTree.ParseError:
      # The process crashed before it could write them down.
      outcomes['failed'] += 1
      continue
    outcomes.update(map(_outcome, cases))
  return outcomes


def main(targets: list[str]) -> None:
  """Prints the sum over all targets."""
  total: collections.Counter[str] = collections.Counter()
  for target in targets:
    package, name = target.lstrip('/').split(':')
    outcomes = count(pathlib.Path('bazel-testlogs') / package / name)
    if not outcomes:
      print(f'{target} has no result')
      outcomes['failed'] += 1
    total.update(outcomes)
  print(', '.join(f'{total[key]} {key}' for key in _ORDER))


_ORDER = ('passed', 'failed', 'skipped')

if __name__ == '__main__':
  main(sys.argv[1:])
