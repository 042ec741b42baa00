"""For whom something is settled: everybody together, each person, a group, one person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import streamlit as st

from lib.core.policy import PER_USER_SCOPE, TEAM_SCOPE
from lib.core.user import UserRecord
from lib.ui.session import resources
from lib.ui.session.state import session_state
from lib.ui.text.i18n import escape_markdown, t

SECTION_KEY, SCOPE_KEY = "admin.section", "admin.scope"
_GROUP_PREFIX, _USER_PREFIX = "group:", "person:"


def short_label(user_id: str) -> str:
    """Somebody of whom only an id is known."""
    kind, _, rest = user_id.partition(":")
    if kind == "browser":
        return t("admin.browser", id=rest[:4])
    return f"{kind} {rest[:4]}".strip()


def display_name(record: UserRecord) -> str:
    """Somebody's name and address, as far as they are known; else a short id."""
    parts = dict.fromkeys(part for part in (record.name, record.email) if part)
    return " · ".join(parts) or short_label(record.id)


def load_user_names() -> dict[str, str]:
    """The names of all who have signed in, no two the same, by id; whoever was seen last first.

    Raises StoreError.
    """
    found = [(one.id, display_name(one)) for one in resources.store().users.all()]
    names = [name for _, name in found]
    return {id_: name if names.count(name) == 1 else f"{name} ({short_label(id_)})" for id_, name in found}


def scope_name(scope: str, user_names: Mapping[str, str]) -> str:
    """A scope in words, which are no Markdown; `known` are people's names by id."""
    if scope.startswith(_GROUP_PREFIX):
        return t("admin.group", name=scope.removeprefix(_GROUP_PREFIX))
    if scope.startswith(_USER_PREFIX):
        id_ = scope.removeprefix(_USER_PREFIX)
        return user_names.get(id_, short_label(id_))
    return t(f"admin.scope_{scope}") if scope in (TEAM_SCOPE, PER_USER_SCOPE) else scope


def select_scope(user_names: Mapping[str, str], general_scopes: Sequence[str]) -> str:
    """The scope that is to be settled: `first`, then groups, then people."""
    groups = [f"{_GROUP_PREFIX}{group}" for group, _ in resources.settings().roles.groups]
    scopes = [*general_scopes, *groups, *(f"{_USER_PREFIX}{id_}" for id_ in user_names)]
    # Also those of a group that the settings do not have any more, or of a browser.
    others = (scope for scope in resources.policy().scopes if scope not in scopes and scope != TEAM_SCOPE)
    scopes.extend(sorted(others))
    wanted = session_state.widget(SCOPE_KEY)
    if wanted and wanted not in scopes:
        if wanted.startswith(_USER_PREFIX):
            scopes.append(wanted)
        else:
            session_state.set_widget(SCOPE_KEY, scopes[0])
    chosen = st.selectbox(
        t("admin.scope"), scopes, key=SCOPE_KEY, format_func=lambda scope: scope_name(scope, user_names)
    )
    return str(chosen)


def show_user_section(section: str, user_id: str) -> None:
    """Go to what is settled for one person; a callback."""
    session_state.set_widget(SECTION_KEY, section)
    session_state.set_widget(SCOPE_KEY, f"{_USER_PREFIX}{user_id}")


def sort_scopes(scopes: Iterable[str]) -> list[str]:
    """Everybody together first, then each, then the others."""
    return sorted(scopes, key=lambda scope: ({TEAM_SCOPE: 0, PER_USER_SCOPE: 1}.get(scope, 2), scope))


def scope_markdown(scope: str, user_names: Mapping[str, str]) -> str:
    """A scope's words for a table."""
    return escape_markdown(scope_name(scope, user_names))
