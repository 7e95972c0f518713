"""What docs/serving.md shows, against a network of that size."""

from __future__ import annotations

import json
import os
import pathlib
import re

from absl.testing import absltest
import tensorflow as tf

from nat_tf import serving
from tests import command_line
from tests import serving_rest
from tests import small_networks

# Not resolved: under Bazel it is where this test's own copies are.
_ROOT = pathlib.Path(__file__).absolute().parent.parent
_DOCUMENT = (_ROOT / 'docs' / 'serving.md').read_text('utf-8')
_DIGITS = tuple('0123456789')


def _form(value):
  """Returns a JSON value with the types of its leaves only."""
  if isinstance(value, dict):
    return {key: _form(value[key]) for key in sorted(value)}
  if isinstance(value, list):
    return [_form(part) for part in value]
  return type(value).__name__


class DocumentTest(absltest.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    size = small_networks.config('resnet20', 1, 2, (8, 8, 1), 10)
    model = small_networks.model('resnet20', size)
    info = small_networks.info(size, _DIGITS)
    cls.path = os.path.join(tf.compat.v1.test.get_temp_dir(), 'document')
    serving.save(serving.servable(model, info), info, cls.path)

  def test_requests_get_responses_of_the_form_shown(self):
    blocks = re.findall(r'```json\n(.*?)```', _DOCUMENT, re.DOTALL)
    pixels, row, file, columns_of_file, columns = map(json.loads, blocks)
    model = tf.saved_model.load(self.path)
    first = serving_rest.answer(model, pixels)
    self.assertEqual(_form(first), _form(row))
    # The file holds the same image.
    self.assertEqual(serving_rest.answer(model, file), first)
    by_columns = serving_rest.answer(model, columns_of_file)
    self.assertEqual(_form(by_columns), _form(columns))
    (prediction,) = first['predictions']
    self.assertEqual(
      by_columns['outputs'], {key: [x] for key, x in prediction.items()}
    )

  def test_shows_what_the_tool_prints(self):
    shown = re.search(r'```\n(signature_def.*?)```', _DOCUMENT, re.DOTALL)
    self.assertIn(shown.group(1), command_line.saved_model_cli(self.path))

  def test_names_the_error_of_unknown_bytes(self):
    begins = re.search(r'begins `(Unknown.*?)`', _DOCUMENT, re.DOTALL).group(1)
    model = tf.saved_model.load(self.path)
    request = {'signature_name': 'encoded', 'instances': ['no image']}
    response = serving_rest.answer(model, request)
    self.assertIn(' '.join(begins.split()), response['error'])


if __name__ == '__main__':
  absltest.main()
