"""Key safety: it is sent to the gateway's origin only, and redacted from errors."""

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lib.config.settings import Settings
from lib.core import errors
from lib.gateway.client import Gateway
from lib.gateway.transport.request import origin
from lib.gateway.wires.request_body import WIRE_MODULES
from tests.support.replay import JSON, Canned, Replay
from tests.unit.gateway.recordings import KEY, PATHS, RECORDINGS, ask, expect_error

STREAM = RECORDINGS["openai-text.sse"]
CHAT = PATHS["openai"]


def test_tls_to_a_plaintext_port_sends_no_key(replay: Replay) -> None:
    client = Gateway(Settings(api_key=KEY, base_url=replay.url.replace("http:", "https:"), retries=0))
    assert isinstance(expect_error(client), errors.TlsError | errors.GatewayUnreachable)
    assert replay.requests == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_not_followed(replay: Replay, gateway: Gateway, status: int) -> None:
    with Replay() as other:
        other.serve(CHAT, STREAM.canned())
        target = other.url + CHAT
        replay.serve(CHAT, Canned(b"", status, {"Location": target}, framing="length"))
        error = expect_error(gateway)
        assert (type(error), error.detail, error.status) == (errors.UnexpectedRedirect, target, status)
        assert (other.requests, other.connections) == ([], 0)


@pytest.mark.parametrize("location", ["http://127.0.0.1:1/", "http://[::1", "//", ""])
def test_redirect_error_names_the_location_with_any_body(replay: Replay, gateway: Gateway, location: str) -> None:
    headers = {"Location": location, "Content-Encoding": "deflate"}
    replay.serve(CHAT, Canned(b"\0" * 6, 301, headers, piece=2))
    error = expect_error(gateway)
    assert (type(error), error.detail) == (errors.UnexpectedRedirect, location)


