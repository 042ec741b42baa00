"""The demo gateway as a server: paths, refusals, pace, clients that leave, its end."""

import json
import threading
import time
from typing import Any

import pytest
import requests

from tests.fake_gateway import FakeGateway
from tests.support.replay import soon
from tests.unit.demo.talk import BOTH, CHAT, MESSAGES, arriving, asking, post


@BOTH
@pytest.mark.parametrize(
    ("body", "sign"),
    [
        (b"{", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "JSON object"),
        ({"model": "demo-tour", "max_tokens": 9}, "messages"),
        ({"model": "demo-tour", "max_tokens": 9, "messages": ["x"]}, "object"),
        ({"model": "demo-tour", "max_tokens": 9, "messages": [{"role": "user"}]}, "content"),
        ({"model": "demo-tour", "max_tokens": 9, "messages": [{"role": "king", "content": "x"}]}, "role"),
        (asking("demo-tour", max_tokens=True), "max_tokens"),
    ],
    ids=str,
)
def test_what_is_malformed_is_refused_in_the_shape_of_the_wire(
    fast: FakeGateway, path: str, body: Any, sign: str
) -> None:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = requests.post(fast.url + path, data=sent, timeout=20)
    payload = answer.json()
    assert answer.status_code == 400 and sign in payload["error"]["message"]
    assert payload["error"]["type"] == "invalid_request_error"
    assert payload.get("type") == ("error" if path == MESSAGES else None)
    assert answer.headers["x-oneapi-request-id"] in payload["error"]["message"]


@BOTH
@pytest.mark.parametrize("name", ["gpt-\ud800", "demo-", "claude"])
def test_an_unknown_model_is_refused_as_the_gateway_does_it(fast: FakeGateway, path: str, name: str) -> None:
    answer = requests.post(fast.url + path, data=json.dumps(asking(name)).encode(), timeout=20)
    error = answer.json()["error"]
    assert answer.status_code == 503
    assert (error["type"], error["code"]) == ("new_api_error", "model_not_found")


@BOTH
def test_what_is_nested_too_deeply_is_refused(fast: FakeGateway, path: str) -> None:
    deep = b'{"content":[' * 900 + b"1" + b"]}" * 900
    head = json.dumps(asking("demo-echo")).encode()[:-1]
    answer = requests.post(fast.url + path, data=head + b', "what": ' + deep + b"}", timeout=20)
    assert answer.status_code == 400 and "error" in answer.json()


def test_other_paths_and_methods(fast: FakeGateway) -> None:
    assert requests.get(fast.url + "/v1/files", timeout=20).json()["error"]["type"] == "not_found_error"
    for method in ("GET", "PUT", "HEAD", "BREW"):
        assert requests.request(method, fast.url + CHAT, timeout=20).status_code == 405


def test_a_body_without_a_length_is_refused(fast: FakeGateway) -> None:
    answer = requests.post(fast.url + CHAT, data=iter([b"{}"]), timeout=20)
    assert answer.status_code == 400 and "Content-Length" in answer.text


@BOTH
def test_slow_pings_before_it_speaks(path: str) -> None:
    running = FakeGateway(pace=10)
    began, pings, quiet = time.monotonic(), 0, 0.0
    with post(running, path, asking("demo-slow", stream=True, max_tokens=2), stream=True) as answer:
        headers = time.monotonic() - began
        for line in answer.iter_lines():
            if line == b": PING":
                pings += 1
            elif line and not quiet:
                quiet = time.monotonic() - began
    running.close()
    assert headers < quiet and pings == 4 and quiet > 0.35


def test_the_tour_comes_at_sixty_pieces_a_second(steady: FakeGateway) -> None:
    began = time.monotonic()
    arriving(steady, CHAT, asking("demo-tour", max_tokens=45))
    assert time.monotonic() - began > 0.7


@BOTH
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("model", ["demo-silent", "demo-slow", "demo-long-gap", "demo-thinker"])
def test_a_client_that_leaves_is_noticed(patient: FakeGateway, path: str, stream: bool, model: str) -> None:
    assert soon(lambda: patient.open_streams == 0)
    before = threading.active_count()
    body = json.dumps(asking(model, stream=stream)).encode()
    with requests.Session() as session:
        prepared = session.prepare_request(requests.Request("POST", patient.url + path, data=body))
        if stream:
            with session.send(prepared, stream=True, timeout=20):
                assert soon(lambda: patient.open_streams == 1)
        else:
            with pytest.raises(requests.Timeout):
                session.send(prepared, timeout=0.3)
    assert soon(lambda: patient.open_streams == 0)
    assert soon(lambda: threading.active_count() <= before)


def test_an_endless_answer_ends_when_its_client_leaves(patient: FakeGateway) -> None:
    with post(patient, CHAT, asking("demo-endless", stream=True), stream=True):
        assert soon(lambda: patient.open_streams == 1)
    assert soon(lambda: patient.open_streams == 0)


def test_close_ends_everything() -> None:
    before = threading.active_count()
    running = FakeGateway(pace=1)
    assert running.alive() and running.url.startswith("http://127.0.0.1:")
    idle = requests.Session()
    assert idle.get(running.url + "/v1/models", timeout=20).ok
    answers = [post(running, CHAT, asking(m, stream=True), stream=True) for m in ("demo-silent", "demo-slow")]
    assert soon(lambda: running.open_streams == 2)
    running.close()
    running.close()
    assert not running.alive()
    assert soon(lambda: running.open_streams == 0 and threading.active_count() <= before)
    for answer in answers:
        with pytest.raises(requests.RequestException):
            answer.content  # noqa: B018 - reading is what fails
    with pytest.raises(requests.ConnectionError):
        requests.get(running.url + "/v1/models", timeout=1)
    idle.close()
