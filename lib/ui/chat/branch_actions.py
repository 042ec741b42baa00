"""What can be done with a message in its tree: edit, answer again, go on from it, branch off, delete."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from lib.chat.turns import branches
from lib.core.conversation import Node
from lib.core.user import User
from lib.ui.chat import composer
from lib.ui.session import audit, conversation_view, resources, services
from lib.ui.session.state import session_state
from lib.ui.text.i18n import escape_markdown, t
from lib.ui.widgets import undo
from lib.ui.widgets.errors import shows_errors


def render_pager(user: User, sibling_ids: list[str] | None, node_id: str) -> None:
    """Page through the alternatives `ids` of a message, where there are any."""
    if not sibling_ids:
        return
    place = sibling_ids.index(node_id)
    with st.container(
        key=f"pager-{node_id}", horizontal=True, vertical_alignment="center", gap=None, width="content"
    ):
        for step, icon, words in ((-1, "chevron_left", "tools.before"), (1, "chevron_right", "tools.after")):
            to = place + step
            st.button(
                t(words),
                key=f"page-{node_id}-{step}",
                icon=f":material/{icon}:",
                type="tertiary",
                disabled=not 0 <= to < len(sibling_ids),
                on_click=_show_branch,
                args=(user, sibling_ids[to % len(sibling_ids)]),
            )
            if step < 0:
                st.caption(f"{place + 1} / {len(sibling_ids)}")


def render_question_actions(user: User, view: conversation_view.ConversationView, node: Node) -> None:
    """The quiet line under a question: its versions, Edit, and the rest in a menu."""
    with st.container(key=f"asks-{node.id}", horizontal=True, horizontal_alignment="right", gap="small"):
        render_pager(user, view.siblings.get(node.id), node.id)
        st.button(
            t("tools.edit"),
            key=f"edit-{node.id}",
            icon=":material/edit:",
            type="tertiary",
            on_click=_set_edited_node,
            args=(node.id,),
        )
        render_menu(user, node, ("branch", "delete"))


def render_menu(user: User, node: Node, actions: tuple[str, ...]) -> None:
    """More that can be done with a message; `actions` are keys of _ACTIONS."""
    key = f"more-{node.id}"
    st.menu_button(
        t("tools.more"),
        [action for action in actions if action != "branch" or not session_state.temporary_store],
        key=key,
        icon=":material/more_horiz:",
        type="tertiary",
        format_func=lambda action: t(f"tools.{action}"),
        on_click=lambda: _ACTIONS[session_state.widget(key)](user, node),
    )


def is_editing(node: Node) -> bool:
    """Whether this question is being edited."""
    return session_state.edited_node_id == node.id


def render_editor(user: User, node: Node) -> None:
    """A question with its text in a box, to be sent as a version beside it."""
    key = f"editor-{node.id}"
    with st.form(f"edit-form-{node.id}", border=False):
        st.text_area(
            t("tools.edit"), node.message.text, key=key, height="content", label_visibility="collapsed"
        )
        with st.container(horizontal=True, horizontal_alignment="right", gap="small"):
            st.form_submit_button(t("edit.cancel"), on_click=_set_edited_node, args=(None,))
            args = (user, node, key)
            st.form_submit_button(t("edit.send"), type="primary", on_click=_send_edit, args=args)


def _set_edited_node(node_id: str | None) -> None:
    session_state.edited_node_id = node_id


def _send_edit(user: User, node: Node, field_key: str) -> None:
    if composer.send_edit(user, node, session_state.widget(field_key)):
        _set_edited_node(None)


@shows_errors
def _show_branch(user: User, node_id: str) -> None:
    if shown := conversation_view.current_view().conversation_id:
        branches.show_branch(services.turn_services(), user.id, shown, node_id)


@shows_errors
def _go_back(user: User, node: Node) -> None:
    if shown := conversation_view.current_view().conversation_id:
        before = branches.rewind_to(services.turn_services(), user.id, shown, node.id)
        _offer_undo(user, before, "undo.gone_back")


@shows_errors
def _delete_turn(user: User, node: Node) -> None:
    if shown := conversation_view.current_view().conversation_id:
        before = branches.delete_turn(services.turn_services(), user.id, shown, node.id)
        audit.record(user, "delete_turn", node.id, conversation=shown)
        _offer_undo(user, before, "undo.turn")


def _offer_undo(user: User, previous: branches.UndoPoint, message: str) -> None:
    undo.offer(t(message), partial(_undo_change, user, previous), previous.conversation_id)


def _undo_change(user: User, previous: branches.UndoPoint) -> None:
    branches.undo_change(services.turn_services(), user.id, previous)


@shows_errors
def _create_branch(user: User, node: Node) -> None:
    """Go on in a new conversation: after an answer, or before a question, whose words are then in the box."""
    if (shown := conversation_view.current_view().conversation) is None:
        return
    asks = node.message.role == "user"
    st.query_params.clear()
    if start := node.parent_id if asks else node.id:
        title = t("branch.title", title=shown.title)
        new = branches.branch_conversation(services.turn_services(), user.id, shown.id, start, title)
        st.query_params["c"] = new.id
        words = t("undo.branched", title=escape_markdown(shown.title))
        undo.offer(words, partial(_undo_branch, user, shown.id, new.id), new.id)
    if asks:
        composer.prefill(node.message.text)


def _undo_branch(user: User, original_id: str, branch_id: str) -> None:
    resources.store().conversations.delete(user.id, [branch_id])
    audit.record(user, "delete", branch_id)
    st.query_params.from_dict({"c": original_id})


def _retry_question(user: User, node: Node) -> None:
    composer.retry(user, question_id=node.parent_id)


_ACTIONS: dict[str, Callable[[User, Node], None]] = {
    "again_here": _retry_question,
    "go_back": _go_back,
    "branch": _create_branch,
    "delete": _delete_turn,
}
