"""Preferences of users: favourite models and the default target."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from lib.core.preferences import Preferences
from lib.core.target import Target, parse_target
from lib.storage.engine import Aggregate, upsert
from lib.storage.schema import preference as preferences

_FAVOURITES, _DEFAULT = "favourites", "default"


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

    def set_default_target(self, owner: str, target: Target | None) -> None:
        """Set the target of the owner's new conversations; None clears it."""
        value = {"model": target.model, "wire": target.wire} if target else {}
        with self._write(owner) as connection:
            upsert(connection, preferences, {"owner": owner, "name": _DEFAULT}, {"value": value})


def _load(connection: sa.Connection, owner: str) -> Preferences:
    query = sa.select(preferences.c.name, preferences.c.value).where(preferences.c.owner == owner)
    values: dict[str, Any] = {row.name: row.value for row in connection.execute(query)}
    target = values.get(_DEFAULT) or {}
    return Preferences(
        favourites=tuple(values.get(_FAVOURITES) or ()),
        default_target=parse_target(target.get("model"), target.get("wire")),
    )
