"""One conversation in the list: its status, the actions of its menu, and the forms that stand in its place."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from lib.core.conversation import Conversation
from lib.core.user import User
from lib.ui.browser import scripts
from lib.ui.history import conversation_actions, list_forms
from lib.ui.session import conversation_view, services
from lib.ui.session.state import session_state
from lib.ui.text import escape_markdown, t
from lib.ui.widgets import scroll
from lib.ui.widgets.navigation import CHAT_PAGE, PROJECT_PAGE

ACTIONS = ("rename", "pin", "unpin", "move", "archive", "unarchive", "delete")


def edited_id() -> str:
    """Return the id of the conversation with an open form in place of its row, "" for none."""
    action, conversation_id = session_state.list_form
    return conversation_id if action in ("rename", "move") else ""


def render_form(user: User, conversation: Conversation, folder_names: Sequence[str]) -> None:
    """Render the form that is open in place of a conversation's row."""
    if session_state.list_form[0] == "rename":
        list_forms.render_rename_form(
            conversation.id,
            t("rename.label"),
            conversation.title,
            conversation_actions.MAX_TITLE_CHARS,
            lambda title: conversation_actions.rename(user, conversation, title),
        )
    else:
        st.caption(t("folder.move", title=escape_markdown(conversation.title)))
        list_forms.render_folder_picker(
            "row-folder",
            folder_names,
            lambda folder: _on_move(user, conversation, folder),
            list_forms.close,
            allow_none=bool(conversation.folder),
        )


def open_conversation(conversation_id: str | None, node_id: str = "") -> None:
    """Show a conversation, at a message if one is given, or a new one; a callback on any page."""
    services.end_temporary()
    if node_id:
        scroll.request_scroll(node_id)
    scripts.request_composer_focus()
    _show_chat_page({"c": conversation_id} if conversation_id else {})


def open_new_chat(folder: str) -> None:
    """Show a new conversation in a folder, with the list of the others; a callback on any page."""
    services.end_temporary()
    scripts.request_composer_focus()
    _show_chat_page({conversation_view.FOLDER_PARAMETER: folder})


def _show_chat_page(query_params: dict[str, str]) -> None:
    if session_state.is_chat_page:
        # This run shows it: a switch of the page would start another one.
        st.query_params.from_dict(query_params)
    else:
        st.switch_page(CHAT_PAGE, query_params=query_params)


def open_project_settings(folder: str) -> None:
    """Show the settings of a folder, or those of a new one for ""; a callback on any page."""
    kept = {"c": conversation} if (conversation := st.query_params.get("c")) and folder else {}
    named = {conversation_view.FOLDER_PARAMETER: folder} if folder else {}
    st.switch_page(PROJECT_PAGE, query_params={**kept, **named})


def status(conversation: Conversation, *, is_open: bool) -> str:
    """Return the mark of a row: "arriving", "unread", or ""."""
    if is_open:
        return ""  # the page itself shows the new answer
    return "arriving" if conversation.arriving else "unread" if conversation.unread else ""


def available_actions(conversation: Conversation) -> list[str]:
    """Return the actions in the menu of a conversation's row."""
    if conversation.archived:
        return ["rename", "unarchive", "delete"]
    return ["rename", "unpin" if conversation.pinned else "pin", "move", "archive", "delete"]


def run_action(user: User, conversation: Conversation, action: str) -> None:
    """Run an action of the menu; a callback."""
    match action:
        case "rename" | "move":
            # A form in the row, not a dialog: a dialog would wait until a running answer is rendered.
            session_state.list_form = action, conversation.id
        case "pin" | "unpin":
            conversation_actions.set_pinned(user, conversation, action == "pin")
        case "archive" | "unarchive":
            conversation_actions.set_archived(user, [conversation], action == "archive")
        case "delete":
            conversation_actions.delete(user, [conversation])


def _on_move(user: User, conversation: Conversation, folder: str) -> None:
    list_forms.close()
    conversation_actions.move(user, [conversation], folder)
