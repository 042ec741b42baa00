"""One web page for an attachment: the only request to an address that a user chooses.

Such a request must not reach what the server can see and the user cannot: private networks, this machine, metadata
services. So the name is resolved once, each of its addresses is checked, and the connection goes to a checked address,
with the name in `Host`, in TLS and in the check of the certificate: a second answer of the DNS changes nothing. Each
redirect is checked in the same way. Environment, cookies and the gateway's key play no part.
"""

from __future__ import annotations

import contextlib
import ipaddress
import queue
import re
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urljoin, urlsplit

import urllib3
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connection import HTTPConnection, HTTPSConnection

from lib.core.attachment_errors import (
    PageAddressRefused,
    PageKindRefused,
    PageStatusError,
    PageTimedOut,
    PageTooLarge,
    PageUnreachable,
    TooManyRedirects,
)
from lib.core.errors import AttachmentError
from lib.core.images import format_size
from lib.gateway.transport.cancel import CancelToken

MEDIA_TYPES = {
    "text/html": "html",
    "application/xhtml+xml": "html",
    "text/plain": "txt",
    "text/markdown": "md",
    "application/pdf": "pdf",
    "application/json": "json",
}
_PORTS = {"http": 80, "https": 443}
_REDIRECTS = (301, 302, 303, 307, 308)
_READ_SIZE = 65_536
_MAX_URL_LENGTH = 2_000
_HEADERS = {
    "User-Agent": "antler (page attached by a user)",
    "Accept": f"{', '.join(MEDIA_TYPES)}",
    "Accept-Encoding": "gzip",
    "Connection": "close",
}
# Networks of public addresses that lead elsewhere: Azure's host, relays, and IPv6 with an IPv4 address inside.
_FORBIDDEN_NETWORKS = tuple(
    ipaddress.ip_network(network)
    for network in ("168.63.129.16/32", "192.88.99.0/24", "192.0.0.0/24", "2002::/16", "2001::/23", "3fff::/20")
)
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
# A host that some resolvers read as a number: 127.1, 0x7f.1, 017700000001.
_NUMERIC_LABEL = re.compile(r"(?:0x[0-9a-f]*|\d+)", re.IGNORECASE)
_HOST = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?", re.IGNORECASE)


@dataclass(frozen=True)
class PageLimits:
    """Limits of one page: seconds in all, bytes before and after decompression, redirects."""

    seconds: float = 10.0
    max_bytes: int = 5_000_000
    max_redirects: int = 5


@dataclass(frozen=True)
class WebPage:
    """A page as it came: its last address, its media type without parameters, and its decoded body."""

    url: str
    media_type: str
    data: bytes


def resolve_name(host: str, port: int) -> list[str]:
    """Return the addresses of a host. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_public_address(address: str) -> bool:
    """Return True for an address of the public internet, with no other address inside."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:  # also an address with a zone
        return False
    if isinstance(ip, ipaddress.IPv6Address) and ip not in _GLOBAL_UNICAST:
        return False  # mapped and translated IPv4 (::ffff:0:0/96, 64:ff9b::/96), link-local, unique local, multicast
    is_forbidden = any(ip in network for network in _FORBIDDEN_NETWORKS if network.version == ip.version)
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or is_forbidden)


@dataclass(frozen=True)
class Network:
    """The resolver, the check of addresses, and the ports that are allowed; tests have their own."""

    resolve: Callable[[str, int], Sequence[str]] = resolve_name
    is_allowed: Callable[[str], bool] = is_public_address
    ports: frozenset[int] = frozenset(_PORTS.values())


def fetch_page(
    url: str,
    limits: PageLimits = PageLimits(),  # noqa: B008  frozen
    network: Network = Network(),  # noqa: B008  frozen
    cancel: CancelToken | None = None,
) -> WebPage:
    """Return the page at a http or https address, after redirects. After `cancel` it raises PageUnreachable.

    Raises PageAddressRefused, PageUnreachable, PageTimedOut, PageTooLarge, PageKindRefused, PageStatusError and
    TooManyRedirects. What the server answered is not part of the errors, but for its status and media type.
    """
    deadline = time.monotonic() + limits.seconds
    for _ in range(limits.max_redirects + 1):
        target = _check_url(url, network)
        if cancel and cancel.cancelled:
            raise PageUnreachable(target.host)
        addresses = _find_addresses(target, deadline, network)
        with _Exchange(target, addresses, deadline, cancel) as exchange:
            location = exchange.send()
            if location is None:
                return exchange.read_page(limits.max_bytes)
        url = urljoin(target.url, location)
    raise TooManyRedirects(host_name(url))


