"""A model and the wire that it is reached over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeGuard

Wire = Literal["openai", "anthropic"]


WIRES: tuple[Wire, ...] = ("openai", "anthropic")


def is_wire(name: Any) -> TypeGuard[Wire]:
    """Return True for the name of a wire."""
    return name in WIRES


@dataclass(frozen=True)
class Target:
    """A model reached over a wire."""

    model: str
    wire: Wire


def parse_target(model: Any, wire: Any) -> Target | None:
    """Build a target of stored values; None without a model, or without a known wire."""
    return Target(model, wire) if isinstance(model, str) and model and is_wire(wire) else None
