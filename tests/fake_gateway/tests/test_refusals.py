"""Refusals before an answer: each status in the shape that real gateways give it, on both wires."""

import json
from typing import Any

import anthropic
import openai
import pytest
import requests

from tests.fake_gateway import FakeGateway
from tests.unit.demo.talk import BOTH, CHAT, MESSAGES, answered, asking, post

STREAMED = pytest.mark.parametrize("stream", [True, False])


@BOTH
@STREAMED
@pytest.mark.parametrize(
    ("name", "status", "kind", "code"),
    [
        ("demo-wrong-key", 401, "new_api_error", ""),
        ("demo-no-balance", 403, "new_api_error", "insufficient_user_quota"),
        ("demo-no-channel", 503, "new_api_error", "model_not_found"),
        ("demo-invalid-as-500", 500, "new_api_error", "invalid_request"),
        ("demo-error-as-200", 200, "new_api_error", "upstream_error"),
    ],
)
def test_the_gateways_own_shape_comes_on_both_wires(
    fast: FakeGateway, path: str, stream: bool, name: str, status: int, kind: str, code: str
) -> None:
    answer = post(fast, path, asking(name, stream=stream))
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["code"]) == (status, kind, code)
    assert error["message"].endswith(f"(request id: {answer.headers['x-oneapi-request-id']})")
    assert answer.headers["content-type"] == "application/json"


@BOTH
@STREAMED
@pytest.mark.parametrize(
    ("name", "status", "word", "after"),
    [
        ("demo-busy", 429, "rate_limit_error", "2"),
        ("demo-429-for-an-hour", 429, "rate_limit_error", "3600"),
        ("demo-529-overloaded", 529, "overloaded_error", None),
        ("demo-context-too-long", 400, "context_length_exceeded", None),
        ("demo-error-as-stream", 500, "api_error", None),
    ],
)
def test_the_wires_own_shape(
    fast: FakeGateway, path: str, stream: bool, name: str, status: int, word: str, after: str | None
) -> None:
    answer = post(fast, path, asking(name, stream=stream))
    payload = answer.json()
    assert answer.status_code == status and answer.headers.get("retry-after") == after
    assert payload["error"]["type"] == word and "request id: " in payload["error"]["message"]
    assert payload.get("type") == ("error" if path == MESSAGES else None)
    labelled = answer.headers["content-type"] == "text/event-stream"
    assert labelled is (name == "demo-error-as-stream")


@BOTH
def test_what_is_no_json(fast: FakeGateway, path: str) -> None:
    empty = post(fast, path, asking("demo-429-empty"))
    assert (empty.status_code, empty.content) == (429, b"")
    nothing = post(fast, path, asking("demo-empty-body", stream=True))
    assert (nothing.status_code, nothing.content) == (200, b"")
    assert nothing.headers["content-type"] == "text/event-stream"
    for name, status in (("demo-badgateway", 502), ("demo-page-as-200", 200)):
        page = post(fast, path, asking(name, stream=True))
        assert page.status_code == status and page.text.startswith("<html>")
        assert page.headers["content-type"].startswith("text/html")


@BOTH
def test_shapes_of_other_makers(fast: FakeGateway, path: str) -> None:
    foreign = post(fast, path, asking("demo-foreign-error"))
    assert foreign.status_code == 400
    assert foreign.json().get("type") == ("error" if path == CHAT else None)
    detail = post(fast, path, asking("demo-422-detail"))
    assert detail.status_code == 422 and detail.json()["detail"][0]["msg"]


@BOTH
def test_a_parameter_is_refused_by_name_and_the_answer_comes_without_it(fast: FakeGateway, path: str) -> None:
    answer = post(fast, path, asking("demo-no-temperature", temperature=0.5))
    assert answer.status_code == 400 and "temperature" in answer.json()["error"]["message"]
    assert post(fast, path, asking("demo-no-temperature", top_p=0.5)).status_code == 200
    answer = post(fast, path, asking("demo-one-sampler", temperature=0.5, top_p=0.5))
    assert answer.status_code == 400
    message = answer.json()["error"]["message"]
    inner, end = json.JSONDecoder().raw_decode(message)
    assert "temperature and top_p" in inner["error"]["message"] and inner["type"] == "error"
    own = answer.headers["x-oneapi-request-id"]
    assert message[end:] == f" (request id: {own})" and own not in message[:end]
    for one in ("temperature", "top_p"):
        assert post(fast, path, asking("demo-one-sampler", **{one: 0.5})).status_code == 200


