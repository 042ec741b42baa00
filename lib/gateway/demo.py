"""The gateway for a first run without a key: a real HTTP server on loopback, both wires."""

import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain, islice
from socketserver import TCPServer
from types import MappingProxyType
from typing import Any

from lib.gateway import demo_answers, demo_wires
from lib.gateway.demo_wires import CHAT, MESSAGES, Chat, Messages, Refused, Wanted

_METHODS = MappingProxyType({CHAT: "POST", MESSAGES: "POST", demo_wires.MODELS: "GET"})
_LARGEST = 128 * 2**20
_PAGE = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\n"
_FAILURE = ("overloaded_error", "The demo breaks off here, as it was meant to.")
_THINKING_RATE = 30.0
_WHOLE_SECONDS = 3.0


@dataclass(frozen=True)
class _Manner:
    """How a model behaves: pieces a second, quiet seconds first, how it ends, seconds it may go on."""

    rate: float = 60.0
    quiet: int = 0
    end: str = "finish"
    most: float = 1800.0


_MANNERS: Mapping[str, _Manner] = MappingProxyType(
    {
        "demo-tour": _Manner(),
        "demo-thinker": _Manner(),
        "demo-slow": _Manner(rate=4.0, quiet=4),
        "demo-silent": _Manner(end="silence", most=600.0),
        "demo-breaks": _Manner(rate=20.0, end="cut"),
        "demo-errors": _Manner(rate=20.0, end="error"),
        "demo-busy": _Manner(end="busy"),
        "demo-endless": _Manner(rate=40.0),
        "demo-badgateway": _Manner(end="page"),
    }
)
MODELS: tuple[str, ...] = tuple(_MANNERS)


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
        self.producing = 0
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Handler)

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


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "antler-demo", ""
    disable_nagle_algorithm = True
    server: _Server
    request_id, route = "", ""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name the base class gives it
        pass

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what the base class could not read or has no method for."""
        self.close_connection = True
        self.request_id = demo_wires.request_id()
        self._refuse(
            Refused(405 if code == 501 else code, "invalid_request_error", message or "Not understood.")
        )

    def _route(self) -> None:
        self.request_id, self.route = demo_wires.request_id(), self.path.partition("?")[0]
        try:
            self._answer(self._body())
        except Refused as refused:
            self._refuse(refused)
        except ConnectionError:
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _route

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length") or "0"
        size = int(length) if length.isdecimal() and len(length) < 12 else -1
        if "Transfer-Encoding" in self.headers or not 0 <= size <= _LARGEST:
            # What is not read would be taken for the next request.
            self.close_connection = True
            status, reason = 413 if size > _LARGEST else 400, "A Content-Length of at most 128 MiB is needed."
            raise Refused(status, "invalid_request_error", reason)
        return self.rfile.read(size)

    def _answer(self, sent: bytes) -> None:
        method = _METHODS.get(self.route)
        if method is None:
            raise Refused(404, "not_found_error", f"There is nothing at {self.route[:80]}.")
        if self.command != method:
            raise Refused(405, "invalid_request_error", f"{self.route} takes {method}.", {"Allow": method})
        if self.route == demo_wires.MODELS:
            self._send(200, demo_wires.encode(demo_wires.models(MODELS)))
            return
        wanted = demo_wires.read(sent, self.route)
        manner = _MANNERS.get(wanted.model)
        if manner is None:
            raise Refused(503, "model_not_found", f"The demo has no model {wanted.model[:80]!r}.")
        if manner.end == "busy":
            busy = "This model is always busy. The demo has others."
            raise Refused(429, "rate_limit_error", busy, {"Retry-After": "2"})
        if manner.end == "page":
            self._send(502, _PAGE, {"Content-Type": "text/html; charset=utf-8"})
            return
        answer = Messages(wanted) if self.route == MESSAGES else Chat(wanted)
        with self.server.counted():
            (self._stream if wanted.stream else self._whole)(wanted, manner, answer)

    def _stream(self, wanted: Wanted, manner: _Manner, answer: Chat | Messages) -> None:
        self._head(200, demo_wires.STREAM)
        for _ in range(manner.quiet):
            self._wait(1.0)
            self._chunk(b": PING\n\n")
        if manner.end == "silence":
            self._wait(manner.most)
            self._chunk(b"")
            return
        self._chunk(answer.opening())
        said, due = _said(wanted, manner, manner.most), time.monotonic()
        for thinking, piece in islice(said, wanted.limit):
            # Counted from the first piece, so that late wake-ups do not add up.
            due += 1 / (_THINKING_RATE if thinking else manner.rate) / self.server.pace
            self._wait((due - time.monotonic()) * self.server.pace)
            self._chunk(answer.piece(thinking, piece))
        cut = next(said, None) is not None
        if manner.end == "cut" and not cut:
            self._tear(answer.piece(False, " here"))
            return
        failed = manner.end == "error" and not cut
        self._chunk(answer.failure(*_FAILURE, self.request_id) if failed else answer.closing(cut))
        self._chunk(b"")

    def _whole(self, wanted: Wanted, manner: _Manner, answer: Chat | Messages) -> None:
        self._wait(manner.quiet)
        if manner.end == "silence":
            self._wait(manner.most)
            raise ConnectionAbortedError("Silent to the end.")
        said = _said(wanted, manner, _WHOLE_SECONDS)
        made = sum(bool(answer.piece(*piece)) for piece in islice(said, wanted.limit))
        self._wait(min(_WHOLE_SECONDS, made / manner.rate))
        cut = next(said, None) is not None
        if manner.end == "error" and not cut:
            raise Refused(500, *_FAILURE)
        body = demo_wires.encode(answer.whole(cut))
        if manner.end == "cut" and not cut:
            self._head(200, {"Content-Type": "application/json", "Content-Length": str(len(body))})
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
            return
        self._send(200, body)

    def _refuse(self, refused: Refused) -> None:
        shape = demo_wires.error(self.route, refused.code, str(refused), self.request_id)
        self._send(refused.status, demo_wires.encode(shape), refused.headers)

    def _send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        length = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        self._head(status, {**length, **(headers or {})})
        if self.command != "HEAD":
            self.wfile.write(body)

    def _head(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        self.send_header("X-Oneapi-Request-Id", self.request_id)
        for name, value in headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()

    def _chunk(self, data: bytes) -> None:
        """Send data as one chunk; an empty one ends the answer."""
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def _tear(self, data: bytes) -> None:
        """Promise data, send half of it, and hang up."""
        self.wfile.write(b"%x\r\n%b" % (len(data), data[: len(data) // 2]))
        self.close_connection = True

    def _wait(self, seconds: float) -> None:
        """Let seconds go by, at the server's pace; raise ConnectionError as soon as the client has left."""
        until = time.monotonic() + seconds / self.server.pace
        while (left := until - time.monotonic()) > 0:
            if self.server.closed.is_set() or self._left(left):
                raise ConnectionAbortedError("The client left, or the server is closing.")

    def _left(self, seconds: float) -> bool:
        """Return True once the client is gone, False when that has not happened for some of the seconds."""
        self.connection.settimeout(seconds)
        try:
            gone = not self.connection.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            return False
        finally:
            self.connection.settimeout(None)
        if not gone:
            # A next request, sent early, is always there to be read: without this the loop would spin.
            time.sleep(min(seconds, 0.05))
        return gone


def _said(wanted: Wanted, manner: _Manner, seconds: float) -> Iterator[tuple[bool, str]]:
    """Yield the pieces of an answer, each with whether it is thinking; `seconds` bound the endless one."""
    if wanted.model == "demo-endless":
        lines = chain.from_iterable(map(demo_wires.pieces, demo_answers.endless()))
        yield from ((False, piece) for piece in islice(lines, int(seconds * manner.rate)))
        return
    thinking, text = demo_answers.say(wanted.model, wanted.ask)
    yield from ((True, piece) for piece in demo_wires.pieces(thinking))
    yield from ((False, piece) for piece in demo_wires.pieces(text))
