"""How long the history lasts, where that is not for good."""

from __future__ import annotations

import streamlit as st

from lib.ui.auth import require
from lib.ui.session import hosting
from lib.ui.text.i18n import t

_READ = "notice.read"


def paint_once() -> None:
    """What to do about a forgetful server, once a session, until it is put away."""
    with st.empty():
        if hosting.forgetful() and not st.session_state.get(_READ):
            with st.container(key="forgetful"):
                paint_remedies()
                st.button(t("notice.dismiss"), key="forgetful-read", on_click=_put_away)


def paint_remedies() -> None:
    st.warning(t("notice.forgetful"), icon=":material/cloud_off:")


def _put_away() -> None:
    st.session_state[_READ] = True


def paint_place() -> None:
    """One quiet line where the browser itself will forget who this is."""
    if (place := require.place()) != "browser":
        st.caption(f":material/history_toggle_off: {t(f'access.{place}')}")
