"""An end for a whole request, however slowly its answer drips: a socket's own timeout begins anew with each byte."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

_now = threading.local()  # `deadline`: that of the request which this thread sends


class Deadline:
    """So many `seconds` after `with` the connection that this thread sends on is shut down; `passed` says so."""

    def __init__(self, seconds: float) -> None:
        self.passed, self._until = False, time.monotonic() + seconds
        self.connection: Any = None
        self.socket: Any = None
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    @property
    def left(self) -> float:
        """Seconds until then."""
        return max(self._until - time.monotonic(), 0.0)

    def __enter__(self) -> Deadline:
        _now.deadline = self
        self._timer.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._timer.cancel()
        _now.deadline = None

    def _end(self) -> None:
        self.passed = True
        with suppress(OSError, AttributeError):
            # Not the method of an SSLSocket, which takes TLS away from under the thread that reads.
            socket.socket.shutdown(self.socket or self.connection.sock, socket.SHUT_RDWR)


class _Watched(HTTPConnection):
    """A connection that tells the deadline of a request where it is sent."""

    def request(self, *words: Any, **options: Any) -> None:
        """As urllib3 asks for it."""
        deadline = getattr(_now, "deadline", None)
        if deadline is not None:
            deadline.connection, deadline.socket = self, None
        super().request(*words, **options)
        if deadline is not None:
            deadline.socket = self.sock  # the connection forgets it where the server closes after this answer


class _WatchedTLS(_Watched, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Watched


class _PoolTLS(HTTPSConnectionPool):
    ConnectionCls = _WatchedTLS


POOLS = {"http": _Pool, "https": _PoolTLS}  # for a pool manager of urllib3
