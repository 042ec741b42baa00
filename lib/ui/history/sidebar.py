"""The sidebar of every page: a new chat, the search, the list or the archive, usage and settings."""

from __future__ import annotations

import streamlit as st

from lib.core.errors import StoreError
from lib.core.user import Person
from lib.ui.history import conversation_list, row, search, selection
from lib.ui.history.row import CHAT
from lib.ui.session import conversation_view
from lib.ui.text.i18n import t
from lib.ui.widgets import paging
from lib.ui.widgets.errors import sentence

__all__ = ["CHAT", "SETTINGS", "USAGE", "paint"]
SETTINGS = "pages/settings.py"
USAGE = "pages/usage.py"
_ARCHIVE = "sidebar-archive"


def paint(person: Person, *, chat: bool) -> None:
    """The sidebar of every page; `chat` where the page shows a conversation."""
    with st.sidebar:
        st.button(
            t("sidebar.new"),
            key="new",
            icon=":material/edit_square:",
            width="stretch",
            on_click=_new,
        )
        query = search.paint_box()
        with st.container(key="conversations", gap=None):
            try:
                _list(person, query, st.query_params.get("c") if chat else None)
            except StoreError:
                st.caption(sentence("store"))
        with st.container(key="sidebar-foot", gap=None):
            _foot(query)


def _list(person: Person, query: str, shown: str | None) -> None:
    if query:
        search.paint(person, query)
    elif _ARCHIVE in st.session_state:
        words, icon, args = t("archive.back"), ":material/arrow_back:", (False,)
        st.button(words, key="archive-back", type="tertiary", icon=icon, on_click=_show_archive, args=args)
        with st.container(key="head-archive"):
            st.caption(t("archive.title"))
        conversation_list.paint_archive(person, shown)
    else:
        conversation_list.paint(person, shown)


def _foot(query: str) -> None:
    with st.container(key="sidebar-tools", horizontal=True, gap="small"):
        if not query and not selection.on():
            words, icon = t("sidebar.select"), ":material/checklist:"
            st.button(words, key="select", type="tertiary", icon=icon, on_click=selection.begin)
        if not query and _ARCHIVE not in st.session_state:
            words, icon, args = t("archive.title"), ":material/archive:", (True,)
            st.button(words, key="archive", type="tertiary", icon=icon, on_click=_show_archive, args=args)
    with st.container(key="sidebar-links", horizontal=True, gap="small"):
        for page, name, icon in ((SETTINGS, "settings", "settings"), (USAGE, "usage", "bar_chart")):
            words, icon = t(f"nav.{name}"), f":material/{icon}:"
            st.page_link(page, label=words, icon=icon, width="content", query_params=conversation_view.here())


def _new() -> None:
    """Begin a new chat, and show where it will be listed; a callback."""
    paging.forget("open")
    row.open_(None)


def _show_archive(wanted: bool) -> None:
    selection.end()
    paging.forget("archived")
    if wanted:
        st.session_state[_ARCHIVE] = True
    else:
        st.session_state.pop(_ARCHIVE, None)
