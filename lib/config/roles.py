"""Who is an admin, and which groups a person is in, as the settings say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from lib.core.errors import SettingError
from lib.core.user import Person


@dataclass(frozen=True)
class Roles:
    """`admins` and each of `groups` are addresses, names that a proxy gives, or domains with @ in front."""

    admins: frozenset[str] = frozenset()
    groups: tuple[tuple[str, frozenset[str]], ...] = ()

    def of(self, person: Person, known: str) -> Person:
        """The person with what they are by `known`: an address or name that somebody has verified, or ""."""
        return replace(
            person,
            admin=_among(known, self.admins),
            groups=tuple(name for name, members in self.groups if _among(known, members)),
        )


def settled(admins: str, name: str, groups: Any) -> Roles:
    """The roles of a list of admins, by commas, and of the table [groups]. Raises SettingError."""
    if not isinstance(groups, Mapping):
        raise SettingError('[groups] in secrets.toml must hold lists, such as sales = ["@example.org"].')
    return Roles(
        _members(admins.split(","), name),
        tuple((str(group), _listed(str(group), members)) for group, members in groups.items()),
    )


def _listed(group: str, members: Any) -> frozenset[str]:
    name = f"[groups] {group}"
    if not isinstance(members, list):
        raise SettingError(f'{name} must be a list, such as ["ann@example.com", "@example.org"].')
    return _members([str(member) for member in members], name)


def _members(entries: list[str], name: str) -> frozenset[str]:
    found = frozenset(entry.strip().lower() for entry in entries if entry.strip())
    if wrong := sorted(entry for entry in found if "*" in entry or " " in entry):
        raise SettingError(f"{name} must list addresses or domains with @ in front; {wrong[0]!r} is neither.")
    return found


def _among(known: str, members: frozenset[str]) -> bool:
    if not known.isascii():
        return False
    known = known.lower()
    _, at, domain = known.rpartition("@")
    return bool(known) and (known in members or bool(at and f"@{domain}" in members))