def host_name(url: str) -> str:
    """Return the host of a URL for a message; the beginning of the text without one."""
    try:
        return urlsplit(url).hostname or url[:80]
    except ValueError:
        return url[:80]


@dataclass(frozen=True)
class _Target:
    url: str
    scheme: str
    host: str  # a name in ASCII, or an address without brackets
    port: int
    path: str

    @property
    def host_header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def _check_url(url: str, network: Network) -> _Target:
    """Return the parts of a URL. Raises PageAddressRefused for any that is not plainly one of a public page."""
    url = url.strip()
    try:
        parts = urlsplit(url)
        port = _PORTS.get(parts.scheme, 0) if parts.port is None else parts.port
        host = _to_ascii(parts)
    except (ValueError, UnicodeError):
        raise PageAddressRefused(host_name(url)) from None
    is_plain = len(url) <= _MAX_URL_LENGTH and "\\" not in url and url.isprintable() and not re.search(r"\s", url)
    has_login = "@" in parts.netloc
    if parts.scheme not in _PORTS or not host or not is_plain or has_login or port not in network.ports:
        raise PageAddressRefused(host_name(url))
    path = quote(parts.path or "/", safe="/:@!$&'()*+,;=~%-._")
    query = f"?{quote(parts.query, safe='/:@!$&()*+,;=~%-._?')}" if parts.query else ""
    return _Target(parts._replace(fragment="").geturl(), parts.scheme, host, port, path + query)


def _to_ascii(parts: SplitResult) -> str:
    """Return the host in ASCII, "" for one that is neither a name nor an address in its usual form."""
    host = parts.hostname or ""
    if ":" in host:
        return "" if "%" in host else str(ipaddress.IPv6Address(host))
    host = host if host.isascii() else host.encode("idna").decode("ascii")
    host = host.rstrip(".")
    if _NUMERIC_LABEL.fullmatch(host.rpartition(".")[2]):
        return str(ipaddress.IPv4Address(host))  # only four decimal numbers without leading zeros
    return host if _HOST.fullmatch(host) and len(host) <= 253 else ""


def _find_addresses(target: _Target, deadline: float, network: Network) -> list[str]:
    """Return the checked addresses of a host; one that is not allowed refuses all of them."""
    results: queue.SimpleQueue[Sequence[str] | None] = queue.SimpleQueue()

    def resolve() -> None:
        try:
            results.put(network.resolve(target.host, target.port))
        except (OSError, UnicodeError):
            results.put(None)

    # A resolver cannot be interrupted.
    threading.Thread(target=resolve, name="resolve", daemon=True).start()
    try:
        addresses = results.get(timeout=max(0.0, deadline - time.monotonic()))
    except queue.Empty:
        raise PageTimedOut(target.host) from None
    if not addresses:
        raise PageUnreachable(target.host)
    if not all(map(network.is_allowed, addresses)):
        raise PageAddressRefused(target.host)
    return list(addresses)


