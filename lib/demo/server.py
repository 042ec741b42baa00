"""The demo gateway as a running server."""

import sys
import threading
from http.server import ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

from lib.demo.handler import Handler
from lib.demo.state import State


class DemoServer(ThreadingHTTPServer):
    """The HTTP server on a free port of 127.0.0.1, one thread for each connection."""

    daemon_threads = True
    request_queue_size = 128
    handler: type[Handler] = Handler

    def __init__(self, pace: float) -> None:
        self.pace = pace
        self.closed = threading.Event()
        self.state = State()
        super().__init__(("127.0.0.1", 0), self.handler)

    def server_bind(self) -> None:
        """Bind without the look-up of the host name in HTTPServer, which can take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report errors of handlers, except that a client disconnected."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def close(self) -> None:
        """End all answers, then the server."""
        self.closed.set()
        self.shutdown()
        self.server_close()


class DemoGateway:
    """A running demo gateway, until close().

    `pace` divides every deliberate delay; 1 is the pace of a human reader.
    Raises OSError when no port is free.
    """

    server_class: type[DemoServer] = DemoServer

    def __init__(self, pace: float = 1.0) -> None:
        self._server = self.server_class(pace)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="demo-gateway", daemon=True
        )
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def is_running(self) -> bool:
        """Return True while requests are accepted."""
        return self._thread.is_alive() and not self._server.closed.is_set()

    def close(self) -> None:
        """End the server and all its answers; idempotent."""
        self._server.close()
        self._thread.join(timeout=1.0)
