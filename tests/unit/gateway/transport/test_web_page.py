"""Pages for attachments: public addresses only, checked when connecting, and bounded in time, size and kind."""

from __future__ import annotations

import gzip
import ssl
import threading
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from lib.core import attachment_errors as errors
from lib.gateway.transport import web_page
from lib.gateway.transport.web_page import Network, PageLimits, WebPage, fetch_page, is_public_address
from tests.support.replay import Canned, Replay

HTML = {"Content-Type": "text/html; charset=utf-8"}
PAGE = Canned(b"<h1>Tides</h1>", 200, HTML)
PRIVATE = [
    *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
    *("100.100.100.200", "168.63.129.16", "192.0.0.192", "192.0.2.1", "198.18.0.1", "203.0.113.9", "192.88.99.1"),
    *("224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1"),
    *("2002:7f00:1::", "2001::1", "2001:db8::1", "3fff::1", "100::1", "", "localhost", "1.2.3"),
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4001::1", "2001:4860:4860::8888"]


class Resolver:
    """A resolver with an answer for each call, the last one for good; it notes what it was asked."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers, self.asked = list(answers), list[str]()

    def __call__(self, host: str, _: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def network(server: Replay, *answers: Sequence[str]) -> tuple[Network, Resolver]:
    """A network in which 127.0.0.1 is public, with the port of a server."""
    resolver = Resolver(*(answers or (["127.0.0.1"],)))
    allowed: Callable[[str], bool] = lambda address: address == "127.0.0.1" or is_public_address(address)  # noqa: E731
    return Network(resolver, allowed, frozenset((port_of(server),))), resolver


def port_of(server: Replay) -> int:
    return int(server.url.rpartition(":")[2])


def fetch(server: Replay, path: str = "/page", host: str = "tides.example", **limits: Any) -> WebPage:
    return fetch_page(f"http://{host}:{port_of(server)}{path}", PageLimits(**limits), network(server)[0])


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public_address(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address: str) -> None:
    assert is_public_address(address)


def test_a_page_is_fetched_by_its_name_without_credentials(replay: Replay, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")
    for path in ("/page?q=%C3%A4+b", "/page"):
        replay.serve(path, Canned(b"<h1>Tides</h1>", 200, {**HTML, "Set-Cookie": "a=b"}))
    assert fetch(replay, "/page?q=%C3%A4+b#part").data == b"<h1>Tides</h1>"
    fetch(replay)
    for request in replay.requests:
        assert request.headers["host"] == f"tides.example:{port_of(replay)}"
        assert not {"authorization", "cookie", "x-api-key", "referer"} & set(request.headers)
    assert replay.requests[0].path.endswith("?q=%C3%A4+b")


REFUSED_URLS = [
    *(
        "ftp://tides.example/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "gopher://tides.example",
        "tides.example",
        "",
    ),
    *(
        "http://user:secret@tides.example/",
        "http://user@tides.example/",
        "http://:@tides.example/",
        "http://@a.example",
    ),
    *("http:///path", "http://", "http://[::1", "http://[fe80::1%25eth0]/", "http://a.example:99999/", "http://a b/"),
    *(
        "http://tides.example:22/",
        "http://tides.example:0/",
        "https://tides.example:8443/",
        "http://tides.example\\@a/",
    ),
    *("http://tides.example/\r\nX: y", "http://tides.example/a b", "http://tid\u200bes.example/", "http://a..example/"),
    *("http://2130706433/", "http://0x7f000001/", "http://0x7f.1/", "http://127.1/", "http://0177.0.0.1/", "http://1/"),
    "http://a.example/" + "a" * 3_000,
]
PRIVATE_URLS = [
    *(
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://[::ffff:169.254.169.254]/",
        "http://169.254.169.254/latest/meta-data",
    ),
    *("http://127\u30020\u30020\u30021/", "http://[64:ff9b::a00:1]/", "http://0.0.0.0/", "http://10.0.0.1/"),
]


@pytest.mark.parametrize("url", REFUSED_URLS)
def test_addresses_of_another_form_are_refused_before_anything_is_resolved(url: str) -> None:
    resolver = Resolver(["93.184.216.34"])
    with pytest.raises(errors.PageAddressRefused):
        fetch_page(url, network=Network(resolver))
    assert resolver.asked == []


@pytest.mark.parametrize("url", PRIVATE_URLS)
def test_a_literal_private_address_is_refused(url: str) -> None:
    with pytest.raises(errors.PageAddressRefused):
        fetch_page(url, network=Network(lambda host, _: [host]))


@pytest.mark.parametrize(
    "answer", [["10.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["::1"], ["169.254.169.254"], ["fe80::1%2"]]
)
def test_a_name_with_any_private_address_is_refused(answer: list[str]) -> None:
    with pytest.raises(errors.PageAddressRefused):
        fetch_page("https://tides.example/", network=Network(Resolver(answer)))


def test_a_second_answer_of_the_resolver_changes_nothing(replay: Replay) -> None:
    replay.serve("/page", PAGE)
    rebinding, resolver = network(replay, ["127.0.0.1"], ["169.254.169.254"])
    url = f"http://tides.example:{port_of(replay)}/page"
    assert fetch_page(url, network=rebinding).data == b"<h1>Tides</h1>"
    assert resolver.asked == ["tides.example"]
    with pytest.raises(errors.PageAddressRefused):
        fetch_page(url, network=rebinding)


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/",
        "http://[::1]/",
        "file:///etc/passwd",
        "http://u:p@tides.example/",
        "//10.0.0.1/x",
    ],
)
def test_a_redirect_to_another_kind_of_address_is_refused(replay: Replay, location: str) -> None:
    replay.serve("/page", Canned(b"", 302, {"Location": location}))
    literal, _ = network(replay)
    by_name = Network(lambda host, port: [host] if host[0] in "1:" else literal.resolve(host, port), literal.is_allowed)
    ports = frozenset((80, 443, port_of(replay)))
    with pytest.raises(errors.PageNotFetched):
        fetch_page(
            f"http://tides.example:{port_of(replay)}/page", network=Network(by_name.resolve, by_name.is_allowed, ports)
        )
    assert len(replay.requests) == 1


def test_redirects_are_followed_and_each_is_resolved_again(replay: Replay) -> None:
    for number in range(5):
        replay.serve(f"/{number}", Canned(b"", 307, {"Location": f"{number + 1}?a=b"}))
    replay.serve("/5?a=b", PAGE)
    replay.serve("/5", PAGE)
    for number in range(1, 5):
        replay.serve(f"/{number}?a=b", Canned(b"", 308, {"Location": f"/{number + 1}?a=b"}))
    where, resolver = network(replay)
    page = fetch_page(f"http://tides.example:{port_of(replay)}/0", network=where)
    assert page.url.endswith("/5?a=b") and len(resolver.asked) == 6
    replay.serve("/0", Canned(b"", 302, {"Location": "/0"}))
    with pytest.raises(errors.TooManyRedirects):
        fetch(replay, "/0")


def bomb(size: int) -> bytes:
    return gzip.compress(b"<p>" + b"a" * size)


def test_pages_are_limited_after_decompression(replay: Replay) -> None:
    compressed = {**HTML, "Content-Encoding": "gzip"}
    replay.serve("/page", Canned(gzip.compress(b"<h1>Tides</h1>"), 200, compressed))
    assert fetch(replay).data == b"<h1>Tides</h1>"
    replay.serve("/page", Canned(bomb(20_000_000), 200, compressed))
    with pytest.raises(errors.PageTooLarge) as caught:
        fetch(replay)
    assert caught.value.values == {"limit": "5.0 MB"}
    replay.serve("/page", Canned(b"a" * 20_001, 200, HTML, framing="close"))
    with pytest.raises(errors.PageTooLarge):
        fetch(replay, max_bytes=20_000)
    replay.serve("/page", Canned(zlib.compress(b"ok"), 200, {**HTML, "Content-Encoding": "deflate"}))
    assert fetch(replay).data == b"ok"
    for encoding, body in (
        ("br", b"x"),
        ("gzip, gzip", b"x"),
        ("gzip", b"no gzip"),
        ("gzip", gzip.compress(b"a" * 99)[:-9]),
    ):
        replay.serve("/page", Canned(body, 200, {**HTML, "Content-Encoding": encoding}))
        with pytest.raises(errors.PageNotFetched):
            fetch(replay)


@pytest.mark.parametrize("media_type", ["image/png", "application/zip", "text/event-stream", "", "x" * 500])
def test_other_kinds_are_refused(replay: Replay, media_type: str) -> None:
    replay.serve("/page", Canned(b"x", 200, {"Content-Type": media_type}))
    with pytest.raises(errors.PageKindRefused) as caught:
        fetch(replay)
    assert len(str(caught.value.values["media_type"])) <= 80


@pytest.mark.parametrize("status", [204, 206, 304, 403, 404, 500])
def test_another_status_is_an_error_with_its_number(replay: Replay, status: int) -> None:
    replay.serve("/page", Canned(b"secret words", status, HTML))
    with pytest.raises(errors.PageStatusError) as caught:
        fetch(replay)
    assert caught.value.values == {"status": status} and "secret" not in str(caught.value)


SLOW = {
    "headers never come": Canned(mute=True),
    "body never ends": Canned(b"<p>" + b"a" * 1000, 200, HTML, silence=100),
    "body without a length": Canned(b"<p>" + b"a" * 1000, 200, HTML, silence=100, framing="close"),
    "drip of bytes": Canned(b"a" * 10_000, 200, HTML, piece=1, pause=0.05),
}


@pytest.mark.parametrize("case", SLOW)
def test_a_slow_server_ends_at_the_deadline(replay: Replay, case: str) -> None:
    replay.serve("/page", SLOW[case])
    with pytest.raises(errors.PageTimedOut):
        fetch(replay, seconds=0.5)


def test_a_slow_resolver_ends_at_the_deadline() -> None:
    released = threading.Event()

    def resolve(*_: object) -> list[str]:
        released.wait(20)
        return []

    with pytest.raises(errors.PageTimedOut):
        fetch_page("http://tides.example/", PageLimits(seconds=0.2), Network(resolve))
    released.set()


def test_a_server_that_is_not_there_or_breaks_off(replay: Replay) -> None:
    for canned in (Canned(reset=True), Canned(b"<p>" * 100, 200, HTML, cut=10, framing="length")):
        replay.serve("/page", canned)
        with pytest.raises(errors.PageUnreachable):
            fetch(replay)
    for answer in ([], ["127.0.0.1"]):
        nowhere = Network(Resolver(answer), lambda _: True, frozenset((9,)))
        with pytest.raises(errors.PageUnreachable):
            fetch_page("http://tides.example:9/", network=nowhere)


def test_certificates_are_checked_for_the_name() -> None:
    connection = web_page._Exchange(
        web_page._Target("https://tides.example/", "https", "tides.example", 443, "/"), ["93.184.216.34"], 1e12
    )._open("93.184.216.34")
    assert isinstance(connection, web_page.HTTPSConnection)
    assert (connection.host, connection.server_hostname) == ("93.184.216.34", "tides.example")
    assert (connection.assert_hostname, connection.cert_reqs) == ("tides.example", ssl.CERT_REQUIRED)
