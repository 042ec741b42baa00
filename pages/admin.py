"""Administration page, for admins only: limits, models, prices, prompts, refused parameters, users and audit log."""

from __future__ import annotations

import streamlit as st

from lib.core.errors import StoreError
from lib.ui import gateway_check
from lib.ui.admin import audit_log, limits, models, prices, refused_params, users
from lib.ui.admin.scope import PAGE
from lib.ui.auth import require
from lib.ui.prompts import library
from lib.ui.text import t
from lib.ui.widgets import errors, navigation, tabs

user = require()

sections = {
    "limits": limits.render,
    "models": models.render_access,
    "default": models.render_default,
    "prices": prices.render,
    "prompts": library.render_team_names,
    "refused_params": refused_params.render,
    "gateway_check": gateway_check.render_team,
    "people": users.render,
    "audit": audit_log.render,
}


def render_section(name: str) -> None:
    with st.container(key=f"admin-{name}"):
        try:
            sections[name](user)
        except StoreError as error:
            st.error(errors.code_message(error.code), icon=":material/error:")


if user.is_admin:
    navigation.render_back_link()
    errors.render_flash_warning()
    st.title(t("admin.title"), anchor=False)
    tabs.render(PAGE, {name: t(f"admin.{name}") for name in sections}, render_section)
else:
    st.markdown(t("admin.not_you"))
