"""Announcements of answers: what a screen reader says at the start and at the end."""

from __future__ import annotations

import pytest

from lib.core.conversation import Failure, Message, Node, Outcome, TextPart
from lib.ui.chat import answer_status


def node(outcome: Outcome, text: str = "Text", **values) -> Node:
    return Node("n", None, Message("assistant", (TextPart(text),) if text else ()), 0.0, outcome=outcome, **values)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (node(Outcome.ARRIVING), "Answer started."),
        (node(Outcome.COMPLETE), "Answer complete."),
        (node(Outcome.STOPPED), "Answer stopped."),
        (node(Outcome.FAILED, failure=Failure("rate_limited")), "The answer failed. Rate limit reached"),
        (node(Outcome.FAILED, failure=Failure("a code of tomorrow")), "The answer failed. Something went wrong"),
        (node(Outcome.FAILED), "The answer failed. Something went wrong"),
        (node(Outcome.LENGTH), "The answer ended. Cut off"),
        (node(Outcome.EMPTY, ""), "The answer ended. The model returned an empty answer."),
        (node(Outcome.REFUSED), "The answer ended. The model declined to answer."),
        (node(Outcome.COMPLETE, finish_reason="tool_calls"), "The answer ended. The model tried to use a tool"),
        (node(Outcome.INTERRUPTED, finish_reason="*odd_reason*"), "ended this answer with “*odd_reason*”"),
    ],
)
def test_an_announcement_says_how_the_answer_goes_without_markdown(answer, expected):
    text = answer_status.announcement(answer)
    assert expected in text
    assert "\\" not in text and ":material" not in text


@pytest.mark.parametrize(
    ("text", "excerpt"),
    [
        ("# Tides\n\nThey come twice.", "Tides"),
        ("```python\nprint(1)\n```", "print(1)"),
        ("~~~\n**bold** words\n~~~", "bold words"),
        ("", ""),
    ],
)
def test_an_excerpt_is_the_first_line_with_words(text, excerpt):
    assert answer_status.excerpt(node(Outcome.COMPLETE, text)) == excerpt


def test_an_excerpt_of_a_long_answer_is_short():
    assert len(answer_status.excerpt(node(Outcome.COMPLETE, "word " * 100_000))) <= 60
