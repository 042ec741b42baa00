"""Models of the fake gateway: the list in both shapes, and an answer or error of each on both wires."""

from __future__ import annotations

import json

import pytest
import requests

from lib.demo import MODELS as DEMO_MODELS
from lib.demo.wire import OPENAI
from lib.gateway.catalog import models as catalog
from tests.fake_gateway import FakeGateway
from tests.fake_gateway.models import MODELS, OTHER_MODELS
from tests.support import sdks
from tests.support.gateway_client import TIMEOUT, each_path, post, request_body, stream_answer, whole_answer

DISCONNECTING = ("demo-breaks", "demo-reset-then-fine")
UNFINISHED = ("demo-silent", "demo-done-without-reason", "demo-ends-without-reason")
ANTHROPIC_HEADERS = {"anthropic-version": "2023-06-01", "x-api-key": "none"}
FAULTY_MODELS = [
    "demo-error-event",
    "demo-error-data",
    "demo-error-at-end",
    "demo-bare-json",
    "demo-done-without-reason",
    "demo-ends-without-reason",
]


def get_models(gateway: FakeGateway, **headers: str) -> requests.Response:
    return requests.get(gateway.url + "/v1/models", headers=headers, timeout=TIMEOUT)


def test_all_models_of_the_demo_are_included() -> None:
    assert set(DEMO_MODELS) < set(MODELS)
    assert all(name.startswith("demo-") for name in MODELS)


def test_context_windows_are_listed_in_either_shape(gateway: FakeGateway) -> None:
    for headers in ({}, ANTHROPIC_HEADERS):
        listed = catalog.parse_model_page(get_models(gateway, **headers).text)[0].models
        windows = {model.id: model.capabilities.context_window for model in listed}
        assert (windows["demo-short-memory"], windows["demo-tour"]) == (800, None)


@each_path
def test_other_models_are_listed_and_rejected(gateway: FakeGateway, path: str) -> None:
    types = {entry["id"]: entry["supported_endpoint_types"] for entry in get_models(gateway).json()["data"]}
    for name in OTHER_MODELS:
        assert not {"openai", "anthropic"} & set(types[name])
        assert post(gateway, path, request_body(name)).status_code == 404


def test_the_headers_select_the_shape_of_the_list(gateway: FakeGateway, openai_sdk, anthropic_sdk) -> None:
    version, key = {"anthropic-version": "2023-06-01"}, {"x-api-key": "none"}
    for headers in ({}, version, key, {**version, "Authorization": "Bearer none"}):
        assert get_models(gateway, **headers).json()["object"] == "list"
    listed = get_models(gateway, **ANTHROPIC_HEADERS).json()
    assert (listed["first_id"], listed["last_id"]) == ("demo-tour", listed["data"][-1]["id"])
    assert listed["has_more"] is False
    assert set(MODELS) < {model.id for model in openai_sdk.models.list()}
    assert set(MODELS) < {model.id for model in anthropic_sdk.models.list()}


@pytest.mark.slow
@each_path
@pytest.mark.parametrize("name", MODELS)
def test_each_model_answers_or_fails_as_described(gateway: FakeGateway, path: str, name: str) -> None:
    model = MODELS[name]
    try:
        response = post(gateway, path, request_body(name))
    except requests.RequestException:
        assert name in DISCONNECTING
        return
    assert response.headers["x-oneapi-request-id"]
    if model.error and model.error_condition({}):
        assert response.status_code == model.error().status
    elif "error" in name or name == "demo-bare-json":
        assert response.status_code == 500
        assert response.json()["error"]["message"]
    elif name == "demo-stream-for-json":
        assert response.headers["content-type"] == "text/event-stream"
    else:
        response.encoding = "utf-8-sig"
        payload = json.loads(response.text)
        reason = payload["choices"][0]["finish_reason"] if path == OPENAI else payload["stop_reason"]
        assert bool(reason) is (name not in UNFINISHED)


@each_path
@pytest.mark.parametrize("name", FAULTY_MODELS)
def test_an_answer_that_failed_is_continued_without_the_fault(gateway: FakeGateway, path: str, name: str) -> None:
    first = stream_answer(gateway, path, request_body(name)).text
    rest = stream_answer(gateway, path, request_body(name, "Hello", first, "Continue"))
    assert rest.failure is None
    assert rest.finish_reasons in (["stop"], ["end_turn"])
    assert (first + rest.text).endswith("再见 👋\n")
    assert "¦" not in first + rest.text


@each_path
def test_thinking_in_tags_may_be_left_out_of_a_continuation(gateway: FakeGateway, path: str) -> None:
    text, _, payload = whole_answer(gateway, path, request_body("demo-think-tags"))
    count = payload["usage"]["completion_tokens" if path == OPENAI else "output_tokens"]
    first = whole_answer(gateway, path, request_body("demo-think-tags", max_tokens=count - 9))[0]
    for answer in (first, first.partition("</think>\n")[2]):
        body = request_body("demo-think-tags", "Hello", answer, "Continue")
        assert first + whole_answer(gateway, path, body)[0] == text


@each_path
def test_a_continuation_repeats_the_last_words(gateway: FakeGateway, path: str) -> None:
    first, reason, _ = whole_answer(gateway, path, request_body("demo-repeats"))
    assert reason in ("length", "max_tokens")
    rest, reason, _ = whole_answer(gateway, path, request_body("demo-repeats", "Hello", first, "Continue"))
    assert rest.startswith(first[-40:])
    assert reason in ("stop", "end_turn")
    assert (first + rest[40:]).endswith("再见 👋\n")


@each_path
def test_a_paused_answer_continues_when_it_is_sent_back(gateway: FakeGateway, path: str) -> None:
    first, reason, _ = whole_answer(gateway, path, request_body("demo-pause-turn"))
    assert reason == "pause_turn"
    rest, reason, _ = whole_answer(gateway, path, request_body("demo-pause-turn", "Hello", first))
    assert reason in ("stop", "end_turn")
    assert (first + rest).startswith("You are")
    assert (first + rest).endswith("再见 👋\n")


@pytest.mark.parametrize("name", ["demo-errors", "demo-error-event", "demo-error-data", "demo-breaks"])
def test_the_sdks_report_the_fault(
    openai_sdk: sdks.openai.OpenAI, anthropic_sdk: sdks.anthropic.Anthropic, name: str
) -> None:
    body = request_body(name, stream=True)
    with openai_sdk.chat.completions.create(**body) as chunks, pytest.raises(Exception) as failure:
        list(chunks)
    assert isinstance(failure.value, sdks.openai.APIError) or name == "demo-breaks"
    if name == "demo-error-data":
        return  # Anthropic's SDK ignores events without a name.
    with anthropic_sdk.messages.create(**body) as events, pytest.raises(Exception) as failure:
        list(events)
    assert isinstance(failure.value, sdks.anthropic.APIError) or name == "demo-breaks"
