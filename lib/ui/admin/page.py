"""The page of the admins: its sections, of which one is shown, and the link to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import streamlit as st

from lib.core.user import Person
from lib.ui.admin import (
    audit_log,
    default_model,
    limits,
    model_access,
    prompts,
    users,
)
from lib.ui.admin.scope import SECTION
from lib.ui.session import conversation_view
from lib.ui.text.i18n import t
from lib.ui.widgets import errors

PAGE = "pages/admin.py"
_SECTIONS: Mapping[str, Callable[[Person], None]] = MappingProxyType(
    {
        "limits": limits.paint,
        "models": model_access.paint,
        "default": default_model.paint,
        "prompts": prompts.paint,
        "people": users.paint,
        "audit": audit_log.paint,
    }
)


def link(person: Person) -> None:
    """The way to the page, for whom it is."""
    if person.admin:
        icon = ":material/admin_panel_settings:"
        st.page_link(PAGE, label=t("admin.title"), icon=icon, query_params=conversation_view.here())


def paint(person: Person) -> None:
    """All of the page, for somebody of whom it is known that they are an admin. Raises StoreError."""
    st.page_link(
        "pages/chat.py",
        label=t("nav.back"),
        icon=":material/arrow_back:",
        query_params=conversation_view.here(),
    )
    errors.paint_refusal()
    st.title(t("admin.title"), anchor=False)
    st.session_state.setdefault(SECTION, "limits")
    chosen = st.segmented_control(
        t("admin.sections"),
        list(_SECTIONS),
        key=SECTION,
        required=True,
        format_func=lambda name: t(f"admin.{name}"),
        label_visibility="collapsed",
    )
    with st.container(key=f"admin-{chosen}"):
        _SECTIONS[str(chosen)](person)
