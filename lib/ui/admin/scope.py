"""Scopes of limits and model access: the team, each user, a group, one user."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from lib.core.policy import PER_USER_SCOPE, TEAM_SCOPE, ScopePolicy
from lib.ui.session import resources
from lib.ui.session.state import session_state
from lib.ui.text import escape_markdown, t
from lib.ui.widgets import table, tabs
from lib.ui.widgets.user_names import short_label

PAGE, SCOPE_KEY = "admin", "admin.scope"
_GROUP_PREFIX, _USER_PREFIX = "group:", "person:"


def scope_name(scope: str, user_names: Mapping[str, str]) -> str:
    """Return the name of a scope, without Markdown; `user_names` by user id."""
    if scope.startswith(_GROUP_PREFIX):
        return t("admin.group", name=scope.removeprefix(_GROUP_PREFIX))
    if scope.startswith(_USER_PREFIX):
        user_id = scope.removeprefix(_USER_PREFIX)
        return user_names.get(user_id, short_label(user_id))
    return t(f"admin.scope_{scope}") if scope in (TEAM_SCOPE, PER_USER_SCOPE) else scope


def select_scope(user_names: Mapping[str, str], general_scopes: Sequence[str]) -> str:
    """Render the selection of a scope from the general ones, groups and users, and return it."""
    groups = [f"{_GROUP_PREFIX}{group}" for group, _ in resources.settings().roles.groups]
    scopes = [*general_scopes, *groups, *(f"{_USER_PREFIX}{user_id}" for user_id in user_names)]
    # Also scopes of groups that were removed from the settings, and of browsers.
    stored = (scope for scope in resources.policy().scopes if scope not in scopes and scope != TEAM_SCOPE)
    scopes.extend(sorted(stored))
    selected = session_state.widget(SCOPE_KEY)
    if selected and selected not in scopes:
        if selected.startswith(_USER_PREFIX):
            scopes.append(selected)
        else:
            session_state.set_widget(SCOPE_KEY, scopes[0])
    selected = st.selectbox(
        t("admin.scope"), scopes, key=SCOPE_KEY, format_func=lambda scope: scope_name(scope, user_names)
    )
    return str(selected)


def show_user_section(section: str, user_id: str) -> None:
    """Open a section with one user selected; a callback."""
    tabs.open_tab(PAGE, section)
    session_state.set_widget(SCOPE_KEY, f"{_USER_PREFIX}{user_id}")


def render_policies(
    user_names: Mapping[str, str],
    columns: Sequence[str],
    get_rows: Callable[[ScopePolicy], list[list[str]]],
    empty_message: str,
) -> None:
    """Render a table of all scopes: the team, each user, then groups and users; `get_rows` of a scope's policy."""
    st.header(t("admin.in_force"), anchor=False)
    scopes = resources.policy().scopes
    order = {TEAM_SCOPE: 0, PER_USER_SCOPE: 1}
    rows = [
        [escape_markdown(scope_name(scope, user_names)), *cells]
        for scope in sorted(scopes, key=lambda scope: (order.get(scope, 2), scope))
        for cells in get_rows(scopes[scope])
    ]
    if rows:
        table.render([t(f"admin.col_{name}") for name in ("scope", *columns)], rows)
    else:
        st.caption(empty_message)
