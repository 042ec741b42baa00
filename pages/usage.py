"""Usage page: limits, tokens, cost and latency, by day, model and wire."""

from __future__ import annotations

import streamlit as st

from lib.core.errors import StoreError
from lib.ui.auth import require
from lib.ui.text import t
from lib.ui.usage import quota_status, report
from lib.ui.widgets import errors, navigation

user = require()

navigation.render_back_link()
st.title(t("usage.title"), anchor=False)
try:
    quota_status.render()
    report.render(user)
except StoreError as error:
    st.error(errors.code_message(error.code), icon=":material/error:")
