"""Errors before an answer: each in a shape that real gateways use, on both wires."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from lib.demo.wire import ANTHROPIC, OPENAI
from tests.fake_gateway import FakeGateway
from tests.support import sdks
from tests.support.gateway_client import TIMEOUT, answer_text, each_path, post, request_body

streamed_or_not = pytest.mark.parametrize("is_streamed", [True, False])


@each_path
@streamed_or_not
@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("demo-wrong-key", 401, ""),
        ("demo-no-balance", 403, "insufficient_user_quota"),
        ("demo-no-channel", 503, "model_not_found"),
        ("demo-invalid-as-500", 500, "invalid_request"),
        ("demo-error-as-200", 200, "upstream_error"),
        ("no-such-model", 503, "model_not_found"),
    ],
)
def test_errors_of_the_gateway_have_one_shape_on_both_wires(
    gateway: FakeGateway, path: str, is_streamed: bool, name: str, status: int, code: str
) -> None:
    response = post(gateway, path, request_body(name, stream=is_streamed))
    error = response.json()["error"]
    assert (response.status_code, error["type"], error["code"]) == (status, "new_api_error", code)
    assert error["message"].endswith(f"(request id: {response.headers['x-oneapi-request-id']})")
    assert response.headers["content-type"] == "application/json"


@each_path
@streamed_or_not
@pytest.mark.parametrize(
    ("name", "status", "code", "retry_after"),
    [
        ("demo-busy", 429, "rate_limit_error", "2"),
        ("demo-429-for-a-minute", 429, "rate_limit_error", "60"),
        ("demo-429-for-an-hour", 429, "rate_limit_error", "3600"),
        ("demo-529-overloaded", 529, "overloaded_error", None),
        ("demo-context-too-long", 400, "context_length_exceeded", None),
        ("demo-error-as-stream", 500, "api_error", None),
    ],
)
def test_errors_of_a_wire_have_its_shape(
    gateway: FakeGateway,
    path: str,
    is_streamed: bool,
    name: str,
    status: int,
    code: str,
    retry_after: str | None,
) -> None:
    response = post(gateway, path, request_body(name, stream=is_streamed))
    payload = response.json()
    assert (response.status_code, response.headers.get("retry-after")) == (status, retry_after)
    assert payload["error"]["type"] == code
    assert "request id: " in payload["error"]["message"]
    assert payload.get("type") == ("error" if path == ANTHROPIC else None)
    is_event_stream = response.headers["content-type"] == "text/event-stream"
    assert is_event_stream is (name == "demo-error-as-stream")


@each_path
def test_some_bodies_are_empty_or_pages(gateway: FakeGateway, path: str) -> None:
    response = post(gateway, path, request_body("demo-429-empty"))
    assert (response.status_code, response.content) == (429, b"")
    response = post(gateway, path, request_body("demo-empty-body", stream=True))
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-type"] == "text/event-stream"
    for name, status in (("demo-badgateway", 502), ("demo-page-as-200", 200)):
        response = post(gateway, path, request_body(name, stream=True))
        assert (response.status_code, response.text[:6]) == (status, "<html>")
        assert response.headers["content-type"].startswith("text/html")


@each_path
def test_some_errors_have_the_shape_of_other_servers(gateway: FakeGateway, path: str) -> None:
    response = post(gateway, path, request_body("demo-foreign-error"))
    assert response.status_code == 400
    assert response.json().get("type") == ("error" if path == OPENAI else None)
    response = post(gateway, path, request_body("demo-422-detail"))
    assert response.status_code == 422
    assert response.json()["detail"][0]["msg"]


@each_path
def test_parameters_are_rejected_by_name(gateway: FakeGateway, path: str) -> None:
    response = post(gateway, path, request_body("demo-no-temperature", temperature=0.5))
    assert response.status_code == 400
    assert "temperature" in response.json()["error"]["message"]
    assert post(gateway, path, request_body("demo-no-temperature", top_p=0.5)).status_code == 200
    for name in ("temperature", "top_p"):
        assert post(gateway, path, request_body("demo-one-sampler", **{name: 0.5})).status_code == 200


@each_path
def test_an_error_may_be_nested_in_a_message(gateway: FakeGateway, path: str) -> None:
    response = post(gateway, path, request_body("demo-one-sampler", temperature=0.5, top_p=0.5))
    assert response.status_code == 400
    message = response.json()["error"]["message"]
    upstream, end = json.JSONDecoder().raw_decode(message)
    assert upstream["type"] == "error"
    assert "temperature and top_p" in upstream["error"]["message"]
    request_id = response.headers["x-oneapi-request-id"]
    assert message[end:] == f" (request id: {request_id})"
    assert request_id not in message[:end]


@each_path
@streamed_or_not
@pytest.mark.parametrize(
    ("name", "status"),
    [("demo-503-then-fine", 503), ("demo-500-then-fine", 500), ("demo-reset-then-fine", 0)],
)
def test_the_second_attempt_is_answered(
    gateway: FakeGateway, path: str, is_streamed: bool, name: str, status: int
) -> None:
    def status_of(body: Any) -> int:
        try:
            return post(gateway, path, body).status_code
        except requests.ConnectionError as error:
            assert "reset" in str(error).lower()
            return 0

    gateway.reset()
    first, second = (request_body(name, text, stream=is_streamed) for text in ("One", "Two"))
    assert [status_of(body) for body in (first, second, first, second, first)] == [
        status,
        status,
        200,
        200,
        status,
    ]


def test_attempts_are_forgotten_when_there_are_many(gateway: FakeGateway) -> None:
    first = request_body("demo-503-then-fine", "The first")
    assert post(gateway, OPENAI, first).status_code == 503
    with requests.Session() as session:
        for number in range(256):
            body = request_body("demo-503-then-fine", f"Number {number}")
            assert session.post(gateway.url + OPENAI, json=body, timeout=TIMEOUT).status_code == 503
    assert post(gateway, OPENAI, first).status_code == 503


def test_an_answer_after_an_error_is_complete(gateway: FakeGateway) -> None:
    body = request_body("demo-500-then-fine", "Complete?")
    assert post(gateway, OPENAI, body).status_code == 500
    assert answer_text(gateway, "demo-500-then-fine", "Complete?").endswith("再见 👋\n")


@each_path
def test_followed_redirects_are_recorded(gateway: FakeGateway, path: str) -> None:
    gateway.reset()
    response = post(gateway, path, request_body("demo-redirects"))
    assert (response.status_code, response.headers["location"]) == (302, "/elsewhere")
    assert gateway.redirects_followed == ()
    for headers in ({}, {"Authorization": "Bearer none"}, {"x-api-key": "none"}):
        body = request_body("demo-redirects")
        requests.post(gateway.url + path, json=body, headers=headers, timeout=TIMEOUT)
    assert gateway.redirects_followed == (False, True, True)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("demo-wrong-key", "AuthenticationError"),
        ("demo-no-balance", "PermissionDeniedError"),
        ("demo-context-too-long", "BadRequestError"),
        ("demo-429-empty", "RateLimitError"),
        ("demo-422-detail", "UnprocessableEntityError"),
        ("demo-badgateway", "InternalServerError"),
        ("demo-invalid-as-500", "InternalServerError"),
        ("demo-error-as-stream", "InternalServerError"),
    ],
)
def test_the_sdks_raise_the_error_of_the_status(
    openai_sdk: sdks.openai.OpenAI,
    anthropic_sdk: sdks.anthropic.Anthropic,
    name: str,
    error: str,
) -> None:
    body: Any = request_body(name, stream=True)
    with pytest.raises(getattr(sdks.openai, error)):
        openai_sdk.chat.completions.create(**body)
    with pytest.raises(getattr(sdks.anthropic, error)):
        anthropic_sdk.messages.create(**body)
