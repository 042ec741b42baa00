"""Who is asking; require() for pages."""

from __future__ import annotations

import streamlit as st

from lib.core.errors import SettingError
from lib.core.types import Person
from lib.ui import state
from lib.ui.text import t

# Without sign-in there is one person: whoever can reach the page.
LOCAL = Person("local")


def require() -> Person:
    """The person asking. Ends the run, with one sentence on the page, where Antler may not serve anybody.

    Every page calls this first: a file in pages/ can be reached without app.py.
    """
    try:
        state.settings()
    except SettingError as error:
        st.error(t("error.setting", sentence=str(error)), icon=":material/settings_alert:")
        st.stop()
    return LOCAL
