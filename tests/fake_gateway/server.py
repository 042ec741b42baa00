"""The fake gateway as a running server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any

from lib.demo.server import DemoGateway, DemoServer
from lib.demo.state import State
from tests.fake_gateway.handler import FakeHandler
from tests.fake_gateway.prompt_cache import PromptCache

DEFAULT_PACE = 20.0


class FakeServer(DemoServer):
    """The server with its open connections and the answers in progress."""

    handler = FakeHandler

    def __init__(self, pace: float) -> None:
        self.answers_in_progress = 0
        self.redirects_followed: list[bool] = []
        self.prompt_cache = PromptCache()
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(pace)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    @contextmanager
    def producing(self) -> Iterator[None]:
        """Count an answer as in progress."""
        with self._lock:
            self.answers_in_progress += 1
        try:
            yield
        finally:
            with self._lock:
                self.answers_in_progress -= 1

    def reset(self) -> None:
        """Forget all earlier requests."""
        self.state, self.prompt_cache, self.redirects_followed = State(), PromptCache(), []

    def close(self) -> None:
        super().close()
        with self._lock:
            for connection in self._connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


class FakeGateway(DemoGateway):
    """A running fake gateway on a free port of 127.0.0.1; a context manager.

    `pace` divides every deliberate delay: 1 is the pace of a human reader.
    It accepts any key. Raises OSError when no port is free.
    """

    server_class = FakeServer

    def __init__(self, pace: float = DEFAULT_PACE) -> None:
        super().__init__(pace)

    @property
    def open_streams(self) -> int:
        """The number of answers in progress, streamed or not."""
        return self._server.answers_in_progress

    @property
    def redirects_followed(self) -> tuple[bool, ...]:
        """For each request to the target of the redirect, True when it carried a key."""
        return tuple(self._server.redirects_followed)

    def reset(self) -> None:
        """Forget attempts, costs, cached prompts and redirects of earlier requests."""
        self._server.reset()

    def __enter__(self) -> FakeGateway:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
