"""The last change that can be taken back, offered until the next one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from lib.ui.text.i18n import t
from lib.ui.widgets.errors import tried


@dataclass(frozen=True)
class _Offer:
    words: str
    action: Callable[[], None]
    conversation: str | None


def offer(words: str, action: Callable[[], None], conversation: str | None = None) -> None:
    """Offer to take a change back by `action`; only beside this conversation where one is given."""
    st.session_state["undo"] = _Offer(words, action, conversation)


def forget() -> None:
    """Offer nothing any more: what was done since builds on the change."""
    st.session_state.pop("undo", None)


def paint(conversation: str | None = None) -> None:
    """What was changed, and the way back; `conversation` is the one that the page shows."""
    found: _Offer | None = st.session_state.get("undo")
    if found is None or found.conversation not in (None, conversation):
        return
    with st.container(key="undo", horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(found.words, width="content")
        st.button(t("undo.undo"), key="undo-do", type="tertiary", icon=":material/undo:", on_click=_take_back)
        st.button(
            t("undo.dismiss"), key="undo-dismiss", type="tertiary", icon=":material/close:", on_click=forget
        )


@tried
def _take_back() -> None:
    found: _Offer | None = st.session_state.get("undo")
    if found:
        found.action()
        forget()
