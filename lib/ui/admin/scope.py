"""For whom something is settled: everybody together, each person, a group, one person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import streamlit as st

from lib.core.policy import ALL, EACH
from lib.core.user import Known
from lib.ui.session import resources
from lib.ui.text.i18n import literal, t

SECTION, SCOPE = "admin.section", "admin.scope"
_GROUP, _PERSON = "group:", "person:"


def short(owner: str) -> str:
    """Somebody of whom only an id is known."""
    kind, _, rest = owner.partition(":")
    if kind == "browser":
        return t("admin.browser", id=rest[:4])
    return f"{kind} {rest[:4]}".strip()


def called(known: Known) -> str:
    """Somebody's name and address, as far as they are known; else a short id."""
    parts = dict.fromkeys(part for part in (known.name, known.email) if part)
    return " · ".join(parts) or short(known.id)


def people() -> dict[str, str]:
    """The names of all who have signed in, no two the same, by id; whoever was seen last first.

    Raises StoreError.
    """
    found = [(one.id, called(one)) for one in resources.store().people()]
    names = [name for _, name in found]
    return {id_: name if names.count(name) == 1 else f"{name} ({short(id_)})" for id_, name in found}


def name(scope: str, known: Mapping[str, str]) -> str:
    """A scope in words, which are no Markdown; `known` are people's names by id."""
    if scope.startswith(_GROUP):
        return t("admin.group", name=scope.removeprefix(_GROUP))
    if scope.startswith(_PERSON):
        id_ = scope.removeprefix(_PERSON)
        return known.get(id_, short(id_))
    return t(f"admin.scope_{scope}") if scope in (ALL, EACH) else scope


def choose(known: Mapping[str, str], first: Sequence[str]) -> str:
    """The scope that is to be settled: `first`, then groups, then people."""
    groups = [f"{_GROUP}{group}" for group, _ in resources.settings().roles.groups]
    scopes = [*first, *groups, *(f"{_PERSON}{id_}" for id_ in known)]
    # Also those of a group that the settings do not have any more, or of a browser.
    others = (scope for scope in resources.policy().rules if scope not in scopes and scope != ALL)
    scopes.extend(sorted(others))
    wanted = st.session_state.get(SCOPE)
    if wanted and wanted not in scopes:
        if wanted.startswith(_PERSON):
            scopes.append(wanted)
        else:
            st.session_state[SCOPE] = scopes[0]
    chosen = st.selectbox(t("admin.scope"), scopes, key=SCOPE, format_func=lambda scope: name(scope, known))
    return str(chosen)


def show(section: str, owner: str) -> None:
    """Go to what is settled for one person; a callback."""
    st.session_state[SECTION], st.session_state[SCOPE] = section, f"{_PERSON}{owner}"


def in_order(scopes: Iterable[str]) -> list[str]:
    """Everybody together first, then each, then the others."""
    return sorted(scopes, key=lambda scope: ({ALL: 0, EACH: 1}.get(scope, 2), scope))


def cell(scope: str, known: Mapping[str, str]) -> str:
    """A scope's words for a table."""
    return literal(name(scope, known))
