"""Preferences of a user."""

from __future__ import annotations

from dataclasses import dataclass

from lib.core.target import Target


@dataclass(frozen=True)
class Preferences:
    """Favourite models by id, oldest first, and the target of new conversations."""

    favourites: tuple[str, ...] = ()
    default_target: Target | None = None
