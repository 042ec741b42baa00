"""Preferences of users: favourite models, models used last, the default target, and the voice."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from lib.core.preferences import Preferences
from lib.core.target import Target, parse_target
from lib.core.voice import SPEEDS
from lib.storage.database.engine import Aggregate, upsert
from lib.storage.schema.tables import preference as preferences

_FAVOURITES, _RECENT, _DEFAULT, _SPEECH = "favourites", "recent", "default", "speech"
MAX_RECENT_MODELS = 5


class UserPreferences(Aggregate):
    """Preferences by owner."""

    def load(self, owner: str) -> Preferences:
        with self._read() as connection:
            return _load(connection, owner)

    def set_favourite(self, owner: str, model: str, is_favourite: bool) -> None:
        """Add a model as the last favourite, or remove it."""
        with self._write(owner) as connection:
            others = [name for name in _load(connection, owner).favourites if name != model]
            favourites = [*others, model] if is_favourite else others
            upsert(connection, preferences, {"owner": owner, "name": _FAVOURITES}, {"value": favourites})

    def add_recent_model(self, owner: str, model: str) -> None:
        """Record a model as the one used last; the oldest of MAX_RECENT_MODELS is forgotten."""
        with self._write(owner) as connection:
            others = [name for name in _load(connection, owner).recent_models if name != model]
            recent = [model, *others][:MAX_RECENT_MODELS]
            upsert(connection, preferences, {"owner": owner, "name": _RECENT}, {"value": recent})

    def set_default_target(self, owner: str, target: Target | None) -> None:
        """Set the target of the owner's new conversations; None clears it."""
        value = {"model": target.model, "wire": target.wire} if target else {}
        with self._write(owner) as connection:
            upsert(connection, preferences, {"owner": owner, "name": _DEFAULT}, {"value": value})

    def set_speech(self, owner: str, voice: str, speed: float) -> None:
        """Set the voice that reads aloud, "" for the default one, and its speed."""
        with self._write(owner) as connection:
            value = {"voice": voice, "speed": speed}
            upsert(connection, preferences, {"owner": owner, "name": _SPEECH}, {"value": value})


def _load(connection: sa.Connection, owner: str) -> Preferences:
    query = sa.select(preferences.c.name, preferences.c.value).where(preferences.c.owner == owner)
    values: dict[str, Any] = {row.name: row.value for row in connection.execute(query)}
    target, speech = values.get(_DEFAULT) or {}, values.get(_SPEECH) or {}
    speed = speech.get("speed")
    return Preferences(
        favourites=tuple(values.get(_FAVOURITES) or ()),
        recent_models=tuple(values.get(_RECENT) or ()),
        default_target=parse_target(target.get("model"), target.get("wire")),
        voice=str(speech.get("voice") or ""),
        speech_speed=float(speed) if speed in SPEEDS else Preferences.speech_speed,
    )
