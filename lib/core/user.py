"""Users: who is asking, and the record of who has signed in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class UserRecord:
    """Somebody who has signed in, last at `seen`; sign-ins from before `revoked_before` are refused.

    Both are in seconds since 1970.
    """

    id: str
    name: str
    email: str
    last_seen_at: float
    revoked_before: float = 0.0


@dataclass(frozen=True)
class User:
    """Who is asking; `id` is what rows are owned by. The rest is "" where nobody has told it."""

    id: str
    name: str = ""
    email: str = ""
    is_admin: bool = False
    groups: tuple[str, ...] = ()
