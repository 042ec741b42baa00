"""Who is an admin, and which groups a person is in, as the settings say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from lib.core.errors import SettingError
from lib.core.user import User


@dataclass(frozen=True)
class Roles:
    """`admins` and each of `groups` are addresses, names that a proxy gives, or domains with @ in front."""

    admins: frozenset[str] = frozenset()
    groups: tuple[tuple[str, frozenset[str]], ...] = ()

    def apply_to(self, user: User, verified_identity: str) -> User:
        """The person with what they are by `known`: an address or name that somebody has verified, or ""."""
        return replace(
            user,
            is_admin=_is_member(verified_identity, self.admins),
            groups=tuple(name for name, members in self.groups if _is_member(verified_identity, members)),
        )


def parse_roles(admins: str, setting_name: str, groups_table: Any) -> Roles:
    """The roles of a list of admins, by commas, and of the table [groups]. Raises SettingError."""
    if not isinstance(groups_table, Mapping):
        raise SettingError('[groups] in secrets.toml must hold lists, such as sales = ["@example.org"].')
    return Roles(
        _parse_members(admins.split(","), setting_name),
        tuple((str(group), _parse_group(str(group), members)) for group, members in groups_table.items()),
    )


def _parse_group(group: str, members: Any) -> frozenset[str]:
    name = f"[groups] {group}"
    if not isinstance(members, list):
        raise SettingError(f'{name} must be a list, such as ["ann@example.com", "@example.org"].')
    return _parse_members([str(member) for member in members], name)


def _parse_members(entries: list[str], name: str) -> frozenset[str]:
    found = frozenset(entry.strip().lower() for entry in entries if entry.strip())
    if wrong := sorted(entry for entry in found if "*" in entry or " " in entry):
        raise SettingError(f"{name} must list addresses or domains with @ in front; {wrong[0]!r} is neither.")
    return found


def _is_member(identity: str, members: frozenset[str]) -> bool:
    if not identity.isascii():
        return False
    identity = identity.lower()
    _, at, domain = identity.rpartition("@")
    return bool(identity) and (identity in members or bool(at and f"@{domain}" in members))
