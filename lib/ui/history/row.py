"""One conversation in the list: its title, its signs, what can be done with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from lib.core.conversation import Conversation
from lib.core.user import User
from lib.ui.history import actions, folders, selection
from lib.ui.session import resources
from lib.ui.session.state import session_state
from lib.ui.text.i18n import escape_markdown, t
from lib.ui.widgets import scroll

CHAT_PAGE = "pages/chat.py"


def render(user: User, conversation: Conversation, folder_names: Sequence[str], *, is_open: bool) -> None:
    """A row; `here` where the conversation is the open one, `names` are the folders."""
    work, id_ = session_state.row_action
    if selection.is_active():
        with st.container(key=f"row-{conversation.id}"):
            selection.render_checkbox(conversation)
    elif id_ != conversation.id:
        _render_row(user, conversation, is_open=is_open)
    elif work == "rename":
        _render_rename_form(user, conversation)
    else:
        words = escape_markdown(conversation.title)
        st.caption(t("folder.move", title=words))
        one = [conversation]
        leave = bool(conversation.folder)
        folders.render_picker(
            "row-folder",
            folder_names,
            lambda name: _on_move(user, one, name),
            _end_row_action,
            allow_none=leave,
        )


def open_conversation(conversation_id: str | None, node_id: str = "") -> None:
    """Show a conversation at that message, or begin a new one, from whatever page; a callback."""
    resources.end_temporary()
    scroll.request_scroll(node_id)
    st.switch_page(CHAT_PAGE, query_params={"c": conversation_id} if conversation_id else {})


def _render_row(user: User, conversation: Conversation, *, is_open: bool) -> None:
    # The open one shows itself what is new in it.
    sign = "" if is_open else "arriving" if conversation.arriving else "unread" if conversation.unread else ""
    key = f"row-{sign}-{conversation.id}" if sign else f"row-{conversation.id}"
    with st.container(key=key, horizontal=True, gap=None, wrap=False):
        words = escape_markdown(conversation.title)
        if is_open:
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
                on_click=open_conversation,
                args=(conversation.id,),
            )
        menu = f"actions-{conversation.id}"
        st.menu_button(
            t("sidebar.act"),
            _available_actions(conversation),
            key=menu,
            icon=":material/more_horiz:",
            type="tertiary",
            format_func=lambda action: t(f"sidebar.{action}"),
            on_click=lambda: _ACTIONS[session_state.widget(menu)](user, conversation),
        )


def _available_actions(conversation: Conversation) -> list[str]:
    if conversation.archived:
        return ["rename", "unarchive", "delete"]
    return ["rename", "unpin" if conversation.pinned else "pin", "move", "archive", "delete"]


def _row_action_starter(action: str) -> Callable[[User, Conversation], None]:
    # In place and not in a dialog: what is inside a dialog waits for an answer that is being painted.
    def start(_: User, conversation: Conversation) -> None:
        session_state.row_action = action, conversation.id

    return start


def _end_row_action() -> None:
    del session_state.row_action


def _on_move(user: User, conversations: Sequence[Conversation], folder: str) -> None:
    _end_row_action()
    actions.move(user, conversations, folder)


def _render_rename_form(user: User, conversation: Conversation) -> None:
    key = f"title-{conversation.id}"
    with st.form("rename", border=False):
        label = t("rename.label")
        st.text_input(label, conversation.title, key=key, max_chars=200, label_visibility="collapsed")
        with st.container(key="rename-buttons", horizontal=True, gap="small"):
            args = (user, conversation, key)
            st.form_submit_button(t("rename.save"), type="primary", on_click=_on_rename, args=args)
            st.form_submit_button(t("rename.cancel"), on_click=_end_row_action)


def _on_rename(user: User, conversation: Conversation, field_key: str) -> None:
    _end_row_action()
    actions.rename(user, conversation, str(session_state.widget(field_key, "")))


_ACTIONS: dict[str, Callable[[User, Conversation], None]] = {
    "rename": _row_action_starter("rename"),
    "move": _row_action_starter("move"),
    "pin": lambda person, one: actions.set_pinned(person, one, True),
    "unpin": lambda person, one: actions.set_pinned(person, one, False),
    "archive": lambda person, one: actions.set_archived(person, [one], True),
    "unarchive": lambda person, one: actions.set_archived(person, [one], False),
    "delete": lambda person, one: actions.delete(person, [one]),
}
