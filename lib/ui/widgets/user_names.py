"""Names of users on the screen."""

from __future__ import annotations

from lib.core.user import UserRecord
from lib.ui.session import resources
from lib.ui.text import t


def user_label(name: str, email: str) -> str:
    """Return a user's name and e-mail address, as far as available."""
    return " · ".join(dict.fromkeys(part for part in (name, email) if part))


def short_label(user_id: str) -> str:
    """Return a label for a user without name and e-mail address."""
    kind, _, identifier = user_id.partition(":")
    if kind == "browser":
        return t("admin.browser", id=identifier[:4])
    return f"{kind} {identifier[:4]}".strip()


def display_name(record: UserRecord) -> str:
    """Return a user's name and e-mail address, else a short label of the id."""
    return user_label(record.name, record.email) or short_label(record.id)


def load_user_names() -> dict[str, str]:
    """Return unique names of all users who have signed in, by id, the last seen first. Raises StoreError."""
    labels = [(record.id, display_name(record)) for record in resources.store().users.all()]
    names = [name for _, name in labels]
    return {user_id: name if names.count(name) == 1 else f"{name} ({short_label(user_id)})" for user_id, name in labels}