@BOTH
@STREAMED
@pytest.mark.parametrize(
    ("name", "statuses"),
    [
        ("demo-429-then-fine", [429, 429, 200]),
        ("demo-503-then-fine", [503, 200]),
        ("demo-500-then-fine", [500, 200]),
        ("demo-reset-then-fine", [0, 200]),
    ],
)
def test_a_request_is_refused_at_first_and_answered_then(
    fast: FakeGateway, path: str, stream: bool, name: str, statuses: list[int]
) -> None:
    def status(body: Any) -> int:
        try:
            return post(fast, path, body).status_code
        except requests.ConnectionError as error:
            assert "reset" in str(error).lower()
            return 0

    question, other = (asking(name, f"{words} {stream}", stream=stream) for words in ("One", "Two"))
    # Another question has tries of its own, and the same one begins anew after its answer.
    assert [status(question), status(other)] == statuses[:1] * 2
    assert [status(question) for _ in statuses[1:]] == statuses[1:]
    assert [status(other) for _ in statuses[1:]] == statuses[1:]
    assert [status(question) for _ in statuses] == statuses
    if name == "demo-429-then-fine":
        assert post(fast, path, question).headers["retry-after"] == "2"
        post(fast, path, question)
        post(fast, path, question)


def test_tries_are_forgotten_when_there_are_too_many(fast: FakeGateway) -> None:
    first = asking("demo-503-then-fine", "The first")
    assert post(fast, CHAT, first).status_code == 503
    with requests.Session() as session:
        for number in range(256):
            body = asking("demo-503-then-fine", f"Number {number}")
            assert session.post(fast.url + CHAT, json=body, timeout=20).status_code == 503
    assert post(fast, CHAT, first).status_code == 503


@BOTH
def test_whether_a_redirect_is_followed_is_noted(path: str) -> None:
    running = FakeGateway(pace=2000)
    answer = post(running, path, asking("demo-redirects"))
    assert answer.status_code == 302 and answer.headers["location"] == "/elsewhere"
    assert running.followed == ()
    for headers in ({}, {"Authorization": "Bearer none"}, {"x-api-key": "none"}):
        requests.post(running.url + path, json=asking("demo-redirects"), headers=headers, timeout=20)
    assert running.followed == (False, True, True)
    running.close()


@pytest.mark.parametrize(
    ("name", "by_openai", "by_anthropic"),
    [
        ("demo-wrong-key", openai.AuthenticationError, anthropic.AuthenticationError),
        ("demo-no-balance", openai.PermissionDeniedError, anthropic.PermissionDeniedError),
        ("demo-context-too-long", openai.BadRequestError, anthropic.BadRequestError),
        ("demo-busy", openai.RateLimitError, anthropic.RateLimitError),
        ("demo-429-empty", openai.RateLimitError, anthropic.RateLimitError),
        ("demo-422-detail", openai.UnprocessableEntityError, anthropic.UnprocessableEntityError),
        ("demo-badgateway", openai.InternalServerError, anthropic.InternalServerError),
        ("demo-invalid-as-500", openai.InternalServerError, anthropic.InternalServerError),
        ("demo-error-as-stream", openai.InternalServerError, anthropic.InternalServerError),
    ],
)
def test_the_sdks_raise_what_they_raise_for_it(
    ours: openai.OpenAI,
    theirs: anthropic.Anthropic,
    name: str,
    by_openai: type[Exception],
    by_anthropic: type[Exception],
) -> None:
    body: Any = asking(name, stream=True)
    with pytest.raises(by_openai):
        ours.chat.completions.create(**body)
    with pytest.raises(by_anthropic):
        theirs.messages.create(**body)


def test_a_good_answer_after_refusals_is_whole(fast: FakeGateway) -> None:
    body = asking("demo-500-then-fine", "Whole?")
    assert post(fast, CHAT, body).status_code == 500
    assert answered(fast, "demo-500-then-fine", "Whole?").endswith("再见 👋\n")


@BOTH
def test_the_short_memory_takes_what_its_window_holds_and_refuses_more(fast: FakeGateway, path: str) -> None:
    assert post(fast, path, asking("demo-short-memory", "a" * 3200)).status_code == 200
    answer = post(fast, path, asking("demo-short-memory", "a" * 2800, "Yes.", "b" * 800))
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "context_length_exceeded"
    assert "800 tokens" in answer.json()["error"]["message"]
