"""Model lists of gateways: chat models, wires and pagination."""

import json
from collections.abc import Iterable
from datetime import date
from typing import Any

import pytest

from lib.core import errors
from lib.core.models import Capabilities, Model, ModelList
from lib.core.target import Wire
from lib.gateway.catalog.models import (
    MAX_PAGES,
    fetch_all_pages,
    parse_model_page,
    supported_wires,
    unlisted_model,
)
from lib.gateway.client import Gateway
from tests.support.replay import JSON, Canned, Replay

OPENAI_FIRST, ANTHROPIC_FIRST = ("openai", "anthropic"), ("anthropic", "openai")


def parse_page(*entries: Any) -> ModelList:
    return parse_model_page(json.dumps({"success": True, "object": "list", "data": entries}))[0]


def parse_models(*entries: Any) -> tuple[Model, ...]:
    return parse_page(*entries).models


@pytest.mark.parametrize(
    ("name", "endpoint_types", "wires"),
    [
        ("gpt-4o", ["openai"], ("openai",)),
        ("gpt-4o", ["anthropic", "openai"], OPENAI_FIRST),
        ("gpt-4o", ["openai-response", "openai"], ("openai",)),
        ("gpt-4o", ["openai-response", "anthropic"], ("anthropic",)),
        ("gpt-4o", ["my-format"], OPENAI_FIRST),
        ("gpt-4o", None, OPENAI_FIRST),
        ("gpt-4o", [], OPENAI_FIRST),
        ("gpt-4o", "openai", OPENAI_FIRST),
        ("claude-x", ["anthropic"], ("anthropic",)),
        ("claude-x", ["openai"], ("openai",)),
        ("claude-x", ["openai", "anthropic"], ANTHROPIC_FIRST),
        ("anthropic/Claude-x", None, ANTHROPIC_FIRST),
        ("us.anthropic.claude-x", None, ANTHROPIC_FIRST),
        ("claude/other", None, OPENAI_FIRST),
    ],
)
def test_wires_of_a_model_in_order_of_preference(name: str, endpoint_types: Any, wires: tuple[Wire, ...]) -> None:
    assert supported_wires(name, endpoint_types) == wires
    (model,) = parse_models({"id": name, "supported_endpoint_types": endpoint_types})
    assert (model.id, model.wires) == (name, wires)


@pytest.mark.parametrize(
    ("endpoint_types", "has_chat"),
    [
        (["embeddings", "jina-rerank"], False),
        (["openai-video"], False),
        (["openai-response"], False),
        (["openai-response", "openai-response-compact", "gemini"], False),
        (["realtime"], False),
        (["openai-audio-speech"], False),
        ([None, 7], True),
        (["image-generation", "openai"], True),
        (["openai-response", "anthropic"], True),
        (["openai-response", "/v1/chat/completions"], True),
        (["something-new"], True),
        ([], True),
        (None, True),
    ],
)
def test_models_without_a_chat_format_are_hidden_and_counted(endpoint_types: Any, has_chat: bool) -> None:
    result = parse_page({"id": "m", "supported_endpoint_types": endpoint_types})
    assert (len(result.models), result.hidden_count) == ((1, 0) if has_chat else (0, 1))


@pytest.mark.parametrize("endpoint_types", [None, []])
def test_library_decides_on_chat_without_endpoint_types(endpoint_types: Any) -> None:
    result = parse_page(
        {"id": "text-embedding-3-large", "supported_endpoint_types": endpoint_types},
        {"id": "openai/gpt-image-1"},
        {"id": "gpt-4o", "supported_endpoint_types": endpoint_types},
        {"id": "never-heard-of", "supported_endpoint_types": endpoint_types},
    )
    assert [(model.id, model.makes_images) for model in result.models] == [
        ("openai/gpt-image-1", True),
        ("gpt-4o", False),
        ("never-heard-of", False),
    ]
    assert result.hidden_count == 1


@pytest.mark.parametrize(
    ("model_id", "endpoint_types", "wires"),
    [
        # new-api names both for OpenAI's image models, which do not chat.
        ("gpt-image-2", ["image-generation", "openai"], ("images",)),
        ("dall-e-3", ["openai"], ("images",)),
        ("azure/gpt-image-1.5", None, ("images",)),
        ("chatgpt-image-latest", None, ("images",)),
        ("flux-2-pro", ["image-generation"], ("images",)),
        ("seedream-5", ["image-generation", "openai"], ("images", "openai")),
        ("qwen-image", ["openai-image"], ("images",)),
        ("bfl/flux-pro-1.1", ["openai"], ("openai",)),
        ("grok-imagine-image", None, ("images",)),  # the library says so
        ("gemini-2.5-flash-image", ["gemini", "openai"], ("openai",)),
        ("gpt-4o", ["openai"], ("openai",)),
    ],
)
def test_models_with_a_route_for_images_are_offered(model_id: str, endpoint_types: Any, wires: tuple[str, ...]) -> None:
    result = parse_page({"id": model_id, "supported_endpoint_types": endpoint_types})
    assert [model.wires for model in result.models] == [wires]
    assert result.models[0].makes_images is (wires[0] == "images")


