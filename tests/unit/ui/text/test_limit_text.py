"""Texts for usage limits: amounts and durations."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as some

from lib.core.pricing import NANOS_PER_DOLLAR
from lib.ui.text import i18n
from lib.ui.text.limit_text import format_dollars, format_duration


@pytest.mark.parametrize(
    ("nanos", "expected"),
    [
        (0, "$0"),
        (1, "$0.0000000010"),
        (45_678, "$0.000046"),
        (999_999, "$0.00100"),
        (1_234_567, "$0.0012"),
        (123_456_789, "$0.1235"),
        (NANOS_PER_DOLLAR, "$1.00"),
        (1_234_567 * NANOS_PER_DOLLAR, "$1,234,567.00"),
        (-2_500_000, "-$0.0025"),
    ],
)
def test_an_amount_has_as_many_decimals_as_it_needs(nanos, expected):
    assert format_dollars(nanos) == expected


@given(some.integers(1, 10**15))
def test_no_positive_amount_is_shown_as_zero(nanos):
    parsed = Decimal(format_dollars(nanos).replace("$", "").replace(",", ""))
    assert parsed > 0
    assert abs(parsed - Decimal(nanos) / NANOS_PER_DOLLAR) <= Decimal(nanos) / NANOS_PER_DOLLAR / 10


@pytest.mark.parametrize(
    ("seconds", "english", "chinese"),
    [
        (0.2, "1 s", "1 秒"),
        (30, "30 s", "30 秒"),
        (89.5, "90 s", "90 秒"),
        (120, "2 min", "约 2 分钟"),
        (3600, "60 min", "约 60 分钟"),
        (9000, "3 h", "约 3 小时"),
        (3 * 86_400, "3 days", "约 3 天"),
    ],
)
def test_a_duration_is_rounded_up_to_a_readable_unit(seconds, english, chinese, monkeypatch):
    assert format_duration(seconds) == english
    monkeypatch.setattr(i18n, "current_language", lambda: "zh")
    assert format_duration(seconds) == chinese
