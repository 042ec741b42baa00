"""One streamed POST: the key, timeouts, cancel, and what came back as bytes."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from lib.core import errors
from lib.core.config import Timeouts

log = logging.getLogger(__name__)

# An error page larger than this says nothing more.
MAX_ERROR_BODY = 64 * 1024
MAX_WHOLE_BODY = 64 * 1024 * 1024
ERROR_BODY_SECONDS = 10.0
GET_SECONDS = 20.0  # of silence, for what is no model's answer
_READ = 65_536


class Cancel:
    """Ends a request from another thread, whatever it waits for: headers, bytes or nothing at all.

    The flag is set before the socket is shut, and whoever reads must look at it after a quiet end
    too: a body that is framed by its close ends in an ordinary way when it is shut.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._flag = threading.Event()

    @property
    def cancelled(self) -> bool:
        return self._flag.is_set()

    def cancel(self) -> None:
        """Set the flag and shut the connection in both directions. Safe to call twice, from any thread."""
        self._flag.set()
        with self._lock:
            if self._socket is not None:
                _shut(self._socket)

    def hurry(self, seconds: float) -> None:
        """Let no read of the request now under way wait for longer than this."""
        with self._lock, contextlib.suppress(OSError):
            if self._socket is not None:
                self._socket.settimeout(seconds)

    def attach(self, sock: socket.socket | None) -> None:
        """Note the socket of the request now under way; None forgets it when it goes back to the pool."""
        with self._lock:
            self._socket = sock
            if sock is not None and self._flag.is_set():
                _shut(sock)


# The request under way on this thread: its connection is made or found deep inside requests.
_running: ContextVar[Cancel | None] = ContextVar("running", default=None)


def _shut(sock: socket.socket) -> None:
    # The plain socket's method: a TLS socket's own would first say goodbye, and can wait for an answer.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _note(sock: Any) -> None:
    cancel = _running.get()
    if cancel is not None and isinstance(sock, socket.socket):
        cancel.attach(sock)


class _Plain(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        _note(sock)
        return sock

    def getresponse(self) -> Any:
        _note(self.sock)
        return super().getresponse()


class _Tls(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        _note(sock)  # before the handshake, in which a peer can be silent too
        return sock

    def connect(self) -> None:
        super().connect()
        _note(self.sock)

    def getresponse(self) -> Any:
        _note(self.sock)
        return super().getresponse()


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _Tls


class _Adapter(HTTPAdapter):
    """Connections that tell the running request's Cancel of their socket."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self._notice(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        # A SOCKS manager has connections of its own, which do not tell of their socket.
        return manager if proxy.lower().startswith("socks") else self._notice(manager)

    @staticmethod
    def _notice(manager: Any) -> Any:
        manager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}
        return manager


class _Headers(AuthBase):
    """Sets the wire's headers last, so that no .netrc entry can put another credential in their place."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.update(self._headers)
        return request


class Response:
    """What a request was answered with. Close it on the thread that reads it."""

    def __init__(self, raw: requests.Response, cancel: Cancel) -> None:
        self._raw = raw
        self._cancel = cancel
        self.status: int = raw.status_code
        self.headers: Mapping[str, str] = raw.headers

    def chunks(self) -> Iterator[bytes]:
        """The body's bytes as they come, in pieces of any size.

        Raises TimedOut after `Timeouts.idle` of silence, and Cut where the connection breaks.
        """
        with _translated(errors.Cut):
            # read1 with a size is the only call that waits for no more than there is, in every framing.
            while chunk := self._raw.raw.read1(_READ, decode_content=True):
                yield chunk

    def text(self, limit: int = MAX_ERROR_BODY, seconds: float = ERROR_BODY_SECONDS) -> str:
        """The body as text, up to `limit` bytes and for so many seconds; what came if it breaks off."""
        deadline = time.monotonic() + seconds
        self._cancel.hurry(seconds)
        body = bytearray()
        with contextlib.suppress(errors.NetworkError):
            for chunk in self.chunks():
                body += chunk
                if len(body) >= limit or time.monotonic() > deadline:
                    break
        return body[:limit].decode("utf-8-sig", "replace")

    def close(self) -> None:
        self._cancel.attach(None)
        self._raw.close()


class Transport:
    """Requests to one gateway, over pooled connections.

    `base_url` comes without a trailing slash; the key goes to its origin only.
    """

    def __init__(self, base_url: str, timeouts: Timeouts) -> None:
        self._base_url = base_url
        self._timeouts = timeouts
        self._session = requests.Session()
        adapter = _Adapter(pool_maxsize=64, max_retries=0)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)
        # A cookie that one person's answer sets must not go out with the next person's request.
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        # A proxy meant for the outside must not see what goes to this machine itself.
        self._proxies = {"http": None, "https": None, "all": None} if _is_loopback(base_url) else None

    def post(
        self, path: str, headers: Mapping[str, str], body: Mapping[str, Any], cancel: Cancel
    ) -> Response:
        """Send `body` as JSON; returns when the headers are there, whatever the status.

        Raises the NetworkError that fits.
        """
        data = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        accept = {"Content-Type": "application/json", "Accept": "text/event-stream"}
        return self._send("POST", path, {**accept, **headers}, data, cancel, self._timeouts.idle)

    def get(self, path: str, headers: Mapping[str, str]) -> Response:
        """As post, without a body, and with less patience. Raises the NetworkError that fits."""
        idle = min(GET_SECONDS, self._timeouts.idle)
        return self._send("GET", path, {"Accept": "application/json", **headers}, None, Cancel(), idle)

    def _send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        data: bytes | None,
        cancel: Cancel,
        idle: float,
    ) -> Response:
        # Uncompressed: a compressor on the way holds tokens back until its block is full.
        headers = {"Accept-Encoding": "identity", "User-Agent": "antler", **headers}
        token = _running.set(cancel)
        try:
            with _translated(errors.Unreachable):
                raw = self._session.request(
                    method,
                    self._base_url + path,
                    data=data,
                    auth=_Headers(headers),
                    stream=True,
                    allow_redirects=False,
                    timeout=(self._timeouts.connect, idle),
                    proxies=self._proxies,  # type: ignore[arg-type]  # None switches a proxy off
                )
        finally:
            _running.reset(token)
        return Response(raw, cancel)

    def close(self) -> None:
        self._session.close()


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


_TIMEOUTS = (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)


@contextlib.contextmanager
def _translated(otherwise: Callable[[str], errors.NetworkError]) -> Iterator[None]:
    """What requests, urllib3 and the socket raise, as one of our NetworkErrors."""
    try:
        yield
    except (requests.exceptions.SSLError, urllib3.exceptions.SSLError) as error:
        raise errors.TlsFailed(_words(error)) from None
    except _TIMEOUTS as error:
        raise errors.TimedOut(_words(error)) from None
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        kind = errors.TimedOut if "timed out" in str(error).lower() else otherwise
        raise kind(_words(error)) from None
    except (AttributeError, ValueError) as error:
        # A socket that is shut while it is being read leaves half-closed objects behind.
        log.debug("broken while reading", exc_info=True)
        raise otherwise(type(error).__name__) from None


def _words(error: BaseException) -> str:
    """The innermost reason, without addresses of objects."""
    while error.args and isinstance(error.args[-1], BaseException):
        error = error.args[-1]
    reason = getattr(error, "reason", None)
    if isinstance(reason, BaseException):
        return _words(reason)
    text = str(error) or type(error).__name__
    return text.split(">: ", 1)[-1] if " object at 0x" in text else text
