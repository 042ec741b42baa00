"""The page of the admins: its sections, of which one is shown, and the link to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import streamlit as st

from lib.core.types import Person
from lib.ui import (
    admin_audit,
    admin_default,
    admin_limits,
    admin_models,
    admin_people,
    admin_prompts,
    problem,
    views,
)
from lib.ui.admin_scope import SECTION
from lib.ui.text import t

PAGE = "pages/admin.py"
_SECTIONS: Mapping[str, Callable[[Person], None]] = MappingProxyType(
    {
        "limits": admin_limits.paint,
        "models": admin_models.paint,
        "default": admin_default.paint,
        "prompts": admin_prompts.paint,
        "people": admin_people.paint,
        "audit": admin_audit.paint,
    }
)


def link(person: Person) -> None:
    """The way to the page, for whom it is."""
    if person.admin:
        icon = ":material/admin_panel_settings:"
        st.page_link(PAGE, label=t("admin.title"), icon=icon, query_params=views.here())


def paint(person: Person) -> None:
    """All of the page, for somebody of whom it is known that they are an admin. Raises StoreError."""
    st.page_link(
        "pages/chat.py", label=t("nav.back"), icon=":material/arrow_back:", query_params=views.here()
    )
    problem.paint_refusal()
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
