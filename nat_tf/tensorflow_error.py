"""What TensorFlow says of a failure, in a few words."""

from __future__ import annotations

import re


def reason(error: Exception) -> str:
  """Returns why a file could not be read or written.

  Args:
    error: its message is like `{{node}} path; No such file or directory
      [Op:SaveV2]`, and more lines.
  """
  text = getattr(error, 'message', None) or str(error)
  text = re.sub(r'\{\{.*?\}\}|\[Op:\w+\].*|\n.*', '', text, flags=re.DOTALL)
  return ' '.join(text.rpartition(';')[2].split())[:120] or type(error).__name__
