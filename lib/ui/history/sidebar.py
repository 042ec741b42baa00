"""Sidebar of every page: new chat, search, the conversation list or the archive, usage and settings."""

from __future__ import annotations

import streamlit as st

from lib.core.errors import StoreError
from lib.core.user import User
from lib.ui.history import conversation_list, row, search, selection
from lib.ui.session import conversation_view
from lib.ui.session.state import session_state
from lib.ui.text import t
from lib.ui.widgets import paging
from lib.ui.widgets.controls import render_button
from lib.ui.widgets.errors import code_message
from lib.ui.widgets.navigation import SETTINGS_PAGE, USAGE_PAGE


def render(user: User, *, is_chat_page: bool) -> None:
    """Render the sidebar; on the chat page, the list marks the open conversation."""
    with st.sidebar:
        render_button(t("sidebar.new"), "new", "edit_square", _start_new_chat, type="secondary", width="stretch")
        query = search.render_input()
        with st.container(key="conversations", gap=None):
            try:
                _render_list(user, query, st.query_params.get("c") if is_chat_page else None)
            except StoreError:
                st.caption(code_message("store"))
        with st.container(key="sidebar-foot", gap=None):
            _render_footer(query)


def _render_list(user: User, query: str, open_id: str | None) -> None:
    if query:
        search.render_results(user, query)
    elif session_state.is_archive_open:
        render_button(t("archive.back"), "archive-back", "arrow_back", _set_archive_visible, False)
        with st.container(key="head-archive"):
            st.caption(t("archive.title"))
        conversation_list.render_archive(user, open_id)
    else:
        conversation_list.render(user, open_id)


def _render_footer(query: str) -> None:
    with st.container(key="sidebar-tools", horizontal=True, gap="small"):
        if not query and not selection.is_active():
            render_button(t("sidebar.select"), "select", "checklist", selection.begin)
        if not query and not session_state.is_archive_open:
            render_button(t("archive.title"), "archive", "archive", _set_archive_visible, True)
    with st.container(key="sidebar-links", horizontal=True, gap="small"):
        for page, name, icon in ((SETTINGS_PAGE, "settings", "settings"), (USAGE_PAGE, "usage", "bar_chart")):
            st.page_link(
                page,
                label=t(f"nav.{name}"),
                icon=f":material/{icon}:",
                width="content",
                query_params=conversation_view.query_params(),
            )


def _start_new_chat() -> None:
    """Open a new chat and the top of the list, where it will appear; a callback."""
    paging.reset("open")
    row.open_conversation(None)


def _set_archive_visible(is_visible: bool) -> None:
    selection.end()
    paging.reset("archived")
    session_state.is_archive_open = is_visible
