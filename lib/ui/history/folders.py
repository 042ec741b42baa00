"""Folders in the list: a heading that opens and closes, with the folder's actions in its menu."""

from __future__ import annotations

import streamlit as st

from lib.core.projects import MAX_NAME_CHARS, clean_name, folder_key
from lib.core.user import User
from lib.ui.history import conversation_actions, list_forms, row
from lib.ui.session.state import session_state
from lib.ui.text import dates, escape_markdown, t
from lib.ui.widgets import paging
from lib.ui.widgets.controls import render_button, render_menu


def render_heading() -> None:
    """Render the heading above the folders, with the button for a new project."""
    with st.container(key="projects-bar", horizontal=True, vertical_alignment="center", wrap=False, gap=None):
        with st.container(key="head-folders"):
            st.caption(dates.heading_text("folders"))
        render_button(t("project.new"), "new-project", "create_new_folder", row.open_project_settings, "")


def render_folder(user: User, name: str, count: int) -> bool:
    """Render a folder's heading with its count, or its rename form; returns if it is open."""
    is_open, key = name in session_state.open_folders, folder_key(name)
    if session_state.list_form == ("rename_folder", name):
        list_forms.render_rename_form(
            key, t("folder.name"), name, MAX_NAME_CHARS, lambda new_name: _rename(user, name, new_name)
        )
    else:
        with st.container(key=f"folder-{key}", horizontal=True, gap=None, wrap=False):
            label, icon = f"{escape_markdown(name)} :gray[{count}]", "folder_open" if is_open else "folder"
            render_button(label, f"fold-{key}", icon, _toggle_folder, name, width="stretch")
            _render_menu(user, name)
    return is_open


def render_new_chat(name: str) -> None:
    """Render the button that starts a conversation in an open folder."""
    render_button(t("project.new_chat"), f"new-in-{folder_key(name)}", "add", row.open_new_chat, name, width="stretch")


def _render_menu(user: User, name: str) -> None:
    labels = {
        "new_chat": f":material/edit_square: {t('project.new_chat')}",
        "settings": f":material/tune: {t('project.settings')}",
        "rename": t("sidebar.rename"),
        "delete": t("folder.delete"),
    }
    render_menu(
        t("sidebar.actions", name=escape_markdown(name)),
        f"actions-folder-{folder_key(name)}",
        list(labels),
        lambda action: labels[action],
        lambda action: _run_action(user, name, action),
    )


def _run_action(user: User, name: str, action: str) -> None:
    match action:
        case "new_chat":
            row.open_new_chat(name)
        case "settings":
            row.open_project_settings(name)
        case "rename":
            session_state.list_form = "rename_folder", name
        case "delete":
            conversation_actions.delete_folder(user, name)


def _toggle_folder(name: str) -> None:
    session_state.open_folders.symmetric_difference_update({name})
    paging.reset(folder_key(name))


def _rename(user: User, name: str, new_name: str) -> None:
    new_name = clean_name(new_name)
    conversation_actions.rename_folder(user, name, new_name)
    if name in session_state.open_folders:
        session_state.open_folders.add(new_name)
