"""The gateway's list of models: which of them chat, over which wires, how old it is and why it is missing."""

import json
import threading
from collections.abc import Iterable
from typing import Any

import pytest

from lib.core import errors
from lib.core.models import Capabilities, Model, ModelList
from lib.core.target import Wire
from lib.gateway.catalog import models as catalog
from lib.gateway.catalog.cache import Catalog
from lib.gateway.catalog.models import ModelPage
from lib.gateway.client import Gateway
from tests.support.replay import JSON, Canned, Replay

OPENAI, ANTHROPIC = ("openai", "anthropic"), ("anthropic", "openai")


def page(*entries: Any) -> ModelPage:
    return catalog.parse_model_page(json.dumps({"success": True, "object": "list", "data": entries}))


def listed(*entries: Any) -> tuple[Model, ...]:
    return page(*entries).models


@pytest.mark.parametrize(
    ("name", "types", "wires"),
    [
        ("gpt-4o", ["openai"], ("openai",)),
        ("gpt-4o", ["anthropic", "openai"], OPENAI),
        ("gpt-4o", ["openai-response"], OPENAI),
        ("gpt-4o", None, OPENAI),
        ("gpt-4o", [], OPENAI),
        ("gpt-4o", "openai", OPENAI),
        ("claude-x", ["anthropic"], ("anthropic",)),
        ("claude-x", ["openai"], ("openai",)),
        ("claude-x", ["openai", "anthropic"], ANTHROPIC),
        ("anthropic/Claude-x", None, ANTHROPIC),
        ("us.anthropic.claude-x", None, ANTHROPIC),
        ("claude/other", None, OPENAI),
    ],
)
def test_the_wires_of_a_model_the_better_one_first(name: str, types: Any, wires: tuple[Wire, ...]) -> None:
    assert catalog.supported_wires(name, types) == wires
    (model,) = listed({"id": name, "supported_endpoint_types": types})
    assert (model.id, model.wires) == (name, wires)


@pytest.mark.parametrize(
    ("types", "chats"),
    [
        (["image-generation"], False),
        (["embeddings", "jina-rerank"], False),
        (["openai-video"], False),
        (["image-generation", "openai"], True),
        (["something-new"], True),
        ([], True),
        (None, True),
    ],
)
def test_models_for_other_uses_are_hidden_and_counted(types: Any, chats: bool) -> None:
    found = page({"id": "m", "supported_endpoint_types": types})
    assert (len(found.models), found.hidden_count) == ((1, 0) if chats else (0, 1))


@pytest.mark.parametrize("types", [None, []])
def test_what_the_gateway_leaves_open_the_data_decides(types: Any) -> None:
    found = page(
        {"id": "text-embedding-3-large", "supported_endpoint_types": types},
        {"id": "openai/gpt-image-1"},
        {"id": "gpt-4o", "supported_endpoint_types": types},
        {"id": "never-heard-of", "supported_endpoint_types": types},
    )
    assert [model.id for model in found.models] == ["gpt-4o", "never-heard-of"]
    assert found.hidden_count == 2


def test_the_gateways_word_on_chat_goes_before_the_data() -> None:
    (model,) = listed({"id": "text-embedding-3-large", "supported_endpoint_types": ["openai"]})
    assert model.capabilities.chat is True


def test_each_model_once_in_the_gateways_order() -> None:
    entries = {"id": "b"}, {"id": "a"}, {"id": "b", "supported_endpoint_types": ["openai"]}
    assert [(model.id, model.wires) for model in listed(*entries)] == [("b", OPENAI), ("a", OPENAI)]


def test_entries_that_are_no_models_are_left_out() -> None:
    assert listed(None, 7, "m", [], {}, {"id": ""}, {"id": None}, {"id": 7}, {"name": "m"}) == ()


def test_half_a_letter_in_a_name_is_replaced() -> None:
    (model,) = listed({"id": "m\ud83d", "display_name": "M\ud83d"})
    assert (model.id.encode(), model.display_name.encode()) == ("m\ufffd".encode(), "M\ufffd".encode())


@pytest.mark.parametrize(
    "body",
    ["", "<h1>Hello</h1>", "[]", "{}", '{"data":null}', '{"data":{"id":"m"}}', '{"data":[', "[" * 100_000],
)
def test_what_is_no_list_is_unreadable_and_quoted(body: str) -> None:
    with pytest.raises(errors.InvalidResponse) as caught:
        catalog.parse_model_page(body)
    assert caught.value.detail == body[:200]


