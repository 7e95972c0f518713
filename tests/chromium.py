"""A headless Chromium, for tests that look at a page as a browser does.

Spoken to over two pipes, by the DevTools protocol: JSON with a null byte behind
each message (`--remote-debugging-pipe`). It can resolve no name and reach no
address but this machine's: a request that a page makes elsewhere shows in
`requests` and goes nowhere.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
from typing import Any

_NAMES = ('chromium', 'chromium-browser', 'google-chrome')
_ARGUMENTS = (
  '--headless=new',
  # The pages are our own, and a container has no name spaces to give.
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-background-networking',
  '--disable-component-update',
  '--no-first-run',
  '--hide-scrollbars',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
  '--remote-debugging-pipe',
)
# Seconds that a machine which is busy otherwise may need for an answer.
_PATIENCE = 120


def find() -> str | None:
  """Returns the browser's path; None where there is none."""
  known = os.pathsep.join([os.environ.get('PATH', ''), '/usr/bin'])
  found = (shutil.which(name, path=known) for name in _NAMES)
  return next((path for path in found if path), None)


class Page:
  """One page in a browser of its own; a context manager.

  Attributes:
    requests: addresses of all that was asked for.
    complaints: errors, warnings and failures that the console shows.
  """

  def __init__(self, browser: str):
    self._browser = browser
    self._count = 0
    self._buffer = b''
    self._loaded = False
    self._session: str | None = None
    self.requests: list[str] = []
    self.complaints: list[str] = []

  def __enter__(self) -> Page:
    self._profile = tempfile.mkdtemp()
    reads, self._out = os.pipe()
    self._in, writes = os.pipe()
    # The browser reads from 3 and writes to 4; these must be others.
    theirs_in, theirs_out = (
      fcntl.fcntl(one, fcntl.F_DUPFD, 10) for one in (reads, writes)
    )
    command = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}'
    self._process = subprocess.Popen(
      ['bash', '-c', command, 'bash', self._browser, *_ARGUMENTS]
      + [f'--user-data-dir={self._profile}', 'about:blank'],
      pass_fds=(theirs_in, theirs_out),
      stdout=subprocess.DEVNULL,
      stderr=subprocess.DEVNULL,
      env={**os.environ, 'HOME': self._profile},
    )
    for one in (reads, writes, theirs_in, theirs_out):
      os.close(one)
    target = self.call('Target.createTarget', url='about:blank')['targetId']
    self._session = self.call(
      'Target.attachToTarget', targetId=target, flatten=True
    )['sessionId']
    for domain in ('Page', 'Runtime', 'Log', 'Network'):
      self.call(f'{domain}.enable')
    return self

  def __exit__(self, *_: object):
    self._process.terminate()
    try:
      self._process.wait(_PATIENCE)
    finally:
      os.close(self._in)
      os.close(self._out)
      # The browser's children may still write to it.
      shutil.rmtree(self._profile, ignore_errors=True)

  def call(self, method: str, **params: Any) -> dict[str, Any]:
    """Calls a method of the DevTools protocol; returns its result."""
    self._count += 1
    message: dict[str, Any] = {
      'id': self._count,
      'method': method,
      'params': params,
    }
    if self._session:
      message['sessionId'] = self._session
    os.write(self._out, json.dumps(message).encode() + b'\0')
    while True:
      answer = self._read()
      if answer.get('id') == self._count:
        if 'error' in answer:
          raise RuntimeError(f'{method}: {answer["error"]}')
        return answer['result']

  def open(self, path: str):
    """Opens a file, or an address, and waits until it is there."""
    self._loaded = False
    url = path if '://' in path else f'file://{path}'
    self.call('Page.navigate', url=url)
    while not self._loaded:
      self._read()

  def evaluate(self, script: str) -> Any:
    """Returns what a script's last expression is, as JSON can say it."""
    answer = self.call(
      'Runtime.evaluate', expression=script, returnByValue=True
    )
    if 'exceptionDetails' in answer:
      raise RuntimeError(answer['exceptionDetails'])
    return answer['result'].get('value')

  def resize(self, width: int, height: int, scale: float = 1):
    """Makes the window as large as that, in CSS pixels."""
    self.call(
      'Emulation.setDeviceMetricsOverride',
      width=width,
      height=height,
      deviceScaleFactor=scale,
      mobile=False,
    )

  def prefer(self, scheme: str):
    """Sets whether the user prefers pages `light` or `dark`."""
    feature = {'name': 'prefers-color-scheme', 'value': scheme}
    self.call('Emulation.setEmulatedMedia', features=[feature])

  def move(self, x: float, y: float):
    """Moves the mouse."""
    self.call('Input.dispatchMouseEvent', type='mouseMoved', x=x, y=y)

  def press(self, key: str):
    """Presses a key that has a name and writes nothing."""
    for kind in ('rawKeyDown', 'keyUp'):
      self.call('Input.dispatchKeyEvent', type=kind, key=key, code=key)

  def screenshot(self, path: str, whole: bool = False):
    """Writes a picture of what is seen, or of the whole page."""
    taken = self.call('Page.captureScreenshot', captureBeyondViewport=whole)
    with open(path, 'wb') as file:
      file.write(base64.b64decode(taken['data']))

  def _read(self) -> dict[str, Any]:
    """Takes one message, and notes what it tells of the page."""
    while b'\0' not in self._buffer:
      ready, _, _ = select.select([self._in], [], [], _PATIENCE)
      got = os.read(self._in, 1 << 20) if ready else b''
      if not got:
        raise RuntimeError('the browser ended or hangs')
      self._buffer += got
    text, _, self._buffer = self._buffer.partition(b'\0')
    message = json.loads(text)
    params = message.get('params', {})
    method = message.get('method')
    if method == 'Page.loadEventFired':
      self._loaded = True
    elif method == 'Network.requestWillBeSent':
      self.requests.append(params['request']['url'])
    elif method == 'Runtime.exceptionThrown':
      self.complaints.append(str(params['exceptionDetails']))
    elif method == 'Runtime.consoleAPICalled':
      self.complaints.append(str(params['args']))
    elif method == 'Log.entryAdded':
      self.complaints.append(params['entry']['text'])
    return message
