"""Users: the caller of a request, and the record of a user who has signed in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class UserRecord:
    """A user who has signed in; tokens issued before `revoked_before` are refused.

    Times are in seconds since 1970.
    """

    id: str
    name: str
    email: str
    last_seen_at: float
    revoked_before: float = 0.0


@dataclass(frozen=True)
class User:
    """A user; `id` owns rows. Unknown fields are ""."""

    id: str
    name: str = ""
    email: str = ""
    is_admin: bool = False
    groups: tuple[str, ...] = ()
