"""Administration page, for admins only: limits, models, default, prompts, users and audit log."""

from __future__ import annotations

import streamlit as st

from lib.core.errors import StoreError
from lib.ui.admin import page
from lib.ui.auth import require
from lib.ui.text import t
from lib.ui.widgets import errors

user = require()

if not user.is_admin:
    st.markdown(t("admin.not_you"))
    st.stop()
try:
    page.render(user)
except StoreError as error:
    st.error(errors.code_message(error.code), icon=":material/error:")
