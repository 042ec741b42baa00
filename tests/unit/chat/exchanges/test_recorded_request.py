"""The conversation of a recorded request, on each wire, and of bodies that are none."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.chat.exchanges.recorded_request import MAX_MESSAGES, RecordedRequest, read_request
from lib.core.conversation import FilePart, OtherPart, TextPart, ThinkingPart
from lib.core.exchanges import SentFile
from tests.support.exchanges import build_attempt

FILES = (
    SentFile("mark-1", "ab" * 32, "image/png", 100, "data:image/png;base64,"),
    SentFile("mark-2", "cd" * 32, "application/pdf", 200),
)
IMAGE = FilePart("ab" * 32, "image-1.png", "image/png", 100, "image")
PDF = FilePart("cd" * 32, "tides.pdf", "application/pdf", 200, "pdf")


def read(wire, body: object, files=FILES) -> RecordedRequest:
    attempt = build_attempt(wire, files=files)
    attempt = attempt.__class__(**{**vars(attempt), "body": body if isinstance(body, str) else json.dumps(body)})
    return read_request(attempt, "not recorded")


def test_messages_of_the_openai_format():
    request = read(
        "openai",
        {
            "model": "m",
            "messages": [
                {"role": "system", "content": "Be kind."},
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": "Hello", "reasoning_content": "Greet."},
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "Look"},
                        {"type": "image_url", "image_url": {"url": "mark-1"}},
                        {"type": "file", "file": {"filename": "tides.pdf", "file_data": "mark-2"}},
                    ],
                },
            ],
        },
    )
    assert request.system == "Be kind."
    assert [message.role for message in request.messages] == ["user", "assistant", "user"]
    assert request.messages[1].parts == (ThinkingPart("Greet."), TextPart("Hello"))
    assert request.messages[2].parts == (TextPart("Look"), IMAGE, PDF)


def test_messages_of_the_anthropic_format():
    request = read(
        "anthropic",
        {
            "system": [{"type": "text", "text": "Be kind."}, {"type": "text", "text": "Be brief."}],
            "messages": [
                {"role": "user", "content": [{"type": "document", "title": "tides.pdf", "source": {"data": "mark-2"}}]},
                {"role": "user", "content": "Read it."},
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "Hm.", "signature": "sig"},
                        {"type": "redacted_thinking", "data": "sealed"},
                        {"type": "server_tool_use", "name": "web_search", "input": {"query": "tides"}},
                        {"type": "text", "text": "Done."},
                    ],
                },
                {"role": "user", "content": "Thanks"},
            ],
        },
    )
    assert request.system == "Be kind.\n\nBe brief."
    question, answer, thanks = request.messages
    assert question.parts == (PDF, TextPart("Read it."))
    assert answer.parts[:2] == (ThinkingPart("Hm.", "sig"), ThinkingPart("", "", "sealed"))
    assert isinstance(answer.parts[2], OtherPart) and answer.parts[2].label == "web_search"
    assert thanks.text == "Thanks"


def test_a_request_for_images_is_its_prompt_with_its_images():
    request = read("images", {"model": "m", "prompt": "A boat", "image": ["mark-1"]})
    assert request.messages[0].parts == (IMAGE, TextPart("A boat"))


@pytest.mark.parametrize("body", ["", "{", "[]", {"messages": "none"}, {"messages": [3, {"role": "assistant"}]}])
def test_a_question_stands_at_both_ends_whatever_was_recorded(body):
    messages = read("openai", body).messages
    assert messages[0].role == messages[-1].role == "user"
    assert messages[-1].text == "not recorded"
    assert all(message.parts for message in messages)


def test_of_millions_of_messages_the_last_ones_are_shown():
    messages = [{"role": "system", "content": "Be kind."}]
    messages += [{"role": role, "content": str(n)} for n in range(MAX_MESSAGES) for role in ("assistant", "user")]
    request = read("openai", {"messages": messages})
    assert request.system == "Be kind." and len(request.messages) <= MAX_MESSAGES + 2
    assert request.messages[-1].text == str(MAX_MESSAGES - 1)


def test_a_deep_block_is_shown_without_its_details():
    for depth in range(900, 1_000, 3):
        block = '{"type": "odd", "x": ' + "[" * depth + "]" * depth + "}"
        body = '{"messages": [{"role": "user", "content": [' + block + "]}]}"
        assert read("openai", body).messages[0].role == "user"


values = st.recursive(
    st.none() | st.integers() | st.sampled_from(["user", "assistant", "system", "text", "image", "mark-1", "\0"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["messages", "role", "content", "type", "text", "prompt", "name"]), inner)
    ),
)


@given(st.dictionaries(st.sampled_from(["messages", "system", "prompt", "image"]), values))
def test_any_body_gives_turns(body):
    messages = read("openai", body).messages
    assert [message.role for message in messages] == (["user", "assistant"] * len(messages))[: len(messages)]
    assert messages[-1].role == "user" and all(message.parts for message in messages)
