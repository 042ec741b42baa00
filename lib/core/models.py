"""Models that a gateway offers, and their capabilities."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from functools import cached_property

from lib.core.pricing import Price
from lib.core.target import IMAGES, Wire


@dataclass(frozen=True)
class Capabilities:
    """Capabilities of a model; None and "" are unknown, sizes are in tokens.

    `image`, `pdf`, `audio`, `thinking`, `tools`, `structured_outputs` and `web_search` are supported inputs and
    features; `chat` is False for models without text output, and `image_output` is True for models with images as their
    only output. `efforts` are the accepted levels of effort, the lowest first, and `thinking_modes` the accepted values
    of Anthropic's `thinking.type`; () accepts none. `retires_at` is the day of retirement, as scheduled now.
    `knowledge` is the month in which the training data ends, as "2025-03".
    """

    context_window: int | None = None
    max_output_tokens: int | None = None
    image: bool | None = None
    pdf: bool | None = None
    thinking: bool | None = None
    tools: bool | None = None
    structured_outputs: bool | None = None
    audio: bool | None = None
    efforts: tuple[str, ...] | None = None
    thinking_modes: tuple[str, ...] | None = None
    chat: bool | None = None
    image_output: bool | None = None
    is_deprecated: bool | None = None
    retires_at: date | None = None
    web_search: bool | None = None
    vendor: str = ""
    knowledge: str = ""

    def with_fallback(self, fallback: Capabilities) -> Capabilities:
        """Return the capabilities with those of `fallback` where they are unknown."""
        mine = {name: value for name in _CAPABILITY_NAMES if (value := getattr(self, name)) not in (None, "")}
        return Capabilities(**{name: mine.get(name, getattr(fallback, name)) for name in _CAPABILITY_NAMES})


UNKNOWN_CAPABILITIES = Capabilities()
_CAPABILITY_NAMES = tuple(field.name for field in fields(Capabilities))


@dataclass(frozen=True)
class Model:
    """A model that the key may use, and its wires, the preferred one first; names may be ""."""

    id: str
    wires: tuple[Wire, ...]
    display_name: str = ""
    capabilities: Capabilities = UNKNOWN_CAPABILITIES
    description: str = ""

    @property
    def makes_images(self) -> bool:
        """True for a model that generates images by default."""
        return self.wires[:1] == (IMAGES,)


@dataclass(frozen=True)
class ModelList:
    """The models of the gateway that chat or generate images.

    `fetched_at` is in seconds since 1970, None before a fetch.
    `error_code` is that of the last fetch; `models` are then those before it. `is_unsupported` is set for a
    gateway without a list, `hidden_count` counts the other models. `speech_models` and `transcription_models` are the
    ids of models for nothing else.
    """

    models: tuple[Model, ...] = ()
    hidden_count: int = 0
    fetched_at: float | None = None
    error_code: str = ""
    is_unsupported: bool = False
    prices: Mapping[str, Price] = field(default_factory=dict)
    speech_models: tuple[str, ...] = ()
    transcription_models: tuple[str, ...] = ()

    @cached_property
    def by_id(self) -> Mapping[str, Model]:
        """The models by their ids."""
        return {model.id: model for model in reversed(self.models)}

    @cached_property
    def ids_by_vendor(self) -> tuple[str, ...]:
        """The ids of the models in the order of `group_by_vendor`."""
        return tuple(model.id for _, group in group_by_vendor(self.models) for model in group)


def group_by_vendor(models: Iterable[Model]) -> list[tuple[str, list[Model]]]:
    """Group models by vendor, both sorted by name; models of unknown vendor ("") come last, in list order."""
    groups: dict[str, list[Model]] = {}
    for model in sorted(models, key=lambda model: _natural_sort_key(model.id) if model.capabilities.vendor else []):
        groups.setdefault(model.capabilities.vendor, []).append(model)
    return sorted(groups.items(), key=lambda group: (not group[0], group[0].casefold()))


def filter_models(models: Iterable[Model], query: str) -> list[Model]:
    """Return the models with all words of the query in their id, name or vendor."""
    query_words = query.casefold().split()
    return [
        model
        for model in models
        if all(
            word in f"{model.id} {model.display_name} {model.capabilities.vendor}".casefold() for word in query_words
        )
    ]


def _natural_sort_key(text: str) -> list[tuple[bool, int, str]]:
    """Return a key that sorts numbers in a text by value."""
    parts = re.findall(r"\d+|\D+", text.casefold())
    return [(not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]
