"""Names of users on the screen."""

from __future__ import annotations

from collections.abc import Iterable

from lib.core.user import UserRecord
from lib.ui.text.i18n import t


def user_label(name: str, email: str) -> str:
    """Return a user's name and e-mail address, as far as they are known."""
    return " · ".join(dict.fromkeys(part for part in (name, email) if part))


def short_label(user_id: str) -> str:
    """Return a label for a user of whom only the id is known."""
    kind, _, rest = user_id.partition(":")
    if kind == "browser":
        return t("admin.browser", id=rest[:4])
    return f"{kind} {rest[:4]}".strip()


def display_name(record: UserRecord) -> str:
    """Return a user's name and e-mail address, else a short label of the id."""
    return user_label(record.name, record.email) or short_label(record.id)


def display_names(records: Iterable[UserRecord]) -> dict[str, str]:
    """Return unique names by user id, in the order of the records."""
    labels = [(record.id, display_name(record)) for record in records]
    names = [name for _, name in labels]
    return {
        user_id: name if names.count(name) == 1 else f"{name} ({short_label(user_id)})"
        for user_id, name in labels
    }
