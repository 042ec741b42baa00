"""Cancellation of a request from another thread, by shutting down its socket."""

from __future__ import annotations

import contextlib
import http.client
import io
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


class CancelToken:
    """Cancels one request from any thread, whether it waits for a connection, headers or bytes.

    `response.close()` is not enough: from another thread it blocks until the next byte arrives, and
    before the headers there is no response to close. `shutdown(SHUT_RDWR)` on the socket wakes a blocked
    read at once and tells the gateway, which then stops generating tokens that would be billed.

    The flag is set before the socket is shut down. A reader has to check it after a quiet end of the
    body as well as after an error: a body delimited by connection close ends normally on shutdown.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        # Held until the request is cancelled.
        self._cancel_lock = threading.Lock()
        self._cancel_lock.acquire()
        self._is_cancelled = False
        self._on_cancel: Callable[[], None] = lambda: None
        self.connected_at: float | None = None  # monotonic time at which the last connection was ready

    @property
    def cancelled(self) -> bool:
        return self._is_cancelled

    def cancel(self) -> None:
        """Set the flag and shut the connection down in both directions. Idempotent and thread-safe."""
        with self._lock:
            if not self._is_cancelled:
                self._is_cancelled = True
                self._cancel_lock.release()
                self._on_cancel()
            if self._socket is not None:
                _shutdown_socket(self._socket)

    def wait(self, seconds: float) -> bool:
        """Sleep up to `seconds`; return True as soon as the request is cancelled."""
        if self._is_cancelled or not self._cancel_lock.acquire(timeout=max(0.0, seconds)):
            return self._is_cancelled
        self._cancel_lock.release()  # for the next one who waits
        return True

    def call_on_cancel(self, call: Callable[[], None]) -> None:
        """Call a function when the request is cancelled, or at once if it is; it takes the place of an earlier one."""
        with self._lock:
            self._on_cancel = call
            if self._is_cancelled:
                call()

    def set_socket(self, sock: socket.socket) -> None:
        """Store the socket of the current request; shut it down if the token is already cancelled."""
        with self._lock:
            self._socket = sock
            if self._is_cancelled:
                _shutdown_socket(sock)

    def note_connected(self) -> None:
        """Note that the connection of the current request is ready."""
        self.connected_at = time.monotonic()

    def clear_socket(self) -> None:
        """Forget the socket: its connection is closed, or back in the pool for another request."""
        with self._lock:
            self._socket = None

    def set_read_timeout(self, seconds: float) -> None:
        """Set the longest silence, in seconds, that the next reads of the request may wait for."""
        with self._lock, contextlib.suppress(OSError):
            if self._socket is not None:
                self._socket.settimeout(seconds)

    def count_arrived(self, reader: io.BufferedReader) -> int | None:
        """Return the number of bytes that `reader`, of this request's socket, can read at once.

        None if that is unknown, because the socket is, or has an error that the next read reports.
        """
        with self._lock:
            sock = self._socket
            if sock is None:
                return None
            timeout = sock.gettimeout()
            try:
                sock.settimeout(0)
                return len(reader.peek(1))
            except (BlockingIOError, ssl.SSLWantReadError):
                return 0
            except (OSError, ValueError):
                return None
            finally:
                with contextlib.suppress(OSError):
                    sock.settimeout(timeout)


# The token of the request on this thread. A context variable, because the connection is created or
# taken from the pool deep inside requests.
_current_token: ContextVar[CancelToken | None] = ContextVar("cancel_token", default=None)


@contextlib.contextmanager
def track_connection(cancel: CancelToken) -> Iterator[None]:
    """Register the sockets of all requests that this thread makes inside the block with `cancel`."""
    reset_token = _current_token.set(cancel)
    try:
        yield
    finally:
        _current_token.reset(reset_token)


def _shutdown_socket(sock: socket.socket) -> None:
    # The base class method: SSLSocket.shutdown() also discards the TLS state that the reader is using.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _register_socket(connection: Any, sock: Any) -> None:
    cancel = _current_token.get()
    if cancel is not None and isinstance(sock, socket.socket):
        connection.cancel_token = cancel
        cancel.set_socket(sock)


def _register_pooled_socket(connection: Any) -> None:
    """Register the socket of a reused connection before the request is sent."""
    if connection.sock is not None:
        # The previous request may have left a shorter read timeout.
        if isinstance(connection.timeout, int | float):
            connection.sock.settimeout(connection.timeout)
        _register_socket(connection, connection.sock)
        _note_connected()


def _note_connected() -> None:
    if cancel := _current_token.get():
        cancel.note_connected()


def _unregister_socket(connection: Any) -> None:
    """Detach a connection that returns to the pool: a late cancel must not hit its next request."""
    cancel, connection.cancel_token = getattr(connection, "cancel_token", None), None
    if cancel is not None:
        cancel.clear_socket()


# Informational responses before the real one; more would keep the thread for ever.
_MAX_INFORMATIONAL_RESPONSES = 100


class _FinalResponse(http.client.HTTPResponse):
    """The response behind any informational ones: `http.client` skips 100 alone, but not 103 Early Hints.

    101 is left as it is: after it the connection speaks another protocol (RFC 9110, section 15.2).
    """

    def begin(self) -> None:
        super().begin()
        for _ in range(_MAX_INFORMATIONAL_RESPONSES):
            if not 100 <= self.status < 200 or self.status == 101:
                return
            self.headers = self.msg = None  # type: ignore[assignment]  # as before the first response
            super().begin()
        raise http.client.BadStatusLine("too many informational responses")


class _TrackedHTTPConnection(HTTPConnection):
    response_class = _FinalResponse

    def connect(self) -> None:
        super().connect()
        _note_connected()  # after the TLS handshake

    def request(self, *args: Any, **kwargs: Any) -> None:
        _register_pooled_socket(self)
        super().request(*args, **kwargs)

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        _register_socket(self, sock)  # before the TLS handshake, in which a peer can be silent too
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
    """Adapter for requests with connections that register their socket with the current CancelToken."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self._use_tracked_pools(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        # A SOCKS manager needs its own connection classes, so its requests cannot be tracked.
        return manager if proxy.lower().startswith("socks") else self._use_tracked_pools(manager)

    @staticmethod
    def _use_tracked_pools(manager: Any) -> Any:
        manager.pool_classes_by_scheme = {"http": _TrackedHTTPPool, "https": _TrackedHTTPSPool}
        return manager
