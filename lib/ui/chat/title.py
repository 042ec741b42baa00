"""Title of the open conversation, at the top of the chat: a click renames it."""

from __future__ import annotations

import streamlit as st

from lib.core.conversation import Conversation
from lib.core.user import User
from lib.ui.history import conversation_actions, list_forms, row
from lib.ui.session.state import session_state
from lib.ui.text import escape_markdown, t
from lib.ui.widgets.controls import render_button


def render(user: User, conversation: Conversation) -> None:
    """Render the title, or the form that renames the conversation; nothing for a temporary chat."""
    with st.container(key="chat-title-place", width="stretch"):
        if session_state.temporary_store:
            return
        if session_state.list_form == ("title", conversation.id):
            list_forms.render_rename_form(
                "title",
                t("rename.label"),
                conversation.title,
                conversation_actions.MAX_TITLE_CHARS,
                lambda title: conversation_actions.rename(user, conversation, title),
            )
        elif conversation.folder:
            with st.container(
                key="chat-title-line", horizontal=True, vertical_alignment="center", wrap=False, gap=None
            ):
                label = escape_markdown(conversation.folder)
                render_button(label, "chat-folder", "folder", row.open_new_chat, conversation.folder)
                _render_title(conversation)
        else:
            _render_title(conversation)


def _render_title(conversation: Conversation) -> None:
    label = escape_markdown(conversation.title) or t("rename.untitled")
    render_button(label, "chat-title", "edit", _open_form, conversation.id)


def _open_form(conversation_id: str) -> None:
    session_state.list_form = "title", conversation_id
