"""Token estimates: near the published ratios of vendors, and monotonic."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.core import tokens

ENGLISH = (
    "The tide is the rise and fall of the sea, caused by the pull of the moon and the sun together with the "
    "turning of the earth. Most coasts see two high waters and two low waters in a day, some only one."
)
CHINESE = "潮汐是海水在月球和太阳的引力作用下所产生的周期性涨落现象，大多数海岸每天有两次高潮和两次低潮。"


# Lowest and highest ratio that vendors publish for their vocabularies.
@pytest.mark.parametrize(
    ("text", "minimum", "maximum"),
    [
        (ENGLISH, len(ENGLISH) / 4.8, len(ENGLISH) / 3.3),
        (CHINESE, len(CHINESE) * 0.6, len(CHINESE) * 1.3),
        ("Прилив и отлив, каждый день", 27 / 3.5, 27 / 1.8),
        ("👋👋👋👋", 4, 12),
    ],
)
def test_the_estimate_is_within_published_ratios(text: str, minimum: float, maximum: float) -> None:
    assert minimum <= tokens.estimate(text) <= maximum


def test_blank_messages_have_no_tokens() -> None:
    assert tokens.estimate("") == tokens.estimate_message("") == tokens.estimate_message(" \n") == 0
    assert tokens.estimate_message("a") == 1 + tokens.MESSAGE_OVERHEAD


@given(st.text(), st.text())
def test_estimates_are_monotonic_and_additive_within_a_token(first: str, second: str) -> None:
    joined = tokens.estimate(first + second)
    assert joined >= max(tokens.estimate(first), tokens.estimate(second))
    assert abs(joined - tokens.estimate(first) - tokens.estimate(second)) <= 1


@given(st.text(st.characters(categories=["Cs", "Lu"])))
def test_lone_surrogates_are_counted(text: str) -> None:
    assert (tokens.estimate(text) > 0) == bool(text)
