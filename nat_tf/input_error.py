"""The base of all errors that a user's input can cause."""


class InputError(ValueError):
  """Something that was handed over is wrong.

  The message is one line that says what is wrong, where, and what would be
  right; commands print it and nothing else.
  """
