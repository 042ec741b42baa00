"""Fields that are wrong: each refused as 400, in the wire's own shape, with its name."""

from typing import Any

import pytest

from tests.fake_gateway import FakeGateway
from tests.unit.demo.talk import BOTH, CHAT, MESSAGES, asking, post, refused

WRONG_ON_CHAT = {
    "audio": [1],
    "frequency_penalty": [2.1, -2.1, "1", True],
    "function_call": [1, "all"],
    "functions": [{}, [], [{"description": "x"}]],
    "logit_bias": [[], {"1": 101}, {"a": 1}, {"1": "x"}],
    "logprobs": [1, "true"],
    "max_completion_tokens": [0, 1.5, "9"],
    "max_tokens": [0, -1, 1.5, True, "9"],
    "metadata": [[], {"a": 1}, {"a": "x" * 513}, {str(n): "" for n in range(17)}],
    "modalities": ["text", [], ["video"]],
    "n": [0, 129, 1.5, "1"],
    "parallel_tool_calls": ["yes"],
    "prediction": ["x", {"type": "content"}],
    "presence_penalty": [-2.5, 3, []],
    "prompt_cache_key": [1],
    "prompt_cache_retention": ["48h"],
    "reasoning_effort": ["much", 1],
    "response_format": [
        "json",
        {"type": "xml"},
        {"type": "json_schema"},
        {"type": "json_schema", "json_schema": {}},
    ],
    "safety_identifier": [1],
    "seed": [1.5, "1", 2**63, True],
    "service_tier": ["cheap"],
    "stop": [1, "", [], ["a", "b", "c", "d", "e"], [1]],
    "store": [1],
    "stream": ["yes", 1],
    "stream_options": [True, {"include_usage": "yes"}],
    "temperature": [-0.1, 2.1, "0.7", True, float("nan")],
    "tool_choice": ["some", 1],
    "tools": [{}, [{}], [{"type": "function"}], [{"type": "function", "function": {}}]],
    "top_logprobs": [21, -1, 5],
    "top_p": [-0.1, 1.1, "1"],
    "user": [1, {}],
    "verbosity": ["loud"],
    "web_search_options": [1],
    "model": ["", 1],
    "messages": [[], "x", {}],
}
WRONG_ON_MESSAGES = {
    "cache_control": ["ephemeral", {}, {"type": "lasting"}, {"type": "ephemeral", "ttl": "2h"}],
    "context_management": [1],
    "inference_geo": [1],
    "max_tokens": [0, -1, 1.5, True, "9", None],
    "mcp_servers": [{}],
    "metadata": ["x", {"user_id": 1}, {"name": "x"}, {"user_id": "x" * 257}],
    "output_config": [1, {"effort": "none"}, {"format": {"type": "json_object"}}],
    "service_tier": ["flex"],
    "stop_sequences": ["x", [1], [""], ["  "]],
    "stream": ["yes", 1, None],
    "system": [1, {}, [{"type": "image"}], [{"type": "text", "text": ""}]],
    "temperature": [-0.1, 1.1, "0.7", True],
    "thinking": [
        True,
        {"type": "on"},
        {"type": "enabled"},
        {"type": "enabled", "budget_tokens": 1023},
        {"type": "enabled", "budget_tokens": 100_000},
        {"type": "adaptive", "display": "loud"},
    ],
    "tool_choice": ["auto", {"type": "some"}],
    "tools": [{}, [{}], [{"name": ""}]],
    "top_k": [-1, 1.5],
    "top_p": [-0.1, 1.1],
    "model": ["", 1],
    "messages": [[], "x", {}],
}
UNKNOWN = (
    "n",
    "stop",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "user",
    "seed",
    "reasoning_effort",
)
PIXEL = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}


def every(wrong: dict[str, list[Any]]) -> list[Any]:
    return [
        pytest.param(name, value, id=f"{name}-{i}") for name in wrong for i, value in enumerate(wrong[name])
    ]


@pytest.mark.parametrize(("name", "value"), every(WRONG_ON_CHAT))
def test_a_wrong_field_of_chat_completions_is_named(fast: FakeGateway, name: str, value: Any) -> None:
    body = {**asking("demo-tour"), name: value}
    # NaN is no JSON, yet what many a client sends.
    if value != value:
        answer = post(
            fast,
            CHAT,
            None,
            data='{"model":"m","messages":[{"role":"user","content":"x"}],"temperature":NaN}',
        )
        assert answer.status_code == 400 and "temperature" in answer.text
        return
    assert name in refused(fast, CHAT, body)
    assert post(fast, CHAT, body).json()["error"]["param"].startswith(name)


@pytest.mark.parametrize(("name", "value"), every(WRONG_ON_MESSAGES))
def test_a_wrong_field_of_messages_is_named(fast: FakeGateway, name: str, value: Any) -> None:
    assert name in refused(fast, MESSAGES, {**asking("demo-tour"), name: value})


@pytest.mark.parametrize(
    "name", [*UNKNOWN, "max_completion_tokens", "stream_options", "response_format", "what"]
)
def test_messages_takes_no_field_that_it_does_not_know(fast: FakeGateway, name: str) -> None:
    assert name in refused(fast, MESSAGES, asking("demo-tour", **{name: 1}))


