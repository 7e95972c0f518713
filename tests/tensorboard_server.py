"""TensorBoard on a directory, for tests and pictures of what it shows."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import urllib.parse
import urllib.request

_PATIENCE = 60


class Server:
  """TensorBoard on a directory.

  Attributes:
    url: where it is.
  """

  def __init__(self, directory: str):
    self._directory = directory

  def start(self):
    """Starts it, and waits until it can be asked."""
    self._process = subprocess.Popen(
      [sys.executable, '-m', 'tensorboard.main', '--host=127.0.0.1']
      + ['--port=0', f'--logdir={self._directory}'],
      env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)},
      stdout=subprocess.DEVNULL,
      stderr=subprocess.PIPE,
      text=True,
    )
    told = ''
    while not (found := re.search(r'at (http://\S+)', told)):
      ready, _, _ = select.select([self._process.stderr], [], [], _PATIENCE)
      line = self._process.stderr.readline() if ready else ''
      if not line:
        raise AssertionError(f'TensorBoard does not start: {told}')
      told += line
    self.url = found[1]

  def stop(self):
    """Stops it."""
    # So that the server of its data ends, too.
    self._process.send_signal(signal.SIGINT)
    self._process.wait(_PATIENCE)
    self._process.stderr.close()

  def ask(self, path: str, body: object = None, **query: str):
    """Returns the answer of an address."""
    url = f'{self.url}data/{path}?{urllib.parse.urlencode(query)}'
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
      url, data, {'Content-Type': 'application/json'}
    )
    with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:
      return json.load(answer)
