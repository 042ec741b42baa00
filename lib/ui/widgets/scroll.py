"""The way to what was opened: the page scrolls to a message that was looked for, and the list makes room."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import streamlit as st

from lib.ui.session import conversation_view

_SCRIPT = (Path(__file__).parent / "scroll.js").read_text(encoding="utf-8")
_SOUGHT = "sought"
_BEFORE = 2  # messages shown above the one that was looked for
_times = count()


@st.cache_resource(show_spinner=False)
def _component() -> Any:
    # Not when this file is read: that is before there is a server to tell it to.
    return st.components.v2.component("antler.reach", js=_SCRIPT)


def seek(node: str, *, mark: bool = True) -> None:
    """Have the next run of the chat page go to this message, or for "" only to its conversation."""
    st.session_state[_SOUGHT] = (node, mark)


def paint(view: conversation_view.View) -> None:
    """Go to what was opened, once; before the view is painted, which begins early enough then."""
    if _SOUGHT not in st.session_state:
        return
    node, mark = st.session_state.pop(_SOUGHT)
    place = next((place for place, one in enumerate(view.nodes) if one.id == node), len(view.nodes))
    view.first = max(0, min(view.first, place - _BEFORE))
    if mark and len(view.nodes) - view.first > 2 * conversation_view.WINDOW:
        # Not all that has been said since: a conversation's length must not tell.
        view.end = view.first + conversation_view.WINDOW
    # The number makes it another errand when it is the same message again.
    _component()(key="reach", data={"node": node, "mark": mark, "time": next(_times)})
