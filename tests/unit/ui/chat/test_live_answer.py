"""Live answer: the status line before the first text."""

from __future__ import annotations

from dataclasses import replace

import pytest
import streamlit as st

from lib.chat.turns.generation import GenerationSnapshot, Growth
from lib.chat.turns.registry import GenerationRegistry
from lib.core.conversation import (
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
from lib.ui.chat import answer_feed, live_answer
from lib.ui.chat.answer_bubble import AnswerBubble
from lib.ui.chat.answer_feed import FollowedAnswer
from lib.ui.chat.arriving_answer import GrowingText
from lib.ui.markdown.sanitize import sanitize_parts

OPUS, SONNET, GPT = (Target(name, "anthropic") for name in ("claude-opus-5", "claude-sonnet-4-5", "gpt-5"))
GPT_CHAT = Target("gpt-5", "openai")
STARTED = {"request_id": "r-1"}


class FakeGeneration:
    """A generation that grows by whole nodes."""

    def __init__(self, node):
        self.snapshot = GenerationSnapshot(0, lambda _: None, False, 1.0, 1.0)
        self.set(node)

    def set(self, node):
        self.snapshot = replace(
            self.snapshot,
            version=self.snapshot.version + 1,
            read_since=lambda cursor: Growth(cursor, node=node),
            is_finished=not node.arriving,
        )

    def wait(self, *_):
        return self.snapshot


@pytest.fixture
def status_of(monkeypatch):
    """Return the status line of an answer without text, some seconds after the question."""

    def status_text(
        target, params, metadata, parts=(), seconds=1.0, has_thought=False, capabilities=UNKNOWN_CAPABILITIES
    ):
        message = Message("assistant", parts)
        node = Node("a", "q", message, 1.0, Outcome.ARRIVING, target=target, provider_metadata=metadata)
        model = Model(target.model, ("openai",), capabilities=capabilities)
        monkeypatch.setattr(answer_feed.services, "model", lambda _: model)
        generation = FakeGeneration(node)
        generation.snapshot = replace(
            generation.snapshot,
            seconds_since_content=seconds,
            seconds_since_activity=seconds,
            has_thought=has_thought,
        )
        answer = FollowedAnswer(generation, replace(node, provider_metadata={}), None, params)
        return answer_feed.AnswerFeed(answer, None)._status_text()

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
    generation = FakeGeneration(node)
    feed = answer_feed.AnswerFeed(FollowedAnswer(generation, node, None), None)

    def grow(*parts):
        generation.set(replace(node, message=Message("assistant", parts)))
        feed._snapshot = generation.wait()
        feed._read_snapshot()

    return feed, grow


def test_a_growing_answer_is_read_in_groups():
    feed, grow = build_feed(TextPart("a"), PICTURE, TextPart("b"), TextPart("\n"))
    assert (feed.groups, feed.texts[2].received, feed.is_done) == (["a", PICTURE, "b\n"], "b\n", False)
    assert [feed.texts[index].part(0).is_last for index in (0, 2)] == [True, False]
    grow(TextPart("a"), PICTURE, TextPart("b"), TextPart("\nc"), CALL)
    assert (feed.texts[2].received, feed.texts[2].part(0).is_last, feed.is_done) == ("b\nc", True, False)
    assert feed.groups == ["a", PICTURE, "b\nc", [CALL]]


def test_a_new_label_of_named_content_and_sources_do_not_start_the_answer_over():
    feed, grow = build_feed(OtherPart("audio", "1 s"), TextPart("a"))
    grow(OtherPart("audio", "2 s"), TextPart("ab"), SourcePart("https://a.example/"))
    assert (feed.texts[1].received, feed.is_done) == ("ab", False)


def test_an_answer_that_begins_again_is_started_over():
    feed, grow = build_feed(TextPart("Hello"))
    grow(TextPart("Hey"))
    assert feed.is_done and not feed.is_finished
    assert feed.texts[0].part(0).is_last
    feed.start_over()
    assert (feed.texts[0].received, feed.is_done) == ("Hey", False)


def test_no_thinking_of_an_answer_stays_when_it_begins_again():
    thinking = "\n\n".join(f"Thought {number} has many words. {'Words. ' * 100}" for number in range(4))
    feed, grow = build_feed(ThinkingPart(thinking), TextPart("Hello"))
    bubble = AnswerBubble(st.container(), feed.node, is_arriving=True)
    steps = live_answer._follow(feed, bubble)
    next(steps)
    assert len(bubble.thinking.elements._shown) == 4
    grow(ThinkingPart("Other"))
    next(steps)
    assert (bubble.thinking.elements._shown, bubble.content._shown) == (["Other"], [])


def read_blocks(text, step):
    """Return the frames of each element of a text that grows by so many characters with each frame."""
    growing, length = GrowingText("en"), 0

    def wait_for_frame():
        nonlocal length
        growing.grow(text[length : length + step])
        length += step
        if length >= len(text):
            growing.finish()

    wait_for_frame()
    blocks = []
    while not blocks or not block.is_last:  # noqa: F821
        block, frames = live_answer._LiveBlock(growing, len(blocks)), []
        while not block.is_done:
            frames += block.frames()
            if not block.is_done:
                wait_for_frame()
        blocks.append(frames)
    return blocks


@pytest.mark.parametrize("step", [1, 7, 40, 10_000])
def test_an_answer_has_the_same_elements_while_it_arrives_and_afterwards(step):
    paragraph = "Some *words* and a [link](https://e.com/a) for $5, \\(x^2\\) and `code`.\n"
    text = "\n".join(
        [paragraph * 6, "- item\n- two\n", paragraph * 9, "\\[\nx\n\\]\n", "| a |\n|---|\n| b |\n", paragraph]
    )
    blocks = read_blocks(text, step)
    assert [frames[-1] for frames in blocks] == list(sanitize_parts(text))
    assert len(blocks) == 3


def test_an_early_frame_waits_for_the_read_after_its_pause(monkeypatch):
    feed, _ = build_feed(TextPart("Hello"))
    waits = []

    def wait(version, timeout, _):
        waits.append((version, timeout))
        return replace(feed._snapshot, version=feed._snapshot.version + 1)

    monkeypatch.setattr(feed._generation, "wait", wait)
    monkeypatch.setattr(answer_feed.streamlit_private, "check_interrupted", lambda: None)
    first, interval = feed._snapshot.version, feed._pace.interval
    feed._next_frame_at = answer_feed.time.monotonic() + 0.01
    feed.wait_for_frame()
    # Of the answer with the text that came meanwhile, only the version is asked for.
    assert waits == [(first, pytest.approx(max(0.1, 1.5 * interval))), (-1, 0), (first + 2, interval)]
    waits.clear()
    feed._next_frame_at = 0.0
    feed.wait_for_frame()
    assert len(waits) == 1


def test_frames_of_a_user_with_many_costly_answers_are_fewer():
    assert answer_feed.frame_interval(0.05, 100, 0, 0.003, 1) == 0.05
    assert answer_feed.frame_interval(0.2, 100, 0, 0.003, 1) == 0.2
    assert answer_feed.frame_interval(0.05, 100, 0, 0.005, 10) == pytest.approx(0.2)
    assert answer_feed.frame_interval(0.05, 5_000, 0, 0.005, 1) == pytest.approx(0.25)
    assert answer_feed.frame_interval(0.05, 100, 0, 9.0, 99) == answer_feed.MAX_FRAME_INTERVAL


def test_frames_of_a_text_that_nobody_can_read_as_fast_are_fewer():
    def interval(chars_per_second: float, min_interval: float = 0.05) -> float:
        return answer_feed.frame_interval(min_interval, 100, chars_per_second, 0.003, 1)

    assert interval(0) == interval(500) == 0.05
    assert 0.05 < interval(1_500) < interval(2_500) < interval(3_000) == interval(1e9) == answer_feed.FAST_INTERVAL
    assert interval(3_000, min_interval=0.2) == 0.2


def test_pages_that_follow_answers_are_counted_by_user():
    registry = GenerationRegistry()
    with registry.follow("ann") as count_pages:
        assert count_pages() == 1
        with pytest.raises(KeyError), registry.follow("ann"), registry.follow("bob"):
            assert count_pages() == 2
            raise KeyError
        assert count_pages() == 1
