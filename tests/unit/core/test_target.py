"""Patterns of model ids: only * has a meaning."""

from __future__ import annotations

import pytest

from lib.core.target import matches_pattern


@pytest.mark.parametrize(
    ("pattern", "model_id", "expected"),
    [
        ("*", "", True),
        ("*", "any\nthing", True),
        ("claude-*", "claude-x", True),
        ("claude-*", "claude-", True),
        ("CLAUDE-*", "Claude-X", True),
        ("claude-*", "my-claude-x", False),
        ("*claude*", "my-claude-x", True),
        ("*-mini", "gpt-mini", True),
        ("*-mini", "gpt-mini-2", False),
        ("gpt-*-mini", "gpt-mini", False),
        ("gpt-*-mini", "gpt--mini", True),
        ("gpt-*-mini", "gpt-5-x-mini", True),
        ("a*b*c", "a-b-b-c", True),
        ("a*b*c", "a-c-b", False),
        ("aa*aa", "aaa", False),
        ("**", "x", True),
        ("", "x", False),
        ("", "", True),
        # The signs of a glob and of a regular expression stand for themselves.
        ("gpt-?", "gpt-4", False),
        ("gpt-?", "gpt-?", True),
        ("gpt-[45]", "gpt-4", False),
        ("gpt-[45]*", "gpt-[45]-turbo", True),
        ("gpt-[!4]", "gpt-5", False),
        ("gpt.4", "gpt-4", False),
        ("org/model:free", "org/model:free", True),
        ("model$", "model", False),
    ],
)
def test_a_star_stands_for_any_characters(pattern, model_id, expected):
    assert matches_pattern(model_id, pattern) is expected


def test_many_stars_are_matched_in_one_pass():
    assert not matches_pattern("a" * 5_000, "*a" * 100 + "b")
    assert matches_pattern("a" * 5_000, "*a" * 100 + "*")
