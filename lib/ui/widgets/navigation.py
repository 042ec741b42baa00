"""Frame of all pages: style sheet, script, page paths, and the links between pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from lib.core.user import User
from lib.ui.session import conversation_view
from lib.ui.text import t

CHAT_PAGE = "pages/chat.py"
SETTINGS_PAGE = "pages/settings.py"
USAGE_PAGE = "pages/usage.py"
ADMIN_PAGE = "pages/admin.py"
SHARED_PAGE = "pages/shared.py"
_CSS = (Path(__file__).parent / "theme.css").read_text(encoding="utf-8")
_PAGE_EVENTS = (Path(__file__).parent / "page_events.js").read_text(encoding="utf-8")


def render_css() -> None:
    """Inject the CSS that theme options cannot express."""
    st.html(f"<style>{_CSS}</style>")


def render_page_events() -> None:
    """Render the script for events that Streamlit handles wrongly: Enter of an input method, and copied formulas."""
    _page_events()(key="page-events")


@st.cache_resource(show_spinner=False)
def _page_events() -> Any:
    # Registered on first use: there is no server to register it with when this module is imported.
    return st.components.v2.component("antler.page_events", js=_PAGE_EVENTS)


def render_back_link(*, keeps_conversation: bool = True) -> None:
    """Render the link to the chat page, to the open conversation or to a new one."""
    st.page_link(
        CHAT_PAGE,
        label=t("nav.back"),
        icon=":material/arrow_back:",
        query_params=conversation_view.query_params() if keeps_conversation else None,
    )


def render_admin_link(user: User) -> None:
    """Render the link to the administration, for admins."""
    if user.is_admin:
        st.page_link(
            ADMIN_PAGE,
            label=t("admin.title"),
            icon=":material/admin_panel_settings:",
            query_params=conversation_view.query_params(),
        )
