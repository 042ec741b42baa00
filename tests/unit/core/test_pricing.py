"""Prices as they are written down, and amounts as they are shown."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as some

from lib.core import pricing
from lib.core.errors import SettingError
from lib.core.pricing import NANOS_PER_DOLLAR, ModelPrice, Price


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
    assert pricing.format_dollars(nanos) == shown


@given(some.integers(1, 10**15))
def test_no_amount_that_is_one_is_shown_as_nothing(nanos):
    shown = Decimal(pricing.format_dollars(nanos).replace("$", "").replace(",", ""))
    assert shown > 0
    assert abs(shown - Decimal(nanos) / NANOS_PER_DOLLAR) <= Decimal(nanos) / NANOS_PER_DOLLAR / 10


def test_the_settings_name_prices_by_patterns_the_first_that_fits():
    table = {
        "our-own-*": {"input": 2.5, "output": "10", "cached": 1.25, "written": 3},
        "*": {"input": 0, "output": 1},
    }
    first, rest = pricing.parse_price_overrides(table)
    assert first.price == Price(Decimal("2.5"), Decimal(10), Decimal("1.25"), Decimal(3))
    assert (first.matches("Our-Own-Large"), first.matches("theirs")) == (True, False)
    assert rest.matches("theirs")
    assert rest.price.cached is None
    assert pricing.parse_price_overrides({}) == ()


@pytest.mark.parametrize(
    ("table", "named"),
    [
        ("2.5", "[prices]"),
        ({"m": 2.5}, '[prices."m"]'),
        ({"m": {"input": 1}}, '[prices."m"]'),
        ({"m": {"input": 1, "output": 1, "outptu": 1}}, '[prices."m"]'),
        ({"m": {"input": "free", "output": 1}}, '[prices."m"] input'),
        ({"m": {"input": 1, "output": -1}}, '[prices."m"] output'),
        ({"m": {"input": True, "output": 1}}, '[prices."m"] input'),
        ({"m": {"input": 1, "output": float("nan")}}, '[prices."m"] output'),
    ],
)
def test_a_price_that_is_none_is_refused_by_its_name(table, named):
    with pytest.raises(SettingError) as refused:
        pricing.parse_price_overrides(table)
    assert str(refused.value).startswith(named)


def test_long_requests_can_have_a_price_of_their_own():
    price, dear = Price(Decimal(1), Decimal(2)), Price(Decimal(2), Decimal(4))
    tariff = ModelPrice(price, "library", dear)
    assert (
        tariff.price_for(pricing.LONG_CONTEXT_TOKENS),
        tariff.price_for(pricing.LONG_CONTEXT_TOKENS + 1),
    ) == (price, dear)
    assert ModelPrice(price, "library").price_for(10**9) == price


def test_what_is_left_is_what_was_granted_less_what_was_used():
    assert pricing.Balance(3, 10).remaining == 7
    assert pricing.Balance(3).remaining is None
