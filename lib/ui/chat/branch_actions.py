"""Actions on a message in its tree: versions, edit, regenerate, continue from here, branch, delete."""

from __future__ import annotations

from functools import partial

import streamlit as st

from lib.chat.turns import branches
from lib.core.comparisons import Origin
from lib.core.conversation import Node
from lib.core.user import User
from lib.ui.chat import answer_comparison, cache_view, message_tools
from lib.ui.composer import composer_files, drafts, questions, regeneration
from lib.ui.files import tray
from lib.ui.session import audit, conversation_view, resources, services
from lib.ui.session.state import session_state
from lib.ui.session.values import ConversationView
from lib.ui.text import escape_markdown, t
from lib.ui.widgets import undo
from lib.ui.widgets.controls import render_button, render_menu
from lib.ui.widgets.errors import flash_warning, shows_errors
from lib.ui.widgets.navigation import COMPARE_PAGE

_STORED_ACTIONS = ("branch", "compare_models")  # of chats that are stored


def render_pager(user: User, sibling_ids: list[str] | None, node_id: str) -> None:
    """Render the arrows between the versions of a message, if it has others."""
    if not sibling_ids:
        return
    index = sibling_ids.index(node_id)
    with st.container(key=f"pager-{node_id}", horizontal=True, vertical_alignment="center", gap=None, width="content"):
        _render_pager_button(user, sibling_ids, node_id, -1, "chevron_left", t("actions.previous"))
        st.caption(f"{index + 1} / {len(sibling_ids)}")
        _render_pager_button(user, sibling_ids, node_id, 1, "chevron_right", t("actions.next"))


def _render_pager_button(user: User, sibling_ids: list[str], node_id: str, step: int, icon: str, label: str) -> None:
    index = sibling_ids.index(node_id) + step
    is_disabled = not 0 <= index < len(sibling_ids)
    sibling_id = sibling_ids[index % len(sibling_ids)]
    render_button(label, f"page-{node_id}-{step}", icon, _show_branch, user, sibling_id, disabled=is_disabled)


def render_question_actions(user: User, view: ConversationView, node: Node) -> None:
    """Render the line below a question: its versions, Edit, and the menu."""
    number = view.turn_number(node.id)
    with st.container(key=f"below-question-{node.id}", horizontal=True, horizontal_alignment="right", gap="small"):
        render_pager(user, view.siblings.get(node.id), node.id)
        with message_tools.action_row(node.id):
            render_button(t("message.edit", number=number), f"edit-{node.id}", "edit", _open_editor, node.id)
            actions = ("compare_models", "branch", "delete")
            render_actions_menu(user, node, t("message.more_question", number=number), actions)


def list_answer_actions(view: ConversationView, node: Node, *, is_last: bool) -> tuple[str, ...]:
    """Return the actions of the menu of an answer, named as in `_run_action`."""
    actions = [] if is_last else ["go_back"]
    if other := regeneration.other_wire_of(node):
        actions.append("ask_other_wire" if regeneration.is_listed(other) else "ask_other_wire_unlisted")
    if node.id in view.siblings:
        actions.append("compare")
    if cache_view.has_diagnosis(node):
        actions.append("cache")
    return (*actions, "compare_models", "branch", "delete")


def render_actions_menu(user: User, node: Node, label: str, actions: tuple[str, ...]) -> None:
    """Render a menu of actions on a message, named as in `_run_action`."""
    other = regeneration.other_wire_of(node)
    wire = t(f"wire.{other.wire}") if other else ""
    render_menu(
        label,
        f"more-{node.id}",
        [action for action in actions if action not in _STORED_ACTIONS or not session_state.temporary_store],
        lambda action: t(f"actions.{action}", wire=wire),
        lambda action: _run_action(user, node, action),
    )


def _run_action(user: User, node: Node, action: str) -> None:
    match action:
        case "ask_other_wire":
            if other := regeneration.other_wire_of(node):
                regeneration.retry_with_target(user, other, node.parent_id)
        case "ask_other_wire_unlisted":
            _explain_unlisted(node)
        case "compare":
            answer_comparison.open_for(conversation_view.current_view(), node)
        case "cache":
            cache_view.open_for(node)
        case "go_back":
            _rewind_to(user, node)
        case "compare_models":
            _compare_models(node)
        case "branch":
            _create_branch(user, node)
        case "delete":
            _delete_turn(user, node)


def _explain_unlisted(node: Node) -> None:
    """Say why the other format cannot be chosen: a menu has no disabled options."""
    if other := regeneration.other_wire_of(node):
        flash_warning(t("other_wire.not_listed", model=other.model, wire=t(f"wire.{other.wire}")))


