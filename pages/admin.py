"""What admins settle for everybody: limits, models, the default, prompts; the people, and who did what."""

from __future__ import annotations

import streamlit as st

from lib.core.errors import StoreError
from lib.ui import access, admin, problem
from lib.ui.text import t

person = access.require()

if not person.admin:
    st.markdown(t("admin.not_you"))
    st.stop()
try:
    admin.paint(person)
except StoreError as error:
    st.error(problem.sentence(error.code), icon=":material/error:")
