"""One conversation in the list: its title, its signs, what can be done with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from lib.core.conversation import Conversation
from lib.core.user import Person
from lib.ui.history import actions, folders, selection
from lib.ui.session import resources
from lib.ui.text.i18n import literal, t
from lib.ui.widgets import scroll

CHAT = "pages/chat.py"
# The conversation that is worked on in its row, and how.
_WORK = "row-work"


def paint(person: Person, conversation: Conversation, names: Sequence[str], *, here: bool) -> None:
    """A row; `here` where the conversation is the open one, `names` are the folders."""
    work, id_ = st.session_state.get(_WORK, ("", ""))
    if selection.on():
        with st.container(key=f"row-{conversation.id}"):
            selection.box(conversation)
    elif id_ != conversation.id:
        _row(person, conversation, here=here)
    elif work == "rename":
        _rename(person, conversation)
    else:
        words = literal(conversation.title)
        st.caption(t("folder.move", title=words))
        one = [conversation]
        leave = bool(conversation.folder)
        folders.picker("row-folder", names, lambda name: _moved(person, one, name), _done, leave=leave)


def open_(conversation: str | None, node: str = "") -> None:
    """Show a conversation at that message, or begin a new one, from whatever page; a callback."""
    resources.end_temporary()
    scroll.seek(node)
    st.switch_page(CHAT, query_params={"c": conversation} if conversation else {})


def _row(person: Person, conversation: Conversation, *, here: bool) -> None:
    # The open one shows itself what is new in it.
    sign = "" if here else "arriving" if conversation.arriving else "unread" if conversation.unread else ""
    key = f"row-{sign}-{conversation.id}" if sign else f"row-{conversation.id}"
    with st.container(key=key, horizontal=True, gap=None, wrap=False):
        words = literal(conversation.title)
        if here:
            # It is open already: a title, and no control.
            with st.container(key=f"here-{conversation.id}"):
                st.markdown(words)
        else:
            # For those who hear the page: the sign itself is only seen.
            said = f" :small[{t(f'sidebar.{sign}')}]" if sign else ""
            st.button(
                words + said,
                key=f"open-{conversation.id}",
                type="tertiary",
                width="stretch",
                on_click=open_,
                args=(conversation.id,),
            )
        menu = f"actions-{conversation.id}"
        st.menu_button(
            t("sidebar.act"),
            _offered(conversation),
            key=menu,
            icon=":material/more_horiz:",
            type="tertiary",
            format_func=lambda action: t(f"sidebar.{action}"),
            on_click=lambda: _ACTIONS[st.session_state[menu]](person, conversation),
        )


def _offered(conversation: Conversation) -> list[str]:
    if conversation.archived:
        return ["rename", "unarchive", "delete"]
    return ["rename", "unpin" if conversation.pinned else "pin", "move", "archive", "delete"]


def _begin(how: str) -> Callable[[Person, Conversation], None]:
    # In place and not in a dialog: what is inside a dialog waits for an answer that is being painted.
    return lambda _, conversation: st.session_state.update({_WORK: (how, conversation.id)})


def _done() -> None:
    st.session_state.pop(_WORK, None)


def _moved(person: Person, chosen: Sequence[Conversation], folder: str) -> None:
    _done()
    actions.move(person, chosen, folder)


def _rename(person: Person, conversation: Conversation) -> None:
    key = f"title-{conversation.id}"
    with st.form("rename", border=False):
        label = t("rename.label")
        st.text_input(label, conversation.title, key=key, max_chars=200, label_visibility="collapsed")
        with st.container(key="rename-buttons", horizontal=True, gap="small"):
            args = (person, conversation, key)
            st.form_submit_button(t("rename.save"), type="primary", on_click=_renamed, args=args)
            st.form_submit_button(t("rename.cancel"), on_click=_done)


def _renamed(person: Person, conversation: Conversation, key: str) -> None:
    _done()
    actions.rename(person, conversation, str(st.session_state.get(key, "")))


_ACTIONS: dict[str, Callable[[Person, Conversation], None]] = {
    "rename": _begin("rename"),
    "move": _begin("move"),
    "pin": lambda person, one: actions.pin(person, one, True),
    "unpin": lambda person, one: actions.pin(person, one, False),
    "archive": lambda person, one: actions.archive(person, [one], True),
    "unarchive": lambda person, one: actions.archive(person, [one], False),
    "delete": lambda person, one: actions.delete(person, [one]),
}
