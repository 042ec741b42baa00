"""One conversation in the list: its title, its status, and its menu of actions."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from lib.core.conversation import Conversation
from lib.core.user import User
from lib.ui.browser import scripts
from lib.ui.history import conversation_actions, list_forms, selection
from lib.ui.session import conversation_view, services
from lib.ui.session.state import session_state
from lib.ui.text import escape_markdown, t
from lib.ui.widgets import scroll
from lib.ui.widgets.controls import render_button, render_menu
from lib.ui.widgets.navigation import CHAT_PAGE, PROJECT_PAGE


def render(user: User, conversation: Conversation, folder_names: Sequence[str], *, is_open: bool) -> None:
    """Render a conversation's row: selectable, with a form in its place, or with its menu."""
    action, conversation_id = session_state.list_form
    if selection.is_active():
        with st.container(key=f"row-{conversation.id}"):
            selection.render_checkbox(conversation)
    elif conversation_id != conversation.id or action not in ("rename", "move"):
        _render_row(user, conversation, is_open=is_open)
    elif action == "rename":
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


def _render_row(user: User, conversation: Conversation, *, is_open: bool) -> None:
    status = _status(conversation, is_open=is_open)
    key = f"row-{status}-{conversation.id}" if status else f"row-{conversation.id}"
    with st.container(key=key, horizontal=True, gap=None, wrap=False):
        title = escape_markdown(conversation.title)
        if is_open:
            with st.container(key=f"current-{conversation.id}"):
                st.markdown(title)
        else:
            # For screen readers: the style sheet shows the status as a dot.
            label = f"{title} :small[{t(f'sidebar.{status}')}]" if status else title
            render_button(label, f"open-{conversation.id}", "", open_conversation, conversation.id, width="stretch")
        render_menu(
            t("sidebar.actions", name=title),
            f"actions-{conversation.id}",
            _available_actions(conversation),
            lambda action: t(f"sidebar.{action}"),
            lambda action: _run_action(user, conversation, action),
        )


def _status(conversation: Conversation, *, is_open: bool) -> str:
    if is_open:
        return ""  # the page itself shows the new answer
    return "arriving" if conversation.arriving else "unread" if conversation.unread else ""


def _available_actions(conversation: Conversation) -> list[str]:
    if conversation.archived:
        return ["rename", "unarchive", "delete"]
    return ["rename", "unpin" if conversation.pinned else "pin", "move", "archive", "delete"]


def _run_action(user: User, conversation: Conversation, action: str) -> None:
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
