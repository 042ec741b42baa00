"""The key and the question go to the gateway and nowhere else, and no error tells the key."""

from pathlib import Path

import pytest

from lib.config.settings import Settings
from lib.core import errors
from lib.gateway.client import Gateway
from lib.gateway.transport.request import origin
from lib.gateway.wires.request_body import WIRE_MODULES
from tests.support.replay import JSON, Canned, Replay
from tests.unit.gateway.recordings import KEY, PATHS, RECORDINGS, ask, error_of

STREAM = RECORDINGS["openai-text.sse"]
CHAT = PATHS["openai"]


def test_tls_to_a_plain_port_fails_and_sends_no_key(replay: Replay) -> None:
    client = Gateway(Settings(api_key=KEY, base_url=replay.url.replace("http:", "https:"), retries=0))
    assert isinstance(error_of(client), errors.TlsError | errors.GatewayUnreachable)
    assert replay.requests == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(replay: Replay, asked: Gateway, status: int) -> None:
    with Replay() as other:
        other.serve(CHAT, STREAM.canned())
        target = other.url + CHAT
        replay.serve(CHAT, Canned(b"", status, {"Location": target}, framing="length"))
        error = error_of(asked)
        assert (type(error), error.detail, error.status) == (errors.UnexpectedRedirect, target, status)
        assert (other.requests, other.connections) == ([], 0)


@pytest.mark.parametrize("to", ["http://127.0.0.1:1/", "http://[::1", "//", ""])
def test_a_redirect_says_where_to_whatever_its_body_is(replay: Replay, asked: Gateway, to: str) -> None:
    headers = {"Location": to, "Content-Encoding": "deflate"}
    replay.serve(CHAT, Canned(b"\0" * 6, 301, headers, piece=2))
    error = error_of(asked)
    assert (type(error), error.detail) == (errors.UnexpectedRedirect, to)


@pytest.mark.parametrize("wire", WIRE_MODULES)
def test_a_netrc_entry_does_not_take_the_place_of_the_key(
    replay: Replay, asked: Gateway, wire: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    replay.serve(PATHS[wire], STREAM.canned())
    ask(asked, wire)
    assert replay.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert "secret" not in str(replay.requests[0].headers)


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_a_proxy_does_not_see_what_goes_to_this_machine(
    replay: Replay, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for other in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(other, raising=False)
    with Replay() as proxy:
        monkeypatch.setenv(name, proxy.url)
        replay.serve(CHAT, STREAM.canned())
        for host in ("127.0.0.1", "localhost"):
            client = Gateway(Settings(api_key=KEY, base_url=replay.url.replace("127.0.0.1", host), retries=0))
            assert ask(client, "openai").text == STREAM.text
            client.close()
        assert proxy.connections == 0


@pytest.mark.parametrize(
    ("base_url", "origin_"),
    [
        ("http://gateway.invalid", "http://gateway.invalid"),
        ("http://Gateway.INVALID", "http://gateway.invalid"),
        ("http://gateway.invalid:80", "http://gateway.invalid:80"),
        ("http://gateway.invalid:8080/api", "http://gateway.invalid:8080/api"),
        ("http://gateway.invalid.", "http://gateway.invalid."),
        ("http://münchen.invalid", "http://xn--mnchen-3ya.invalid"),
        ("http://name:secret@gateway.invalid", "http://gateway.invalid"),
    ],
)
def test_the_key_goes_to_the_gateway_however_its_address_is_written(
    base_url: str, origin_: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with Replay() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        proxy.serve(origin_ + CHAT, STREAM.canned())
        client = Gateway(Settings(api_key=KEY, base_url=base_url, retries=0))
        assert ask(client, "openai").text == STREAM.text
        client.close()
        (request,) = proxy.requests
        assert request.headers["authorization"] == f"Bearer {KEY}"
        assert "secret" not in str(request)


GATEWAY = "https://gateway.example"


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("https://gateway.example/v1/models", True),
        ("https://GATEWAY.example:443/x", True),
        ("https://name:word@gateway.example/", True),
        ("http://gateway.example/", False),
        ("https://gateway.example:444/", False),
        ("http://gateway.example:443/", False),
        ("https://gateway.example./", False),
        ("https://gateway.example.evil.example/", False),
        ("https://evil.example/gateway.example", False),
        ("https://gateway.example@evil.example/", False),
        ("https://evil.example#gateway.example", False),
        ("https://evil.example?@gateway.example", False),
        ("//gateway.example/", False),
        ("", False),
    ],
)
def test_the_key_is_put_on_requests_to_one_origin_only(url: str, same: bool) -> None:
    assert (origin(url) == origin(GATEWAY)) is same


@pytest.mark.parametrize("to", ["{other}", "{other}@127.0.0.1", "//{place}/x", "/v1/elsewhere"])
@pytest.mark.parametrize("status", [302, 307])
def test_the_list_of_models_is_not_fetched_from_elsewhere(
    replay: Replay, asked: Gateway, status: int, to: str
) -> None:
    with Replay() as other:
        target = to.format(other=other.url, place=other.url.removeprefix("http://"))
        replay.serve("/v1/models", Canned(b"", status, {"Location": target}, framing="length"))
        with pytest.raises(errors.UnexpectedRedirect):
            asked.fetch_models()
        assert (other.connections, len(replay.requests)) == (0, 1)


def test_a_cookie_is_not_sent_back(replay: Replay, asked: Gateway) -> None:
    headers = {"Content-Type": "text/event-stream", "Set-Cookie": "who=first; Path=/"}
    replay.serve(CHAT, Canned(STREAM.body, headers=headers))
    ask(asked, "openai")
    ask(asked, "openai")
    assert ["cookie" in request.headers for request in replay.requests] == [False, False]


def test_no_error_tells_the_key(replay: Replay, asked: Gateway) -> None:
    fault = b'{"error":{"message":"' + f"the key {KEY} is wrong".encode() + b'"}}'
    told = [
        Canned(fault, 401, JSON),
        Canned(fault, 200, JSON),
        Canned(b"data: " + fault + b"\n\n"),
        Canned(f"<p>{KEY}</p>".encode()),
        Canned(b"", 302, {"Location": f"https://elsewhere.invalid/{KEY}"}),
    ]
    for wire in WIRE_MODULES:
        for canned in told:
            replay.serve(PATHS[wire], canned)
            error = ask(asked, wire).error
            assert error is not None
            assert "…" in error.detail
            assert KEY not in str(error) + repr(error) + repr(error.to_failure())
    replay.serve("/v1/models", told[0])
    with pytest.raises(errors.KeyRejected) as caught:
        asked.fetch_models()
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("key", ["sk-secret\n", " sk-secret", "sk-secret\r\nX-Evil: 1", "“sk-secret”"])
def test_a_key_that_cannot_be_sent_is_not_told_either(replay: Replay, key: str) -> None:
    replay.serve(CHAT, STREAM.canned())
    client = Gateway(Settings(api_key=key, base_url=replay.url, retries=0))
    heard = ask(client, "openai")
    assert "secret" not in str(heard.error)
    assert all("x-evil" not in request.headers for request in replay.requests)
