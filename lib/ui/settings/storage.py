"""Storage section of the settings, and notices where the history does not last."""

from __future__ import annotations

import streamlit as st

from lib.ui.session import resources
from lib.ui.session.state import session_state
from lib.ui.text import t


def render() -> None:
    """Render the place of the database."""
    st.header(t("settings.storage"), anchor=False)
    database = resources.settings().database
    key = "settings.storage_at" if database.kind == "sqlite" else "settings.storage_on"
    st.markdown(t(key, path=database.location.replace("`", "")))
    if _is_ephemeral():
        _render_warning()


def render_notice() -> None:
    """Render the warning of a host that deletes the database, until it is dismissed in this session."""
    with st.empty():
        if _is_ephemeral() and not session_state.is_storage_notice_dismissed:
            with st.container(key="forgetful"):
                _render_warning()
                st.button(t("storage_notice.dismiss"), key="forgetful-read", on_click=_dismiss)


def _is_ephemeral() -> bool:
    return resources.host().is_ephemeral(resources.settings().database_url)


def _render_warning() -> None:
    st.warning(t("storage_notice.ephemeral"), icon=":material/cloud_off:")


def _dismiss() -> None:
    session_state.is_storage_notice_dismissed = True
