"""Prices of models, and the balance of a key."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from lib.core.target import matches_pattern

NANOS_PER_DOLLAR = 10**9
LONG_CONTEXT_TOKENS = 200_000  # input tokens above which some vendors charge another price
# Anthropic's prices of cache writes, as multiples of the input price. Gateways of new-api's kind bill an hour by the
# same ratio to whatever they list for five minutes. Source: platform.claude.com, "Prompt caching", "Pricing".
_WRITE_FACTOR_5M, _WRITE_FACTOR_1H = Decimal("1.25"), Decimal(2)
# Dollars of a web search whose price is not listed. Source: platform.claude.com, "Web search tool".
DEFAULT_SEARCH_PRICE = Decimal("0.01")
MAX_PRICE = Decimal(10**6)  # dollars per million tokens; more counts as an error
# In the order in which they apply: the gateway's list, models.dev, administrators, the settings. An administrator
# names one model on the page, and so outranks the patterns of the settings.
PriceSource = Literal["gateway", "library", "team", "settings"]


@dataclass(frozen=True)
class Price:
    """A price in US dollars per million tokens, `per_request` and `per_search`, a web search.

    Cache reads cost as much as input where they are None, and reasoning as much as output. For cache writes that are
    None see `write_rate_5m` and `write_rate_1h`, for searches `search_rate`. Images that are sent to be edited cost as
    much as other input where `image_input` is None.
    `group` is the gateway's price group that it applies to, "" without groups.
    """

    input: Decimal
    output: Decimal
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    per_request: Decimal = Decimal(0)
    reasoning: Decimal | None = None
    group: str = field(default="", compare=False)
    cache_write_1h: Decimal | None = None
    per_search: Decimal | None = None
    image_input: Decimal | None = None

    @property
    def write_rate_5m(self) -> Decimal:
        """Price of a cache write for five minutes, by Anthropic's multiple of the input where it is not listed."""
        return self.input * _WRITE_FACTOR_5M if self.cache_write is None else self.cache_write

    @property
    def write_rate_1h(self) -> Decimal:
        """Price of a cache write for one hour, in the ratio to that for five minutes where it is not listed."""
        if self.cache_write_1h is not None:
            return self.cache_write_1h
        return self.write_rate_5m * _WRITE_FACTOR_1H / _WRITE_FACTOR_5M

    @property
    def search_rate(self) -> Decimal:
        """Price of a web search, the vendors' usual one where it is not listed."""
        return DEFAULT_SEARCH_PRICE if self.per_search is None else self.per_search


@dataclass(frozen=True)
class ModelPrice:
    """A model's price and its source; `long_context_price` is for more than LONG_CONTEXT_TOKENS.

    `tiers`, if any, are prices for more input tokens than the number beside them, the smallest first.
    """

    base_price: Price
    source: PriceSource
    long_context_price: Price | None = None
    tiers: tuple[tuple[int, Price], ...] = ()

    def price_for(self, input_tokens: int) -> Price:
        """Return the price of a request with so many input tokens."""
        if self.tiers:
            return next((price for size, price in reversed(self.tiers) if input_tokens > size), self.base_price)
        return (
            self.long_context_price
            if self.long_context_price and input_tokens > LONG_CONTEXT_TOKENS
            else self.base_price
        )

    def with_search_price(self, per_search: Decimal | None) -> ModelPrice:
        """Return the prices with that of a web search, where they do not name one."""
        if per_search is None or self.base_price.per_search is not None:
            return self
        prices = (self.base_price, self.long_context_price)
        base, long_context = (price and replace(price, per_search=per_search) for price in prices)
        tiers = tuple((size, replace(price, per_search=per_search)) for size, price in self.tiers)
        return ModelPrice(base or self.base_price, self.source, long_context, tiers)


@dataclass(frozen=True)
class PriceOverride:
    """A configured price of the models with an id that matches a pattern; see `matches_pattern`."""

    pattern: str
    price: Price

    def matches(self, model_id: str) -> bool:
        return matches_pattern(model_id, self.pattern)


@dataclass(frozen=True)
class TeamPrice:
    """A price that an administrator set for one model, at a time in seconds since 1970."""

    price: Price
    changed_at: float
    author_id: str


@dataclass(frozen=True)
class BillingUnit:
    """Unit in which a gateway states amounts: "USD", "CNY", another currency, "TOKENS", or "" if it names none.

    `per_dollar` of it are a dollar, as are `quota_per_dollar` of the units in its log; None is unknown.
    """

    code: str = ""
    per_dollar: Decimal | None = None
    quota_per_dollar: Decimal | None = None


@dataclass(frozen=True)
class Balance:
    """Usage of the gateway's key in billionths of its billing unit; `limit` is None for an unlimited key."""

    used: int
    limit: int | None = None

    @property
    def remaining(self) -> int | None:
        return None if self.limit is None else self.limit - self.used


def parse_decimal(value: Any) -> Decimal | None:
    """Return a price or factor from JSON or TOML, at least 0; None where it is neither."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() and 0 <= number <= MAX_PRICE else None
