"""One streamed POST: the key, timeouts, cancel, and what came back as bytes."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.auth import AuthBase

from lib.config.settings import Timeouts
from lib.core import errors
from lib.gateway.transport.cancel import CancellableAdapter, CancelToken, track_connection

log = logging.getLogger(__name__)

# An error page larger than this says nothing more.
MAX_ERROR_BODY_BYTES = 64 * 1024
MAX_BODY_BYTES = 64 * 1024 * 1024
ERROR_BODY_TIMEOUT = 10.0
GET_READ_TIMEOUT = 20.0  # of silence, for what is no model's answer
DRAIN_TIMEOUT = 0.05
_READ_SIZE = 65_536


class _NoRedirectSession(requests.Session):
    """Follows no redirect, and does not read one's whole body either, only to see where it would go."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


class _HeaderAuth(AuthBase):
    """Sets the wire's headers last, so that no .netrc entry can put another credential in their place."""

    def __init__(self, headers: Mapping[str, str], origin: tuple[str, str | None, int | None]) -> None:
        self._headers = headers
        self._origin = origin

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if origin(request.url or "") != self._origin:
            raise errors.UnexpectedRedirect(request.url or "")
        request.headers.update(self._headers)
        return request


class Response:
    """What a request was answered with. Close it on the thread that reads it."""

    def __init__(self, raw: requests.Response, cancel: CancelToken, idle_timeout: float) -> None:
        self._raw = raw
        self._cancel = cancel
        self._idle_timeout = idle_timeout
        self._deadline: float | None = None
        self.status: int = raw.status_code
        self.headers: Mapping[str, str] = raw.headers

    def iter_chunks(self) -> Iterator[bytes]:
        """The body's bytes as they come, in pieces of any size.

        Raises TimedOut after `Timeouts.first` without the first byte or `Timeouts.idle` of silence later,
        and Cut where the connection breaks.
        """
        read, first = self._raw.raw.read1, True
        with _translate_errors(errors.StreamInterrupted):
            # read1 with a size is the only call that waits for no more than there is, in every framing.
            while chunk := read(_READ_SIZE, decode_content=True):
                if first and self._deadline is None:
                    self._cancel.set_read_timeout(self._idle_timeout)
                first = False
                yield chunk
                if self._deadline is not None and time.monotonic() > self._deadline:
                    return

    def set_deadline(self, seconds: float) -> None:
        """Let what is left of the body take no longer than this; what comes later is not read."""
        self._deadline = time.monotonic() + seconds
        self._cancel.set_read_timeout(seconds)

    def read_text(self, max_bytes: int = MAX_ERROR_BODY_BYTES, timeout: float = ERROR_BODY_TIMEOUT) -> str:
        """The body as text, up to `limit` bytes and for so many seconds; what came if it breaks off."""
        self.set_deadline(timeout)
        body = bytearray()
        with contextlib.suppress(errors.NetworkError):
            for chunk in self.iter_chunks():
                body += chunk
                if len(body) >= max_bytes:
                    break
        return body[:max_bytes].decode("utf-8-sig", "replace")

    def drain(self) -> None:
        """Where the body ends with what was read, see its end, so that the connection can be used again."""
        self._cancel.set_read_timeout(DRAIN_TIMEOUT)
        with contextlib.suppress(errors.NetworkError), _translate_errors(errors.StreamInterrupted):
            self._raw.raw.read1(_READ_SIZE, decode_content=True)

    def close(self) -> None:
        self._cancel.set_socket(None)
        self._raw.close()


class Transport:
    """Requests to one gateway, over pooled connections.

    `base_url` comes without a trailing slash; the key goes to its origin only.
    """

    def __init__(self, base_url: str, timeouts: Timeouts) -> None:
        self._base_url = base_url
        self._origin = origin(_normalize_url(base_url))
        self._timeouts = timeouts
        self._session = _NoRedirectSession()
        adapter = CancellableAdapter(pool_maxsize=64, max_retries=0)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)
        # A cookie that one person's answer sets must not go out with the next person's request.
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        # A proxy meant for the outside must not see what goes to this machine itself.
        self._proxies = {"http": None, "https": None, "all": None} if _is_loopback(base_url) else None

    def post(
        self, path: str, headers: Mapping[str, str], body: Mapping[str, Any], cancel: CancelToken
    ) -> Response:
        """Send `body` as JSON; returns when the headers are there, whatever the status.

        Raises the NetworkError that fits.
        """
        data = json.dumps(body, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
        accept = {"Content-Type": "application/json", "Accept": "text/event-stream"}
        return self._send("POST", path, {**accept, **headers}, data, cancel, self._timeouts.first_byte)

    def get(self, path: str, headers: Mapping[str, str]) -> Response:
        """As post, without a body, and with less patience. Raises the NetworkError that fits."""
        first = min(GET_READ_TIMEOUT, self._timeouts.first_byte)
        return self._send("GET", path, {"Accept": "application/json", **headers}, None, CancelToken(), first)

    def _send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        data: bytes | None,
        cancel: CancelToken,
        first_byte_timeout: float,
    ) -> Response:
        # Uncompressed: a compressor on the way holds tokens back until its block is full.
        headers = {"Accept-Encoding": "identity", "User-Agent": "antler", **headers}
        with track_connection(cancel), _translate_errors(errors.GatewayUnreachable):
            raw = self._session.request(
                method,
                self._base_url + path,
                data=data,
                auth=_HeaderAuth(headers, self._origin),
                stream=True,
                allow_redirects=False,
                timeout=(self._timeouts.connect, first_byte_timeout),
                proxies=self._proxies,  # type: ignore[arg-type]  # None switches a proxy off
            )
        return Response(raw, cancel, self._timeouts.idle)

    def close(self) -> None:
        self._session.close()


def origin(url: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port of an address, as they are compared before a key is sent there."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _normalize_url(url: str) -> str:
    """An address as requests writes it, whose host has other letters where it is not in ASCII."""
    request = requests.PreparedRequest()
    with contextlib.suppress(requests.RequestException):
        request.prepare_url(url, None)
    return request.url or url


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


_TIMEOUT_ERRORS = (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)


@contextlib.contextmanager
def _translate_errors(default_error: Callable[[str], errors.NetworkError]) -> Iterator[None]:
    """What requests, urllib3 and the socket raise, as one of our NetworkErrors."""
    try:
        yield
    except (requests.exceptions.SSLError, urllib3.exceptions.SSLError) as error:
        raise errors.TlsError(_error_message(error)) from None
    except _TIMEOUT_ERRORS as error:
        raise errors.RequestTimeout(_error_message(error)) from None
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        kind = errors.RequestTimeout if "timed out" in str(error).lower() else default_error
        raise kind(_error_message(error)) from None
    except (AttributeError, ValueError) as error:
        # A socket that is shut while it is being read leaves half-closed objects behind.
        log.debug("broken while reading", exc_info=True)
        raise default_error(type(error).__name__) from None


def _error_message(error: BaseException) -> str:
    """The innermost reason, without addresses of objects."""
    while error.args and isinstance(error.args[-1], BaseException):
        error = error.args[-1]
    reason = getattr(error, "reason", None)
    if isinstance(reason, BaseException):
        return _error_message(reason)
    text = str(error) or type(error).__name__
    return text.split(">: ", 1)[-1] if " object at 0x" in text else text
