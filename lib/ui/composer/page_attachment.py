"""Attach page: a web page that is fetched, and put as a file into the tray, where the operator allows it."""

from __future__ import annotations

import streamlit as st

from lib.core.user import User
from lib.ui.files import uploader
from lib.ui.session import conversation_view, resources
from lib.ui.session.state import session_state
from lib.ui.text import t
from lib.ui.widgets.errors import shows_errors

_URL_KEY = "page-url"


def render(user: User) -> None:
    """Render the button that opens the form for an address; nothing on a server that fetches no pages."""
    if not is_allowed():
        return
    with (
        st.container(key="page-slot", width="content"),
        st.popover(t("page.attach"), icon=":material/add_link:", key="attach-page", width="content"),
        st.form("page-form", border=False),
    ):
        st.text_input(t("page.address"), key=_URL_KEY, placeholder="https://example.com/page")
        st.caption(t("page.about"))
        st.form_submit_button(t("page.submit"), type="primary", on_click=_attach, args=(user,))


def is_allowed() -> bool:
    """Tell if the operator allows files, and pages of the web among them."""
    return uploader.is_enabled() and resources.settings().files.fetches_pages


@shows_errors
def _attach(user: User) -> None:
    """Fetch the page whose address was entered, into the tray of the open chat; a callback."""
    url = str(session_state.widget(_URL_KEY) or "").strip()
    if url:
        uploader.attach_page(user, conversation_view.draft_slot(), url)
        session_state.set_widget(_URL_KEY, "")
