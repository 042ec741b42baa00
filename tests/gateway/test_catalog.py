"""The gateway's list of models: which of them chat, and over which wires."""

import json
from typing import Any

import pytest

from lib.core.errors import Unreadable
from lib.core.types import Wire
from lib.gateway import catalog
from lib.gateway.catalog import Model

OPENAI, ANTHROPIC = ("openai", "anthropic"), ("anthropic", "openai")


def listed(*entries: Any) -> list[Model]:
    return catalog.read(json.dumps({"success": True, "object": "list", "data": entries}))


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
        ("not-claude", None, OPENAI),
    ],
)
def test_the_wires_of_a_model_the_better_one_first(name: str, types: Any, wires: tuple[Wire, ...]) -> None:
    assert catalog.wires(name, types) == wires
    assert listed({"id": name, "supported_endpoint_types": types}) == [Model(name, wires)]


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
def test_models_for_other_uses_are_left_out(types: Any, chats: bool) -> None:
    assert bool(listed({"id": "m", "supported_endpoint_types": types})) is chats


def test_each_model_once_in_the_gateways_order() -> None:
    names = [
        model.id
        for model in listed({"id": "b"}, {"id": "a"}, {"id": "b", "supported_endpoint_types": ["openai"]})
    ]
    assert names == ["b", "a"]


def test_entries_that_are_no_models_are_left_out() -> None:
    assert listed(None, 7, "m", [], {}, {"id": ""}, {"id": None}, {"id": 7}, {"name": "m"}) == []


def test_half_a_letter_in_a_name_is_replaced() -> None:
    (model,) = listed({"id": "m\ud83d"})
    assert model.id.encode() == "m\ufffd".encode()


@pytest.mark.parametrize(
    "body",
    ["", "<h1>Hello</h1>", "[]", "{}", '{"data":null}', '{"data":{"id":"m"}}', '{"data":[', "[" * 100_000],
)
def test_what_is_no_list_is_unreadable_and_quoted(body: str) -> None:
    with pytest.raises(Unreadable) as caught:
        catalog.read(body)
    assert caught.value.detail == body[:200]
