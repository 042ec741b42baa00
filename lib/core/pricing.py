"""What requests cost: Price, Tariff, Rule, Balance, and dollars as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase
from typing import Any, Literal

from lib.core.errors import SettingError

NANOS_PER_DOLLAR = 10**9  # nano-dollars in a dollar
LONG_CONTEXT_TOKENS = 200_000  # tokens of a request, above which some makers take another price
MAX_PRICE = Decimal(10**6)  # dollars per million tokens; what is dearer is no price
PriceSource = Literal["gateway", "library", "settings"]
_PRICE_FIELDS = ("input", "output", "cached", "written")


@dataclass(frozen=True)
class Price:
    """In US dollars: `request` for each request, all others per million tokens.

    What is read from the cache or written to it counts as input where it has no price of its own.
    """

    input: Decimal
    output: Decimal
    cached: Decimal | None = None
    written: Decimal | None = None
    request: Decimal = Decimal(0)


@dataclass(frozen=True)
class ModelPrice:
    """A model's price and where it is from; `long` is that of requests of more than LONG tokens."""

    base_price: Price
    source: PriceSource
    long_context_price: Price | None = None

    def price_for(self, input_tokens: int) -> Price:
        """The price of a request that sends so many tokens."""
        return (
            self.long_context_price
            if self.long_context_price and input_tokens > LONG_CONTEXT_TOKENS
            else self.base_price
        )


@dataclass(frozen=True)
class PriceOverride:
    """The price of the models whose id fits a pattern, in which * stands for any letters."""

    pattern: str
    price: Price

    def matches(self, model_id: str) -> bool:
        return fnmatchcase(model_id.casefold(), self.pattern.casefold())


@dataclass(frozen=True)
class Balance:
    """What a gateway counts for its key, in nano-dollars; `granted` is None where nothing limits it."""

    used: int
    limit: int | None = None

    @property
    def remaining(self) -> int | None:
        return None if self.limit is None else self.limit - self.used


def parse_decimal(value: Any) -> Decimal | None:
    """A price or factor out of JSON or TOML, not below zero; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        found = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return found if found.is_finite() and 0 <= found <= MAX_PRICE else None


def parse_price_overrides(prices_table: Any) -> tuple[PriceOverride, ...]:
    """The rules of the table [prices] in secrets.toml, in its order. Raises SettingError."""
    if not isinstance(prices_table, Mapping):
        raise SettingError("[prices] in secrets.toml must be a table, with a table for each model in it.")
    return tuple(
        PriceOverride(str(pattern), _parse_price(str(pattern), entry))
        for pattern, entry in prices_table.items()
    )


def _parse_price(pattern: str, entry: Any) -> Price:
    name = f'[prices."{pattern}"]'
    if not isinstance(entry, Mapping) or not {"input", "output"} <= set(entry) <= set(_PRICE_FIELDS):
        raise SettingError(
            f"{name} in secrets.toml takes input, output, cached and written, the first two always."
        )
    found = {field: parse_decimal(value) for field, value in entry.items()}
    wrong = [field for field, value in found.items() if value is None]
    if wrong:
        raise SettingError(f"{name} {wrong[0]} must be US dollars per million tokens, such as 2.5.")
    return Price(**found)  # type: ignore[arg-type]  # none of them is None


def format_dollars(nanos: int) -> str:
    """An amount as it is shown: two places from a dollar on, four below, more for what is very little.

    What is shown is rounded; sums are made of the amounts themselves.
    """
    sign, value = "-" if nanos < 0 else "", Decimal(abs(nanos)) / NANOS_PER_DOLLAR
    if not value:
        return "$0"
    places = 2 if value >= 1 else 4 if value >= Decimal("0.001") else 1 - value.adjusted()
    return f"{sign}${value:,.{places}f}"
