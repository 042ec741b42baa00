"""The page of the admins: its sections, of which one is shown, and the link to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import streamlit as st

from lib.core.user import User
from lib.ui.admin import (
    audit_log,
    default_model,
    limits,
    model_access,
    prompts,
    users,
)
from lib.ui.admin.scope import SECTION_KEY
from lib.ui.session import conversation_view
from lib.ui.session.state import session_state
from lib.ui.text.i18n import t
from lib.ui.widgets import errors

PAGE_PATH = "pages/admin.py"
_SECTIONS: Mapping[str, Callable[[User], None]] = MappingProxyType(
    {
        "limits": limits.render,
        "models": model_access.render,
        "default": default_model.render,
        "prompts": prompts.render,
        "people": users.render,
        "audit": audit_log.render,
    }
)


def render_link(user: User) -> None:
    """The way to the page, for whom it is."""
    if user.is_admin:
        icon = ":material/admin_panel_settings:"
        st.page_link(
            PAGE_PATH, label=t("admin.title"), icon=icon, query_params=conversation_view.query_params()
        )


def render(user: User) -> None:
    """All of the page, for somebody of whom it is known that they are an admin. Raises StoreError."""
    st.page_link(
        "pages/chat.py",
        label=t("nav.back"),
        icon=":material/arrow_back:",
        query_params=conversation_view.query_params(),
    )
    errors.render_flash_warning()
    st.title(t("admin.title"), anchor=False)
    if not session_state.has_widget(SECTION_KEY):
        session_state.set_widget(SECTION_KEY, "limits")
    chosen = st.segmented_control(
        t("admin.sections"),
        list(_SECTIONS),
        key=SECTION_KEY,
        required=True,
        format_func=lambda name: t(f"admin.{name}"),
        label_visibility="collapsed",
    )
    with st.container(key=f"admin-{chosen}"):
        _SECTIONS[str(chosen)](user)
