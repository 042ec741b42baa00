"""Rows of what a person likes, read and written inside a transaction that the store begins."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from lib.core.preferences import Preferences
from lib.core.target import Target, is_wire
from lib.storage.schema import preference as preferences

_FAVOURITES, _DEFAULT = "favourites", "default"


def read(connection: sa.Connection, owner: str) -> Preferences:
    query = sa.select(preferences.c.name, preferences.c.value).where(preferences.c.owner == owner)
    found: dict[str, Any] = {row.name: row.value for row in connection.execute(query)}
    target = found.get(_DEFAULT) or {}
    return Preferences(
        favourites=tuple(found.get(_FAVOURITES) or ()),
        default_target=Target(**target) if is_wire(target.get("wire")) else None,
    )


def favour(connection: sa.Connection, owner: str, model: str, wanted: bool) -> None:
    """Put a model among the favourites as the last one, or take it out."""
    others = [name for name in read(connection, owner).favourites if name != model]
    _write(connection, owner, _FAVOURITES, [*others, model] if wanted else others)


def set_default(connection: sa.Connection, owner: str, target: Target | None) -> None:
    _write(connection, owner, _DEFAULT, asdict(target) if target else {})


def _write(connection: sa.Connection, owner: str, name: str, value: Any) -> None:
    key = (preferences.c.owner == owner) & (preferences.c.name == name)
    if not connection.execute(sa.update(preferences).where(key).values(value=value)).rowcount:
        connection.execute(sa.insert(preferences).values(owner=owner, name=name, value=value))
