"""How long the history lasts, where that is not for good."""

from __future__ import annotations

import os
from pathlib import Path

import streamlit as st

from lib.core import host
from lib.ui import access, state
from lib.ui.text import t

_FOLDER = str(Path(__file__).resolve().parents[2])
_READ = "notice.read"


def forgetful() -> bool:
    """Whether this server loses the history when it is put to sleep or deployed anew."""
    return host.forgets(state.settings().database_url, _FOLDER, os.environ)


def paint_once() -> None:
    """What to do about a forgetful server, once a session, until it is put away."""
    with st.empty():
        if forgetful() and not st.session_state.get(_READ):
            with st.container(key="forgetful"):
                paint_remedies()
                st.button(t("notice.dismiss"), key="forgetful-read", on_click=_put_away)


def paint_remedies() -> None:
    st.warning(t("notice.forgetful"), icon=":material/cloud_off:")


def _put_away() -> None:
    st.session_state[_READ] = True


def paint_place() -> None:
    """One quiet line where the browser itself will forget who this is."""
    if (place := access.place()) != "browser":
        st.caption(f":material/history_toggle_off: {t(f'access.{place}')}")
