"""Administration page: sections, and the selected one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import streamlit as st

from lib.core.user import User
from lib.ui.admin import audit_log, limits, models, prompts, users
from lib.ui.admin.scope import SECTION_KEY
from lib.ui.session.state import session_state
from lib.ui.text import t
from lib.ui.widgets import errors, navigation

_SECTIONS: Mapping[str, Callable[[User], None]] = MappingProxyType(
    {
        "limits": limits.render,
        "models": models.render_access,
        "default": models.render_default,
        "prompts": prompts.render,
        "people": users.render,
        "audit": audit_log.render,
    }
)


def render(user: User) -> None:
    """Render the page; the caller has checked that the user is an admin. Raises StoreError."""
    navigation.render_back_link()
    errors.render_flash_warning()
    st.title(t("admin.title"), anchor=False)
    if not session_state.has_widget(SECTION_KEY):
        session_state.set_widget(SECTION_KEY, "limits")
    section = st.segmented_control(
        t("admin.sections"),
        list(_SECTIONS),
        key=SECTION_KEY,
        required=True,
        format_func=lambda name: t(f"admin.{name}"),
        label_visibility="collapsed",
    )
    with st.container(key=f"admin-{section}"):
        _SECTIONS[str(section)](user)
