"""The temporary chat: its switch on the empty page, and the line that says what it is."""

from __future__ import annotations

import streamlit as st

from lib.core.user import User
from lib.ui.session import conversation_view, services
from lib.ui.session.state import session_state
from lib.ui.text.i18n import t
from lib.ui.widgets.errors import shows_errors


def render(user: User, view: conversation_view.ConversationView) -> None:
    """The switch where nothing has been said yet, and the line while it is on."""
    on = session_state.temporary_store is not None
    if view.nodes and not on:
        return
    with st.container(key="temporary", horizontal=True, vertical_alignment="center", gap="small"):
        if on:
            st.caption(f":material/visibility_off: {t('temporary.about')}")
        if not view.nodes:
            st.button(
                t("temporary.on" if on else "temporary.off"),
                key="temporary-switch",
                icon=":material/check:" if on else ":material/visibility_off:",
                type="secondary" if on else "tertiary",
                on_click=_toggle,
                args=(user,),
            )


@shows_errors
def _toggle(user: User) -> None:
    if session_state.temporary_store:
        services.end_temporary()
    else:
        services.start_temporary(user.id)
