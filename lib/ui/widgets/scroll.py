"""Scroll the page to a message, and close the sidebar on phones."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import streamlit as st

from lib.ui.session import conversation_view
from lib.ui.session.state import session_state
from lib.ui.session.values import ConversationView

_component = st.components.v2.component(
    "antler.scroll", js=(Path(__file__).parent / "scroll.js").read_text(encoding="utf-8")
)
_MESSAGES_ABOVE = 2  # visible messages above the target
_sequence = count()


def request_scroll(node_id: str, *, highlight: bool = True) -> None:
    """Let the next run of the chat page scroll to a message; "" only closes the sidebar on phones."""
    session_state.scroll_target = (node_id, highlight)


def render(view: ConversationView) -> None:
    """Scroll once to the requested message; call it before the transcript: it extends the visible range."""
    if session_state.scroll_target is None:
        return
    node_id, highlight = session_state.scroll_target
    session_state.scroll_target = None
    ids = [node.id for node in view.nodes]
    index = ids.index(node_id) if node_id in ids else len(ids)
    view.start = max(0, min(view.start, index - _MESSAGES_ABOVE))
    if highlight and len(ids) - view.start > 2 * conversation_view.PAGE_SIZE:
        # Limits the cost of a run: the target can be at any distance from the end.
        view.end = view.start + conversation_view.PAGE_SIZE
    # The sequence number makes the browser run the script again for the same message.
    _component(key="scroll", data={"node": node_id, "highlight": highlight, "sequence": next(_sequence)})
