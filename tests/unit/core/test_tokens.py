"""Estimates of tokens: near what makers say of their own, and steady."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from lib.core import tokens

ENGLISH = (
    "The tide is the rise and fall of the sea, caused by the pull of the moon and the sun together with the "
    "turning of the earth. Most coasts see two high waters and two low waters in a day, some only one."
)
CHINESE = "潮汐是海水在月球和太阳的引力作用下所产生的周期性涨落现象，大多数海岸每天有两次高潮和两次低潮。"


# What makers tell of their own vocabularies: the least and the most of them all.
@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        (ENGLISH, len(ENGLISH) / 4.8, len(ENGLISH) / 3.3),
        (CHINESE, len(CHINESE) * 0.6, len(CHINESE) * 1.3),
        ("Прилив и отлив, каждый день", 27 / 3.5, 27 / 1.8),
        ("👋👋👋👋", 4, 12),
    ],
)
def test_the_estimate_is_within_what_makers_say(text: str, least: float, most: float) -> None:
    assert least <= tokens.estimate(text) <= most


def test_nothing_is_nothing_and_a_blank_message_is_not_sent() -> None:
    assert tokens.estimate("") == tokens.estimate_message("") == tokens.estimate_message(" \n") == 0
    assert tokens.estimate_message("a") == 1 + tokens.MESSAGE_OVERHEAD


@given(some.text(), some.text())
def test_a_longer_text_is_never_fewer_and_joining_saves_at_most_a_token(one: str, other: str) -> None:
    both = tokens.estimate(one + other)
    assert both >= max(tokens.estimate(one), tokens.estimate(other))
    assert abs(both - tokens.estimate(one) - tokens.estimate(other)) <= 1


@given(some.text(some.characters(categories=["Cs", "Lu"])))
def test_half_a_surrogate_pair_is_counted_and_breaks_nothing(text: str) -> None:
    assert (tokens.estimate(text) > 0) == bool(text)