def test_retired_image_models_are_hidden() -> None:
    assert parse_page({"id": "dall-e-3", "lifecycle": "retired"}).hidden_count == 1


def test_endpoint_types_win_over_the_library() -> None:
    (model,) = parse_models({"id": "text-embedding-3-large", "supported_endpoint_types": ["openai"]})
    assert model.capabilities.chat is True


def test_retired_models_are_hidden_and_deprecated_ones_stay() -> None:
    page = parse_page(
        {"id": "claude-a", "lifecycle": "retired"},
        {"id": "claude-b", "lifecycle": "deprecated", "retires_at": "2026-12-31T00:00:00Z"},
        {"id": "claude-c", "lifecycle": "active", "retires_at": None},
    )
    assert [(model.id, model.capabilities.retires_at) for model in page.models] == [
        ("claude-b", date(2026, 12, 31)),
        ("claude-c", None),
    ]
    assert page.hidden_count == 1


def test_duplicates_are_dropped_and_the_order_is_kept() -> None:
    entries = {"id": "b"}, {"id": "a"}, {"id": "b", "supported_endpoint_types": ["openai"]}
    assert [(model.id, model.wires) for model in parse_models(*entries)] == [
        ("b", OPENAI_FIRST),
        ("a", OPENAI_FIRST),
    ]


def test_malformed_entries_are_skipped() -> None:
    assert parse_models(None, 7, "m", [], {}, {"id": ""}, {"id": None}, {"id": 7}, {"name": "m"}) == ()


def test_lone_surrogates_in_names_are_replaced() -> None:
    (model,) = parse_models({"id": "m\ud83d", "display_name": "M\ud83d"})
    assert (model.id.encode(), model.display_name.encode()) == ("m\ufffd".encode(), "M\ufffd".encode())


@pytest.mark.parametrize(
    "body",
    ["", "<h1>Hello</h1>", "[]", "{}", '{"data":null}', '{"data":{"id":"m"}}', '{"data":[', "[" * 100_000],
)
def test_body_without_a_list_is_an_invalid_response(body: str) -> None:
    with pytest.raises(errors.InvalidResponse) as caught:
        parse_model_page(body)
    assert caught.value.detail == body[:200]


def anthropic_page(ids: Iterable[str], *, has_more: bool) -> Canned:
    data = [{"type": "model", "id": name, "display_name": name.title()} for name in ids]
    body = {"data": data, "has_more": has_more, "first_id": data[0]["id"], "last_id": data[-1]["id"]}
    return Canned(json.dumps(body).encode(), headers=JSON)


def test_anthropic_list_is_paginated(replay: Replay, gateway: Gateway) -> None:
    replay.serve("/v1/models", anthropic_page(["claude-a", "claude-b"], has_more=True))
    replay.serve("/v1/models?after_id=claude-b&limit=1000", anthropic_page(["claude b/c"], has_more=True))
    replay.serve("/v1/models?after_id=claude+b%2Fc&limit=1000", anthropic_page(["x"], has_more=False))
    result = gateway.fetch_models().models
    assert [(model.id, model.display_name) for model in result] == [
        ("claude-a", "Claude-A"),
        ("claude-b", "Claude-B"),
        ("claude b/c", "Claude B/C"),
        ("x", "X"),
    ]


def test_endless_pagination_stops(replay: Replay, gateway: Gateway) -> None:
    endless = anthropic_page(["claude-a"], has_more=True)
    replay.serve("/v1/models", endless)
    replay.serve("/v1/models?after_id=claude-a&limit=1000", endless)
    assert [model.id for model in gateway.fetch_models().models] == ["claude-a"]
    assert len(replay.requests) == 2
    pages = (anthropic_page([str(number)], has_more=True).body.decode() for number in range(10_000))
    assert len(fetch_all_pages(lambda after: next(pages)).models) == MAX_PAGES


def test_error_on_a_later_page_is_raised(replay: Replay, gateway: Gateway) -> None:
    replay.serve("/v1/models", anthropic_page(["claude-a"], has_more=True))
    with pytest.raises(errors.EndpointNotFound):
        gateway.fetch_models()


def test_listed_capabilities_win_over_the_library() -> None:
    (model,) = parse_models({"id": "gpt-4o", "context_length": 99, "display_name": "Four"})
    assert (model.capabilities.context_window, model.capabilities.image, model.display_name) == (
        99,
        True,
        "Four",
    )


def test_unlisted_model_has_the_capabilities_of_its_name() -> None:
    assert unlisted_model("openai/gpt-4o").capabilities.vendor == "OpenAI"
    assert unlisted_model("claude-of-tomorrow") == Model(
        "claude-of-tomorrow", ANTHROPIC_FIRST, "", Capabilities(vendor="Anthropic")
    )
