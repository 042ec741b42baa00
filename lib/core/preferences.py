"""What a person likes: Preferences."""

from __future__ import annotations

from dataclasses import dataclass

from lib.core.target import Target


@dataclass(frozen=True)
class Preferences:
    """Favourite models by id, as they were chosen, and the target that new conversations begin with."""

    favourites: tuple[str, ...] = ()
    default_target: Target | None = None