def test_chat_completions_drops_what_it_does_not_know(fast: FakeGateway) -> None:
    assert post(fast, CHAT, asking("demo-tour", what=1, top_k=1, seed=None, stop=None)).status_code == 200


def test_messages_needs_a_limit(fast: FakeGateway) -> None:
    body = asking("demo-tour")
    del body["max_tokens"]
    assert "max_tokens" in refused(fast, MESSAGES, body)
    assert post(fast, CHAT, body).status_code == 200


@pytest.mark.parametrize(
    ("path", "content", "name"),
    [
        (CHAT, [{"type": "image_url", "image_url": {"url": "picture.png"}}], "image_url.url"),
        (CHAT, [{"type": "image_url", "image_url": {}}], "image_url.url"),
        (CHAT, [{"type": "input_audio", "input_audio": {"data": "x", "format": "ogg"}}], "format"),
        (CHAT, [{"type": "image", "source": PIXEL}], "messages.0.content.0.type"),
        (CHAT, [{"type": "text"}], "messages.0.content.0.text"),
        (CHAT, [], "messages.0.content"),
        (MESSAGES, "", "messages.0.content"),
        (MESSAGES, [{"type": "text", "text": " "}], "messages.0.content.0.text"),
        (MESSAGES, [{"type": "image", "source": {**PIXEL, "media_type": "image/bmp"}}], "media_type"),
        (MESSAGES, [{"type": "image", "source": {**PIXEL, "data": "data:image/png;base64,AA=="}}], "data"),
        (MESSAGES, [{"type": "image_url", "image_url": {"url": "https://x"}}], "messages.0.content.0.type"),
        (MESSAGES, [{"type": "text", "text": "x", "more": 1}], "messages.0.content.0.more"),
        (MESSAGES, [{"type": "document", "source": {**PIXEL}}], "media_type"),
        (MESSAGES, [{"type": "thinking", "thinking": "x", "signature": "x"}], "messages.0.content.0.type"),
    ],
)
def test_a_wrong_part_is_named_by_its_place(fast: FakeGateway, path: str, content: Any, name: str) -> None:
    assert name in refused(fast, path, asking("demo-tour", content))


@pytest.mark.parametrize(
    ("path", "content"),
    [
        (CHAT, [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}}]),
        (
            CHAT,
            [{"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA"}}],
        ),
        (CHAT, [{"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}]),
        (MESSAGES, [{"type": "image", "source": PIXEL}]),
        (MESSAGES, [{"type": "image", "source": {"type": "url", "url": "https://x/y.png"}}]),
        (
            MESSAGES,
            [{"type": "document", "source": {**PIXEL, "media_type": "application/pdf"}, "title": "A"}],
        ),
        (
            MESSAGES,
            [{"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}}],
        ),
    ],
)
def test_files_are_received(fast: FakeGateway, path: str, content: Any) -> None:
    body = asking("demo-tour", [{"type": "text", "text": "What is this?"}, *content])
    assert "Files received: 1." in post(fast, path, body).text


def test_messages_begins_and_ends_with_the_user(fast: FakeGateway) -> None:
    assert "begin" in refused(
        fast, MESSAGES, {**asking("demo-tour"), "messages": [{"role": "assistant", "content": "x"}]}
    )
    assert "end" in refused(fast, MESSAGES, asking("demo-tour", "Hello", "I was"))
    assert "user" in refused(
        fast, CHAT, {**asking("demo-tour"), "messages": [{"role": "system", "content": "x"}]}
    )


def test_thinking_goes_with_no_other_sampling(fast: FakeGateway) -> None:
    for kind in ({"type": "adaptive"}, {"type": "enabled", "budget_tokens": 2000}):
        for name, value in (("temperature", 0.5), ("top_p", 0.5), ("top_k", 5)):
            assert name in refused(fast, MESSAGES, asking("demo-thinker", thinking=kind, **{name: value}))
        good = asking("demo-thinker", thinking=kind, temperature=1, top_p=0.95)
        assert post(fast, MESSAGES, good).status_code == 200


def test_thinking_must_come_back_as_it_was_given(fast: FakeGateway) -> None:
    for name in ("demo-thinker", "demo-signed-thinking", "demo-redacted-thinking", "demo-unsigned-thinking"):
        content = post(fast, MESSAGES, asking(name)).json()["content"]
        body = asking(name, "Hello", content, "And now?")
        if name == "demo-unsigned-thinking":
            assert "signature" in refused(fast, MESSAGES, body)
            continue
        assert post(fast, MESSAGES, body).status_code == 200
        key = "data" if name == "demo-redacted-thinking" else "thinking"
        changed = [{**content[0], key: "something else"}, *content[1:]]
        assert "signature" in refused(fast, MESSAGES, asking(name, "Hello", changed, "And now?"))


def test_no_more_than_four_places_are_cached(fast: FakeGateway) -> None:
    part = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}
    assert post(fast, MESSAGES, asking("demo-tour", [part] * 4)).status_code == 200
    assert "cache_control" in refused(fast, MESSAGES, asking("demo-tour", [part] * 5))


@BOTH
def test_an_echo_shows_what_was_sent(fast: FakeGateway, path: str) -> None:
    body = asking("demo-echo", "```\nfence\n```", temperature=0.5)
    assert "````json" in post(fast, path, body, headers={"Authorization": "Bearer hidden"}).text
