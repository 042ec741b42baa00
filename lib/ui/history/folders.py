"""Folders in the list: a fold with its count, its name in a box to be changed, a picker of folders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256

import streamlit as st

from lib.core.user import Person
from lib.ui.history import actions as filing
from lib.ui.text.i18n import literal, t
from lib.ui.widgets import paging

_OPENED = "folders-opened"
_NAMING = "folder-naming"


def fold(person: Person, name: str, count: int) -> bool:
    """The head of a folder, which opens and closes it; whether it is open."""
    key = mark(name)
    opened = name in _opened()
    if st.session_state.get(_NAMING) == name:
        _paint_naming(person, name, key)
        return opened
    with st.container(key=f"folder-{key}", horizontal=True, gap=None, wrap=False):
        st.button(
            f"{literal(name)} :gray[{count}]",
            key=f"fold-{key}",
            type="tertiary",
            width="stretch",
            icon=f":material/{'folder_open' if opened else 'folder'}:",
            on_click=_toggle,
            args=(name,),
        )
        actions = {"rename": t("sidebar.rename"), "delete": t("folder.delete")}
        menu = f"actions-folder-{key}"
        st.menu_button(
            t("sidebar.act"),
            list(actions),
            key=menu,
            icon=":material/more_horiz:",
            type="tertiary",
            format_func=lambda action: actions[action],
            on_click=_act,
            args=(person, name, menu),
        )
    return opened


def mark(name: str) -> str:
    """A folder's name as a part of keys."""
    return sha256(name.encode()).hexdigest()[:16]


def picker(
    key: str,
    names: Sequence[str],
    choose: Callable[[str], None],
    cancel: Callable[[], None],
    *,
    leave: bool = True,
) -> None:
    """Pick a folder, or type the name of a new one; with `leave`, or none at all, which is ""."""
    with st.container(key=f"{key}-place", gap="xsmall"):
        st.selectbox(
            t("folder.label"),
            list(names),
            index=None,
            key=key,
            placeholder=t("folder.placeholder"),
            accept_new_options=True,
            label_visibility="collapsed",
            on_change=lambda: choose(st.session_state[key]) if st.session_state[key] else None,
        )
        with st.container(key=f"{key}-buttons", horizontal=True, gap="small"):
            if leave:
                st.button(t("folder.none"), key=f"{key}-none", type="tertiary", on_click=choose, args=("",))
            st.button(t("rename.cancel"), key=f"{key}-cancel", type="tertiary", on_click=cancel)


def _opened() -> set[str]:
    found: set[str] = st.session_state.setdefault(_OPENED, set())
    return found


def _toggle(name: str) -> None:
    _opened().symmetric_difference_update({name})
    paging.forget(mark(name))


def _act(person: Person, name: str, menu: str) -> None:
    if st.session_state[menu] == "rename":
        st.session_state[_NAMING] = name
    else:
        filing.delete_folder(person, name)


def _paint_naming(person: Person, name: str, key: str) -> None:
    with st.form(f"naming-{key}", border=False):
        field, label = f"named-{key}", t("folder.name")
        most = filing.FOLDER_CHARS
        st.text_input(label, name, key=field, max_chars=most, label_visibility="collapsed")
        with st.container(key=f"naming-buttons-{key}", horizontal=True, gap="small"):
            args = (person, name, field)
            st.form_submit_button(t("rename.save"), type="primary", on_click=_named, args=args)
            st.form_submit_button(t("rename.cancel"), on_click=_not_naming)


def _named(person: Person, before: str, field: str) -> None:
    _not_naming()
    name = filing.folder_name(str(st.session_state.get(field, "")))
    filing.rename_folder(person, before, name)
    if before in _opened():
        _opened().add(name)


def _not_naming() -> None:
    st.session_state.pop(_NAMING, None)
