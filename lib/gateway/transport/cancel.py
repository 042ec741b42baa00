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


class CancelToken:
    """Ends a request from another thread, whatever it waits for: headers, bytes or nothing at all.

    The flag is set before the socket is shut, and whoever reads must look at it after a quiet end
    too: a body that is framed by its close ends in an ordinary way when it is shut.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._cancelled_event = threading.Event()

    @property
    def cancelled(self) -> bool:
        return self._cancelled_event.is_set()

    def cancel(self) -> None:
        """Set the flag and shut the connection in both directions. Safe to call twice, from any thread."""
        self._cancelled_event.set()
        with self._lock:
            if self._socket is not None:
                _shutdown_socket(self._socket)

    def set_read_timeout(self, seconds: float) -> None:
        """Let no read of the request now under way wait for longer than this."""
        with self._lock, contextlib.suppress(OSError):
            if self._socket is not None:
                self._socket.settimeout(seconds)

    def wait(self, seconds: float) -> bool:
        """Whether it was cancelled within so many seconds."""
        return self._cancelled_event.wait(seconds)

    def set_socket(self, sock: socket.socket | None) -> None:
        """Note the socket of the request now under way; None forgets it when it goes back to the pool."""
        with self._lock:
            self._socket = sock
            if sock is not None and self._cancelled_event.is_set():
                _shutdown_socket(sock)


# The request under way on this thread: its connection is made or found deep inside requests.
_current_cancel: ContextVar[CancelToken | None] = ContextVar("running", default=None)


@contextlib.contextmanager
def track_connection(cancel: CancelToken) -> Iterator[None]:
    """Let the requests that this thread makes meanwhile tell `cancel` of their sockets."""
    token = _current_cancel.set(cancel)
    try:
        yield
    finally:
        _current_cancel.reset(token)


def _shutdown_socket(sock: socket.socket) -> None:
    # The plain socket's method: a TLS socket's own would first say goodbye, and can wait for an answer.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _register_socket(connection: Any, sock: Any) -> None:
    cancel = _current_cancel.get()
    if cancel is not None and isinstance(sock, socket.socket):
        connection.cancel_token = cancel
        cancel.set_socket(sock)


def _register_pooled_socket(connection: Any) -> None:
    """Take up a connection for a request: a socket that is used again is told of before anything is sent."""
    if connection.sock is not None:
        # Its last user may have been in a hurry.
        if isinstance(connection.timeout, int | float):
            connection.sock.settimeout(connection.timeout)
        _register_socket(connection, connection.sock)


def _unregister_socket(connection: Any) -> None:
    """Let go of a connection that goes back to the pool: a late cancel must not hit its next user."""
    noted, connection.cancel_token = getattr(connection, "cancel_token", None), None
    if noted is not None:
        noted.set_socket(None)


class _TrackedHTTPConnection(HTTPConnection):
    def request(self, *args: Any, **kwargs: Any) -> None:
        _register_pooled_socket(self)
        super().request(*args, **kwargs)

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        _register_socket(self, sock)  # before a TLS handshake, in which a peer can be silent too
        return sock


class _TrackedHTTPSConnection(_TrackedHTTPConnection, HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        _register_socket(self, self.sock)


class _TrackedHTTPPool(HTTPConnectionPool):
    ConnectionCls = _TrackedHTTPConnection

    def _put_conn(self, conn: Any) -> None:
        if conn is not None:
            _unregister_socket(conn)
        super()._put_conn(conn)


class _TrackedHTTPSPool(_TrackedHTTPPool, HTTPSConnectionPool):
    ConnectionCls = _TrackedHTTPSConnection


class CancellableAdapter(HTTPAdapter):
    """Connections that tell the running request's Cancel of their socket."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self._use_tracked_pools(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        # A SOCKS manager has connections of its own, which do not tell of their socket.
        return manager if proxy.lower().startswith("socks") else self._use_tracked_pools(manager)

    @staticmethod
    def _use_tracked_pools(manager: Any) -> Any:
        manager.pool_classes_by_scheme = {"http": _TrackedHTTPPool, "https": _TrackedHTTPSPool}
        return manager
