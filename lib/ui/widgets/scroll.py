"""The way to what was opened: the page scrolls to a message that was looked for, and the list makes room."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import streamlit as st

from lib.ui.session import conversation_view
from lib.ui.session.state import session_state

_SCRIPT = (Path(__file__).parent / "scroll.js").read_text(encoding="utf-8")
_CONTEXT_MESSAGES = 2  # messages shown above the one that was looked for
_sequence = count()


@st.cache_resource(show_spinner=False)
def _component() -> Any:
    # Not when this file is read: that is before there is a server to tell it to.
    return st.components.v2.component("antler.reach", js=_SCRIPT)


def request_scroll(node_id: str, *, highlight: bool = True) -> None:
    """Have the next run of the chat page go to this message, or for "" only to its conversation."""
    session_state.scroll_target = (node_id, highlight)


def render(view: conversation_view.ConversationView) -> None:
    """Go to what was opened, once; before the view is painted, which begins early enough then."""
    if session_state.scroll_target is None:
        return
    node, mark = session_state.scroll_target
    session_state.scroll_target = None
    place = next((place for place, one in enumerate(view.nodes) if one.id == node), len(view.nodes))
    view.start = max(0, min(view.start, place - _CONTEXT_MESSAGES))
    if mark and len(view.nodes) - view.start > 2 * conversation_view.PAGE_SIZE:
        # Not all that has been said since: a conversation's length must not tell.
        view.end = view.start + conversation_view.PAGE_SIZE
    # The number makes it another errand when it is the same message again.
    _component()(key="reach", data={"node": node, "mark": mark, "time": next(_sequence)})
