"""Answers requests as TensorFlow Serving's REST API does, without Serving.

    python serving_rest.py MODEL_DIRECTORY < requests.json > responses.json

Runs by itself: it needs TensorFlow, and refuses to import nat_tf. Both files
hold lists. What a request means: Serving's page on its RESTful API, and
`json_tensor.cc` where that page leaves something open.
"""

from __future__ import annotations

import base64
import json
import os
import sys

os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402


class _NoProject:
  """Finds whatever is not nat_tf's."""

  def find_spec(self, name, path=None, target=None):
    if name.split('.')[0] == 'nat_tf':
      raise ImportError(f'{name} is not to be had here')


def _check_no_project():
  sys.meta_path.insert(0, _NoProject())
  try:
    import nat_tf  # noqa: F401
  except ImportError:
    return
  raise AssertionError('nat_tf could be imported')


def _is_object(value):
  return isinstance(value, dict) and list(value) != ['b64']


def _leaf(value, dtype):
  """Returns a single number or string, as bytes, of a JSON value."""
  if dtype == tf.string:
    if isinstance(value, dict):
      return base64.b64decode(value['b64'], validate=True)
    if isinstance(value, str):
      return value.encode()
  elif isinstance(value, (int, float)) and not isinstance(value, bool):
    if dtype.is_floating or isinstance(value, int):
      return value
  raise ValueError(f'JSON Value: {value!r} is not of expected type: {dtype}')


def _shape(value):
  if not isinstance(value, list):
    return []
  return [len(value), *(_shape(value[0]) if value else [])]


def _leaves(value, dtype, shape):
  if not shape:
    return [_leaf(value, dtype)]
  if not isinstance(value, list) or len(value) != shape[0]:
    raise ValueError('Encountered list at unexpected size')
  return [leaf for part in value for leaf in _leaves(part, dtype, shape[1:])]


def _tensor(value, dtype):
  shape = _shape(value)
  leaves = _leaves(value, dtype, shape)
  kind = object if dtype == tf.string else dtype.as_numpy_dtype
  return tf.constant(np.array(leaves, kind).reshape(shape), dtype)


def _inputs(request, specs):
  """Returns the values of a request by the name of the input."""
  if ('instances' in request) == ('inputs' in request):
    raise ValueError("one of 'inputs' and 'instances' must exist")
  if 'inputs' in request:
    values = request['inputs']
    if not _is_object(values):
      (name,) = specs
      values = {name: values}
    return {name: values[name] for name in specs}
  instances = request['instances']
  if not instances:
    raise ValueError("No values in 'instances' array")
  if not _is_object(instances[0]):
    (name,) = specs
    return {name: instances}
  if any(set(instance) != set(specs) for instance in instances):
    raise ValueError(f'keys must be equal to: {", ".join(specs)}')
  return {name: [one[name] for one in instances] for name in specs}


def _plain(array):
  """Returns an array as JSON: strings as text, floats as short as they go."""
  if array.dtype == object:
    return [text.decode() for text in array]
  if array.dtype == np.float32:
    return [_plain(x) if x.ndim else float(str(x)) for x in array]
  return array.tolist()


def answer(model, request):
  """Returns the response to a request, both as JSON's Python objects."""
  name = request.get('signature_name', 'serving_default')
  signature = model.signatures[name]
  specs = signature.structured_input_signature[1]
  try:
    values = _inputs(request, specs)
    inputs = {key: _tensor(values[key], specs[key].dtype) for key in specs}
    outputs = signature(**inputs)
  except (ValueError, KeyError, tf.errors.OpError) as error:
    return {'error': getattr(error, 'message', str(error))}
  columns = {key: _plain(outputs[key].numpy()) for key in sorted(outputs)}
  if 'inputs' in request:
    return {'outputs': columns}
  rows = zip(*columns.values())
  return {'predictions': [dict(zip(columns, row)) for row in rows]}


def main():
  _check_no_project()
  model = tf.saved_model.load(sys.argv[1])
  json.dump([answer(model, one) for one in json.load(sys.stdin)], sys.stdout)


if __name__ == '__main__':
  main()
