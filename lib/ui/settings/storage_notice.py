"""How long the history lasts, where that is not for good."""

from __future__ import annotations

import streamlit as st

from lib.ui.auth import identity_persistence
from lib.ui.session import hosting
from lib.ui.session.state import session_state
from lib.ui.text.i18n import t


def render_once() -> None:
    """What to do about a forgetful server, once a session, until it is put away."""
    with st.empty():
        if hosting.is_ephemeral() and not session_state.is_storage_notice_dismissed:
            with st.container(key="forgetful"):
                render_storage_warning()
                st.button(t("notice.dismiss"), key="forgetful-read", on_click=_dismiss)


def render_storage_warning() -> None:
    st.warning(t("notice.forgetful"), icon=":material/cloud_off:")


def _dismiss() -> None:
    session_state.is_storage_notice_dismissed = True


def render_persistence_notice() -> None:
    """One quiet line where the browser itself will forget who this is."""
    if (persistence := identity_persistence()) != "browser":
        st.caption(f":material/history_toggle_off: {t(f'access.{persistence}')}")
