"""Prices in secrets.toml."""

from __future__ import annotations

from decimal import Decimal

import pytest

from lib.config.parse import parse_price_overrides
from lib.core.errors import SettingError
from lib.core.pricing import Price


def test_price_overrides_are_parsed_in_order():
    table = {
        "our-own-*": {"input": 2.5, "output": "10", "cached": 1.25, "written": 3, "written_1h": 4, "search": 12},
        "*": {"input": 0, "output": 1},
    }
    first, fallback = parse_price_overrides(table)
    newer = {"cache_write_1h": Decimal(4), "per_search": Decimal("0.012")}
    assert first.price == Price(Decimal("2.5"), Decimal(10), Decimal("1.25"), Decimal(3), **newer)
    assert (first.matches("Our-Own-Large"), first.matches("theirs")) == (True, False)
    assert fallback.matches("theirs")
    assert fallback.price.cache_read is None
    assert parse_price_overrides({}) == ()


@pytest.mark.parametrize(
    ("table", "setting_name"),
    [
        ("2.5", "[prices]"),
        ({"m": 2.5}, '[prices."m"]'),
        ({"m": {"input": 1}}, '[prices."m"]'),
        ({"m": {"input": 1, "output": 1, "outptu": 1}}, '[prices."m"]'),
        ({"m": {"input": "free", "output": 1}}, '[prices."m"] input'),
        ({"m": {"input": 1, "output": -1}}, '[prices."m"] output'),
        ({"m": {"input": 1, "output": 1, "search": "x"}}, '[prices."m"] search must be US dollars per 1,000'),
        ({"m": {"input": True, "output": 1}}, '[prices."m"] input'),
        ({"m": {"input": 1, "output": float("nan")}}, '[prices."m"] output'),
    ],
)
def test_invalid_prices_are_refused_by_name(table, setting_name):
    with pytest.raises(SettingError) as caught:
        parse_price_overrides(table)
    assert str(caught.value).startswith(setting_name)
