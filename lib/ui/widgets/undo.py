"""Undo of the last change, offered until the next one."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from lib.ui.session.state import session_state
from lib.ui.session.values import UndoOffer
from lib.ui.text import t
from lib.ui.widgets.controls import render_button
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
        render_button(t("undo.undo"), "undo-do", "undo", _run)
        render_button(t("undo.dismiss"), "undo-dismiss", "close", dismiss)


@shows_errors
def _run() -> None:
    if undo_offer := session_state.undo_offer:
        undo_offer.action()
        dismiss()
