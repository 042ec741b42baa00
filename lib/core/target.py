"""A model and the wire that it is reached over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeGuard

Wire = Literal["openai", "anthropic"]


WIRES: tuple[Wire, ...] = ("openai", "anthropic")


def is_wire(name: str | None) -> TypeGuard[Wire]:
    """Return True for the name of a wire."""
    return name in WIRES


@dataclass(frozen=True)
class Target:
    """A model reached over a wire."""

    model: str
    wire: Wire
