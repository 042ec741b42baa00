"""The demo gateway as a running server: its port, its connections, its end."""

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

from lib.demo.handler import Handler
from lib.demo.memory import Memory


def start(pace: float = 1.0) -> "Demo":
    """Return a running demo gateway; with a pace of 50 it is fifty times as fast, its waits as well."""
    return Demo(pace)


class Demo:
    """The running server, on a free port of 127.0.0.1, until close()."""

    def __init__(self, pace: float = 1.0) -> None:
        """Start it; raise OSError when there is no port to be had."""
        self._server = _Server(pace)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="demo-gateway", daemon=True
        )
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @property
    def open_streams(self) -> int:
        """The number of answers being produced now, streamed or not."""
        return self._server.producing

    @property
    def followed(self) -> tuple[bool, ...]:
        """For each time that a client followed the redirect, whether it brought a key along."""
        return self._server.memory.followed

    def alive(self) -> bool:
        """Return whether it still takes requests."""
        return self._thread.is_alive() and not self._server.closed.is_set()

    def close(self) -> None:
        """End the server and every answer it is giving; a second call does nothing."""
        self._server.close()
        self._thread.join(timeout=1.0)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, pace: float) -> None:
        self.pace = pace
        self.closed = threading.Event()
        self.memory = Memory()
        self.producing = 0
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), Handler)

    def server_bind(self) -> None:
        # HTTPServer would look up the host's name here, which can take seconds.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that leaves is no fault of the server.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    @contextmanager
    def counted(self) -> Iterator[None]:
        with self._lock:
            self.producing += 1
        try:
            yield
        finally:
            with self._lock:
                self.producing -= 1

    def close(self) -> None:
        self.closed.set()
        self.shutdown()
        self.server_close()
        with self._lock:
            for connection in self._connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
