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
from lib.ui.widgets.errors import code_message
from lib.ui.widgets.navigation import SETTINGS_PAGE, USAGE_PAGE


def render(user: User, *, is_chat_page: bool) -> None:
    """Render the sidebar; on the chat page, the list marks the open conversation."""
    with st.sidebar:
        st.button(
            t("sidebar.new"),
            key="new",
            icon=":material/edit_square:",
            width="stretch",
            on_click=_start_new_chat,
        )
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
        _render_archive_button("archive-back", t("archive.back"), "arrow_back", opens_archive=False)
        with st.container(key="head-archive"):
            st.caption(t("archive.title"))
        conversation_list.render_archive(user, open_id)
    else:
        conversation_list.render(user, open_id)


def _render_archive_button(key: str, label: str, icon: str, *, opens_archive: bool) -> None:
    st.button(
        label,
        key=key,
        type="tertiary",
        icon=f":material/{icon}:",
        on_click=_set_archive_visible,
        args=(opens_archive,),
    )


def _render_footer(query: str) -> None:
    with st.container(key="sidebar-tools", horizontal=True, gap="small"):
        if not query and not selection.is_active():
            st.button(
                t("sidebar.select"),
                key="select",
                type="tertiary",
                icon=":material/checklist:",
                on_click=selection.begin,
            )
        if not query and not session_state.is_archive_open:
            _render_archive_button("archive", t("archive.title"), "archive", opens_archive=True)
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
