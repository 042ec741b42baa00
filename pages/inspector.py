"""Inspector page: the recent requests of the user, and each of them with its response."""

from __future__ import annotations

import streamlit as st

from lib.core.errors import StoreError
from lib.ui.auth import require
from lib.ui.inspector import recent
from lib.ui.text import t
from lib.ui.widgets import errors, navigation, replays, undo

user = require()

replays.follow()
navigation.render_back_link()
errors.render_flash_warning()
undo.render()
st.title(t("inspector.title"), anchor=False)
try:
    recent.render(user)
except StoreError as error:
    st.error(errors.code_message(error.code), icon=":material/error:")
