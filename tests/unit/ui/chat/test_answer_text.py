"""Texts about a finished answer: outcome messages and the footer."""

from __future__ import annotations

import pytest

from lib.chat.turns.temporary import TemporaryStore
from lib.core.conversation import (
    REPLAY,
    Failure,
    ImagePart,
    Message,
    Node,
    Outcome,
    TextPart,
    ThinkingPart,
    Timing,
    Usage,
)
from lib.core.target import Target
from lib.ui.chat import answer_text
from lib.ui.text.i18n import TRANSLATIONS
from lib.ui.widgets import errors

ANSWER = Message("assistant", (TextPart("Because."),))
EMPTY = Message("assistant", ())


def finished(outcome: Outcome, message: Message = ANSWER, **fields) -> Node:
    return Node("a", "q", message, 1.0, outcome, **{"target": Target("m", "openai"), **fields})


NODES = {
    "complete": finished(Outcome.COMPLETE),
    "tool": finished(Outcome.COMPLETE, finish_reason="tool_use"),
    "length": finished(Outcome.LENGTH, finish_reason="length"),
    "length_thinking": finished(Outcome.LENGTH, EMPTY, finish_reason="length"),
    "length_mostly_thinking": finished(Outcome.LENGTH, usage=Usage(9, 1000, reasoning=500)),
    "context_full": finished(Outcome.LENGTH, finish_reason="model_context_window_exceeded"),
    "paused": finished(Outcome.INTERRUPTED, finish_reason="pause_turn"),
    "interrupted_reason": finished(Outcome.INTERRUPTED, finish_reason="new *reason*"),
    "doubtful": finished(Outcome.INTERRUPTED, failure=Failure("no_last_word")),
    "interrupted": finished(Outcome.INTERRUPTED, failure=Failure("cut")),
    "interrupted_silent": finished(Outcome.INTERRUPTED, EMPTY, failure=Failure("cut")),
    "stopped": finished(Outcome.STOPPED),
    "stopped_silent": finished(Outcome.STOPPED, EMPTY),
    "empty": finished(Outcome.EMPTY, EMPTY, finish_reason="stop"),
}


@pytest.mark.parametrize("key", NODES)
def test_each_outcome_has_a_message_in_every_language(key):
    assert answer_text.outcome_key(NODES[key]) == key
    if key == "complete":
        assert answer_text.outcome_message(NODES[key]) == ""
    else:
        assert all(messages.get(f"outcome.{key}") for messages in TRANSLATIONS.values())


@pytest.mark.parametrize(
    ("message", "usage", "key"),
    [
        (ANSWER, Usage(9, 1000, reasoning=499), "length"),
        (ANSWER, Usage(9, 1000), "length"),
        (ANSWER, Usage(9, None, reasoning=500), "length"),
        # More reasoning than output is a wrong count.
        (ANSWER, Usage(9, 10, reasoning=500), "length"),
        (ANSWER, Usage(9, 1000, reasoning=1000), "length_mostly_thinking"),
        (EMPTY, Usage(9, 1000, reasoning=1000), "length_thinking"),
        (EMPTY, Usage(9, 1000, reasoning=0), "length"),
        (Message("assistant", (ThinkingPart("Hm."),)), Usage(9, 1000, reasoning=0), "length_thinking"),
    ],
)
def test_thinking_that_consumed_the_limit_is_named(message, usage, key):
    node = finished(Outcome.LENGTH, message, usage=usage)
    assert answer_text.outcome_key(node) == key
    if key == "length_mostly_thinking":
        assert "1,000 of 1,000 tokens" in answer_text.outcome_message(node)


@pytest.mark.parametrize("key", ["stopped", "interrupted"])
@pytest.mark.parametrize("is_temporary", [False, True])
def test_a_temporary_chat_does_not_claim_that_text_is_saved(key, is_temporary, monkeypatch):
    store = object.__new__(TemporaryStore) if is_temporary else None
    monkeypatch.setattr(errors, "session_state", type("State", (), {"temporary_store": store}))
    messages = [answer_text.outcome_message(NODES[key]), errors.code_message("failed_midway")]
    assert ["saved" in message for message in messages] == [not is_temporary] * 2
    assert ["temporary chat" in message for message in messages] == [is_temporary] * 2


def test_the_footer_shows_model_wire_times_and_tokens():
    node = finished(Outcome.COMPLETE, finish_reason="stop", usage=Usage(1200, 90), timing=Timing(0.5, 0.5, 3.5))
    assert (
        answer_text.format_footer(node)
        == "**m** · OpenAI format · first token 0.50 s · 30 tokens/s · 1,200 in · 90 out"
    )
    assert answer_text.format_footer(finished(Outcome.STOPPED)) == "**m** · OpenAI format · token usage not reported"


def test_the_footer_of_a_replay_says_so_in_place_of_its_cost():
    node = finished(Outcome.COMPLETE, usage=Usage(4, 90), provider_metadata={REPLAY: {}})
    assert answer_text.format_footer(node) == "**m** · OpenAI format · 4 in · 90 out · replay"


def test_an_answer_that_arrived_in_one_piece_has_no_speed():
    node = finished(Outcome.COMPLETE, finish_reason="stop", usage=Usage(4, 90), timing=Timing(1.0, 1.0, 1.0001))
    assert "tokens/s" not in answer_text.format_footer(node)


def test_output_tokens_of_the_anthropic_wire_need_a_finish_reason():
    target, timing = Target("m", "anthropic"), Timing(0.5, 0.5, 3.5)
    cut = finished(Outcome.INTERRUPTED, target=target, usage=Usage(4, 1), timing=timing)
    assert answer_text.format_footer(cut) == "**m** · Anthropic format · first token 0.50 s · 4 in"
    complete = finished(Outcome.COMPLETE, target=target, usage=Usage(4, 90), timing=timing, finish_reason="end_turn")
    assert answer_text.format_footer(complete).endswith("30 tokens/s · 4 in · 90 out")


@pytest.mark.parametrize("reason", ["pause_turn", "PAUSE_TURN", "max_tokens", "stop"])
def test_only_an_interrupting_finish_reason_is_quoted(reason):
    interrupted = finished(Outcome.INTERRUPTED, finish_reason=reason)
    assert answer_text.outcome_key(interrupted) == ("paused" if "pause" in reason.lower() else "interrupted_reason")
    assert answer_text.outcome_key(finished(Outcome.LENGTH, finish_reason=reason)) == "length"


def test_an_unknown_finish_reason_is_quoted_as_literal_text():
    message = answer_text.outcome_message(NODES["interrupted_reason"])
    assert "“new \\*reason\\*”" in message
    long = finished(Outcome.INTERRUPTED, finish_reason="x" * 5_000)
    assert len(answer_text.outcome_message(long)) < 400


def test_an_answer_of_an_image_alone_is_not_silent():
    image = Message("assistant", (ImagePart(url="https://a.example/"),))
    assert answer_text.outcome_key(finished(Outcome.STOPPED, image)) == "stopped"
