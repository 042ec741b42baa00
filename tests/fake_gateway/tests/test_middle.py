"""Faults and endings of a stream, byte for byte, on both wires."""

import json
import re
import socket
from typing import Any

import anthropic
import openai
import pytest
import requests

from tests.fake_gateway import FakeGateway
from tests.unit.demo.talk import BOTH, CHAT, MESSAGES, arriving, asking, post, whole

HALF_WAY = "3. The third line is the middle,"


@BOTH
def test_breaks_is_cut_in_the_middle_of_an_event(fast: FakeGateway, path: str) -> None:
    heard = arriving(fast, path, asking("demo-breaks"))
    assert heard.failed is not None
    assert 30 <= len(heard.frames) <= 50 and heard.text.endswith("carry on from")
    assert heard.reasons == [] and not spoken(fast, path, asking("demo-breaks", stream=True)).endswith(b"\n")
    with pytest.raises(requests.RequestException):
        post(fast, path, asking("demo-breaks"))


@BOTH
def test_errors_reports_it_in_the_stream(fast: FakeGateway, path: str) -> None:
    heard = arriving(fast, path, asking("demo-errors", **counted(path)))
    assert heard.failed is None and heard.reasons == []
    if path == CHAT:
        assert heard.kinds[-3:] == ["error", "usage", "[DONE]"]
    else:
        assert heard.kinds[-2:] == ["content_block_delta0", "error"]
    error = heard.frames[-3 if path == CHAT else -1]["error"]
    assert error["type"] == "overloaded_error" and "request id: " in error["message"]
    assert 15 <= len(heard.frames) <= 28 and len(heard.text) > 100
    assert post(fast, path, asking("demo-errors")).status_code == 500


def spoken(server: FakeGateway, path: str, body: dict[str, Any]) -> bytes:
    """All bytes that the server says, its chunks as they are."""
    sent = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(sent)}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), 20) as connection:
        connection.sendall(head + sent)
        with connection.makefile("rb") as answer:
            return answer.read()


def counted(path: str) -> dict[str, Any]:
    return {"stream_options": {"include_usage": True}} if path == CHAT else {}


@BOTH
@pytest.mark.parametrize(
    ("name", "chat", "messages"),
    [
        ("demo-error-event", rb"event: error\ndata: {.*}\n\n", rb"event: error\ndata: {.*}\n\n"),
        (
            "demo-error-data",
            rb"\n\ndata: {\"error\": .*}\n\ndata: {.*usage.*}\n\ndata: \[DONE\]\n\n",
            rb"\ndata: {\"type\": \"error\".*}\n\nevent: content_block_stop\n.+\s+event: message_stop\n.*\s+",
        ),
        ("demo-error-at-end", rb"\n\ndata: {\"error\": .*}", rb"\n\ndata: {\"type\": \"error\".*}"),
        ("demo-bare-json", rb"\n\n{\"type\": \"error\".*}\n", rb"\n\n{\"type\": \"error\".*}\n"),
        (
            "demo-done-without-reason",
            rb"\n\ndata: {.*usage.*}\n\ndata: \[DONE\]\n\n",
            rb"\n\nevent: message_stop\n.*\n\n",
        ),
        ("demo-ends-without-reason", rb"content\": \"middle,\"}.*\n\n", rb"text\": \"middle,\"}}\n\n"),
    ],
)
def test_each_ends_as_it_says(fast: FakeGateway, path: str, name: str, chat: bytes, messages: bytes) -> None:
    heard = arriving(fast, path, asking(name, **counted(path)))
    assert heard.failed is None and heard.reasons == []
    assert re.search((chat if path == CHAT else messages) + rb"\Z", heard.raw), heard.raw[-500:]
    assert heard.text.endswith(HALF_WAY)
    limited = arriving(fast, path, asking(name, max_tokens=5))
    assert limited.reasons == ["length" if path == CHAT else "max_tokens"]


@BOTH
def test_a_reason_without_an_end_marker_is_an_end(fast: FakeGateway, path: str) -> None:
    heard = arriving(fast, path, asking("demo-no-end-marker"))
    assert heard.reasons == ["stop" if path == CHAT else "end_turn"]
    assert heard.kinds[-1] == ("finish" if path == CHAT else "message_delta")
    assert heard.text.endswith("再见 👋\n")


