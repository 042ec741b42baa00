"""What admins settle for everybody: limits, models, the default, prompts; the people, and who did what."""

from __future__ import annotations

import streamlit as st

from lib.core.errors import StoreError
from lib.ui.admin import page
from lib.ui.auth import require
from lib.ui.text.i18n import t
from lib.ui.widgets import errors

user = require()

if not user.is_admin:
    st.markdown(t("admin.not_you"))
    st.stop()
try:
    page.render(user)
except StoreError as error:
    st.error(errors.code_message(error.code), icon=":material/error:")
