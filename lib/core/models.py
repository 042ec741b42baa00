"""What a gateway offers: Abilities, Model, Listing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields

from lib.core.pricing import Price
from lib.core.target import Wire


@dataclass(frozen=True)
class Capabilities:
    """What is known of a model; None and "" are unknown.

    `context` is all that it can read, `output` all that it can write at once, in tokens. `image`, `pdf` and
    `thinking` are what it takes and does; `chat` is whether it answers in text at all.
    """

    context_window: int | None = None
    max_output_tokens: int | None = None
    image: bool | None = None
    pdf: bool | None = None
    thinking: bool | None = None
    chat: bool | None = None
    vendor: str = ""

    def with_fallback(self, fallback: Capabilities) -> Capabilities:
        """What is known here, and where nothing is, what is known there."""
        mine = {name: value for name in _CAPABILITY_NAMES if (value := getattr(self, name)) not in (None, "")}
        return Capabilities(**{name: mine.get(name, getattr(fallback, name)) for name in _CAPABILITY_NAMES})


_CAPABILITY_NAMES = tuple(field.name for field in fields(Capabilities))


@dataclass(frozen=True)
class Model:
    """A model that the key may use, and the wires it is offered over, the better one first.

    `name` is what the gateway calls it on a screen, "" where it has only the id, and `about` what it says
    of it.
    """

    id: str
    wires: tuple[Wire, ...]
    display_name: str = ""
    capabilities: Capabilities = Capabilities()
    description: str = ""


@dataclass(frozen=True)
class ModelList:
    """The gateway's chat models as known now, and how old that is.

    `read` is when they were read, in seconds since 1970, None while they never were. `fault` is the code of
    the error that the newest attempt ended in, "" where it went well; then `models` are those of before.
    `none` is set where the gateway answers that it has no list. `hidden` counts models that hold no chat.
    `prices` are the gateway's own, by model, as far as it tells them.
    """

    models: tuple[Model, ...] = ()
    hidden_count: int = 0
    fetched_at: float | None = None
    error_code: str = ""
    is_unsupported: bool = False
    prices: Mapping[str, Price] = field(default_factory=dict)


def group_by_vendor(models: Iterable[Model]) -> list[tuple[str, list[Model]]]:
    """The models in groups of one maker, makers by name, ids in order.

    Those without a known maker ("") come last, in the gateway's own order, the only one that they have.
    """
    groups: dict[str, list[Model]] = {}
    for model in sorted(
        models, key=lambda model: _natural_sort_key(model.id) if model.capabilities.vendor else []
    ):
        groups.setdefault(model.capabilities.vendor, []).append(model)
    return sorted(groups.items(), key=lambda group: (not group[0], group[0].casefold()))


def filter_models(models: Iterable[Model], query: str) -> list[Model]:
    """The models whose id, name or maker hold every one of the words."""
    wanted = query.casefold().split()
    return [
        model
        for model in models
        if all(
            word in f"{model.id} {model.display_name} {model.capabilities.vendor}".casefold()
            for word in wanted
        )
    ]


def _natural_sort_key(text: str) -> list[tuple[bool, int, str]]:
    """A key that sorts numbers in a text by their size."""
    parts = re.findall(r"\d+|\D+", text.casefold())
    return [(not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]
