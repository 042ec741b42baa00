"""Project page: the settings of a folder, or of a new one."""

from __future__ import annotations

import streamlit as st

from lib.core.errors import StoreError
from lib.core.projects import Project
from lib.ui.auth import require
from lib.ui.projects import editor
from lib.ui.session import conversation_view, resources
from lib.ui.text import escape_markdown, t
from lib.ui.widgets import errors, navigation, undo

user = require()

navigation.render_back_link()
errors.render_flash_warning()
undo.render()
folder = st.query_params.get(conversation_view.FOLDER_PARAMETER, "")
st.title(t("project.settings" if folder else "project.new"), anchor=False)
try:
    project = resources.store().projects.get(user.id, folder) if folder else Project("")
    if project:
        editor.render(user, project)
    else:
        st.warning(t("project.gone", name=escape_markdown(folder)), icon=":material/folder_off:")
except StoreError as error:
    st.error(errors.code_message(error.code), icon=":material/error:")
