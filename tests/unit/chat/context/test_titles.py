"""Titles extracted from model replies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.chat.context.titles import MAX_TITLE_LENGTH, title_from_question, title_from_reply

TITLES_BY_REPLY = {
    "Why the Sky Is Blue": "Why the Sky Is Blue",
    '"Why the Sky Is Blue"': "Why the Sky Is Blue",
    "**Title:** Why the Sky Is Blue": "Why the Sky Is Blue",
    "Title: “Why the Sky Is Blue.”": "Why the Sky Is Blue",
    "# Why the Sky Is Blue\n\nThe sky is blue because …": "Why the Sky Is Blue",
    "\n\n- *Why* the sky": "Why the sky",
    "标题：《天空为什么是蓝的》": "天空为什么是蓝的",
    "「空の青さ」": "空の青さ",
    "解读《三体》": "解读《三体》",
    "《三体》解读": "《三体》解读",
    "《三体》与《流浪地球》": "《三体》与《流浪地球》",
    "学习「你好」。": "学习「你好」",
    '"a" and "b"': '"a" and "b"',
    'Say "hi"': 'Say "hi"',
    "The teachers'": "The teachers'",
    "„Reise“": "Reise",
    '"Trip': "Trip",
    "Trip”": "Trip",
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


@pytest.mark.parametrize("text", TITLES_BY_REPLY)
def test_decoration_of_titles_is_removed(text: str) -> None:
    assert title_from_reply(text) == TITLES_BY_REPLY[text]


@given(st.text())
def test_any_reply_gives_one_short_line_or_nothing(text: str) -> None:
    title = title_from_reply(text)
    assert len(title) <= MAX_TITLE_LENGTH
    assert "\n" not in title
    assert title == title_from_question(title)
    assert not title or any(character.isalnum() for character in title)
