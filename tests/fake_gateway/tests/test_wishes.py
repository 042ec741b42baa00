"""What a request may wish for, so that it can be seen to work."""

import json
import re
from typing import Any

import pytest

from tests.fake_gateway import FakeGateway
from tests.unit.demo.talk import (
    BOTH,
    CHAT,
    MESSAGES,
    answered,
    arriving,
    asking,
    post,
    whole,
)

LASTING = {"type": "ephemeral"}


@BOTH
@pytest.mark.parametrize(
    "model", ["demo-tour", "demo-thinker", "demo-errors", "demo-breaks", "demo-endless", "demo-filtered"]
)
def test_the_limit_cuts_the_answer(fast: FakeGateway, path: str, model: str) -> None:
    body = asking(model, max_tokens=7)
    heard = arriving(
        fast, path, {**body, **({"stream_options": {"include_usage": True}} if path == CHAT else {})}
    )
    text, reason, payload = whole(fast, path, body)
    assert heard.failed is None and heard.reasons == [reason]
    assert heard.text == text and (text or model == "demo-thinker")
    if path == CHAT:
        assert reason == "length" and heard.frames[-1] == "[DONE]"
        assert heard.frames[-2]["usage"] == payload["usage"]
        assert payload["usage"]["completion_tokens"] == 7
    else:
        assert reason == "max_tokens"
        assert heard.frames[-2]["usage"]["output_tokens"] == payload["usage"]["output_tokens"] == 7


def test_the_newer_name_of_the_limit_wins(fast: FakeGateway) -> None:
    assert (
        whole(fast, CHAT, asking("demo-tour", max_completion_tokens=3))[2]["usage"]["completion_tokens"] == 3
    )


@BOTH
@pytest.mark.parametrize("stop", ["second line", "line is here.\n2", "ZZZ"])
def test_a_stop_sequence_ends_the_answer_before_it(fast: FakeGateway, path: str, stop: str) -> None:
    everything = whole(fast, path, asking("demo-crlf"))[0]
    body = asking("demo-crlf", **{"stop" if path == CHAT else "stop_sequences": ["never said", stop]})
    text, reason, payload = whole(fast, path, body)
    heard = arriving(fast, path, body)
    hit = stop in everything
    assert text == heard.text == everything.partition(stop)[0] and hit is (stop != "ZZZ")
    if path == CHAT:
        assert reason == "stop" and heard.reasons == ["stop"]
    else:
        assert heard.reasons == [reason] == ["stop_sequence" if hit else "end_turn"]
        assert payload["stop_sequence"] == (stop if hit else None)
        delta = next(f["delta"] for f in heard.frames if f["type"] == "message_delta")
        assert delta["stop_sequence"] == payload["stop_sequence"]


def test_a_stop_may_be_one_string_and_is_looked_for_in_every_answer(fast: FakeGateway) -> None:
    for name in ("demo-breaks", "demo-errors", "demo-slow", "demo-endless"):
        text, reason, _ = whole(fast, CHAT, asking(name, stop="e"))
        assert reason == "stop" and "e" not in text


def test_several_answers_come_by_turns(fast: FakeGateway) -> None:
    body = asking("demo-crlf", n=3, stream_options={"include_usage": True})
    found: dict[int, str] = {}
    order, ends = [], {}
    for frame in arriving(fast, CHAT, body).frames[:-1]:
        for choice in frame["choices"]:
            found[choice["index"]] = found.get(choice["index"], "") + (choice["delta"].get("content") or "")
            order.append(choice["index"])
            if choice["finish_reason"]:
                ends[choice["index"]] = choice["finish_reason"]
    assert order[3:9] == [2, 1, 0, 2, 1, 0] and ends == dict.fromkeys(range(3), "stop")
    assert len(set(found.values())) == 3
    payload = whole(fast, CHAT, body)[2]
    assert {c["index"]: c["message"]["content"] for c in payload["choices"]} == found
    assert "2 of 3" in found[1] and found[0] == answered(fast, "demo-crlf")


@BOTH
def test_thinking_is_as_deep_as_is_asked_for(fast: FakeGateway, path: str) -> None:
    def thought(**more: Any) -> str:
        payload = post(fast, path, asking("demo-thinker", **more)).json()
        if path == CHAT:
            return str(payload["choices"][0]["message"].get("reasoning_content", ""))
        return "".join(b["thinking"] for b in payload["content"] if b["type"] == "thinking")

    def effort(word: str) -> dict[str, Any]:
        return {"reasoning_effort": word} if path == CHAT else {"output_config": {"effort": word}}

    assert len(thought(**effort("low"))) < len(thought(**effort("medium"))) < len(thought(**effort("high")))
    assert thought() == thought(**effort("max"))
    assert thought(thinking={"type": "disabled"}) == ""
    if path == CHAT:
        assert thought(reasoning_effort="none") == "" != thought(reasoning_effort="minimal")
    else:
        assert thought(thinking={"type": "enabled", "budget_tokens": 1024}) == thought()
        hidden = asking("demo-thinker", thinking={"type": "adaptive", "display": "omitted"})
        first = post(fast, path, hidden).json()["content"][0]
        assert (first["type"], first["thinking"]) == ("thinking", "") and first["signature"]


