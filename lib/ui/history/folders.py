"""Folders in the list: a fold with its count, its name in a box to be changed, a picker of folders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256

import streamlit as st

from lib.core.user import User
from lib.ui.history import actions as filing
from lib.ui.session.state import session_state
from lib.ui.text.i18n import escape_markdown, t
from lib.ui.widgets import paging


def render_folder(user: User, name: str, count: int) -> bool:
    """The head of a folder, which opens and closes it; whether it is open."""
    key = folder_key(name)
    opened = name in session_state.open_folders
    if session_state.renamed_folder == name:
        _render_rename_form(user, name, key)
        return opened
    with st.container(key=f"folder-{key}", horizontal=True, gap=None, wrap=False):
        st.button(
            f"{escape_markdown(name)} :gray[{count}]",
            key=f"fold-{key}",
            type="tertiary",
            width="stretch",
            icon=f":material/{'folder_open' if opened else 'folder'}:",
            on_click=_toggle_folder,
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
            on_click=_on_menu_select,
            args=(user, name, menu),
        )
    return opened


def folder_key(name: str) -> str:
    """A folder's name as a part of keys."""
    return sha256(name.encode()).hexdigest()[:16]


def render_picker(
    key: str,
    folder_names: Sequence[str],
    on_choose: Callable[[str], None],
    on_cancel: Callable[[], None],
    *,
    allow_none: bool = True,
) -> None:
    """Pick a folder, or type the name of a new one; with `leave`, or none at all, which is ""."""
    with st.container(key=f"{key}-place", gap="xsmall"):
        st.selectbox(
            t("folder.label"),
            list(folder_names),
            index=None,
            key=key,
            placeholder=t("folder.placeholder"),
            accept_new_options=True,
            label_visibility="collapsed",
            on_change=lambda: on_choose(session_state.widget(key)) if session_state.widget(key) else None,
        )
        with st.container(key=f"{key}-buttons", horizontal=True, gap="small"):
            if allow_none:
                st.button(
                    t("folder.none"), key=f"{key}-none", type="tertiary", on_click=on_choose, args=("",)
                )
            st.button(t("rename.cancel"), key=f"{key}-cancel", type="tertiary", on_click=on_cancel)


def _toggle_folder(name: str) -> None:
    session_state.open_folders.symmetric_difference_update({name})
    paging.reset(folder_key(name))


def _on_menu_select(user: User, name: str, menu_key: str) -> None:
    if session_state.widget(menu_key) == "rename":
        session_state.renamed_folder = name
    else:
        filing.delete_folder(user, name)


def _render_rename_form(user: User, name: str, key: str) -> None:
    with st.form(f"naming-{key}", border=False):
        field, label = f"named-{key}", t("folder.name")
        most = filing.MAX_FOLDER_CHARS
        st.text_input(label, name, key=field, max_chars=most, label_visibility="collapsed")
        with st.container(key=f"naming-buttons-{key}", horizontal=True, gap="small"):
            args = (user, name, field)
            st.form_submit_button(t("rename.save"), type="primary", on_click=_on_rename, args=args)
            st.form_submit_button(t("rename.cancel"), on_click=_close_rename_form)


def _on_rename(user: User, old_name: str, field_key: str) -> None:
    _close_rename_form()
    name = filing.normalize_folder_name(str(session_state.widget(field_key, "")))
    filing.rename_folder(user, old_name, name)
    if old_name in session_state.open_folders:
        session_state.open_folders.add(name)


def _close_rename_form() -> None:
    session_state.renamed_folder = None
