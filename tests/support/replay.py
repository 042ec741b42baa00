"""A loopback HTTP/1.1 server that replays responses whole, in pieces, cut or stalled, and logs requests."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

EVENT_STREAM = {"Content-Type": "text/event-stream"}
JSON = {"Content-Type": "application/json; charset=utf-8"}

Framing = Literal["chunked", "length", "close"]
FRAMINGS: tuple[Framing, ...] = ("chunked", "length", "close")


@dataclass(frozen=True)
class Canned:
    """The response of a path. Counts are bytes of the body as it is sent, that is after gzip.

    `piece` is the size of its pieces: chunks, or writes where it is not chunked. After `cut`
    bytes the connection is closed. After `silence` bytes nothing more comes until the client leaves, or
    Replay.resume() is called; with `mute` that is so before the status line. With `reset` there is no
    answer at all: the connection is reset. `interim` is what comes before the status line. `pause` is the time in
    seconds between two pieces.
    """

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: EVENT_STREAM)
    framing: Framing = "chunked"
    gzip: bool = False
    piece: int | None = None
    cut: int | None = None
    silence: int | None = None
    mute: bool = False
    reset: bool = False
    interim: bytes = b""
    pause: float = 0.0


@dataclass
class Request:
    """A received request. `left` is set when its client closes the connection before the response."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    left: threading.Event = field(default_factory=threading.Event)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Replay:
    """The running server, on a free port of 127.0.0.1; a context manager. An unknown path answers 404."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.connections = 0  # opened so far
        self._answers: dict[str, list[Canned]] = {}
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._resumed = threading.Event()
        self._arrived = threading.Condition(self._lock)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, name="replay", daemon=True)
        self._thread.start()

    def __enter__(self) -> Replay:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def serve(self, path: str, *answers: Canned) -> None:
        """Set the responses of a path: one after the other, then always the last."""
        self._answers[path] = list(answers)

    def reset(self) -> None:
        """Forget the requests, and let later stalls last again: nothing of an earlier test stays but the responses."""
        self.requests.clear()
        self.hold()

    def requests_for(self, path: str) -> list[Request]:
        """Return the requests for a path: the list of models and the prices are requested at any time."""
        return [request for request in self.requests if request.path == path]

    def last_request(self, path: str) -> Request:
        return self.requests_for(path)[-1]

    def resume(self) -> None:
        """End every stall, also later ones."""
        self._resumed.set()

    def hold(self) -> None:
        """Let later stalls last again."""
        self._resumed.clear()

    @property
    def open(self) -> int:
        """The number of connections that neither side has closed."""
        return len(self._open)

    def wait_for_requests(self, number: int, within: float = 60.0) -> bool:
        """Wait for this number of requests in all; return whether they came in time."""
        with self._arrived:
            return self._arrived.wait_for(lambda: len(self.requests) >= number, within)

    def wait_for_no_connection(self, within: float = 60.0) -> bool:
        """Wait for the end of every connection; return whether it came in time."""
        with self._arrived:
            return self._arrived.wait_for(lambda: not self._open, within)

    def close(self) -> None:
        """End the server, its connections and its threads."""
        self._resumed.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self.wait_for_no_connection()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._open.add(connection)
                self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), name="replay-one", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while request := _read(connection):
                with self._arrived:
                    self.requests.append(request)
                    self._arrived.notify_all()
                if not self._answer(connection, request, self._next(request.path)):
                    break
        except OSError:
            pass  # many tests are about a client that leaves
        finally:
            connection.close()
            with self._arrived:
                self._open.discard(connection)
                self._arrived.notify_all()

    def _next(self, path: str) -> Canned:
        with self._lock:
            answers = self._answers.get(path) or [Canned(status=404, headers={}, framing="length")]
            return answers.pop(0) if len(answers) > 1 else answers[0]

    def _answer(self, connection: socket.socket, request: Request, answer: Canned) -> bool:
        """Send a response; return whether another request may follow on the connection."""
        if answer.reset:
            # A linger time of 0 closes with a reset.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        if answer.mute and not self._silent(connection, request):
            return False
        body = gzip.compress(answer.body) if answer.gzip else answer.body
        head = answer.interim + _head(answer, len(body))
        sent = body if answer.cut is None else body[: answer.cut]
        if answer.silence is None:
            first, rest = sent, b""
        else:
            first, rest = sent[: answer.silence], sent[answer.silence :]
        whole = answer.cut is None
        for piece in _pieces(answer, head, first, last=whole and answer.silence is None):
            connection.sendall(piece)
            time.sleep(answer.pause)
        if answer.silence is not None:
            if not self._silent(connection, request):
                return False
            for piece in _pieces(answer, b"", rest, last=whole):
                connection.sendall(piece)
        return whole and answer.framing != "close"

    def _silent(self, connection: socket.socket, request: Request) -> bool:
        """Send nothing until the client leaves (False) or the stall is ended (True)."""
        connection.settimeout(0.01)
        while not self._resumed.is_set():
            try:
                if not connection.recv(1):
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        connection.settimeout(None)
        if not self._resumed.is_set():
            request.left.set()
        return self._resumed.is_set()


def soon(holds: Any, within: float = 60.0) -> bool:
    """Wait until `holds()` is true; return whether it was in time."""
    until = time.monotonic() + within
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.002)
    return True


def _read(connection: socket.socket) -> Request | None:
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65_536)
        if not more:
            return None
        data += more
        if not data[:1].isalpha():
            return None  # TLS on a port without it
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    missing = int(headers.get("content-length", 0)) - len(body)
    rest = bytearray(body)
    while missing > 0:
        more = connection.recv(min(missing, 1 << 20))
        if not more:
            return None
        rest += more
        missing -= len(more)
    return Request(method, path, headers, bytes(rest))


def _head(answer: Canned, length: int) -> bytes:
    headers = dict(answer.headers)
    if answer.framing == "chunked":
        headers["Transfer-Encoding"] = "chunked"
    elif answer.framing == "length":
        headers["Content-Length"] = str(length)
    else:
        headers["Connection"] = "close"
    if answer.gzip:
        headers["Content-Encoding"] = "gzip"
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {answer.status} Replayed\r\n{lines}\r\n".encode("latin-1")


def _pieces(answer: Canned, head: bytes, body: bytes, *, last: bool) -> Iterator[bytes]:
    """Yield the data to write: the chunks of a chunked body at once, for they keep their bounds."""
    size = answer.piece or max(len(body), 1)
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    if answer.framing == "chunked" and answer.pause:
        yield head
        for piece in pieces:
            yield b"%x\r\n%s\r\n" % (len(piece), piece)
        if last:
            yield b"0\r\n\r\n"
    elif answer.framing == "chunked":
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
        yield head + chunks + (b"0\r\n\r\n" if last else b"")
    elif answer.piece is None:
        yield head + body
    else:
        yield head
        yield from pieces
