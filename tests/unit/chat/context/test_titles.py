"""Titles: what is taken of a model's answer, and what is not."""

from __future__ import annotations

import pytest
from hypothesis import given as any_of
from hypothesis import strategies as some

from lib.chat.context.titles import MAX_TITLE_LENGTH, title_from_question, title_from_reply

GIVEN = {
    "Why the Sky Is Blue": "Why the Sky Is Blue",
    '"Why the Sky Is Blue"': "Why the Sky Is Blue",
    "**Title:** Why the Sky Is Blue": "Why the Sky Is Blue",
    "Title: “Why the Sky Is Blue.”": "Why the Sky Is Blue",
    "# Why the Sky Is Blue\n\nThe sky is blue because …": "Why the Sky Is Blue",
    "\n\n- *Why* the sky": "Why the sky",
    "标题：《天空为什么是蓝的》": "天空为什么是蓝的",
    "「空の青さ」": "空の青さ",
    "`sort()` in Python": "sort() in Python",
    "1. First of many": "First of many",
    "3.5 per cent": "3.5 per cent",
    "C# and F#": "C# and F#",
    "What __init__ does": "What __init__ does",
    "3 * 4 and more": "3 * 4 and more",
    "---\nReal\n": "Real",
    "a\x00b\x1b[31m": "ab[31m",
    "": "",
    " \n\t": "",
    "***": "",
    "word " * 40: "word word word word word word word word word word word…",
}


@pytest.mark.parametrize("text", GIVEN)
def test_a_title_is_taken_without_what_models_put_around_it(text: str) -> None:
    assert title_from_reply(text) == GIVEN[text]


@any_of(some.text())
def test_any_answer_gives_one_short_line_or_nothing(text: str) -> None:
    found = title_from_reply(text)
    assert len(found) <= MAX_TITLE_LENGTH
    assert "\n" not in found
    assert found == title_from_question(found)
    assert not found or any(sign.isalnum() for sign in found)
