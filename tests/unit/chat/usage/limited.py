"""A user, a clock and prices for tests of limits."""

from __future__ import annotations

from decimal import Decimal

from lib.core.pricing import ModelPrice, Price
from lib.core.user import User

ANN = User("ann", groups=("sales", "support"))
NOON = 1_795_348_800.0  # of 22 November 2026, UTC
MODEL_PRICE = ModelPrice(Price(Decimal(1), Decimal(4)), "settings")


def find_price(model: str) -> ModelPrice | None:
    return None if model == "unpriced" else MODEL_PRICE
