"""Tests of tools/api_page.py, which loads nothing of what it describes."""

from __future__ import annotations

from absl.testing import absltest
from absl.testing import parameterized

from tools import api_page

_README = """## Map of the code

| `nat_tf/` | |
|---|---|
| `one`, `two` | numbers |
| `page` | `page.html` |

## Licence

| `no` | module |
"""
_SOURCE = '''"""Counts *things*.

    1 -> 2
"""

def count(
  # All of them.
  things: list[int],
  *,
  start: int = 0,
  **rest: str,
) -> int:
  """Returns how many `<things>` there are, < 5.

  Args:
    things: what to count,
      one by one.
    **rest: ignored.

  Returns:
    The number.

  Raises:
    ValueError: none.
  """

def _hidden():
  """Hidden."""

class Counter(Base):
  """Counts.

  Attributes:
    size: how many.
  """

  def __init__(self, size: int):
    self.size = size

  @property
  def half(self) -> float:
    """The half."""

  @classmethod
  def make(cls) -> Counter:
    """Makes one."""

  def overridden(self):
    pass

class Error(ValueError):
  """Wrong."""
'''
_SHOWN = r"""### one

Counts \*things\*.

    1 -> 2

```py
count(things: list[int], *, start: int = 0, **rest: str) -> int
```

Returns how many `<things>` there are, \< 5.

*Args*

* `things`: what to count,
  one by one.
* `**rest`: ignored.

*Returns*

The number.

*Raises*

* `ValueError`: none.

```py
class Counter(size: int)
```

Counts.

*Attributes*

* `size`: how many.

```py
Counter.half -> float
```

The half.

```py
Counter.make() -> Counter
```

Makes one.

```py
class Error(ValueError)
```

Wrong.
"""


class ApiPageTest(parameterized.TestCase):
  def test_reads_the_map_of_the_code(self):
    self.assertEqual(
      api_page.groups(_README),
      [('numbers', ['one', 'two']), ('`page.html`', ['page'])],
    )

  def test_shows_what_is_public(self):
    page = api_page.page(_README, {'one': _SOURCE, 'two': '', 'page': ''})
    self.assertIn(
      '* numbers: [one](#one), [two](#two)\n* `page.html`: [page](#page)\n',
      page,
    )
    shown = page.partition('## Group: numbers\n\n')[2].partition('\n### two')[0]
    self.assertEqual(shown, _SHOWN)

  def test_breaks_long_lines_between_arguments(self):
    first, second = 'a' * 40, 'b' * 40
    source = f'def f({first}, {second}=(1, 2)) -> int:\n  """Does."""\n'
    page = api_page.page(_README, {'one': source, 'two': '', 'page': ''})
    self.assertIn(f'f(\n  {first},\n  {second} = (1, 2),\n) -> int\n', page)

  @parameterized.parameters(
    ({'one': '', 'two': ''}, 'page'),
    ({'one': '', 'two': '', 'page': '', 'new': ''}, 'new'),
  )
  def test_the_map_must_have_every_module(self, sources, missing):
    with self.assertRaisesRegex(ValueError, f'^{missing}: the map'):
      api_page.page(_README, sources)

  def test_the_map_must_have_no_module_twice(self):
    readme = _README.replace('`page` |', '`page`, `one` |')
    with self.assertRaisesRegex(ValueError, '^one: the map'):
      api_page.page(readme, {'one': '', 'two': '', 'page': ''})


if __name__ == '__main__':
  absltest.main()
