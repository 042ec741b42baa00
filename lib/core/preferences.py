"""Preferences of a user."""

from __future__ import annotations

from dataclasses import dataclass

from lib.core.target import Target


@dataclass(frozen=True)
class Preferences:
    """Favourite models by id, oldest first; the target of new conversations; models used last, the newest first.

    `voice` reads answers aloud, "" for the default one, at `speech_speed` times its own pace.
    """

    favourites: tuple[str, ...] = ()
    default_target: Target | None = None
    recent_models: tuple[str, ...] = ()
    voice: str = ""
    speech_speed: float = 1.0
