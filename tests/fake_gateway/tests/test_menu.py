"""The list of models: what a person can choose, and every choice answered on both wires."""

import json

import anthropic
import openai
import pytest
import requests

from lib.demo import MENU
from lib.gateway.catalog import models
from tests.fake_gateway import FakeGateway
from tests.unit.demo.talk import BOTH, CHAT, arriving, asking, post

ALL = pytest.mark.parametrize("name", MENU)
# In the order of the wire: names of events, or of what is in a chunk.
WELL_CHAT = ["role+content", "content", "finish", "usage", "[DONE]"]
WELL_MESSAGES = [
    "message_start",
    "content_block_start0",
    "content_block_delta0",
    "content_block_stop0",
    "message_delta",
    "message_stop",
]


def test_each_model_says_in_two_languages_what_it_shows(fast: FakeGateway) -> None:
    for tongue, words in (("en", "english"), ("zh-CN", "chinese")):
        answer = requests.get(fast.url + "/v1/models", headers={"Accept-Language": tongue}, timeout=20)
        found = {entry["id"]: entry["description"] for entry in answer.json()["data"]}
        for name, model in MENU.items():
            assert found[name] == getattr(model, words) and 0 < len(found[name]) < 90
    assert all(name.startswith("demo-") for name in MENU)
    shown = [words for model in MENU.values() for words in (model.english, model.chinese)]
    assert len(set(shown)) == len(shown)
    assert not any(words.endswith((".", "。")) for words in shown)


def test_the_first_model_is_the_tour_and_only_chat_models_are_offered(fast: FakeGateway) -> None:
    listed = models.parse_model_page(requests.get(fast.url + "/v1/models", timeout=20).text).models
    assert [model.id for model in listed] == list(MENU)
    assert listed[0].id == "demo-tour"
    assert {model.wires for model in listed} == {("openai", "anthropic")}


def test_a_window_is_told_in_the_list_of_either_shape(fast: FakeGateway) -> None:
    headers = {"anthropic-version": "2023-06-01", "x-api-key": "none"}
    for shape in ({}, headers):
        answer = requests.get(fast.url + "/v1/models", headers=shape, timeout=20)
        found = {
            model.id: model.capabilities.context_window
            for model in models.parse_model_page(answer.text).models
        }
        assert found["demo-short-memory"] == 800
        assert found["demo-tour"] is None


@BOTH
@pytest.mark.parametrize("name", ["demo-image", "demo-embedding", "demo-rerank", "demo-video"])
def test_what_is_no_chat_model_is_listed_and_refused(fast: FakeGateway, path: str, name: str) -> None:
    listed = requests.get(fast.url + "/v1/models", timeout=20).json()["data"]
    kinds = [entry["supported_endpoint_types"] for entry in listed if entry["id"] == name]
    assert len(kinds) == 1 and not {"openai", "anthropic"} & set(kinds[0])
    assert post(fast, path, asking(name)).status_code == 404


def test_the_list_has_the_shape_that_the_headers_ask_for(fast: FakeGateway) -> None:
    version, key = {"anthropic-version": "2023-06-01"}, {"x-api-key": "none"}
    for headers in ({}, version, key, {**version, "Authorization": "Bearer none"}):
        listed = requests.get(fast.url + "/v1/models", headers=headers, timeout=20).json()
        assert listed["object"] == "list" and listed["data"][0]["object"] == "model"
    listed = requests.get(fast.url + "/v1/models", headers={**version, **key}, timeout=20).json()
    assert listed["first_id"] == "demo-tour" and listed["last_id"] == listed["data"][-1]["id"]
    assert listed["has_more"] is False and "object" not in listed["data"][0]


def test_both_sdks_read_the_list(ours: openai.OpenAI, theirs: anthropic.Anthropic) -> None:
    assert set(MENU) < {model.id for model in ours.models.list()}
    found = list(theirs.models.list())
    assert set(MENU) < {model.id for model in found}
    assert all(model.type == "model" and model.display_name for model in found)


@BOTH
@ALL
def test_each_model_answers_or_refuses_without_a_stream(fast: FakeGateway, path: str, name: str) -> None:
    """It is refused with a message, or answered; and only what is to break breaks."""
    try:
        answer = post(fast, path, asking(name))
    except requests.RequestException:
        assert name in ("demo-breaks", "demo-reset-then-fine")
        return
    assert answer.headers["x-oneapi-request-id"]
    model = MENU[name]
    if model.refusal and model.refusal.when({}):
        assert answer.status_code == model.refusal.status
    elif "error" in name or name == "demo-bare-json":
        assert answer.status_code == 500 and answer.json()["error"]["message"]
    elif name == "demo-stream-for-json":
        assert answer.headers["content-type"] == "text/event-stream"
    else:
        answer.encoding = "utf-8-sig"
        payload = json.loads(answer.text)
        unfinished = ("demo-silent", "demo-done-without-reason", "demo-ends-without-reason")
        ended = payload["choices"][0]["finish_reason"] if path == CHAT else payload["stop_reason"]
        assert bool(ended) is (name not in unfinished)


@BOTH
@pytest.mark.parametrize(
    "name",
    [
        "demo-tour",
        "demo-slow",
        "demo-echo",
        "demo-pings",
        "demo-long-gap",
        "demo-cut-letters",
        "demo-one-big-event",
        "demo-stream-for-json",
        "demo-gzip",
        "demo-close-framed",
        "demo-known-length",
    ],
)
def test_a_good_answer_is_the_same_streamed_and_whole(fast: FakeGateway, path: str, name: str) -> None:
    more = {"stream_options": {"include_usage": True}} if path == CHAT else {}
    heard = arriving(fast, path, asking(name, **more))
    assert heard.failed is None
    assert heard.kinds == (WELL_CHAT if path == CHAT else WELL_MESSAGES)
    again = arriving(fast, path, asking(name, **more))
    assert heard.text == again.text and len(heard.text) > 100
