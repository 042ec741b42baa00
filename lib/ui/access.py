"""Who is asking; require() for pages."""

from __future__ import annotations

from html import escape
from typing import NoReturn

import streamlit as st

from lib.core.errors import SettingError
from lib.core.types import Person
from lib.ui import browser, late, state
from lib.ui.text import t

BOX = "composer.box"
_TOLD = "access.told"
_LATE = "untold 0s linear 5s forwards"


def require() -> Person:
    """The person asking. Ends the run where the browser has yet to tell who that is, or with one sentence
    on the page where Antler may not serve anybody.

    Every page calls this first: a file in pages/ can be reached without app.py.
    """
    try:
        state.settings()
    except SettingError as error:
        st.error(t("error.setting", sentence=str(error)), icon=":material/settings_alert:")
        st.stop()
    late.catch(BOX)
    # Without sign-in, a person is a browser.
    known: browser.Told | None = st.session_state.get(_TOLD)
    if known is None:
        _wait()
    return Person(known.id)


def place() -> browser.Place:
    """What keeps the person's way back to the history; call it after require()."""
    known: browser.Told = st.session_state[_TOLD]
    return known.place


def _wait() -> NoReturn:
    """An empty page until the browser has told, and a sentence on it when that takes seconds."""
    browser.ask(_told)
    # Hidden by a style of its own: the sheet that brings it to light can come later than it does.
    st.html(f'<p style="visibility: hidden; animation: {_LATE}">{escape(t("access.silent"))}</p>')
    with st.sidebar:
        st.container(key="untold-sidebar", height=1, border=False)
    st.stop()


def _told() -> None:
    if told := browser.told():
        state.hand_over(told.id)
        st.session_state[_TOLD] = told
