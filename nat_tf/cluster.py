"""The machines that compute together, as TF_CONFIG lists them."""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import errno
import json
import os
import re
import socket
import sys
import time
from typing import Any, NamedTuple

from nat_tf import input_error

_VARIABLE = 'TF_CONFIG'
_EXAMPLE = (
  '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, '
  '"task": {"type": "worker", "index": 0}}'
)
_ROLES = ('chief', 'worker')
_ADDRESS = re.compile(r'(\[[^\[\]\s]+\]|[^\[\]:\s]+):([0-9]{1,5})', re.ASCII)
# Seconds: between two looks, for one of them, until it is said who is missing,
# and until it is given up.
_PAUSE, _PATIENCE, _SILENCE, _LONGEST = 0.1, 2.0, 10.0, 3600.0


class ClusterError(input_error.InputError):
  """There is no such cluster; the message says what is wrong with it."""


class Address(NamedTuple):
  """Where a process listens."""

  host: str
  port: int

  def __str__(self) -> str:
    return f'{self.host}:{self.port}'


class Cluster(NamedTuple):
  """Who computes together.

  Attributes:
    own: where this process listens.
    others: where the others do.
  """

  own: Address
  others: list[Address]


def read() -> Cluster:
  """Returns the cluster of the environment variable TF_CONFIG.

  Raises:
    ClusterError: it does not say who belongs to the cluster.
  """
  text = os.environ.get(_VARIABLE)
  if not text:
    raise _no_cluster('is not set')
  try:
    values = json.loads(text)
    cluster, task = values['cluster'], values['task']
    members = {role: cluster[role] for role in cluster}
    role, index = task['type'], task['index']
    known = members[role]
  except (ValueError, KeyError, TypeError, RecursionError):
    raise _no_cluster('does not name a cluster and a task of it') from None
  found = {name: _addresses(name, listed) for name, listed in members.items()}
  if type(index) is not int or not 0 <= index < len(known):
    raise _no_cluster(
      f'calls this task number {ascii(index)[:40]} of {len(known)}'
    )
  every = [one for addresses in found.values() for one in addresses]
  for one in every:
    if every.count(one) > 1:
      raise _no_cluster(f'lists {ascii(str(one))[:80]} twice')
  own = found[role][index]
  return Cluster(own, [one for one in every if one != own])


def wait():
  """Waits until all processes of the cluster have been called.

  TensorFlow waits, too, but can neither be interrupted then nor say for whom.
  This process listens meanwhile, so that the others see it.

  Raises:
    ClusterError: another process listens where this one should, or one was not
      called within an hour.
  """
  own, missing = read()
  begun, said = time.monotonic(), False
  with _listening(own.port):
    while True:
      missing = [one for one in missing if not _answers(one)]
      if not missing:
        return
      waited = time.monotonic() - begun
      names = ', '.join(map(str, missing))[:200]
      if waited > _LONGEST:
        raise ClusterError(
          f'--strategy=multi_worker: {names} did not answer for an hour; call '
          'the same command on all machines at about the same time'
        )
      if waited > _SILENCE and not said:
        said = True
        print(
          f'waiting for {names}: call the same command there',
          file=sys.stderr,
          flush=True,
        )
      time.sleep(_PAUSE)


@contextlib.contextmanager
def _listening(port: int) -> Iterator[None]:
  """Lets connections to a port of this machine succeed in the block."""
  with _socket() as listener:
    begun = time.monotonic()
    while True:
      try:
        listener.bind(('', port))
        listener.listen()
        break
      except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
          break  # The others then see TensorFlow listen.
        # A process that was just killed may still be there.
        if time.monotonic() - begun > _SILENCE:
          raise ClusterError(
            f'--strategy=multi_worker: cannot listen on port {port}: '
            f'{error.strerror}; stop what does, or give another in {_VARIABLE}'
          ) from None
        time.sleep(_PAUSE)
    yield


def _socket() -> socket.socket:
  """Returns one for all addresses of this machine."""
  if socket.has_dualstack_ipv6():
    made = socket.socket(socket.AF_INET6)
    made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
  else:
    made = socket.socket()
  made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
  return made


def _answers(one: Address) -> bool:
  """Returns whether something listens there."""
  try:
    host = one.host.strip('[]')
    socket.create_connection((host, one.port), _PATIENCE).close()
  except (OSError, UnicodeError):
    return False
  return True


def _addresses(role: str, listed: Any) -> list[Address]:
  """Returns the addresses of a role.

  Raises:
    ClusterError: it is not one that takes part, or they are no addresses.
  """
  found = [_address(one) for one in listed] if isinstance(listed, list) else []
  good = [one for one in found if one is not None]
  if role not in _ROLES or not good or len(good) < len(found):
    raise _no_cluster(
      f'lists {ascii(role)[:40]}: {ascii(listed)[:80]}; it may list only chief '
      'and worker, each with addresses host:port, ports from 1 to 65535'
    )
  return good


def _address(text: Any) -> Address | None:
  match = _ADDRESS.fullmatch(text) if isinstance(text, str) else None
  if match is None or not 1 <= int(match.group(2)) <= 65535:
    return None
  return Address(match.group(1).lower(), int(match.group(2)))


def _no_cluster(what: str) -> ClusterError:
  return ClusterError(
    f'--strategy=multi_worker: the environment variable {_VARIABLE} {what}; '
    f'on the first of two machines it would be {_EXAMPLE}'
  )
