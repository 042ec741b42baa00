"""Live answer: the status line before the first text."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from lib.chat.turns.generation import GenerationSnapshot
from lib.core.conversation import (
    Conversation,
    ImagePart,
    Message,
    Node,
    OtherPart,
    Outcome,
    SourcePart,
    TextPart,
    ThinkingPart,
)
from lib.core.models import UNKNOWN_CAPABILITIES, Capabilities, Model
from lib.core.params import Params
from lib.core.target import Target
from lib.ui.chat import live_answer

OPUS, SONNET, GPT = (Target(name, "anthropic") for name in ("claude-opus-5", "claude-sonnet-4-5", "gpt-5"))
GPT_CHAT = Target("gpt-5", "openai")
STARTED = {"request_id": "r-1"}


@pytest.fixture
def status_of(monkeypatch):
    """Return the status line of an answer without text, some seconds after the question."""

    def status_text(
        target, params, metadata, parts=(), seconds=1.0, has_thought=False, capabilities=UNKNOWN_CAPABILITIES
    ):
        message = Message("assistant", parts)
        node = Node("a", "q", message, 1.0, Outcome.ARRIVING, target=target, provider_metadata=metadata)
        conversation = Conversation("c", "Why?", 1.0, created_at=1.0, target=target, params=params)
        model = Model(target.model, ("openai",), capabilities=capabilities)
        view = SimpleNamespace(conversation=conversation)
        monkeypatch.setattr(live_answer.conversation_view, "current_view", lambda: view)
        monkeypatch.setattr(live_answer.services, "model", lambda _: model)
        snapshot = GenerationSnapshot(1, node, seconds, seconds, has_thought=has_thought)
        generation = SimpleNamespace(wait=lambda *_: snapshot)
        return live_answer._AnswerFeed(generation, None, replace(node, provider_metadata={}))._status_text()

    return status_text


@pytest.mark.parametrize(
    ("target", "params", "label"),
    [
        (OPUS, Params(), "claude-opus-5 is thinking"),
        (OPUS, Params(display="omitted", effort="high"), "claude-opus-5 is thinking"),
        (OPUS, Params(thinking="off"), "Waiting for claude-opus-5"),
        (OPUS, Params(effort="none"), "Waiting for claude-opus-5"),
        (SONNET, Params(), "Waiting for claude-sonnet-4-5"),
        (SONNET, Params(thinking="adaptive"), "claude-sonnet-4-5 is thinking"),
        (GPT_CHAT, Params(), "gpt-5 is thinking"),
        (Target("gpt-5.2", "openai"), Params(), "Waiting for gpt-5.2"),
        (Target("gpt-5.2", "openai"), Params(effort="high"), "gpt-5.2 is thinking"),
        (Target("gpt-4o", "openai"), Params(), "Waiting for gpt-4o"),
        (Target("m", "anthropic"), Params(), "Waiting for m"),
    ],
)
def test_a_silent_phase_of_a_model_that_thinks_is_labelled(status_of, target, params, label):
    # Markdown escapes of the model's name do not matter here.
    assert status_of(target, params, STARTED).replace("\\", "") == label
    # Before the response begins, nobody knows what the model does.
    assert status_of(target, params, {}).startswith("Waiting for")


def test_thinking_without_text_is_evidence_for_any_model(status_of):
    parts = (ThinkingPart("", "signature"),)
    status = status_of(Target("my-model", "anthropic"), Params(), STARTED, parts)
    assert status.replace("\\", "") == "my-model is thinking"
    started = status_of(Target("my-model", "anthropic"), Params(), STARTED, has_thought=True)
    assert started == status


def test_a_long_silence_shows_its_seconds(status_of):
    assert status_of(OPUS, Params(), STARTED, seconds=12.0).endswith("is thinking · 12 s")
    always = Capabilities(thinking_modes=("adaptive",))
    params = Params(thinking="off")
    assert status_of(OPUS, params, STARTED, seconds=12.0, capabilities=always).endswith("is thinking · 12 s")


PICTURE, CALL = ImagePart("image/png", "x"), OtherPart("server_tool_use")


def build_feed(*parts):
    """Return a feed of a growing answer, and a function that lets it grow."""
    node = Node("a", "q", Message("assistant", parts), 1.0, Outcome.ARRIVING)
    snapshots = [GenerationSnapshot(1, node, 1.0, 1.0)]
    feed = live_answer._AnswerFeed(SimpleNamespace(wait=lambda *_: snapshots[-1]), None, node)

    def grow(*parts):
        feed._snapshot = GenerationSnapshot(2, replace(node, message=Message("assistant", parts)), 1.0, 1.0)
        feed._read_snapshot()

    return feed, grow


@pytest.fixture
def no_conversation(monkeypatch):
    monkeypatch.setattr(live_answer.conversation_view, "current_view", lambda: SimpleNamespace(conversation=None))


def test_text_behind_an_image_streams_and_another_image_begins_a_pass(no_conversation):
    feed, grow = build_feed(TextPart("a"), PICTURE, TextPart("b"))
    assert (feed.settled_parts, feed.text, feed.is_done) == ((TextPart("a"), PICTURE), "b", False)
    grow(TextPart("a"), PICTURE, TextPart("bc"))
    assert (feed.text, feed.is_done) == ("bc", False)
    grow(TextPart("a"), PICTURE, TextPart("bc"), CALL)
    assert feed.is_done and not feed.is_finished


def test_a_new_label_of_named_content_and_sources_begin_no_pass(no_conversation):
    feed, grow = build_feed(OtherPart("audio", "1 s"), TextPart("a"))
    grow(OtherPart("audio", "2 s"), TextPart("ab"), SourcePart("https://a.example/"))
    assert (feed.text, feed.is_done) == ("ab", False)


def test_the_passes_of_an_answer_are_bounded(no_conversation):
    parts = (PICTURE, TextPart("a")) * live_answer.MAX_LIVE_PARTS
    feed, grow = build_feed(*parts)
    assert len(feed.settled_parts) == len(parts) - 1
    grow(*parts, PICTURE, CALL)
    assert not feed.is_done
