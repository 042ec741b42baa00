"""Conversation list: open, begin, rename, delete, take back."""

from __future__ import annotations

from functools import partial

import streamlit as st

from lib.core.errors import StoreError
from lib.core.types import Conversation, Person
from lib.ui import state, undo
from lib.ui.problem import sentence, tried
from lib.ui.text import literal, t

CHAT, SETTINGS = "pages/chat.py", "pages/settings.py"
PAGE = 40  # conversations listed at first, and more with each "show more"


def paint(person: Person, *, chat: bool) -> None:
    """The sidebar of every page; `chat` where the page shows a conversation."""
    with st.sidebar:
        st.button(
            t("sidebar.new"),
            key="new",
            icon=":material/edit_square:",
            width="stretch",
            on_click=_open,
            args=(None,),
        )
        with st.container(key="conversations", gap=None):
            try:
                _list(person, st.query_params.get("c") if chat else None)
            except StoreError:
                st.caption(sentence("store"))
        with st.container(key="sidebar-foot"):
            st.page_link(
                SETTINGS, label=t("nav.settings"), icon=":material/settings:", query_params=state.here()
            )


def _list(person: Person, shown: str | None) -> None:
    most = st.session_state.setdefault("listed", PAGE)
    found = state.store().conversations(person.id, most + 1)
    if not found:
        st.caption(t("sidebar.empty"))
    for conversation in found[:most]:
        if conversation.id == st.session_state.get("renaming"):
            _rename(person, conversation)
        else:
            _row(person, conversation, here=conversation.id == shown)
    if len(found) > most:
        st.button(t("sidebar.more"), key="more", type="tertiary", on_click=_more)


def _more() -> None:
    st.session_state["listed"] += PAGE


def _row(person: Person, conversation: Conversation, *, here: bool) -> None:
    with st.container(key=f"row-{conversation.id}", horizontal=True, gap=None, wrap=False):
        if here:
            # It is open already: a title, and no control.
            with st.container(key=f"here-{conversation.id}"):
                st.markdown(literal(conversation.title))
        else:
            st.button(
                literal(conversation.title),
                key=f"open-{conversation.id}",
                type="tertiary",
                width="stretch",
                on_click=_open,
                args=(conversation.id,),
            )
        actions = {"rename": t("sidebar.rename"), "delete": t("sidebar.delete")}
        key = f"actions-{conversation.id}"
        st.menu_button(
            t("sidebar.actions"),
            list(actions),
            key=key,
            icon=":material/more_horiz:",
            type="tertiary",
            format_func=lambda action: actions[action],
            on_click=_act,
            args=(person, conversation, key),
        )


def _open(conversation: str | None) -> None:
    """Show a conversation, or begin a new one, from whatever page; a callback."""
    state.end_temporary()
    st.switch_page(CHAT, query_params={"c": conversation} if conversation else {})


@tried
def _act(person: Person, conversation: Conversation, key: str) -> None:
    if st.session_state[key] == "rename":
        st.session_state["renaming"] = conversation.id
        return
    if running := state.answers().find(person.id, conversation.id):
        running.stop()
    state.store().delete(person.id, [conversation.id])
    words = t("sidebar.deleted", title=literal(conversation.title))
    undo.offer(words, partial(_restore, person, conversation))
    if st.query_params.get("c") == conversation.id:
        st.query_params.pop("c", None)


def _rename(person: Person, conversation: Conversation) -> None:
    # In place and not in a dialog: what is inside a dialog waits for an answer that is being painted.
    key = f"title-{conversation.id}"
    with st.form("rename", border=False):
        label = t("rename.label")
        st.text_input(label, conversation.title, key=key, max_chars=200, label_visibility="collapsed")
        with st.container(key="rename-buttons", horizontal=True, gap="small"):
            args = (person, conversation, key)
            st.form_submit_button(t("rename.save"), type="primary", on_click=_renamed, args=args)
            st.form_submit_button(t("rename.cancel"), on_click=_not_renamed)


@tried
def _renamed(person: Person, conversation: Conversation, key: str) -> None:
    _not_renamed()
    title = " ".join(str(st.session_state.get(key, "")).split())
    if title and title != conversation.title:
        state.store().rename(person.id, conversation.id, title)


def _not_renamed() -> None:
    st.session_state.pop("renaming", None)


def _restore(person: Person, deleted: Conversation) -> None:
    state.store().restore(person.id, [deleted.id])
    _open(deleted.id)
