"""Sidebar of every page: new chat, search, the conversation list or the archive, usage and settings."""

from __future__ import annotations

import streamlit as st

from lib.core.errors import StoreError
from lib.core.search import SearchFilter
from lib.core.user import User
from lib.ui.auth import identity_persistence
from lib.ui.browser import scripts
from lib.ui.history import conversation_list, row, search, selection
from lib.ui.session import conversation_view
from lib.ui.session.state import session_state
from lib.ui.text import t
from lib.ui.widgets import paging
from lib.ui.widgets.controls import render_button
from lib.ui.widgets.errors import code_message
from lib.ui.widgets.navigation import (
    ADMIN_PAGE,
    COMPARE_PAGE,
    INSPECTOR_PAGE,
    PROMPTS_PAGE,
    SETTINGS_PAGE,
    USAGE_PAGE,
)

_list_keys = scripts.load("list_keys")
_PAGE_LINKS = (
    (PROMPTS_PAGE, "prompts", "library_books"),
    (COMPARE_PAGE, "compare", "compare"),
    (INSPECTOR_PAGE, "inspector", "network_node"),
    (USAGE_PAGE, "usage", "bar_chart"),
    (SETTINGS_PAGE, "settings", "settings"),
    (ADMIN_PAGE, "admin", "admin_panel_settings"),
)


def render_head() -> None:
    """Render the top of the sidebar, which keeps its place open; before the page."""
    session_state.is_sidebar_rendered = False
    with st.sidebar:
        render_button(t("sidebar.new"), "new", "edit_square", _start_new_chat, type="secondary", width="stretch")


def render(user: User, *, is_chat_page: bool) -> None:
    """Render the rest of the sidebar, once in a run; on the chat page, the list marks the open conversation.

    After the content of the page, which is what a click is for.
    """
    if session_state.is_sidebar_rendered:
        return
    session_state.is_sidebar_rendered = True
    with st.sidebar:
        is_searching = False
        try:
            request = search.render_input(user)
            is_searching = request is not None
            with st.container(key="conversations", gap=None):
                _render_list(user, request, st.query_params.get("c") if is_chat_page else None)
        except StoreError:
            st.caption(code_message("store"))
        _list_keys(key="list-keys")
        with st.container(key="sidebar-foot", gap=None):
            _render_footer(user, is_searching=is_searching)
        _render_persistence_notice()


def _render_list(user: User, request: tuple[str, SearchFilter] | None, open_id: str | None) -> None:
    if request:
        search.render_results(user, *request)
    elif session_state.is_archive_open:
        render_button(t("archive.back"), "archive-back", "arrow_back", _set_archive_visible, False)
        with st.container(key="head-archive"):
            st.caption(t("archive.title"))
        conversation_list.render_archive(user, open_id)
    else:
        conversation_list.render(user, open_id)


def _render_footer(user: User, *, is_searching: bool) -> None:
    with st.container(key="sidebar-tools", horizontal=True, gap="small"):
        if not is_searching and not selection.is_active():
            render_button(t("sidebar.select"), "select", "checklist", selection.begin)
        if not is_searching and not session_state.is_archive_open:
            render_button(t("archive.title"), "archive", "archive", _set_archive_visible, True)
    with st.container(key="sidebar-links", horizontal=True, gap="small"):
        for page, name, icon in _PAGE_LINKS:
            if page != ADMIN_PAGE or user.is_admin:
                params = conversation_view.query_params()
                st.page_link(
                    page, label=t(f"nav.{name}"), icon=f":material/{icon}:", width="content", query_params=params
                )
    scripts.render_shortcuts_button()


def _render_persistence_notice() -> None:
    """Render a line where the browser itself does not keep its identity."""
    if (persistence := identity_persistence()) != "browser":
        st.caption(f":material/history_toggle_off: {t(f'browser_id.{persistence}')}")


def _start_new_chat() -> None:
    """Open a new chat and the top of the list, where it will appear; a callback."""
    paging.reset("open")
    row.open_conversation(None)


def _set_archive_visible(is_visible: bool) -> None:
    selection.end()
    paging.reset("archived")
    session_state.is_archive_open = is_visible
