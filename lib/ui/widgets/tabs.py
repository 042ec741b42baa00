"""Tabs of a page: only the open one is rendered, the address names it, and the session remembers it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import streamlit as st

from lib.ui.session.state import session_state
from lib.ui.text import current_language

_PARAMETER = "tab"


def render(page: str, labels: Mapping[str, str], render_tab: Callable[[str], None]) -> None:
    """Render the tabs of a page by name and label, and the content of the open one.

    The tab in the address is open, else the one that was open before, else the first.
    """
    names = list(labels)
    opened = _find_open_tab(page, names)
    # A reload, which forgets the session, opens the same tab.
    if opened != st.query_params.get(_PARAMETER, names[0]):
        st.query_params[_PARAMETER] = opened
    # The labels are values of the widget, so each language has its own.
    key = f"tabs-{page}-{current_language()}"
    if session_state.widget(key) != labels[opened]:
        session_state.set_widget(key, labels[opened])

    def on_change() -> None:
        label = session_state.widget(key)
        open_tab(page, next((name for name in names if labels[name] == label), names[0]))

    places = st.tabs(list(labels.values()), key=key, on_change=on_change)
    with places[names.index(opened)]:
        render_tab(opened)


def open_tab(page: str, name: str) -> None:
    """Open a tab of the page that is shown; also a callback."""
    session_state.open_tabs[page] = name
    st.query_params[_PARAMETER] = name


def _find_open_tab(page: str, names: list[str]) -> str:
    for name in (st.query_params.get(_PARAMETER), session_state.open_tabs.get(page)):
        if name in names:
            session_state.open_tabs[page] = str(name)
            return str(name)
    return names[0]