@pytest.mark.parametrize("wire", WIRE_MODULES)
def test_netrc_entry_does_not_replace_the_key(
    replay: Replay, gateway: Gateway, wire: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    replay.serve(PATHS[wire], STREAM.canned())
    ask(gateway, wire)
    assert replay.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert "secret" not in str(replay.requests[0].headers)


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_proxy_is_not_used_for_loopback(replay: Replay, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
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
    ("base_url", "expected_origin"),
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
def test_key_is_sent_for_every_spelling_of_the_base_url(
    base_url: str, expected_origin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with Replay() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        proxy.serve(expected_origin + CHAT, STREAM.canned())
        client = Gateway(Settings(api_key=KEY, base_url=base_url, retries=0))
        assert ask(client, "openai").text == STREAM.text
        client.close()
        (request,) = proxy.requests
        assert request.headers["authorization"] == f"Bearer {KEY}"
        assert "secret" not in str(request)


GATEWAY = "https://gateway.example"


@pytest.mark.parametrize(
    ("url", "is_same"),
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
def test_origin_compares_scheme_host_and_port(url: str, is_same: bool) -> None:
    assert (origin(url) == origin(GATEWAY)) is is_same


@pytest.mark.parametrize("location", ["{other}", "{other}@127.0.0.1", "//{netloc}/x", "/v1/elsewhere"])
@pytest.mark.parametrize("status", [302, 307])
def test_fetch_models_does_not_follow_redirects(replay: Replay, gateway: Gateway, status: int, location: str) -> None:
    with Replay() as other:
        target = location.format(other=other.url, netloc=other.url.removeprefix("http://"))
        replay.serve("/v1/models", Canned(b"", status, {"Location": target}, framing="length"))
        with pytest.raises(errors.UnexpectedRedirect):
            gateway.fetch_models()
        assert (other.connections, len(replay.requests)) == (0, 1)


def test_cookies_are_not_sent_back(replay: Replay, gateway: Gateway) -> None:
    headers = {"Content-Type": "text/event-stream", "Set-Cookie": "who=first; Path=/"}
    replay.serve(CHAT, Canned(STREAM.body, headers=headers))
    ask(gateway, "openai")
    ask(gateway, "openai")
    assert ["cookie" in request.headers for request in replay.requests] == [False, False]


def test_key_is_redacted_from_errors(replay: Replay, gateway: Gateway) -> None:
    error_json = b'{"error":{"message":"' + f"the key {KEY} is wrong".encode() + b'"}}'
    responses = [
        Canned(error_json, 401, JSON),
        Canned(error_json, 200, JSON),
        Canned(b"data: " + error_json + b"\n\n"),
        Canned(f"<p>{KEY}</p>".encode()),
        Canned(b"", 302, {"Location": f"https://elsewhere.invalid/{KEY}"}),
    ]
    for wire in WIRE_MODULES:
        for canned in responses:
            replay.serve(PATHS[wire], canned)
            error = ask(gateway, wire).error
            assert error is not None
            assert "…" in error.detail
            assert KEY not in str(error) + repr(error) + repr(error.to_failure())
    replay.serve("/v1/models", responses[0])
    with pytest.raises(errors.KeyRejected) as caught:
        gateway.fetch_models()
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("key", ["sk-secret\n", " sk-secret", "sk-secret\r\nX-Evil: 1", "“sk-secret”"])
def test_invalid_key_is_not_in_the_error(replay: Replay, key: str) -> None:
    replay.serve(CHAT, STREAM.canned())
    client = Gateway(Settings(api_key=key, base_url=replay.url, retries=0))
    answer = ask(client, "openai")
    assert "secret" not in str(answer.error)
    assert all("x-evil" not in request.headers for request in replay.requests)


def encode_base64(key: str) -> str:
    return base64.b64encode(f"Bearer {key}".encode()).decode()


def encode_percent(key: str) -> str:
    return "".join(f"%{byte:02x}" for byte in key.encode())


def answer_with(wire: str, secret: str) -> bytes:
    """Return an answer that echoes a secret in its ids, names, thinking, text, signature, usage and reason."""
    half = len(secret) // 2
    first, second = secret[:half], secret[half:]
    if wire == "openai":
        deltas = [{"reasoning_content": first}, {"reasoning_content": second}, {"content": first}, {"content": second}]
        call = {"index": 0, "id": secret, "function": {"name": secret, "arguments": secret}}
        chunks = [{"choices": [{"delta": delta}]} for delta in ({"role": "assistant"}, *deltas, {"tool_calls": [call]})]
        usage = {"prompt_tokens": 1, "completion_tokens": 2, secret: {secret: 1}}
        chunks.append({"choices": [{"delta": {}, "finish_reason": secret}], "usage": usage})
        head = {"id": secret, "model": secret, "system_fingerprint": secret, "provider": secret}
        return (
            b"".join(b"data: " + json.dumps(head | chunk).encode() + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"
        )
    deltas = [
        *({"type": "thinking_delta", "thinking": part} for part in (first, second)),
        {"type": "signature_delta", "signature": secret},
        *({"type": "text_delta", "text": part} for part in (first, second)),
    ]
    events = [
        {"type": "message_start", "message": {"id": secret, "model": secret, "usage": {secret: 1}}},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
        {"type": "message_delta", "delta": {"stop_reason": secret, "stop_sequence": secret}, "usage": {secret: 2}},
        {"type": "message_stop"},
    ]
    return b"".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in events)


@pytest.mark.parametrize("encode", [str, encode_base64, encode_percent], ids=["plain", "base64", "percent-encoded"])
@pytest.mark.parametrize("wire", WIRE_MODULES)
def test_a_gateway_that_echoes_the_key_gets_it_into_no_event(
    replay: Replay, gateway: Gateway, wire: str, encode: Callable[[str], str]
) -> None:
    secret = encode(KEY)
    headers = {"Content-Type": "text/event-stream", "X-Request-Id": secret}
    replay.serve(PATHS[wire], Canned(answer_with(wire, secret), headers=headers))
    answer = ask(gateway, wire)
    received = repr(answer.summary())
    assert "…" in answer.text
    # Half of the key or more is in none of them.
    assert not [secret[i : i + 14] for i in range(len(secret) - 13) if secret[i : i + 14] in received]


def test_the_key_is_in_no_model_list_and_no_balance(replay: Replay, gateway: Gateway) -> None:
    replay.serve("/v1/models", Canned(json.dumps({"data": [{"id": f"m-{KEY}"}, {"id": "n"}]}).encode(), headers=JSON))
    assert [model.id for model in gateway.fetch_models().models] == ["m-…", "n"]
