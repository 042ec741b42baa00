"""Cached results of texts: computed once, and as many as their texts are short."""

from __future__ import annotations

import pytest

from lib.ui.markdown.text_cache import TextCache


@pytest.fixture
def computed() -> list[tuple[str, ...]]:
    return []


@pytest.fixture
def shout(computed):
    def compute(text: str, *options: str) -> str:
        computed.append((text[:3], *options))
        return text.upper()

    return TextCache(compute, max_chars=10_000)


def test_a_result_is_computed_once_for_a_text_and_its_options(shout, computed):
    assert [shout("a"), shout("a"), shout("a", "zh"), shout("a", "zh")] == ["A"] * 4
    assert computed == [("a",), ("a", "zh")]


def test_the_texts_that_were_asked_for_last_are_kept_up_to_a_total_length(shout, computed):
    for name in "abc":
        shout(name * 3_000)
    shout("a" * 3_000)
    shout("d" * 3_000)  # in place of b
    computed.clear()
    for name in "acd":
        shout(name * 3_000)
    assert computed == []
    shout("b" * 3_000)
    assert computed == [("bbb",)]


def test_a_text_beyond_the_limit_is_kept_until_the_next_one(shout, computed):
    for _ in range(2):
        assert shout("x" * 20_000) == "X" * 20_000
    shout("y")
    shout("x" * 20_000)
    assert computed == [("xxx",), ("y",), ("xxx",)]
