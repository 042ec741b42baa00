"""HTTP requests to one gateway: credentials, timeouts, proxies, and responses as chunks of bytes."""

from __future__ import annotations

import contextlib
import http.client
import io
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests
import urllib3
from requests.auth import AuthBase

from lib.config.parse import is_loopback_url
from lib.config.settings import Timeouts
from lib.core import errors
from lib.gateway.transport.cancel import CancellableAdapter, CancelToken, track_connection
from lib.gateway.transport.form_body import FormBody
from lib.gateway.transport.json_body import JsonBody
from lib.gateway.transport.recorder import AttemptRecorder
from lib.gateway.transport.ticks import TickQueue, next_tick

log = logging.getLogger(__name__)

# An error body beyond this size adds nothing.
MAX_ERROR_BODY_BYTES = 64 * 1024
# Timeouts in seconds. GET requests are not answered by a model, so they get less time for the first byte.
ERROR_BODY_TIMEOUT = 10.0
GET_READ_TIMEOUT = 20.0
DRAIN_TIMEOUT = 0.05
_READ_SIZE = 65_536
_CHUNK_END_BYTES = 2  # of a chunk that was read; its line end is read with the next one
_CHUNK_FRAME_BYTES = 20  # at most, around a chunk: its size, extensions that nobody sends, and line ends

# All answers of the process are read at the same ticks, one after the other.
_reading = TickQueue()


