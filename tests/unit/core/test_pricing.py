"""Prices as they are written down, and amounts as they are shown."""

from __future__ import annotations

from decimal import Decimal

from lib.core import pricing
from lib.core.pricing import ModelPrice, Price


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
