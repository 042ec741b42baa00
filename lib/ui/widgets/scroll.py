"""Scrolling of the chat page: the end is followed, and a requested message is scrolled to."""

from __future__ import annotations

from itertools import count
from typing import Any

import streamlit as st

from lib.ui.browser.component import declare
from lib.ui.session import conversation_view
from lib.ui.session.state import session_state
from lib.ui.session.values import ConversationView
from lib.ui.text import t

_component = declare(
    "scroll",
    __file__,
    "scroll",
    html='<button type="button" hidden><svg width="18" height="18" viewBox="0 0 24 24" fill="none" aria-hidden="true"'
    ' stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round">'
    '<path d="M12 5v14M5 12l7 7 7-7"/></svg></button>',
    css="scroll",
    isolate_styles=True,
)
_MESSAGES_ABOVE = 2  # visible messages above the target
_sequence = count(1)


def request_scroll(node_id: str, *, highlight: bool = True) -> None:
    """Let the next run of the chat page scroll to a message."""
    session_state.scroll_target = (node_id, highlight)


def extend_visible_range(view: ConversationView) -> None:
    """Extend the visible messages to the requested one; call it before they are rendered."""
    if session_state.scroll_target is None:
        return
    node_id, highlight = session_state.scroll_target
    ids = [node.id for node in view.nodes]
    index = ids.index(node_id) if node_id in ids else len(ids)
    view.start = max(0, min(view.start, index - _MESSAGES_ABOVE))
    if highlight and len(ids) - view.start > 2 * conversation_view.PAGE_SIZE:
        # Limits the cost of a run: the target can be at any distance from the end.
        view.end = view.start + conversation_view.PAGE_SIZE


def render(view: ConversationView) -> None:
    """Render the button that leads to the end, and tell the browser what is shown.

    Call it behind the messages: the browser scrolls when this arrives, in each run because of its number.
    """
    data: dict[str, Any] = {
        "run": next(_sequence),
        "conversation": view.conversation_id,
        "label": t("answer.jump_to_newest"),
    }
    if view.generation and view.nodes:
        # A continued answer has the same id.
        data["answer"] = f"{view.nodes[-1].id} {view.nodes[-1].usage_record_id}"
    if session_state.scroll_target is not None:
        node_id, highlight = session_state.scroll_target
        session_state.scroll_target = None
        data |= {"node": node_id, "highlight": highlight, "sequence": next(_sequence)}
    with st.bottom:
        _component(key="scroll", data=data)
