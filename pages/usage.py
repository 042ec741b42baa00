"""Tokens, money and speed, by day, model and wire."""

from __future__ import annotations

import streamlit as st

from lib.core.errors import StoreError
from lib.ui.admin import page
from lib.ui.auth import require
from lib.ui.session import conversation_view
from lib.ui.text.i18n import t
from lib.ui.usage import quota_status, report
from lib.ui.widgets import errors

user = require()

st.page_link(
    "pages/chat.py",
    label=t("nav.back"),
    icon=":material/arrow_back:",
    query_params=conversation_view.query_params(),
)
page.render_link(user)
st.title(t("usage.title"), anchor=False)
try:
    quota_status.render()
    report.render(user)
except StoreError as error:
    st.error(errors.code_message(error.code), icon=":material/error:")
