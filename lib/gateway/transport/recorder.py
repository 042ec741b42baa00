"""Recorder of the requests of an answer and of the bytes of their responses, as they are sent and received."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Protocol
from urllib.parse import urlsplit

from lib.core.conversation import new_id
from lib.core.exchanges import Attempt, Chunk, Exchange, Purpose, Reason, SentFile
from lib.core.params import ParamAdjustment
from lib.core.target import Target

_TAIL_SHARE = 4  # a quarter of what is recorded of a long response is its end
_HEADERS_SHARE = 4  # headers take a quarter of what is left for a response at most
_TAIL_PIECES = 8  # at least, of which the first is dropped for the next one
_DEFAULT_PORTS = {"http": 80, "https": 443}


class SentRequest(Protocol):
    """The parts of a `requests.PreparedRequest` that are recorded."""

    @property
    def method(self) -> str | None: ...
    @property
    def url(self) -> str | None: ...
    @property
    def headers(self) -> Mapping[str, str | bytes]: ...


class SentBody(Protocol):
    """A body that can say what it sends; `text_size` is its length in bytes without files."""

    is_form: bool

    @property
    def text_size(self) -> int: ...
    def describe(self) -> tuple[str, tuple[SentFile, ...]]: ...


class AttemptRecorder:
    """Recorder of one request and its response, which take `max_bytes` together, the request first.

    Headers of the response that have no room in their share are left out.
    `previous` is the attempt of which this one repeats the body. One thread calls its methods; any thread may `build`.
    """

    def __init__(self, reason: Reason, max_bytes: int, previous: AttemptRecorder | None = None) -> None:
        self._reason = reason
        self._previous = previous
        self._started_at, self._start = time.time(), time.monotonic()
        self._request: SentRequest | None = None
        self._body: SentBody | None = None
        self._body_size, self._headers_size, self._omits_body = 0, 0, False
        self._connected_at: float | None = None
        self._responded_at: float | None = None
        self._ended_at: float | None = None
        self._status: int | None = None
        self._response_headers: Mapping[str, str] = {}
        self._rest = max_bytes  # for the response
        self._head_limit = 0
        self._size = self._tail_size = self._dropped_size = 0
        self._head: list[tuple[float, bytes]] = []
        self._tail: deque[tuple[float, bytes]] = deque()
        self._error = ""

    @property
    def recorded_size(self) -> int:
        """Bytes of request and response that are recorded, with the headers of the response."""
        return self._body_size + self._headers_size + self._size - self._dropped_size

    def note_body(self, body: SentBody) -> None:
        """Take the body of the request, which is read later."""
        self._body = body
        if self._previous:
            self._omits_body = self._previous._omits_body
        else:
            self._omits_body = body.text_size > self._rest
            self._body_size = 0 if self._omits_body else body.text_size
        self._rest -= self._body_size
        self._head_limit = self._rest - self._rest // _TAIL_SHARE

    def note_request(self, request: SentRequest) -> None:
        """Take the request, whose headers are read later."""
        self._request = request

    def note_response(self, status: int, headers: Mapping[str, str]) -> None:
        """Take status and headers, which have just arrived."""
        self._responded_at = time.monotonic()
        self._status = status
        recorded, room = {}, self._rest // _HEADERS_SHARE
        for name, value in headers.items():
            size = len(name) + len(value)
            if size <= room - self._headers_size:
                recorded[name] = value
                self._headers_size += size
        self._response_headers = recorded
        self._rest -= self._headers_size
        self._head_limit = self._rest - self._rest // _TAIL_SHARE

    def add(self, data: bytes, read_at: float) -> None:
        """Take bytes of the body, which were read at a monotonic time; they are not looked at."""
        self._size += len(data)
        if self._size <= self._head_limit:
            self._head.append((read_at, data))
        else:
            self._add_to_tail(data, read_at)

    def _add_to_tail(self, data: bytes, read_at: float) -> None:
        """Take bytes beyond the first part, of which the last ones are kept."""
        if self._head_limit >= 0:
            room = self._head_limit - (self._size - len(data))
            self._head.append((read_at, data[:room]))
            data = data[room:]
            self._rest -= self._head_limit
            self._head_limit = -1
        skipped = max(0, len(data) - self._rest)
        step = max(1, self._rest // _TAIL_PIECES)
        self._tail.extend((read_at, data[start : start + step]) for start in range(skipped, len(data), step))
        self._tail_size += len(data) - skipped
        self._dropped_size += skipped
        while self._tail_size > self._rest:
            dropped = len(self._tail.popleft()[1])
            self._tail_size -= dropped
            self._dropped_size += dropped

    def end(self, error: str, connected_at: float | None) -> None:
        """End the attempt with the code of its error, "" without one.

        `connected_at` is the monotonic time at which a connection was ready, of this attempt or an earlier one.
        """
        self._ended_at, self._error = time.monotonic(), error
        self._connected_at = connected_at

    def build(self) -> Attempt:
        """Return what was recorded so far, with the key in it."""
        head, tail, dropped_size = list(self._head), tuple(self._tail), self._dropped_size
        request, (text, files) = self._request, self._body.describe() if self._body else ("", ())
        url = (request.url if request else "") or ""
        return Attempt(
            started_at=self._started_at,
            method=(request.method if request else "") or "",
            url=url,
            headers={"Host": _host(url), **_texts(request.headers)} if request else {},
            body="" if self._omits_body else text,
            is_form=self._body is not None and self._body.is_form,
            files=files,
            reason=self._reason,
            connected=self._offset(self._connected_at),
            responded=self._offset(self._responded_at),
            ended=self._offset(self._ended_at),
            status=self._status,
            response_headers=_texts(self._response_headers),
            chunks=tuple(Chunk(round(at - self._start, 6), data) for at, data in chain(head, tail)),
            error=self._error,
            omits_body=self._omits_body,
            omitted_bytes=dropped_size,
            omitted_before=len(head) if dropped_size else None,
        )

    def _offset(self, moment: float | None) -> float | None:
        return None if moment is None or moment < self._start else round(moment - self._start, 6)


Redact = Callable[[Attempt], Attempt]


class ExchangeRecorder:
    """Recorder of one request for an answer, with its attempts; their bytes take at most `max_bytes` together."""

    def __init__(
        self, max_bytes: int, conversation_id: str = "", node_id: str = "", purpose: Purpose = "answer"
    ) -> None:
        self.exchange_id = new_id()
        self._max_bytes = max_bytes
        self._conversation_id, self._node_id, self._purpose = conversation_id, node_id, purpose
        self._target: Target | None = None
        self._adjustments: tuple[ParamAdjustment, ...] = ()
        self._attempts: list[tuple[AttemptRecorder, Redact]] = []

    def open(self, target: Target, adjustments: Sequence[ParamAdjustment]) -> None:
        """Take the target of the request, and the parameters that were dropped or mapped for it."""
        self._target, self._adjustments = target, tuple(adjustments)

    def begin(self, reason: Reason, redact: Redact) -> AttemptRecorder:
        """Begin an attempt; `redact` removes the key from it when the exchange is built."""
        rest = self._max_bytes - sum(attempt.recorded_size for attempt, _ in self._attempts)
        previous = self._attempts[-1][0] if reason == "retry" and self._attempts else None
        attempt = AttemptRecorder(reason, rest, previous)
        self._attempts.append((attempt, redact))
        return attempt

    def finish(self) -> Exchange | None:
        """Return what was recorded, without the key; None if nothing was sent. Any thread may call it."""
        attempts = tuple(redact(attempt.build()) for attempt, redact in list(self._attempts))
        if self._target is None or not attempts:
            return None
        return Exchange(
            self.exchange_id,
            self._target,
            attempts,
            self._purpose,
            self._conversation_id,
            self._node_id,
            self._adjustments,
        )


def _host(url: str) -> str:
    """Return the Host header of a request, which http.client adds while it sends."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    host = f"[{host}]" if ":" in host else host
    return host if parts.port in (None, _DEFAULT_PORTS.get(parts.scheme)) else f"{host}:{parts.port}"


def _texts(headers: Mapping[str, str | bytes]) -> dict[str, str]:
    return {name: value.decode("latin-1") if isinstance(value, bytes) else value for name, value in headers.items()}
