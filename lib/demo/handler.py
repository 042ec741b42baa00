"""One connection to the demo gateway: requests taken, answers and refusals written."""

import hashlib
import socket
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler
from types import MappingProxyType
from typing import Any, Protocol

from lib.demo import menu, money, reading, scene
from lib.demo.dress import Dress, Sender
from lib.demo.memory import Memory
from lib.demo.menu import Model
from lib.demo.plays import Stage, Step
from lib.demo.reading import Wanted
from lib.demo.refusals import ELSEWHERE, Refusal
from lib.demo.wire import (
    CHAT,
    MESSAGES,
    MODELS,
    Refused,
    Reset,
    encode,
    new_request_id,
)

_METHODS = MappingProxyType(
    {CHAT: "POST", MESSAGES: "POST", MODELS: "GET", **dict.fromkeys(money.PAPERS, "GET")}
)
_LARGEST = 128 * 2**20
# What the pieces of an answer that is not streamed may take in all.
_WHOLE_SECONDS = 3.0
_JSON = MappingProxyType({"Content-Type": "application/json"})
_STREAM = MappingProxyType(
    {"Content-Type": "text/event-stream", "Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
)
_LOGIN = b"<html><body><h1>Sign in</h1></body></html>\n"


class House(Protocol):
    """What a handler needs of its server."""

    pace: float
    closed: threading.Event
    memory: Memory

    def counted(self) -> AbstractContextManager[None]:
        """Count an answer as being produced."""


class Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "antler-demo", ""
    disable_nagle_algorithm = True
    server: House  # type: ignore[assignment]  # the server by what is needed of it
    request_id, route = "", ""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name the base class gives it
        """Say nothing."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what the base class could not read or has no method for."""
        self.close_connection = True
        self.request_id = new_request_id()
        self._refuse(
            Refused(405 if code == 501 else code, "invalid_request_error", message or "Not understood.")
        )

    def _route(self) -> None:
        self.request_id, self.route = new_request_id(), self.path.partition("?")[0]
        try:
            self._answer(self._body())
        except Refused as refused:
            self._refuse(refused)
        except Reset:
            self._reset()
        except RecursionError:
            self._refuse(Refused(400, "invalid_request_error", "The body is nested too deeply."))
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
        if self.route == ELSEWHERE:
            self.server.memory.follow("Authorization" in self.headers or "x-api-key" in self.headers)
            self._send(200, _LOGIN, {"Content-Type": "text/html; charset=utf-8"})
            return
        method = _METHODS.get(self.route)
        if method is None:
            raise Refused(404, "not_found_error", f"There is nothing at {self.route[:80]}.")
        if self.command != method:
            raise Refused(405, "invalid_request_error", f"{self.route} takes {method}.", {"Allow": method})
        if self.route == MODELS:
            self._send(200, encode(self._models()), _JSON)
            return
        if self.route in money.PAPERS:
            self._send(200, encode(self._paper()), _JSON)
            return
        wanted = reading.read(sent, self.route)
        model = self._model(wanted)
        cache = self.server.memory.cache(wanted)
        stage, steps = scene.prepare(wanted, model, self.route, cache, self.request_id)
        streamed = wanted.stream if model.dress.form == "asked" else model.dress.form == "stream"
        with self.server.counted(), self._paid(wanted.model, stage):
            (self._stream if streamed else self._whole)(stage, steps, model.dress)

    def _models(self) -> dict[str, Any]:
        anthropic = "anthropic-version" in self.headers and "x-api-key" in self.headers
        return menu.listed(anthropic, chinese=self.headers.get("Accept-Language", "").startswith("zh"))

    def _paper(self) -> dict[str, Any]:
        if self.route == money.PRICING:
            return money.pricing(list(menu.MENU))
        if self.route == money.SUBSCRIPTION:
            return money.subscription()
        return money.usage(self.server.memory.pay(Decimal(0)))

    @contextmanager
    def _paid(self, model: str, stage: Stage) -> Iterator[None]:
        """What was said is paid for, however it ends."""
        try:
            yield
        finally:
            self.server.memory.pay(money.cost(model, stage.wire.counts()))

    def _model(self, wanted: Wanted) -> Model:
        """Return the model that is wanted; raise what it refuses the request with."""
        if wanted.model in menu.OTHERS:
            raise Refused(404, "invalid_request_error", "This is not a chat model.", param="model")
        model = menu.MENU.get(wanted.model)
        if model is None:
            words = f"The demo has no model {wanted.model[:80]!r}."
            raise Refused(503, "model_not_found", words, shape="gateway")
        if model.refusal and self._refuses(model.refusal, wanted):
            raise model.refusal.made()
        return model

    def _refuses(self, refusal: Refusal, wanted: Wanted) -> bool:
        if refusal.times is None:
            return refusal.when(wanted.body)
        request = hashlib.sha256(self.route.encode() + encode(wanted.body)).hexdigest()
        return self.server.memory.again(request, refusal.times)

    def _stream(self, stage: Stage, steps: Iterator[Step], dress: Dress) -> None:
        known = list(steps) if dress.framing == "length" else None
        length = sum(len(step.data) for step in known) if known else None
        self.close_connection |= dress.framing == "close"
        sender = Sender(self.wfile.write, dress)
        self._head(200, {**_STREAM, **sender.headers(length)})
        due = time.monotonic()
        for step in known or steps:
            # Counted from the first piece, so that late wake-ups do not add up.
            due += (step.beat + step.pause) / self.server.pace
            self._wait((due - time.monotonic()) * self.server.pace)
            if step.torn:
                sender.tear(step.data)
                self.close_connection = True
                return
            sender.send(step.data)
        sender.end()

    def _whole(self, stage: Stage, steps: Iterator[Step], dress: Dress) -> None:
        beats, torn = 0.0, False
        for step in steps:
            beats, torn = beats + step.beat, step.torn
            self._wait(step.pause)
        self._wait(min(_WHOLE_SECONDS, beats))
        if stage.failed:
            raise stage.failed
        body = encode(stage.wire.whole())
        if torn:
            self._head(200, {**_JSON, "Content-Length": str(len(body))})
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
            return
        self.close_connection |= dress.framing == "close"
        sender = Sender(self.wfile.write, dress)
        self._head(200, {**_JSON, **sender.headers(len(body))})
        sender.send(body)
        sender.end()

    def _refuse(self, refused: Refused) -> None:
        self._send(refused.status, refused.body(self.route, self.request_id), refused.headers)

    def _reset(self) -> None:
        """Close the connection the hard way: no answer, and no goodbye either."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()
        self.connection.close()

    def _send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self._head(status, {**headers, "Content-Length": str(len(body))})
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
