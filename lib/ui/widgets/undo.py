"""Undo of the last change, offered until the next one."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from lib.ui.session.state import session_state
from lib.ui.session.values import UndoOffer
from lib.ui.text import t
from lib.ui.widgets.errors import shows_errors


def offer(message: str, action: Callable[[], None], conversation_id: str | None = None) -> None:
    """Offer to revert a change with `action`; beside one conversation only, if its id is given."""
    session_state.undo_offer = UndoOffer(message, action, conversation_id)


def dismiss() -> None:
    """Withdraw the offer, after an action that builds on the change."""
    session_state.undo_offer = None


def render(conversation_id: str | None = None) -> None:
    """Render the offer, if it belongs to the open conversation or to none."""
    undo_offer = session_state.undo_offer
    if undo_offer is None or undo_offer.conversation_id not in (None, conversation_id):
        return
    with st.container(key="undo", horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(undo_offer.message, width="content")
        st.button(t("undo.undo"), key="undo-do", type="tertiary", icon=":material/undo:", on_click=_run)
        st.button(t("undo.dismiss"), key="undo-dismiss", type="tertiary", icon=":material/close:", on_click=dismiss)


@shows_errors
def _run() -> None:
    if undo_offer := session_state.undo_offer:
        undo_offer.action()
        dismiss()