def _compare_models(node: Node) -> None:
    """Open the page that asks a question again, or the one of an answer, to several models."""
    question_id = node.id if node.message.role == "user" else node.parent_id
    if (conversation_id := conversation_view.current_view().conversation_id) and question_id:
        session_state.pending_comparison = Origin(conversation_id, question_id)
        st.switch_page(COMPARE_PAGE)


def is_editing(node: Node) -> bool:
    """Tell if this question is being edited."""
    return node.id in session_state.edited_node_ids


def render_editor(user: User, node: Node) -> None:
    """Render a question as a form; it is sent as a version beside the original, in place of a running answer.

    Several can be open: what was typed in one is only in the browser until it is sent.
    """
    key, text = f"editor-{node.id}", session_state.cancelled_edits.get(node.id, node.message.text)
    composer_files.render_edited(user, node)
    with st.form(f"edit-form-{node.id}", border=False):
        st.text_area(t("actions.edit"), text, key=key, height="content", label_visibility="collapsed")
        with st.container(horizontal=True, horizontal_alignment="right", gap="small"):
            # Escape presses the button of a form whose key begins with "close-".
            st.form_submit_button(
                t("edit.cancel"), key=f"close-edit-{node.id}", on_click=_cancel_edit, args=(node, key)
            )
            send_key = f"send-edit-{node.id}"
            st.form_submit_button(
                t("edit.send"), key=send_key, type="primary", on_click=_send_edit, args=(user, node, key)
            )


def _open_editor(node_id: str) -> None:
    session_state.edited_node_ids.add(node_id)


def _close_editor(node_id: str) -> None:
    session_state.edited_node_ids.discard(node_id)


def _cancel_edit(node: Node, field_key: str) -> None:
    """Close the editor, and keep what was typed until it is opened again: Escape is pressed by mistake, too."""
    session_state.cancelled_edits[node.id] = session_state.widget(field_key, node.message.text)
    _close_editor(node.id)


@shows_errors
def _send_edit(user: User, node: Node, field_key: str) -> None:
    text = session_state.widget(field_key)
    files = composer_files.edited_parts(node)
    if text == node.message.text and files == node.message.files:
        # A version with the same text would only hide the original.
        questions.stop_answer()
        regeneration.retry(user, question_id=node.id)
        _close_editor(node.id)
    elif questions.send_edit(user, node, text, files):
        _close_editor(node.id)
        session_state.cancelled_edits.pop(node.id, None)
        tray.close(tray.edit_slot(node.id))


@shows_errors
def _show_branch(user: User, node_id: str) -> None:
    if conversation_id := conversation_view.current_view().conversation_id:
        branches.show_branch(services.turn_services(), user.id, conversation_id, node_id)


@shows_errors
def _rewind_to(user: User, node: Node) -> None:
    if conversation_id := conversation_view.current_view().conversation_id:
        undo_point = branches.rewind_to(services.turn_services(), user.id, conversation_id, node.id)
        _offer_undo(user, undo_point, "undo.gone_back")


@shows_errors
def _delete_turn(user: User, node: Node) -> None:
    if conversation_id := conversation_view.current_view().conversation_id:
        undo_point = branches.delete_turn(services.turn_services(), user.id, conversation_id, node.id)
        audit.record(user, "delete_turn", node.id, conversation=conversation_id)
        _offer_undo(user, undo_point, "undo.turn")


def _offer_undo(user: User, undo_point: branches.UndoPoint, message_key: str) -> None:
    action = partial(branches.undo_change, services.turn_services(), user.id, undo_point)
    undo.offer(t(message_key), action, undo_point.conversation_id)


@shows_errors
def _create_branch(user: User, node: Node) -> None:
    """Copy the path up to an answer, or before a question, which is put into the input, to a new chat."""
    original = conversation_view.current_view().conversation
    if original is None:
        return
    is_question = node.message.role == "user"
    slot = conversation_view.new_chat_slot("")
    st.query_params.clear()
    if end_id := node.parent_id if is_question else node.id:
        title = t("branch.title", title=original.title)
        branch = branches.branch_conversation(services.turn_services(), user.id, original.id, end_id, title)
        st.query_params["c"] = slot = branch.id
        message = t("undo.branched", title=escape_markdown(original.title))
        undo.offer(message, partial(_undo_branch, user, original.id, branch.id), branch.id)
    if is_question:
        drafts.prefill(node.message.text)
        tray.add_parts(slot, node.message.files)


def _undo_branch(user: User, original_id: str, branch_id: str) -> None:
    resources.store().conversations.delete(user.id, [branch_id])
    audit.record(user, "delete", branch_id)
    st.query_params.from_dict({"c": original_id})