def in_anthropics_shape(ids: Iterable[str], *, more: bool) -> Canned:
    data = [{"type": "model", "id": name, "display_name": name.title()} for name in ids]
    body = {"data": data, "has_more": more, "first_id": data[0]["id"], "last_id": data[-1]["id"]}
    return Canned(json.dumps(body).encode(), headers=JSON)


def test_anthropics_shape_is_read_page_by_page(replay: Replay, asked: Gateway) -> None:
    replay.serve("/v1/models", in_anthropics_shape(["claude-a", "claude-b"], more=True))
    replay.serve("/v1/models?after_id=claude-b&limit=1000", in_anthropics_shape(["claude b/c"], more=True))
    replay.serve("/v1/models?after_id=claude+b%2Fc&limit=1000", in_anthropics_shape(["x"], more=False))
    found = asked.fetch_models().models
    assert [(model.id, model.display_name) for model in found] == [
        ("claude-a", "Claude-A"),
        ("claude-b", "Claude-B"),
        ("claude b/c", "Claude B/C"),
        ("x", "X"),
    ]


def test_a_gateway_whose_pages_do_not_end_is_left(replay: Replay, asked: Gateway) -> None:
    same = in_anthropics_shape(["claude-a"], more=True)
    replay.serve("/v1/models", same)
    replay.serve("/v1/models?after_id=claude-a&limit=1000", same)
    assert [model.id for model in asked.fetch_models().models] == ["claude-a"]
    assert len(replay.requests) == 2
    numbered = (ModelPage((Model(str(number), OPENAI),), 0, str(number)) for number in range(10_000))
    assert len(catalog.fetch_all_pages(lambda after: next(numbered)).models) == catalog.MAX_PAGES


def test_a_page_that_fails_fails_the_list(replay: Replay, asked: Gateway) -> None:
    replay.serve("/v1/models", in_anthropics_shape(["claude-a"], more=True))
    with pytest.raises(errors.EndpointNotFound):
        asked.fetch_models()


def test_what_the_gateway_says_of_a_model_goes_before_the_data() -> None:
    (model,) = listed({"id": "gpt-4o", "context_length": 99, "display_name": "Four"})
    assert (model.capabilities.context_window, model.capabilities.image, model.display_name) == (
        99,
        True,
        "Four",
    )


def test_a_typed_id_is_known_by_its_name() -> None:
    assert catalog.unlisted_model("openai/gpt-4o").capabilities.vendor == "OpenAI"
    assert catalog.unlisted_model("claude-of-tomorrow") == Model(
        "claude-of-tomorrow", ANTHROPIC, "", Capabilities(vendor="Anthropic")
    )


class Fetch:
    """A gateway's list that answers with what it was last given."""

    def __init__(self, answer: ModelList | Exception) -> None:
        self.answer = answer

    def __call__(self) -> ModelList:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


ONE = ModelList((Model("m-one", OPENAI),), hidden_count=3)


def test_a_list_that_is_had_is_as_old_as_its_reading() -> None:
    found = Catalog(Fetch(ONE)).model_list(60)
    assert (found.models, found.hidden_count, found.error_code, found.is_unsupported) == (
        ONE.models,
        3,
        "",
        False,
    )
    assert found.fetched_at is not None


def test_a_list_that_fails_keeps_the_old_one_and_says_so() -> None:
    fetch = Fetch(ONE)
    models = Catalog(fetch)
    before = models.model_list(60)
    fetch.answer = errors.RequestTimeout("silent")
    models.invalidate()
    after = models.model_list(60)
    assert (after.models, after.fetched_at, after.error_code) == (
        before.models,
        before.fetched_at,
        "timed_out",
    )
    fetch.answer = ModelList()
    models.invalidate()
    assert models.model_list(60).error_code == ""


def test_a_list_that_never_came_has_no_age() -> None:
    found = Catalog(Fetch(errors.KeyRejected("no"))).model_list(60)
    assert found == ModelList(error_code="key_refused")


def test_a_gateway_without_a_list_is_told_from_one_that_fails() -> None:
    found = Catalog(Fetch(errors.EndpointNotFound("", status=404))).model_list(60)
    assert (found.is_unsupported, found.models, found.error_code) == (True, (), "not_offered")


def test_only_the_first_look_waits() -> None:
    release = threading.Event()

    def slow() -> ModelList:
        release.wait(60)
        return ONE

    models = Catalog(slow)
    assert models.model_list(0.01) == ModelList()
    assert models.model_list(3600) == ModelList()
    release.set()
    models.invalidate()
    assert models.model_list(60).models == ONE.models
