"""Capabilities of models in a gateway's list: limits, input types, thinking, effort, retirement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from lib.core.models import Capabilities
from lib.core.sanitize import get_object, parse_token_count

_CONTEXT_FIELDS = ("max_input_tokens", "context_length", "context_window", "max_model_len")
_OUTPUT_FIELDS = ("max_completion_tokens", "max_output_tokens", "max_output_length")
# Days of retirement: Anthropic's, LiteLLM's, OpenRouter's, Mistral's.
_RETIREMENT_FIELDS = ("retires_at", "deprecation_date", "expiration_date", "deprecation")
# Lists of features: OpenRouter's, Vercel's, and those of others.
_FEATURE_LISTS = ("supported_parameters", "tags", "features", "capabilities")
_SEARCH_NAMES = ("web_search_options", "web_search")
_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")  # the lowest first
_MAX_NAMES = 20  # of efforts and thinking modes


def parse_capabilities(entry: Mapping[str, Any]) -> Capabilities:
    """Return the capabilities in an entry of a gateway's model list, in the fields of any known gateway."""
    inputs = get_object(entry, "architecture").get("input_modalities")
    features = get_object(entry, "capabilities")
    thinking = get_object(features, "thinking")
    sizes = (*(entry.get(name) for name in _CONTEXT_FIELDS), get_object(entry, "meta").get("n_ctx"))
    options = entry.get("supported_parameters")
    return Capabilities(
        context_window=next((size for size in map(parse_token_count, sizes) if size), None),
        max_output_tokens=_parse_output_limit(entry),
        image="image" in inputs if isinstance(inputs, list) else _is_supported(features, "image_input"),
        pdf="file" in inputs if isinstance(inputs, list) else _is_supported(features, "pdf_input"),
        audio="audio" in inputs if isinstance(inputs, list) else _is_supported(features, "audio_input"),
        thinking="reasoning" in options if isinstance(options, list) else _is_supported(features, "thinking"),
        tools="tools" in options if isinstance(options, list) else _is_supported(features, "tools"),
        structured_outputs="structured_outputs" in options
        if isinstance(options, list)
        else _is_supported(features, "structured_outputs"),
        efforts=_parse_efforts(entry, features),
        # Anthropic lists `disabled` also for models without thinking, so `supported` does not matter here.
        thinking_modes=_supported_names(types) if (types := get_object(thinking, "types")) else None,
        is_deprecated=_parse_deprecation(entry),
        web_search=_parse_web_search(entry, features),
        retires_at=next(filter(None, (parse_day(entry.get(name)) for name in _RETIREMENT_FIELDS)), None),
    )


def _parse_web_search(entry: Mapping[str, Any], features: Mapping[str, Any]) -> bool | None:
    """Return whether a list says that a model searches the web; None where it says nothing.

    A missing name says nothing: new-api and OpenRouter turn the field into a tool for more models than they list.
    """
    stated = (_is_supported(features, "web_search"), entry.get("supports_web_search"))
    if (known := next((value for value in stated if isinstance(value, bool)), None)) is not None:
        return known
    names = [name for field in _FEATURE_LISTS if isinstance(values := entry.get(field), list) for name in values]
    return True if any(str(name).replace("-", "_") in _SEARCH_NAMES for name in names) else None


def is_retired(entry: Mapping[str, Any]) -> bool:
    """Return True for an entry of a model list that is kept for the record only: requests for it fail."""
    return entry.get("lifecycle") == "retired"


def parse_day(value: object) -> date | None:
    """Return the day of an ISO date or time, or of seconds since 1970; None for anything else."""
    try:
        if isinstance(value, str):
            return date.fromisoformat(value.strip()[:10])
        if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
            return datetime.fromtimestamp(value, UTC).date()
    except (ValueError, OverflowError, OSError):
        pass
    return None


def _parse_output_limit(entry: Mapping[str, Any]) -> int | None:
    # Anthropic's `max_tokens` is the limit of the output; elsewhere the name can mean the context window.
    names = (*_OUTPUT_FIELDS, "max_tokens") if "max_input_tokens" in entry else _OUTPUT_FIELDS
    limits = (get_object(entry, "top_provider").get("max_completion_tokens"), *(entry.get(name) for name in names))
    return next((limit for limit in map(parse_token_count, limits) if limit), None)


def _parse_efforts(entry: Mapping[str, Any], features: Mapping[str, Any]) -> tuple[str, ...] | None:
    effort = get_object(features, "effort")
    if effort.get("supported") is False:
        return ()
    # OpenRouter lists them under `reasoning`.
    listed = get_object(entry, "reasoning").get("supported_efforts")
    names = tuple(listed) if isinstance(listed, list) else _supported_names(effort)
    return sort_efforts(names) or None


def sort_efforts(names: Iterable[object]) -> tuple[str, ...]:
    """Return the levels of effort among untrusted values, the lowest first; unknown ones come last."""
    levels = [name for name in dict.fromkeys(name for name in names if isinstance(name, str)) if name.isidentifier()]
    ranks = {name: rank for rank, name in enumerate(_EFFORTS)}
    return tuple(sorted(levels[:_MAX_NAMES], key=lambda name: ranks.get(name, len(ranks))))


def _supported_names(features: Mapping[str, Any]) -> tuple[str, ...]:
    names = [name for name in features if name != "supported" and name.isidentifier() and _is_supported(features, name)]
    return tuple(names[:_MAX_NAMES])


def _parse_deprecation(entry: Mapping[str, Any]) -> bool | None:
    if isinstance(entry.get("deprecated"), bool):
        return bool(entry["deprecated"])
    if entry.get("lifecycle") in ("deprecated", "retired"):
        return True
    return False if entry.get("lifecycle") == "active" else None


def _is_supported(features: Mapping[str, Any], name: str) -> bool | None:
    value = get_object(features, name).get("supported")
    return value if isinstance(value, bool) else None
