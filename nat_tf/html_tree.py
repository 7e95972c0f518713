"""HTML as a tree: texts and attributes are escaped whatever they hold.

Names and paths come from users; a page that is made of elements and not of
strings has no place where one of them could become markup.
"""

from __future__ import annotations

from xml.etree import ElementTree

from nat_tf.printable import printable

Element = ElementTree.Element


def element(
  tag: str, *children: Element | str | None, **attributes: object
) -> Element:
  """Makes an element.

      element('p', 'See ', element('a', name, href=path), class_='note')

  Args:
    tag: its name.
    *children: elements and texts in their order; None is left out.
    **attributes: by name, `_` for `-`, where at the end for nothing (`class_`);
      None and False are left out, True has no value of its own.
  """
  made = Element(tag)
  for name, value in attributes.items():
    if value is None or value is False:
      continue
    key = name.rstrip('_').replace('_', '-')
    made.set(key, '' if value is True else printable(str(value)))
  add(made, *children)
  return made


def add(parent: Element, *children: Element | str | None):
  """Adds elements and texts at the end of an element.

  Args:
    parent: gets them.
    *children: elements and texts in their order; None is left out.
  """
  for child in children:
    if child is None:
      continue
    if not isinstance(child, str):
      parent.append(child)
    elif len(parent):
      parent[-1].tail = (parent[-1].tail or '') + printable(child)
    else:
      parent.text = (parent.text or '') + printable(child)


def document(root: Element) -> str:
  """Returns a page as text.

  Args:
    root: its `html`. The texts of `script` and `style` are not escaped, as HTML
      demands; nothing that comes from outside may stand there.
  """
  text = ElementTree.tostring(root, encoding='unicode', method='html')
  return f'<!DOCTYPE html>\n{text}\n'
