"""The fake gateway as a server: malformed bodies, disconnected clients, its end, a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import requests

from lib.demo.wire import OPENAI
from tests.fake_gateway import FakeGateway
from tests.support.gateway_client import TIMEOUT, each_path, error_message, post, request_body
from tests.support.replay import soon

ROOT = Path(__file__).parents[3]


@each_path
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "JSON object"),
        ({"model": "demo-tour", "max_tokens": 9}, "messages"),
        ({"model": "demo-tour", "max_tokens": 9, "messages": ["x"]}, "object"),
        ({"model": "demo-tour", "max_tokens": 9, "messages": [{"role": "user"}]}, "content"),
        ({"model": "demo-tour", "max_tokens": 9, "messages": [{"role": "king", "content": "x"}]}, "role"),
    ],
    ids=range(7),
)
def test_malformed_bodies_are_rejected(gateway: FakeGateway, path: str, body, expected: str) -> None:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = requests.post(gateway.url + path, data=data, timeout=TIMEOUT)
    assert response.status_code == 400
    assert expected in response.json()["error"]["message"]


@each_path
def test_deeply_nested_bodies_are_rejected(gateway: FakeGateway, path: str) -> None:
    nested = b'{"content":[' * 900 + b"1" + b"]}" * 900
    start = json.dumps(request_body("demo-echo")).encode()[:-1]
    response = requests.post(gateway.url + path, data=start + b', "unknown": ' + nested + b"}", timeout=TIMEOUT)
    assert response.status_code == 400
    assert "error" in response.json()


@each_path
def test_any_key_is_accepted(gateway: FakeGateway, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer sk-anything"}, {"x-api-key": "sk-anything"}):
        assert post(gateway, path, request_body("demo-crlf"), headers=headers).status_code == 200


@each_path
@pytest.mark.parametrize("is_streamed", [True, False])
@pytest.mark.parametrize("model", ["demo-silent", "demo-slow", "demo-long-gap", "demo-thinker"])
def test_a_disconnected_client_ends_its_answer(
    slow_gateway: FakeGateway, path: str, is_streamed: bool, model: str
) -> None:
    assert soon(lambda: slow_gateway.open_streams == 0)
    threads = threading.active_count()
    body = request_body(model, stream=is_streamed)
    if is_streamed:
        with post(slow_gateway, path, body, stream=True):
            assert soon(lambda: slow_gateway.open_streams == 1)
    else:
        with pytest.raises(requests.Timeout):
            requests.post(slow_gateway.url + path, json=body, timeout=0.3)
    assert soon(lambda: slow_gateway.open_streams == 0)
    assert soon(lambda: threading.active_count() <= threads)


def test_close_ends_all_connections() -> None:
    threads = threading.active_count()
    gateway = FakeGateway(pace=1)
    with requests.Session() as idle:
        assert idle.get(gateway.url + "/v1/models", timeout=TIMEOUT).ok
        responses = [
            post(gateway, OPENAI, request_body(model, stream=True), stream=True)
            for model in ("demo-silent", "demo-slow")
        ]
        assert soon(lambda: gateway.open_streams == 2)
        gateway.close()
        gateway.close()
        assert soon(lambda: gateway.open_streams == 0 and threading.active_count() <= threads)
        for response in responses:
            with pytest.raises(requests.RequestException):
                response.content  # noqa: B018 - reading fails


def test_the_gateway_runs_as_a_process(tmp_path: Path) -> None:
    port_file = tmp_path / "port"
    command = [sys.executable, "-m", "tests.fake_gateway", "--port-file", str(port_file), "--pace", "100"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert soon(port_file.exists, 20)
        url = f"http://127.0.0.1:{port_file.read_text()}"
        body = request_body("demo-crlf")
        assert requests.post(url + OPENAI, json=body, timeout=TIMEOUT).status_code == 200
        process.terminate()
        assert process.communicate(timeout=20)[0].strip() == url
    assert process.returncode == 0


def test_a_missing_length_limit_is_rejected_by_messages_only(gateway: FakeGateway) -> None:
    body = request_body("demo-crlf")
    del body["max_tokens"]
    assert "max_tokens" in error_message(gateway, "/v1/messages", body)
    assert post(gateway, OPENAI, body).status_code == 200
