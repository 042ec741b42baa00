"""Tokens, money and speed, by day, model and wire."""

from __future__ import annotations

import streamlit as st

from lib.core.errors import StoreError
from lib.ui import access, admin, left, problem, usage, views
from lib.ui.text import t

person = access.require()

st.page_link("pages/chat.py", label=t("nav.back"), icon=":material/arrow_back:", query_params=views.here())
admin.link(person)
st.title(t("usage.title"), anchor=False)
try:
    left.paint()
    usage.paint(person)
except StoreError as error:
    st.error(problem.sentence(error.code), icon=":material/error:")
