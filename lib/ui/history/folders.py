"""Folders in the list: a heading that opens and closes, with rename and delete in its menu."""

from __future__ import annotations

from hashlib import sha256

import streamlit as st

from lib.core.user import User
from lib.ui.history import conversation_actions, list_forms
from lib.ui.session.state import session_state
from lib.ui.text import escape_markdown, t
from lib.ui.widgets import paging
from lib.ui.widgets.controls import render_button, render_menu


def render_folder(user: User, name: str, count: int) -> bool:
    """Render a folder's heading with its count, or its rename form; returns if it is open."""
    is_open = name in session_state.open_folders
    if session_state.list_form == ("rename_folder", name):
        list_forms.render_rename_form(
            folder_key(name),
            t("folder.name"),
            name,
            conversation_actions.MAX_FOLDER_CHARS,
            lambda new_name: _rename(user, name, new_name),
        )
    else:
        with st.container(key=f"folder-{folder_key(name)}", horizontal=True, gap=None, wrap=False):
            label, icon = f"{escape_markdown(name)} :gray[{count}]", "folder_open" if is_open else "folder"
            render_button(label, f"fold-{folder_key(name)}", icon, _toggle_folder, name, width="stretch")
            _render_menu(user, name)
    return is_open


def folder_key(name: str) -> str:
    """Return a key for a folder's elements: names may hold any character, keys not."""
    return sha256(name.encode()).hexdigest()[:16]


def _render_menu(user: User, name: str) -> None:
    labels = {"rename": t("sidebar.rename"), "delete": t("folder.delete")}
    render_menu(
        t("sidebar.actions"),
        f"actions-folder-{folder_key(name)}",
        list(labels),
        lambda action: labels[action],
        lambda action: _run_action(user, name, action),
    )


def _run_action(user: User, name: str, action: str) -> None:
    if action == "rename":
        session_state.list_form = "rename_folder", name
    else:
        conversation_actions.delete_folder(user, name)


def _toggle_folder(name: str) -> None:
    session_state.open_folders.symmetric_difference_update({name})
    paging.reset(folder_key(name))


def _rename(user: User, name: str, new_name: str) -> None:
    new_name = conversation_actions.normalize_folder_name(new_name)
    conversation_actions.rename_folder(user, name, new_name)
    if name in session_state.open_folders:
        session_state.open_folders.add(new_name)
