"""Roles of users as configured: admins and groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from lib.config.auth import is_listed
from lib.core.errors import SettingError
from lib.core.user import User


@dataclass(frozen=True)
class Roles:
    """Admins, and members of groups: addresses, names given by a proxy, or domains with @ in front."""

    admins: frozenset[str] = frozenset()
    groups: tuple[tuple[str, frozenset[str]], ...] = ()

    def apply_to(self, user: User, verified_identity: str) -> User:
        """Return the user with the roles of a verified address or name, "" for none."""
        return replace(
            user,
            is_admin=_is_member(verified_identity, self.admins),
            groups=tuple(name for name, members in self.groups if _is_member(verified_identity, members)),
        )


def parse_roles(admins: list[str], setting_name: str, groups_table: Any) -> Roles:
    """Return the roles of a list of admins and of the table [groups]. Raises SettingError."""
    if not isinstance(groups_table, Mapping):
        raise SettingError('[groups] in secrets.toml must hold lists, such as sales = ["@example.org"].')
    return Roles(
        _parse_members(admins, setting_name),
        tuple((str(group), _parse_group(str(group), members)) for group, members in groups_table.items()),
    )


def _parse_group(group: str, members: Any) -> frozenset[str]:
    name = f"[groups] {group}"
    if not isinstance(members, list):
        raise SettingError(f'{name} must be a list, such as ["ann@example.com", "@example.org"].')
    return _parse_members([str(member) for member in members], name)


def _parse_members(entries: list[str], name: str) -> frozenset[str]:
    members = frozenset(entry.strip().lower() for entry in entries if entry.strip())
    if invalid := sorted(entry for entry in members if "*" in entry or " " in entry):
        raise SettingError(f"{name} must list addresses or domains with @ in front; {invalid[0]!r} is neither.")
    return members


def _is_member(identity: str, members: frozenset[str]) -> bool:
    # Permissions are stricter than the allowlist: an address that only looks like a member's is none.
    return identity.isascii() and is_listed(identity, members)