class _Exchange:
    """One request and its response; whatever the server does, the socket is shut down at the deadline."""

    def __init__(
        self, target: _Target, addresses: Sequence[str], deadline: float, cancel: CancelToken | None = None
    ) -> None:
        self._target, self._addresses, self._deadline = target, addresses, deadline
        self._cancel = cancel or CancelToken()
        self._connection: HTTPConnection | None = None
        self._response: urllib3.BaseHTTPResponse | None = None
        self._timer = threading.Timer(max(0.0, deadline - time.monotonic()), self._shut_down)
        self._timer.daemon = True
        self._is_late = False

    def __enter__(self) -> _Exchange:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._cancel.clear_socket()
        if self._response is not None:
            self._response.close()
        if self._connection is not None:
            self._connection.close()

    def send(self) -> str | None:
        """Send the request; returns where a redirect leads, None for a page. Raises PageStatusError and others."""
        with self._translate_errors():
            self._connection = self._connect()
            headers = {**_HEADERS, "Host": self._target.host_header}
            self._connection.request(
                "GET", self._target.path, headers=headers, preload_content=False, decode_content=False
            )
            response = self._response = self._connection.getresponse()
        location = response.headers.get("Location")
        if response.status in _REDIRECTS and location:
            return str(location)
        if response.status != 200:
            raise PageStatusError(self._target.host, status=response.status)
        return None

    def read_page(self, max_bytes: int) -> WebPage:
        """Return the body of the response."""
        assert self._response is not None
        media_type = str(self._response.headers.get("Content-Type", "")).partition(";")[0].strip().lower()
        if media_type not in MEDIA_TYPES:
            raise PageKindRefused(self._target.host, media_type=media_type[:80] or "?")
        body = bytearray()
        with self._translate_errors():
            for chunk in self._decode(max_bytes):
                body += chunk
                if len(body) > max_bytes:
                    raise PageTooLarge(self._target.host, limit=format_size(max_bytes))
        # A socket that is shut down can look like the end of the body.
        if self._is_late:
            raise PageTimedOut(self._target.host)
        if self._cancel.cancelled:
            raise PageUnreachable(self._target.host)
        return WebPage(self._target.url, media_type, bytes(body))

    def _connect(self) -> HTTPConnection:
        """Connect to the first address that answers."""
        failure: Exception | None = None
        for address in self._addresses:
            connection = self._open(address)
            self._connection = connection  # for the timer
            try:
                connection.connect()
            except (OSError, urllib3.exceptions.HTTPError) as error:
                failure = error
                connection.close()
                if isinstance(error, ssl.SSLError) or self._is_late:
                    break
            else:
                if connection.sock is not None:
                    self._cancel.set_socket(connection.sock)
                return connection
        assert failure is not None
        raise failure

    def _open(self, address: str) -> HTTPConnection:
        seconds = max(0.1, self._deadline - time.monotonic())
        if self._target.scheme == "http":
            return HTTPConnection(address, self._target.port, timeout=seconds)
        return HTTPSConnection(
            address,
            self._target.port,
            timeout=seconds,
            cert_reqs=ssl.CERT_REQUIRED,
            ca_certs=DEFAULT_CA_BUNDLE_PATH,
            server_hostname=self._target.host,
            assert_hostname=self._target.host,
        )

    def _decode(self, max_bytes: int) -> Iterator[bytes]:
        """Yield the body, decompressed in steps of a bounded size: a bomb ends at the limit."""
        assert self._response is not None
        encoding = str(self._response.headers.get("Content-Encoding", "")).strip().lower()
        if encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise PageKindRefused(self._target.host, media_type=encoding[:80])
        inflater = None if encoding in ("", "identity") else zlib.decompressobj(wbits=47 if "gzip" in encoding else 15)
        while chunk := self._response.read1(_READ_SIZE, decode_content=False):
            while inflater and chunk:
                yield inflater.decompress(chunk, max_bytes + 1)
                chunk = inflater.unconsumed_tail
            if not inflater:
                yield chunk
        if inflater and not inflater.eof:
            raise zlib.error("incomplete")

    def _shut_down(self) -> None:
        self._is_late = True
        sock = getattr(self._connection, "sock", None)
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    @contextlib.contextmanager
    def _translate_errors(self) -> Iterator[None]:
        """Raise whatever a socket, TLS, HTTP or a compressed body does wrong as PageTimedOut or PageUnreachable."""
        try:
            yield
        except AttachmentError:
            raise
        except urllib3.exceptions.NewConnectionError:  # in some versions a TimeoutError
            raise PageUnreachable(self._target.host) from None
        except (TimeoutError, urllib3.exceptions.TimeoutError):
            raise PageTimedOut(self._target.host) from None
        except (OSError, urllib3.exceptions.HTTPError, zlib.error, ValueError, AttributeError):
            error = PageTimedOut if self._is_late else PageUnreachable
            raise error(self._target.host) from None
