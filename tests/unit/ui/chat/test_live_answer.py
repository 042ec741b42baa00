"""Live answer: the status line before the first text."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from lib.chat.turns.generation import GenerationSnapshot
from lib.chat.turns.registry import GenerationRegistry
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
from lib.ui.markdown.sanitize import sanitize_parts

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


def test_a_growing_answer_is_read_in_groups(no_conversation):
    feed, grow = build_feed(TextPart("a"), PICTURE, TextPart("b"), TextPart("\n"))
    assert (feed.groups, feed.text_of(2), feed.is_done) == (["a", PICTURE, "b\n"], "b\n", False)
    grow(TextPart("a"), PICTURE, TextPart("b"), TextPart("\nc"), CALL)
    assert (feed.text_of(2), feed.has_group(3), feed.is_done) == ("b\nc", True, False)
    assert feed.text_of(1) == feed.text_of(4) == ""


def test_a_new_label_of_named_content_and_sources_do_not_start_the_answer_over(no_conversation):
    feed, grow = build_feed(OtherPart("audio", "1 s"), TextPart("a"))
    grow(OtherPart("audio", "2 s"), TextPart("ab"), SourcePart("https://a.example/"))
    assert (feed.text_of(1), feed.is_done) == ("ab", False)


def test_an_answer_that_begins_again_is_started_over(no_conversation):
    feed, grow = build_feed(TextPart("Hello"))
    grow(TextPart("Hey"))
    assert feed.is_done and not feed.is_finished
    feed.start_over()
    assert (feed.text_of(0), feed.is_done) == ("Hey", False)


def read_blocks(text, step):
    """Return the frames of each element of a text that grows by so many characters with each frame."""
    feed = SimpleNamespace(is_done=False, length=step)

    def wait_for_frame(_):
        feed.length += step
        feed.is_done = feed.length >= len(text)

    feed.wait_for_frame = wait_for_frame
    start, blocks = 0, []
    while not blocks or not block.is_last:  # noqa: F821
        block = live_answer._LiveBlock(feed, lambda: text[: feed.length], start, lambda: False)
        frames = []
        while not block.is_done:
            yielded = ""
            for frame in block.frames():
                yielded += frame
                frames.append(yielded)
        blocks.append(frames)
        start += block.size
    return blocks


@pytest.mark.parametrize("step", [1, 7, 40, 10_000])
def test_an_answer_has_the_same_elements_while_it_arrives_and_afterwards(step):
    paragraph = "Some *words* and a [link](https://e.com/a) for $5, \\(x^2\\) and `code`.\n"
    text = "\n".join(
        [paragraph * 5, "- item\n- two\n", paragraph * 9, "\\[\nx\n\\]\n", "| a |\n|---|\n| b |\n", paragraph]
    )
    blocks = read_blocks(text, step)
    assert [frames[-1] for frames in blocks] == list(sanitize_parts(text))
    assert len(blocks) == 3


def test_frames_of_a_user_with_many_costly_answers_are_fewer():
    assert live_answer.frame_interval(100, 0.003, 1) == live_answer.FRAME_INTERVAL
    assert live_answer.frame_interval(100, 0.005, 10) == pytest.approx(0.2)
    assert live_answer.frame_interval(5_000, 0.005, 1) == pytest.approx(0.25)
    assert live_answer.frame_interval(100, 9.0, 99) == live_answer.MAX_FRAME_INTERVAL


def test_pages_that_follow_answers_are_counted_by_user():
    registry = GenerationRegistry()
    with registry.follow("ann") as count_pages:
        assert count_pages() == 1
        with pytest.raises(KeyError), registry.follow("ann"), registry.follow("bob"):
            assert count_pages() == 2
            raise KeyError
        assert count_pages() == 1
