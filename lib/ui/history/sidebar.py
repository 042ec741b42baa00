"""The sidebar of every page: a new chat, the search, the list or the archive, usage and settings."""

from __future__ import annotations

import streamlit as st

from lib.core.errors import StoreError
from lib.core.user import User
from lib.ui.history import conversation_list, row, search, selection
from lib.ui.history.row import CHAT_PAGE
from lib.ui.session import conversation_view
from lib.ui.session.state import session_state
from lib.ui.text.i18n import t
from lib.ui.widgets import paging
from lib.ui.widgets.errors import code_message

__all__ = ["CHAT_PAGE", "SETTINGS_PAGE", "USAGE_PAGE", "render"]
SETTINGS_PAGE = "pages/settings.py"
USAGE_PAGE = "pages/usage.py"


def render(user: User, *, is_chat_page: bool) -> None:
    """The sidebar of every page; `chat` where the page shows a conversation."""
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
        words, icon, args = t("archive.back"), ":material/arrow_back:", (False,)
        st.button(
            words, key="archive-back", type="tertiary", icon=icon, on_click=_set_archive_visible, args=args
        )
        with st.container(key="head-archive"):
            st.caption(t("archive.title"))
        conversation_list.render_archive(user, open_id)
    else:
        conversation_list.render(user, open_id)


def _render_footer(query: str) -> None:
    with st.container(key="sidebar-tools", horizontal=True, gap="small"):
        if not query and not selection.is_active():
            words, icon = t("sidebar.select"), ":material/checklist:"
            st.button(words, key="select", type="tertiary", icon=icon, on_click=selection.begin)
        if not query and not session_state.is_archive_open:
            words, icon, args = t("archive.title"), ":material/archive:", (True,)
            st.button(
                words, key="archive", type="tertiary", icon=icon, on_click=_set_archive_visible, args=args
            )
    with st.container(key="sidebar-links", horizontal=True, gap="small"):
        for page, name, icon in ((SETTINGS_PAGE, "settings", "settings"), (USAGE_PAGE, "usage", "bar_chart")):
            words, icon = t(f"nav.{name}"), f":material/{icon}:"
            st.page_link(
                page, label=words, icon=icon, width="content", query_params=conversation_view.query_params()
            )


def _start_new_chat() -> None:
    """Begin a new chat, and show where it will be listed; a callback."""
    paging.reset("open")
    row.open_conversation(None)


def _set_archive_visible(visible: bool) -> None:
    selection.end()
    paging.reset("archived")
    session_state.is_archive_open = visible
