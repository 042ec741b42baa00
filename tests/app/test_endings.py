"""What is said of an answer that has ended: in words that fit, and with no number that is a guess."""

from __future__ import annotations

import pytest

from lib.core.conversation import Failure, Message, Node, Outcome, TextPart, Timing, Usage
from lib.core.target import Target
from lib.ui.chat import answer_text
from lib.ui.text import limit_text
from lib.ui.text.i18n import TRANSLATIONS

SAID = Message("assistant", (TextPart("Because."),))
SILENT = Message("assistant", ())


def ended(outcome: Outcome, message: Message = SAID, **more) -> Node:
    return Node("a", "q", message, 1.0, outcome, **{"target": Target("m", "openai"), **more})


NAMES = {
    "complete": ended(Outcome.COMPLETE),
    "tool": ended(Outcome.COMPLETE, finish_reason="tool_use"),
    "length": ended(Outcome.LENGTH, finish_reason="length"),
    "length_thinking": ended(Outcome.LENGTH, SILENT, finish_reason="length"),
    "context_full": ended(Outcome.LENGTH, finish_reason="model_context_window_exceeded"),
    "paused": ended(Outcome.INTERRUPTED, finish_reason="pause_turn"),
    "doubtful": ended(Outcome.INTERRUPTED, failure=Failure("no_last_word")),
    "interrupted": ended(Outcome.INTERRUPTED, failure=Failure("cut")),
    "interrupted_silent": ended(Outcome.INTERRUPTED, SILENT, failure=Failure("cut")),
    "stopped": ended(Outcome.STOPPED),
    "stopped_silent": ended(Outcome.STOPPED, SILENT),
    "empty": ended(Outcome.EMPTY, SILENT, finish_reason="stop"),
}


@pytest.mark.parametrize("name", NAMES)
def test_each_ending_has_words_of_its_own_in_every_language(name):
    assert answer_text.outcome_key(NAMES[name]) == name
    if name != "complete":
        assert all(words.get(f"outcome.{name}") for words in TRANSLATIONS.values())


def test_the_foot_tells_what_is_known():
    node = ended(Outcome.COMPLETE, finish_reason="stop", usage=Usage(1200, 90), timing=Timing(0.5, 0.5, 3.5))
    assert (
        answer_text.format_footer(node)
        == "**m** · OpenAI format · first token 0.50 s · 30 tokens/s · 1,200 in · 90 out"
    )
    assert (
        answer_text.format_footer(ended(Outcome.STOPPED))
        == "**m** · OpenAI format · token usage not reported"
    )


def test_an_answer_that_came_whole_had_no_speed():
    node = ended(Outcome.COMPLETE, finish_reason="stop", usage=Usage(4, 90), timing=Timing(1.0, 1.0, 1.0001))
    assert "tokens/s" not in answer_text.format_footer(node)


def test_what_anthropics_wire_counts_before_its_last_word_is_not_told():
    target, timing = Target("m", "anthropic"), Timing(0.5, 0.5, 3.5)
    cut = ended(Outcome.INTERRUPTED, target=target, usage=Usage(4, 1), timing=timing)
    assert answer_text.format_footer(cut) == "**m** · Anthropic format · first token 0.50 s · 4 in"
    usage = Usage(4, 90)
    whole = ended(Outcome.COMPLETE, target=target, usage=usage, timing=timing, finish_reason="end_turn")
    assert answer_text.format_footer(whole).endswith("30 tokens/s · 4 in · 90 out")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "1 s"),
        (30, "30 s"),
        (89.5, "90 s"),
        (120, "2 min"),
        (3600, "60 min"),
        (9000, "3 h"),
    ],
)
def test_a_wait_is_told_in_a_unit_that_fits(seconds, words):
    assert limit_text.format_duration(seconds) == words
