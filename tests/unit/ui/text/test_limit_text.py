"""Texts of amounts."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as some

from lib.core.pricing import NANOS_PER_DOLLAR
from lib.ui.text.limit_text import format_dollars


@pytest.mark.parametrize(
    ("nanos", "shown"),
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
def test_an_amount_has_as_many_places_as_it_needs(nanos, shown):
    assert format_dollars(nanos) == shown


@given(some.integers(1, 10**15))
def test_no_amount_that_is_one_is_shown_as_nothing(nanos):
    shown = Decimal(format_dollars(nanos).replace("$", "").replace(",", ""))
    assert shown > 0
    assert abs(shown - Decimal(nanos) / NANOS_PER_DOLLAR) <= Decimal(nanos) / NANOS_PER_DOLLAR / 10