@BOTH
def test_json_is_answered_where_it_is_wanted(fast: FakeGateway, path: str) -> None:
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "size": {"type": "integer", "minimum": 3},
            "kind": {"enum": ["big", "small"]},
            "tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}, "minItems": 2},
            "more": {"anyOf": [{"type": "null"}, {"type": "number"}]},
            "good": {"type": ["boolean", "null"]},
        },
        "$defs": {"tag": {"const": "t"}},
    }
    if path == CHAT:
        wish: dict[str, Any] = {
            "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
        }
    else:
        wish = {"output_config": {"format": {"type": "json_schema", "schema": schema}}}
    made = {"name": "demo", "size": 3, "kind": "big", "tags": ["t", "t"], "more": None, "good": False}
    assert json.loads(whole(fast, path, asking("demo-tour", **wish))[0]) == made
    assert json.loads(arriving(fast, path, asking("demo-crlf", **wish)).text) == made


def test_any_json_and_schemas_that_are_none(fast: FakeGateway) -> None:
    found = json.loads(answered(fast, "demo-tour", "Why?", response_format={"type": "json_object"}))
    assert found["question"] == "Why?" and found["model"] is None
    bent: dict[str, Any] = {"type": "object", "properties": 5}
    endless = {
        "$ref": "#/$defs/a",
        "$defs": {"a": {"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}}},
    }
    for schema, status in ((bent, 400), (endless, 200), ({"anyOf": {"a": 1}}, 400)):
        wish = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
        assert post(fast, CHAT, asking("demo-tour", response_format=wish)).status_code == status


def test_the_same_seed_draws_the_same_lots(fast: FakeGateway) -> None:
    def lots(seed: int) -> str:
        found = re.search(rf"With seed {seed} the lots are: (.+)\.", answered(fast, "demo-tour", seed=seed))
        assert found
        return found[1]

    assert lots(1) == lots(1)
    assert len({lots(seed) for seed in range(8)}) > 4
    assert "seed" not in answered(fast, "demo-tour")


def test_usage_comes_with_a_stream_where_it_was_asked_for(fast: FakeGateway) -> None:
    for counted in (True, False):
        heard = arriving(fast, CHAT, asking("demo-crlf", stream_options={"include_usage": counted}))
        assert ("usage" in heard.kinds) is counted and heard.frames[-1] == "[DONE]"


def test_who_asks_is_taken(fast: FakeGateway) -> None:
    for path, more in ((CHAT, {"user": "ann"}), (MESSAGES, {"metadata": {"user_id": "ann"}})):
        assert post(fast, path, asking("demo-tour", **more)).status_code == 200
        assert "ann" in whole(fast, path, asking("demo-echo", **more))[0]


@BOTH
def test_the_echo_is_the_request(fast: FakeGateway, path: str) -> None:
    body = asking("demo-echo", "Say “```”.", "Why?", "x" * 5000, temperature=0.25)
    text = whole(fast, path, body)[0]
    fence = text.partition("json\n")[0]
    shown = json.loads(text.partition("json\n")[2].removesuffix(f"\n{fence}\n"))
    assert fence == "````" and shown["messages"][:2] == body["messages"][:2]
    assert shown["temperature"] == 0.25 and shown["max_tokens"] == body["max_tokens"]
    assert shown["messages"][2]["content"].endswith("(5,000 characters)")


def test_a_marked_prompt_is_cached_and_read_again(fast: FakeGateway) -> None:
    def usage(*said: Any, **more: Any) -> tuple[int, int, int]:
        found = post(fast, MESSAGES, asking("demo-tour", *said, **more)).json()["usage"]
        return (
            found["cache_creation_input_tokens"],
            found["cache_read_input_tokens"],
            found["input_tokens"],
        )

    system = [{"type": "text", "text": "A long rule. " * 40, "cache_control": LASTING}]
    size = -(-len(system[0]["text"]) // 4)
    assert usage("One?", system=system) == (size, 0, 1)
    assert usage("Two?", system=system) == (0, size, 1)
    marked = [{"type": "text", "text": "Two? " * 8, "cache_control": LASTING}]
    assert usage(marked, system=system) == (10, size, 0)
    assert usage(marked, system=system) == (0, size + 10, 0)
    assert usage("Two?") == (0, 0, 1)
    other = [{**system[0], "text": "B" + system[0]["text"]}]
    assert usage("Two?", system=other)[1] == 0
    again = arriving(fast, MESSAGES, asking("demo-tour", "Three?", system=system)).frames[0]["message"][
        "usage"
    ]
    assert again["cache_read_input_tokens"] == size


def test_a_long_prompt_is_cached_by_itself_on_chat_completions(fast: FakeGateway) -> None:
    def cached(*said: str) -> int:
        found = post(fast, CHAT, asking("demo-tour", *said)).json()["usage"]
        return int(found["prompt_tokens_details"]["cached_tokens"])

    rules = "Remember this by itself. " * 200
    assert [cached(rules, "Yes.", "One?"), cached(rules, "Yes.", "Two?")] == [0, 1152]
    assert [cached("Short.", "Yes.", "One?"), cached("Short.", "Yes.", "One?")] == [0, 0]
