"""Administration page, for admins only: limits, models, prices, prompts, refused parameters, users and audit log."""

from __future__ import annotations

import streamlit as st

from lib.core.errors import StoreError
from lib.ui.admin import audit_log, limits, models, prices, prompts, refused_params, users
from lib.ui.admin.scope import SECTION_KEY
from lib.ui.auth import require
from lib.ui.session.state import session_state
from lib.ui.text import t
from lib.ui.widgets import errors, navigation
from lib.ui.widgets.controls import render_choice

user = require()

if not user.is_admin:
    st.markdown(t("admin.not_you"))
    st.stop()
navigation.render_back_link()
errors.render_flash_warning()
st.title(t("admin.title"), anchor=False)
sections = {
    "limits": limits.render,
    "models": models.render_access,
    "default": models.render_default,
    "prices": prices.render,
    "prompts": prompts.render,
    "refused_params": refused_params.render,
    "people": users.render,
    "audit": audit_log.render,
}
if not session_state.has_widget(SECTION_KEY):
    session_state.set_widget(SECTION_KEY, "limits")
section = render_choice(t("admin.sections"), SECTION_KEY, list(sections), lambda name: t(f"admin.{name}"))
with st.container(key=f"admin-{section}"):
    try:
        sections[str(section)](user)
    except StoreError as error:
        st.error(errors.code_message(error.code), icon=":material/error:")
