"""A model and the wire that it is reached over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeGuard

Wire = Literal["openai", "anthropic", "images"]

WIRES: tuple[Wire, ...] = ("openai", "anthropic")  # the two formats of chat
IMAGES: Wire = "images"  # image generation and editing, in OpenAI's format
ALL_WIRES: tuple[Wire, ...] = (*WIRES, IMAGES)


def is_wire(name: Any) -> TypeGuard[Wire]:
    """Return True for the name of a wire."""
    return name in ALL_WIRES


@dataclass(frozen=True)
class Target:
    """A model reached over a wire."""

    model: str
    wire: Wire

    @property
    def makes_images(self) -> bool:
        """True for a model that answers with images to a prompt, and that does not chat."""
        return self.wire == IMAGES


def selectable_wires(wires: tuple[Wire, ...]) -> tuple[Wire, ...]:
    """Return the wires that a user can choose for a model that lists `wires`; both of chat for one that chats."""
    return wires if IMAGES in wires else WIRES


def parse_target(model: Any, wire: Any) -> Target | None:
    """Build a target of stored values; None without a model, or without a known wire."""
    return Target(model, wire) if isinstance(model, str) and model and is_wire(wire) else None


def matches_pattern(model_id: str, pattern: str) -> bool:
    """Return True if a pattern describes a model id: * stands for any characters, every other one for itself.

    Upper and lower case are the same. Ids may hold characters that have a meaning in a glob: gpt-4[free], model?.
    """
    first, *pieces = pattern.casefold().split("*")
    text = model_id.casefold()
    if not pieces:
        return text == first
    *middle, last = pieces
    if not text.startswith(first) or not text.endswith(last):
        return False
    position = len(first)
    for piece in middle:
        found = text.find(piece, position)
        if found < 0:
            return False
        position = found + len(piece)
    return position <= len(text) - len(last)
