"""The last change that can be taken back, offered until the next one."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from lib.ui.session.state import session_state
from lib.ui.session.values import UndoOffer
from lib.ui.text.i18n import t
from lib.ui.widgets.errors import shows_errors


def offer(message: str, action: Callable[[], None], conversation_id: str | None = None) -> None:
    """Offer to take a change back by `action`; only beside this conversation where one is given."""
    session_state.undo_offer = UndoOffer(message, action, conversation_id)


def dismiss() -> None:
    """Offer nothing any more: what was done since builds on the change."""
    session_state.undo_offer = None


def render(conversation_id: str | None = None) -> None:
    """What was changed, and the way back; `conversation` is the one that the page shows."""
    found = session_state.undo_offer
    if found is None or found.conversation_id not in (None, conversation_id):
        return
    with st.container(key="undo", horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(found.message, width="content")
        st.button(t("undo.undo"), key="undo-do", type="tertiary", icon=":material/undo:", on_click=_on_undo)
        st.button(
            t("undo.dismiss"), key="undo-dismiss", type="tertiary", icon=":material/close:", on_click=dismiss
        )


@shows_errors
def _on_undo() -> None:
    found = session_state.undo_offer
    if found:
        found.action()
        dismiss()
