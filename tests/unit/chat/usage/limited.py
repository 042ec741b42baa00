"""A user, a clock and prices for tests of limits."""

from __future__ import annotations

from decimal import Decimal

from lib.core.pricing import ModelPrice, Price
from lib.core.user import User

ANN = User("ann", groups=("sales", "support"))
NOON = 1_795_348_800.0  # of 22 November 2026, UTC
TARIFF = ModelPrice(Price(Decimal(1), Decimal(4)), "settings")


def priced(model: str) -> ModelPrice | None:
    return None if model == "unpriced" else TARIFF