@BOTH
def test_an_answer_without_a_word_is_well_formed(fast: FakeGateway, path: str) -> None:
    heard = arriving(fast, path, asking("demo-empty-answer"))
    if path == CHAT:
        assert heard.kinds == ["role+content", "finish", "[DONE]"]
    else:
        assert heard.kinds == ["message_start", "message_delta", "message_stop"]
    assert heard.text == "" and whole(fast, path, asking("demo-empty-answer"))[0] == ""


@BOTH
@pytest.mark.parametrize(
    ("name", "chat", "messages"),
    [
        ("demo-cut-by-length", "length", "max_tokens"),
        ("demo-only-thinks", "length", "max_tokens"),
        ("demo-context-full", "model_context_window_exceeded", "model_context_window_exceeded"),
        ("demo-refuses", "stop", "refusal"),
        ("demo-filtered", "content_filter", "refusal"),
        ("demo-wants-tool", "tool_calls", "tool_use"),
        ("demo-pause-turn", "pause_turn", "pause_turn"),
    ],
)
def test_each_reason_is_in_the_words_of_the_wire(
    fast: FakeGateway, path: str, name: str, chat: str, messages: str
) -> None:
    heard = arriving(fast, path, asking(name))
    payload = post(fast, path, asking(name)).json()
    reason = payload["choices"][0]["finish_reason"] if path == CHAT else payload["stop_reason"]
    assert heard.reasons == [reason] == [chat if path == CHAT else messages]
    assert heard.kinds[-1] == ("[DONE]" if path == CHAT else "message_stop")
    assert bool(heard.text) is (name != "demo-only-thinks")


def test_a_refusal_has_a_place_of_its_own(fast: FakeGateway) -> None:
    heard = arriving(fast, CHAT, asking("demo-refuses"))
    assert "refusal" in heard.kinds and "content" not in heard.kinds
    message = post(fast, CHAT, asking("demo-refuses")).json()["choices"][0]["message"]
    assert message["refusal"] == heard.text and message["content"] == ""
    delta = arriving(fast, MESSAGES, asking("demo-refuses")).frames[-2]["delta"]
    details = post(fast, MESSAGES, asking("demo-refuses")).json()["stop_details"]
    assert delta["stop_details"] == details and details["type"] == "refusal" and details["explanation"]
    assert "stop_details" not in arriving(fast, MESSAGES, asking("demo-filtered")).frames[-2]["delta"]


def test_a_tool_is_called_by_the_name_that_was_given(
    ours: openai.OpenAI, theirs: anthropic.Anthropic
) -> None:
    tools: list[Any] = [{"type": "function", "function": {"name": "find", "parameters": {}}}]
    body: Any = asking("demo-wants-tool", "Where is it?", tools=tools)
    chosen = ours.chat.completions.create(**body).choices[0]
    chunks: Any = list(ours.chat.completions.create(**body, stream=True))
    assert chosen.finish_reason == "tool_calls" and chosen.message.tool_calls
    called: Any = chosen.message.tool_calls[0]
    calls = [c for chunk in chunks for choice in chunk.choices for c in choice.delta.tool_calls or ()]
    assert calls[0].id.startswith("call_") and all(call.id is None for call in calls[1:])
    assert "".join(call.function.arguments for call in calls) == called.function.arguments
    assert called.function.name == calls[0].function.name == "find"
    assert json.loads(called.function.arguments)["query"] == "Where is it?"
    asked: Any = asking("demo-wants-tool", "Where is it?", tools=[{"name": "find", "input_schema": {}}])
    whole_one = theirs.messages.create(**{**asked, "max_tokens": 4000})
    with theirs.messages.stream(**asked) as stream:
        last = stream.get_final_message()
    for message in (whole_one, last):
        assert message.stop_reason == "tool_use"
        assert [block.type for block in message.content] == ["text", "tool_use"]
        block: Any = message.content[1]
        assert block.name == "find" and block.input["query"] == "Where is it?"


@pytest.mark.parametrize("name", ["demo-errors", "demo-error-event", "demo-error-data", "demo-breaks"])
def test_the_sdks_notice_the_fault(ours: openai.OpenAI, theirs: anthropic.Anthropic, name: str) -> None:
    body: Any = asking(name, stream=True)
    with ours.chat.completions.create(**body) as chunks, pytest.raises(Exception) as failed:
        list(chunks)
    assert isinstance(failed.value, openai.APIError) or name == "demo-breaks"
    if name == "demo-error-data":
        return  # to Anthropic's SDK an event without a name is none
    with theirs.messages.create(**body) as events, pytest.raises(Exception) as failed:
        list(events)
    assert isinstance(failed.value, anthropic.APIError) or name == "demo-breaks"
