"""Model prices and balances."""

from __future__ import annotations

from decimal import Decimal

from lib.core import pricing
from lib.core.pricing import ModelPrice, Price


def test_long_requests_can_have_a_separate_price():
    price, long_context_price = Price(Decimal(1), Decimal(2)), Price(Decimal(2), Decimal(4))
    model_price = ModelPrice(price, "library", long_context_price)
    assert (
        model_price.price_for(pricing.LONG_CONTEXT_TOKENS),
        model_price.price_for(pricing.LONG_CONTEXT_TOKENS + 1),
    ) == (price, long_context_price)
    assert ModelPrice(price, "library").price_for(10**9) == price


def test_the_remaining_balance_is_granted_minus_used():
    assert pricing.Balance(3, 10).remaining == 7
    assert pricing.Balance(3).remaining is None
