"""The demo gateway as a server: models, errors, faults, pace, prices, its end."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import requests

from lib.demo import MODELS, DemoGateway
from lib.demo.audio import AUDIO_MODELS
from lib.demo.models import IMAGE_MODELS
from lib.demo.wire import ANTHROPIC, OPENAI
from lib.gateway.catalog import models as catalog
from tests.support import sdks
from tests.support.gateway_client import (
    TIMEOUT,
    each_path,
    post,
    request_body,
    stream_answer,
)
from tests.support.replay import soon


def get(gateway: DemoGateway, path: str, **headers: str) -> Any:
    return requests.get(gateway.url + path, headers=headers, timeout=TIMEOUT)


def test_each_model_is_described_in_two_languages(gateway: DemoGateway) -> None:
    for language, attribute in (("en", "english"), ("zh-CN", "chinese")):
        listed = get(gateway, "/v1/models", **{"Accept-Language": language}).json()["data"]
        assert {entry["id"]: entry["description"] for entry in listed} == {
            **{name: getattr(model, attribute) for name, model in MODELS.items()},
            **{name: texts[attribute == "chinese"] for name, texts in IMAGE_MODELS.items()},
            **{name: texts[1 if language == "en" else 2] for name, texts in AUDIO_MODELS.items()},
        }
    descriptions = [text for model in MODELS.values() for text in (model.english, model.chinese)]
    assert len(set(descriptions)) == len(descriptions)
    assert all(0 < len(text) < 90 and not text.endswith((".", "。")) for text in descriptions)


def test_the_list_offers_all_models_on_both_wires(gateway: DemoGateway, openai_sdk: sdks.openai.OpenAI) -> None:
    listed = catalog.parse_model_page(get(gateway, "/v1/models").text)[0].models
    assert [model.id for model in listed] == [*MODELS, *IMAGE_MODELS]
    assert listed[0].id == "demo-tour"
    assert {model.wires for model in listed if not model.makes_images} == {("openai", "anthropic")}
    assert {model.id for model in listed if model.makes_images} == set(IMAGE_MODELS)
    windows = {model.id: model.capabilities.context_window for model in listed}
    assert (windows["demo-short-memory"], windows["demo-tour"]) == (800, None)
    assert [model.id for model in openai_sdk.models.list()] == [*MODELS, *IMAGE_MODELS, *AUDIO_MODELS]


@each_path
@pytest.mark.parametrize(
    "body",
    [b"{", b"[" * 100_000, b"[]", b'{"model": "demo-tour", "messages": []}', b'{"messages": [1]}', b"\xff"],
    ids=range(6),
)
def test_a_malformed_body_is_rejected(gateway: DemoGateway, path: str, body: bytes) -> None:
    response = requests.post(gateway.url + path, data=body, timeout=TIMEOUT)
    payload = response.json()
    assert response.status_code == 400
    assert payload["error"]["type"] == "invalid_request_error"
    assert payload.get("type") == ("error" if path == ANTHROPIC else None)
    assert response.headers["x-oneapi-request-id"] in payload["error"]["message"]


@each_path
def test_unknown_models_paths_and_methods_are_rejected(gateway: DemoGateway, path: str) -> None:
    response = requests.post(gateway.url + path, data=json.dumps(request_body("gpt-\ud800")).encode(), timeout=TIMEOUT)
    assert (response.status_code, response.json()["error"]["type"]) == (404, "model_not_found")
    assert get(gateway, "/v1/files").json()["error"]["type"] == "not_found_error"
    for method in ("GET", "PUT", "HEAD"):
        assert requests.request(method, gateway.url + path, timeout=TIMEOUT).status_code == 405
    assert requests.post(gateway.url + path, data=iter([b"{}"]), timeout=TIMEOUT).status_code == 400


@each_path
@pytest.mark.parametrize("is_streamed", [True, False])
def test_a_rate_limit_ends_after_two_attempts(gateway: DemoGateway, path: str, is_streamed: bool) -> None:
    body = request_body("demo-429-then-fine", f"Streamed: {is_streamed}", stream=is_streamed)
    responses = [post(gateway, path, body) for _ in range(4)]
    assert [response.status_code for response in responses] == [429, 429, 200, 429]
    assert responses[0].headers["retry-after"] == "2"
    post(gateway, path, body)
    post(gateway, path, body)


def test_requests_are_counted_apart_from_each_other(gateway: DemoGateway) -> None:
    first, second = (request_body("demo-429-then-fine", text) for text in ("One", "Two"))
    statuses = [post(gateway, OPENAI, body).status_code for body in (first, second) * 3]
    assert statuses == [429, 429, 429, 429, 200, 200]


def test_the_sdks_raise_rate_limit_errors(
    openai_sdk: sdks.openai.OpenAI, anthropic_sdk: sdks.anthropic.Anthropic
) -> None:
    body: Any = request_body("demo-busy")
    with pytest.raises(sdks.openai.RateLimitError):
        openai_sdk.chat.completions.create(**body)
    with pytest.raises(sdks.anthropic.RateLimitError):
        anthropic_sdk.messages.create(**{**body, "max_tokens": 9})


@each_path
def test_a_prompt_beyond_the_context_window_is_rejected(gateway: DemoGateway, path: str) -> None:
    assert post(gateway, path, request_body("demo-short-memory", "a" * 3200)).status_code == 200
    response = post(gateway, path, request_body("demo-short-memory", "a" * 2800, "Yes.", "b" * 800))
    assert response.status_code == 400
    error = response.json()["error"]
    assert error["type"] == "context_length_exceeded"
    assert "800 tokens" in error["message"]


@each_path
def test_the_connection_is_cut_in_the_middle_of_an_event(gateway: DemoGateway, path: str) -> None:
    answer = stream_answer(gateway, path, request_body("demo-breaks"))
    assert answer.failure is not None
    assert answer.text.endswith("continue from")
    assert answer.finish_reasons == []
    with pytest.raises(requests.RequestException):
        post(gateway, path, request_body("demo-breaks"))


@each_path
def test_an_error_is_reported_in_the_stream(gateway: DemoGateway, path: str) -> None:
    answer = stream_answer(gateway, path, request_body("demo-errors"))
    assert (answer.failure, answer.finish_reasons) == (None, [])
    error = answer.frames[-1]["error"]
    assert error["type"] == "overloaded_error"
    assert "request id: " in error["message"]
    assert len(answer.text) > 100
    assert post(gateway, path, request_body("demo-errors")).status_code == 500


@each_path
def test_heartbeats_precede_a_slow_answer(path: str) -> None:
    gateway = DemoGateway(pace=10)
    start, heartbeats, first_data = time.monotonic(), 0, 0.0
    body = request_body("demo-slow", stream=True, max_tokens=2)
    with post(gateway, path, body, stream=True) as response:
        headers = time.monotonic() - start
        for line in response.iter_lines():
            heartbeats += line == b": PING"
            if line and line != b": PING" and not first_data:
                first_data = time.monotonic() - start
    gateway.close()
    assert heartbeats == 4
    assert headers < first_data
    assert first_data > 0.35


def test_the_tour_is_sent_at_sixty_deltas_a_second() -> None:
    gateway = DemoGateway()
    start = time.monotonic()
    stream_answer(gateway, OPENAI, request_body("demo-tour", max_tokens=45))
    assert time.monotonic() - start > 0.7
    gateway.close()


def test_prices_and_balance_follow_the_answers() -> None:
    gateway = DemoGateway(pace=2000)
    prices = get(gateway, "/api/pricing").json()["data"]
    assert {price["model_name"] for price in prices} == {*MODELS, *IMAGE_MODELS, *AUDIO_MODELS} - {"demo-echo"}
    assert get(gateway, "/v1/dashboard/billing/subscription").json()["hard_limit_usd"] == 20
    assert get(gateway, "/api/status").json()["data"]["quota_display_type"] == "USD"
    assert get(gateway, "/v1/dashboard/billing/usage").json()["total_usage"] == 0
    stream_answer(gateway, OPENAI, request_body("demo-tour", "a" * 400, max_tokens=100))
    cents = (100 + 100 * 4) / 10**6 * 100
    # The cost is added after the last byte is sent.
    assert soon(lambda: get(gateway, "/v1/dashboard/billing/usage").json()["total_usage"] == pytest.approx(cents))
    gateway.close()


def test_close_ends_answers_in_progress() -> None:
    gateway = DemoGateway()
    assert gateway.is_running()
    with post(gateway, OPENAI, request_body("demo-endless", stream=True), stream=True) as response:
        gateway.close()
        gateway.close()
        assert not gateway.is_running()
        with pytest.raises(requests.RequestException):
            response.content  # noqa: B018 - reading fails
    with pytest.raises(requests.ConnectionError):
        get(gateway, "/v1/models")
