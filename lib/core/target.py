"""A model and the wire that it is reached over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeGuard

Wire = Literal["openai", "anthropic"]


WIRES: tuple[Wire, ...] = ("openai", "anthropic")


def is_wire(name: str | None) -> TypeGuard[Wire]:
    """Whether this is the name of a wire, e.g. of one that came in a URL."""
    return name in WIRES


@dataclass(frozen=True)
class Target:
    """A model reached over a wire."""

    model: str
    wire: Wire
