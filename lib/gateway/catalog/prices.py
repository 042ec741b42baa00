"""Prices of models: from the gateway's lists, from the library, from the settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from lib.core.models import ModelList
from lib.core.pricing import MAX_PRICE, ModelPrice, Price, PriceOverride, TeamPrice, parse_decimal
from lib.core.sanitize import get_list, get_object, replace_surrogates
from lib.gateway.catalog.library import Library, package_library
from lib.gateway.json_values import parse_data_list

# The price list of new-api is in ratios: a ratio of 1 is this many dollars per million tokens.
PRICING_PATH = "/api/pricing"
_DOLLARS_PER_RATIO = Decimal(2)
_QUOTA_TYPE_PER_REQUEST = 1  # new-api's quota_type of models with a price per request
_DEFAULT_CACHE_WRITE_RATIO = Decimal("1.25")  # new-api's default
_MILLION = Decimal(10**6)
_MAX_GROUP_LENGTH = 80  # characters
# Fields with a price per token in model lists: OpenRouter's, and LiteLLM's.
_TOKEN_PRICE_FIELDS = {
    "input": ("prompt", "input_cost_per_token"),
    "output": ("completion", "output_cost_per_token"),
    "cached": ("input_cache_read", "cache_read_input_token_cost"),
    "written": ("input_cache_write", "cache_creation_input_token_cost"),
    "written_1h": ("input_cache_write_1h", "cache_creation_input_token_cost_above_1hr"),
}


class Prices:
    """Price lookup by model. Methods may be called from any thread."""

    def __init__(
        self,
        get_model_list: Callable[[], ModelList],
        overrides: Sequence[PriceOverride] = (),
        get_library: Callable[[], Library] = package_library,
        get_team_prices: Callable[[], Mapping[str, TeamPrice]] = dict,
    ) -> None:
        self._get_model_list = get_model_list
        self._overrides = tuple(overrides)
        self._get_library = get_library
        self._get_team_prices = get_team_prices

    def price_of(self, model: str) -> ModelPrice | None:
        """Return the gateway's price, else the vendor's, else the team's, else that of the settings.

        None if it is unknown. The order is that of PriceSource. A web search has a price of its own, which the first
        of them states that names one.
        """
        price = self._find_price(model)
        if price is None or price.base_price.per_search is not None:
            return price
        team_price, override = self._get_team_prices().get(model), self._find_override(model)
        others = (team_price and team_price.price, override and override.price)
        stated = (other.per_search for other in others if other)
        return price.with_search_price(next((rate for rate in stated if rate is not None), None))

    def _find_price(self, model: str) -> ModelPrice | None:
        if listed := self._get_model_list().prices.get(model):
            return ModelPrice(listed, "gateway")
        if vendor_price := self._get_library().price_of(model):
            return vendor_price
        if team_price := self._get_team_prices().get(model):
            return ModelPrice(team_price.price, "team")
        override = self._find_override(model)
        return ModelPrice(override.price, "settings") if override else None

    def _find_override(self, model: str) -> PriceOverride | None:
        return next((override for override in self._overrides if override.matches(model)), None)


def parse_price_list(body: str, group: str = "") -> dict[str, Price]:
    """Return the prices in new-api's price list, by model. Raises InvalidResponse for any other body.

    Prices depend on the key's group, which the list does not tell. `group` names it; "auto" stands for the
    first of the gateway's `auto_groups` that offers the model. For "", "default" is assumed, else the only group
    of the model. A model without the group, and one priced by an expression, is left out.
    """
    payload, entries = parse_data_list(body, parse_float=str)
    ratios = get_object(payload, "group_ratio")
    auto_groups = [name for name in get_list(payload, "auto_groups") if isinstance(name, str)]
    preferred = {"": ["default"], "auto": auto_groups or ["auto"]}.get(group, [group])
    prices = {
        replace_surrogates(entry["model_name"]): _price_from_ratios(entry, ratios, preferred, is_guess=not group)
        for entry in entries
        if isinstance(entry.get("model_name"), str)
    }
    return {model: price for model, price in prices.items() if price}


def listed_price(entry: Mapping[str, Any]) -> Price | None:
    """Return the price in an entry of a model list, which is in dollars per token; None without one."""
    for fields in (get_object(entry, "pricing"), entry):
        prices = {kind: _price_per_million(fields, names) for kind, names in _TOKEN_PRICE_FIELDS.items()}
        if prices["input"] is not None and prices["output"] is not None:
            request = parse_decimal(fields.get("request")) or Decimal(0)
            cache = prices["cached"], prices["written"]
            price = Price(prices["input"], prices["output"], *cache, request, cache_write_1h=prices["written_1h"])
            return replace(price, per_search=_listed_search_price(fields))
    return None


def _listed_search_price(fields: Mapping[str, Any]) -> Decimal | None:
    """Return the dollars of a web search: OpenRouter's field, else LiteLLM's for a context of medium size."""
    by_size = get_object(fields, "search_context_cost_per_query")
    return parse_decimal(fields.get("web_search", by_size.get("search_context_size_medium")))


def _price_per_million(fields: Mapping[str, Any], names: Sequence[str]) -> Decimal | None:
    values = (parse_decimal(fields.get(name)) for name in names)
    price = next((value * _MILLION for value in values if value is not None), None)
    return None if price is None or price > MAX_PRICE else price


def _price_from_ratios(
    entry: Mapping[str, Any], ratios: Mapping[str, Any], preferred: Sequence[str], *, is_guess: bool
) -> Price | None:
    group = _select_group(entry.get("enable_groups"), ratios, preferred, is_guess=is_guess)
    # A gateway without groups multiplies by nothing.
    group_ratio = (parse_decimal(ratios[group]) if group else Decimal(1)) if group is not None else None
    # Only the gateway can evaluate a billing expression.
    if group_ratio is None or entry.get("billing_expr"):
        return None
    if entry.get("quota_type") == _QUOTA_TYPE_PER_REQUEST:
        request = parse_decimal(entry.get("model_price"))
        return (
            Price(Decimal(0), Decimal(0), per_request=request * group_ratio, group=_group_label(group))
            if request
            else None
        )
    ratio = parse_decimal(entry.get("model_ratio"))
    output_ratio = parse_decimal(entry.get("completion_ratio"))
    # Zero stands for a ratio that is not configured.
    if not ratio or not output_ratio:
        return None
    base = ratio * _DOLLARS_PER_RATIO * group_ratio
    cached = parse_decimal(entry.get("cache_ratio"))
    image = parse_decimal(entry.get("image_ratio"))  # of images that are sent
    written = parse_decimal(entry.get("create_cache_ratio"))
    return Price(
        base,
        base * output_ratio,
        None if cached is None else base * cached,
        base * (_DEFAULT_CACHE_WRITE_RATIO if written is None else written),
        group=_group_label(group),
        image_input=base * image if image else None,
    )


def _group_label(group: str | None) -> str:
    """Return a group's name as it can be shown: on one line, and not longer than a line."""
    return " ".join(replace_surrogates(group or "").split())[:_MAX_GROUP_LENGTH]


def _select_group(
    model_groups: Any, ratios: Mapping[str, Any], preferred: Sequence[str], *, is_guess: bool
) -> str | None:
    """Return the first preferred group that offers the model, "" without groups; None if there is none.

    A guess falls back to the only group of the model.
    """
    if not ratios:
        return "" if is_guess else None
    names = [name for name in model_groups if isinstance(name, str)] if isinstance(model_groups, list) else []
    candidates = list(ratios) if not names or "all" in names else [name for name in names if name in ratios]
    group = next((name for name in preferred if name in candidates), None)
    return candidates[0] if group is None and is_guess and len(candidates) == 1 else group