class _NoRedirectSession(requests.Session):
    """Session that neither follows redirects nor reads their bodies to find the target."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


class _HeaderAuth(AuthBase):
    """Sets the wire's headers last, so that no .netrc entry can replace the credential.

    Raises UnexpectedRedirect for a request to another origin, which must not see the key.
    """

    def __init__(
        self,
        headers: Mapping[str, str],
        origin: tuple[str, str | None, int | None],
        record: AttemptRecorder | None = None,
    ) -> None:
        self._headers = headers
        self._origin = origin
        self._record = record

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if origin(request.url or "") != self._origin:
            raise errors.UnexpectedRedirect(request.url or "")
        request.headers.update(self._headers)
        if self._record:
            self._record.note_request(request)
        return request


class Response:
    """Status, headers and streamed body of a response. Must be closed on the thread that reads it."""

    def __init__(
        self, raw: requests.Response, cancel: CancelToken, idle_timeout: float, record: AttemptRecorder | None = None
    ) -> None:
        self._raw = raw
        self._record = record
        self._cancel = cancel
        self._idle_timeout = idle_timeout
        self._deadline: float | None = None
        self.status: int = raw.status_code
        self.headers: Mapping[str, str] = raw.headers

    def iter_chunks(self) -> Iterator[bytes]:
        """Yield the decoded body as it arrives, in chunks of any size.

        Raises RequestTimeout after `Timeouts.first_byte` without a first byte or `Timeouts.idle` between
        two, and StreamInterrupted when the connection breaks.
        """
        for chunk in self._read_chunks():
            if self._record:
                self._record.add(chunk, time.monotonic())
            yield chunk

    def _read_chunks(self) -> Iterator[bytes]:
        read, is_first = self._find_reader(), True
        with _translate_errors(errors.StreamInterrupted):
            # Only read1 with a size returns what has arrived without waiting for more, in every framing.
            while chunk := read(_READ_SIZE):
                if is_first and self._deadline is None:
                    self._cancel.set_read_timeout(self._idle_timeout)
                is_first = False
                yield chunk
                if self._deadline is not None and time.monotonic() > self._deadline:
                    return
            self._read_decoded(1)  # for urllib3, which returns the connection to the pool at the end

    def _find_reader(self) -> Callable[[int], bytes]:
        """Return what reads the body: of chunks without encoding, http.client, since urllib3 does nothing but cost."""
        reader = getattr(self._raw.raw, "_fp", None)
        is_plain = not self.headers.get("Content-Encoding")
        if is_plain and isinstance(reader, http.client.HTTPResponse) and reader.chunked:
            return reader.read1
        return self._read_decoded

    def _read_decoded(self, size: int) -> bytes:
        data: bytes = self._raw.raw.read1(size, decode_content=True)
        return data

    def iter_batches(self, get_interval: Callable[[], float]) -> Iterator[bytes]:
        """Yield all of the body that has arrived, then nothing for `get_interval()` seconds; raises as `iter_chunks`.

        A thread that wakes up for each token costs more than what it does with it. The first byte after a silence does
        not wait, nor does a body that arrives faster than it is read. All bodies of the process are read at the same
        ticks, so that what follows from them is sent together.
        """
        waiter = _reading.join()
        self._cancel.call_on_cancel(waiter.wake)
        arrived: int | None = None  # bytes that can be read without waiting, where they have been counted
        chunks = self._read_chunks()
        try:
            for chunk in chunks:
                read_at, batch, size = time.monotonic(), [chunk], len(chunk)
                arrived = self._count_arrived() if arrived is None else self._count_rest(arrived, chunk)
                while arrived and size < _READ_SIZE:
                    try:
                        batch.append(next(chunks, b""))
                    except errors.NetworkError:
                        yield self._join(batch, read_at)
                        raise
                    size += len(batch[-1])
                    arrived = self._count_rest(arrived, batch[-1])
                yield self._join(batch, read_at)
                interval, is_all = get_interval(), arrived == 0
                arrived = None
                if interval and is_all and self._deadline is None:
                    waiter.wait(next_tick(interval))
                    arrived = self._count_arrived()
                    if not arrived:
                        waiter.leave()  # the next read may wait for long
        finally:
            waiter.leave()

    def _count_rest(self, arrived: int, chunk: bytes) -> int | None:
        """Count what is left of the bytes that had arrived, after a chunk was read.

        To ask the socket lets other threads run and waits for them: once for most of the chunks.
        """
        rest = arrived - len(chunk) - _CHUNK_FRAME_BYTES
        return rest if rest > 0 else self._count_arrived() if chunk else 0

    def _join(self, batch: list[bytes], read_at: float) -> bytes:
        data = b"".join(batch)
        if self._record:
            self._record.add(data, read_at)
        return data

    def _count_arrived(self) -> int | None:
        """Return how many bytes of the body can be read without waiting; None if that is unknown."""
        reader = getattr(getattr(self._raw.raw, "_fp", None), "fp", None)
        size = self._cancel.count_arrived(reader) if isinstance(reader, io.BufferedReader) else None
        return None if size is None else max(0, size - _CHUNK_END_BYTES)

    def set_deadline(self, seconds: float) -> None:
        """Stop reading the body `seconds` from now, whether or not it has ended."""
        self._deadline = time.monotonic() + seconds
        self._cancel.set_read_timeout(seconds)

    def clear_deadline(self) -> None:
        """Wait for the rest of the body with the ordinary patience again."""
        if self._deadline is not None:
            self._deadline = None
            self._cancel.set_read_timeout(self._idle_timeout)

    def read_text(self, max_bytes: int = MAX_ERROR_BODY_BYTES, timeout: float = ERROR_BODY_TIMEOUT) -> str:
        """Return the body as text, up to `max_bytes` and `timeout` seconds; a broken body is truncated."""
        self.set_deadline(timeout)
        body = bytearray()
        with contextlib.suppress(errors.NetworkError):
            for chunk in self.iter_chunks():
                body += chunk
                if len(body) >= max_bytes:
                    break
        return body[:max_bytes].decode("utf-8-sig", "replace")

    def drain(self) -> None:
        """Read the end of a finished body, so that the connection returns to the pool."""
        self._cancel.set_read_timeout(DRAIN_TIMEOUT)
        with contextlib.suppress(errors.NetworkError), _translate_errors(errors.StreamInterrupted):
            rest = self._read_decoded(_READ_SIZE)
            if rest and self._record:
                self._record.add(rest, time.monotonic())

    def close(self) -> None:
        self._cancel.clear_socket()
        self._raw.close()


class Route(NamedTuple):
    """Where a body is sent: the path, and as JSON or as a form."""

    path: str
    is_form: bool = False


class Transport:
    """Requests to one gateway over pooled connections. Methods may be called from any thread.

    `base_url` has no trailing slash; credentials are sent to its origin only.
    """

    def __init__(self, base_url: str, timeouts: Timeouts) -> None:
        self._base_url = base_url
        self._origin = origin(_normalize_url(base_url))
        self._timeouts = timeouts
        self.is_closed = False
        self._session = _NoRedirectSession()
        adapter = CancellableAdapter(pool_maxsize=64, max_retries=0)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)
        # The session is shared: a cookie from one user's response must not be sent with another's request.
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        # A proxy for outside traffic must not see requests to this machine. With "no_proxy", requests does not
        # search the environment for proxies each time.
        host = urlsplit(base_url).hostname
        no_proxies = {"http": None, "https": None, "all": None, "no_proxy": host}
        self._proxies = no_proxies if is_loopback_url(base_url) else None

    def post(
        self,
        path: str,
        headers: Mapping[str, str],
        body: Mapping[str, Any],
        cancel: CancelToken,
        record: AttemptRecorder | None = None,
    ) -> Response:
        """Send `body` as JSON and return once the headers have arrived, whatever the status.

        `record` takes what is sent and received. Raises a NetworkError when the gateway cannot be reached or does not
        respond in time, and FileUnavailable.
        """
        data = JsonBody(body)
        defaults = {"Content-Type": "application/json", "Accept": "text/event-stream"}
        return self._send("POST", path, {**defaults, **headers}, data, cancel, self._timeouts.first_byte, record)

    def post_form(
        self,
        path: str,
        headers: Mapping[str, str],
        fields: Mapping[str, Any],
        cancel: CancelToken,
        record: AttemptRecorder | None = None,
    ) -> Response:
        """Send `fields` with their files as a multipart form, and return and raise as `post`."""
        data = FormBody(fields)
        defaults = {"Accept": "text/event-stream"}
        sent = {**defaults, **headers, "Content-Type": data.content_type}
        return self._send("POST", path, sent, data, cancel, self._timeouts.first_byte, record)

    def get(self, path: str, headers: Mapping[str, str]) -> Response:
        """Send a GET request and return once the headers have arrived. Raises a NetworkError as `post`."""
        first_byte = min(GET_READ_TIMEOUT, self._timeouts.first_byte)
        defaults = {"Accept": "application/json"}
        return self._send("GET", path, {**defaults, **headers}, None, CancelToken(), first_byte)

    def _send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        data: JsonBody | FormBody | None,
        cancel: CancelToken,
        first_byte_timeout: float,
        record: AttemptRecorder | None = None,
    ) -> Response:
        if record and data:
            record.note_body(data)
        # Uncompressed: a compressing proxy holds tokens back until its block is full.
        headers = {"Accept-Encoding": "identity", "User-Agent": "antler", **headers}
        with track_connection(cancel), _translate_errors(errors.GatewayUnreachable):
            raw = self._session.request(
                method,
                self._base_url + path,
                data=data,
                auth=_HeaderAuth(headers, self._origin, record),
                stream=True,
                allow_redirects=False,
                timeout=(self._timeouts.connect, first_byte_timeout),
                proxies=self._proxies,  # type: ignore[arg-type]  # None disables a proxy
            )
        if record:
            record.note_response(raw.status_code, raw.headers)
        return Response(raw, cancel, self._timeouts.idle, record)

    def close(self) -> None:
        self.is_closed = True
        self._session.close()


def origin(url: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port of a URL, with the scheme's default port filled in."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _normalize_url(url: str) -> str:
    """Return the URL as requests sends it: an internationalized host name becomes punycode."""
    request = requests.PreparedRequest()
    with contextlib.suppress(requests.RequestException):
        request.prepare_url(url, None)
    return request.url or url


_TIMEOUT_ERRORS = (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)


@contextlib.contextmanager
def _translate_errors(default_error: Callable[[str], errors.NetworkError]) -> Iterator[None]:
    """Raise errors of requests, urllib3 and the socket as TlsError, RequestTimeout or `default_error`."""
    try:
        yield
    except (requests.exceptions.SSLError, urllib3.exceptions.SSLError) as error:
        raise errors.TlsError(_error_message(error)) from None
    except _TIMEOUT_ERRORS as error:
        raise errors.RequestTimeout(_error_message(error)) from None
    except (requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as error:
        error_type = errors.RequestTimeout if "timed out" in str(error).lower() else default_error
        raise error_type(_error_message(error)) from None
    except (AttributeError, ValueError) as error:
        # A socket that is shut down during a read leaves half-closed objects behind.
        log.debug("connection failed during a read", exc_info=True)
        raise default_error(type(error).__name__) from None


def _error_message(error: BaseException) -> str:
    """Message of the innermost error, without object addresses."""
    while error.args and isinstance(error.args[-1], BaseException):
        error = error.args[-1]
    reason = getattr(error, "reason", None)
    if isinstance(reason, BaseException):
        return _error_message(reason)
    text = str(error) or type(error).__name__
    return text.split(">: ", 1)[-1] if " object at 0x" in text else text
