"""Connections that can be ended from another thread: Cancel, and the adapter that tells it of its socket."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


class Cancel:
    """Ends a request from another thread, whatever it waits for: headers, bytes or nothing at all.

    The flag is set before the socket is shut, and whoever reads must look at it after a quiet end
    too: a body that is framed by its close ends in an ordinary way when it is shut.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._flag = threading.Event()

    @property
    def cancelled(self) -> bool:
        return self._flag.is_set()

    def cancel(self) -> None:
        """Set the flag and shut the connection in both directions. Safe to call twice, from any thread."""
        self._flag.set()
        with self._lock:
            if self._socket is not None:
                _shut(self._socket)

    def patience(self, seconds: float) -> None:
        """Let no read of the request now under way wait for longer than this."""
        with self._lock, contextlib.suppress(OSError):
            if self._socket is not None:
                self._socket.settimeout(seconds)

    def wait(self, seconds: float) -> bool:
        """Whether it was cancelled within so many seconds."""
        return self._flag.wait(seconds)

    def attach(self, sock: socket.socket | None) -> None:
        """Note the socket of the request now under way; None forgets it when it goes back to the pool."""
        with self._lock:
            self._socket = sock
            if sock is not None and self._flag.is_set():
                _shut(sock)


# The request under way on this thread: its connection is made or found deep inside requests.
_running: ContextVar[Cancel | None] = ContextVar("running", default=None)


@contextlib.contextmanager
def noting(cancel: Cancel) -> Iterator[None]:
    """Let the requests that this thread makes meanwhile tell `cancel` of their sockets."""
    token = _running.set(cancel)
    try:
        yield
    finally:
        _running.reset(token)


def _shut(sock: socket.socket) -> None:
    # The plain socket's method: a TLS socket's own would first say goodbye, and can wait for an answer.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _note(connection: Any, sock: Any) -> None:
    cancel = _running.get()
    if cancel is not None and isinstance(sock, socket.socket):
        connection.noted = cancel
        cancel.attach(sock)


def _begin(connection: Any) -> None:
    """Take up a connection for a request: a socket that is used again is told of before anything is sent."""
    if connection.sock is not None:
        # Its last user may have been in a hurry.
        if isinstance(connection.timeout, int | float):
            connection.sock.settimeout(connection.timeout)
        _note(connection, connection.sock)


def _leave(connection: Any) -> None:
    """Let go of a connection that goes back to the pool: a late cancel must not hit its next user."""
    noted, connection.noted = getattr(connection, "noted", None), None
    if noted is not None:
        noted.attach(None)


class _Plain(HTTPConnection):
    def request(self, *args: Any, **kwargs: Any) -> None:
        _begin(self)
        super().request(*args, **kwargs)

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        _note(self, sock)  # before a TLS handshake, in which a peer can be silent too
        return sock


class _Tls(_Plain, HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        _note(self, self.sock)


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain

    def _put_conn(self, conn: Any) -> None:
        if conn is not None:
            _leave(conn)
        super()._put_conn(conn)


class _TlsPool(_PlainPool, HTTPSConnectionPool):
    ConnectionCls = _Tls


class Adapter(HTTPAdapter):
    """Connections that tell the running request's Cancel of their socket."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self._notice(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        # A SOCKS manager has connections of its own, which do not tell of their socket.
        return manager if proxy.lower().startswith("socks") else self._notice(manager)

    @staticmethod
    def _notice(manager: Any) -> Any:
        manager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}
        return manager
