"""Prompts page: the prompt library with its editor, and the preview of an import."""

from __future__ import annotations

import streamlit as st

from lib.core.errors import StoreError
from lib.ui.auth import require
from lib.ui.prompts import editor, imports, library
from lib.ui.session.state import session_state
from lib.ui.text import t
from lib.ui.widgets import errors, navigation, undo

user = require()

navigation.render_back_link()
errors.render_flash_warning()
undo.render()
st.title(t("prompts.title"), anchor=False)
# One slot for each: a run in progress shows nothing of another one's content.
preview_slot, editor_slot, list_slot = st.empty(), st.empty(), st.empty()
try:
    imports.open_link()
    if session_state.imported_prompts:
        with preview_slot.container():
            imports.render_preview(user)
    elif session_state.edited_prompt:
        with editor_slot.container():
            editor.render(user)
    else:
        with list_slot.container():
            library.render(user)
except StoreError as error:
    st.error(errors.code_message(error.code), icon=":material/error:")
