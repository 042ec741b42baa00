"""What can be done with a message in its tree: edit, answer again, go on from it, branch off, delete."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from lib.chat.turns import branches
from lib.core.conversation import Node
from lib.core.user import Person
from lib.ui.chat import composer
from lib.ui.session import audit, conversation_view, resources
from lib.ui.text.i18n import literal, t
from lib.ui.widgets import undo
from lib.ui.widgets.errors import tried

_EDITING = "editing"


def pager(person: Person, ids: list[str] | None, here: str) -> None:
    """Page through the alternatives `ids` of a message, where there are any."""
    if not ids:
        return
    place = ids.index(here)
    with st.container(
        key=f"pager-{here}", horizontal=True, vertical_alignment="center", gap=None, width="content"
    ):
        for step, icon, words in ((-1, "chevron_left", "tools.before"), (1, "chevron_right", "tools.after")):
            to = place + step
            st.button(
                t(words),
                key=f"page-{here}-{step}",
                icon=f":material/{icon}:",
                type="tertiary",
                disabled=not 0 <= to < len(ids),
                on_click=_show,
                args=(person, ids[to % len(ids)]),
            )
            if step < 0:
                st.caption(f"{place + 1} / {len(ids)}")


def question_tools(person: Person, view: conversation_view.View, node: Node) -> None:
    """The quiet line under a question: its versions, Edit, and the rest in a menu."""
    with st.container(key=f"asks-{node.id}", horizontal=True, horizontal_alignment="right", gap="small"):
        pager(person, view.siblings.get(node.id), node.id)
        st.button(
            t("tools.edit"),
            key=f"edit-{node.id}",
            icon=":material/edit:",
            type="tertiary",
            on_click=_edit,
            args=(node.id,),
        )
        menu(person, node, ("branch", "delete"))


def menu(person: Person, node: Node, actions: tuple[str, ...]) -> None:
    """More that can be done with a message; `actions` are keys of _ACTIONS."""
    key = f"more-{node.id}"
    st.menu_button(
        t("tools.more"),
        [action for action in actions if action != "branch" or not resources.scratch()],
        key=key,
        icon=":material/more_horiz:",
        type="tertiary",
        format_func=lambda action: t(f"tools.{action}"),
        on_click=lambda: _ACTIONS[st.session_state[key]](person, node),
    )


def edited(node: Node) -> bool:
    """Whether this question is being edited."""
    return bool(st.session_state.get(_EDITING) == node.id)


def paint_edit(person: Person, node: Node) -> None:
    """A question with its text in a box, to be sent as a version beside it."""
    key = f"editor-{node.id}"
    with st.form(f"edit-form-{node.id}", border=False):
        st.text_area(
            t("tools.edit"), node.message.text, key=key, height="content", label_visibility="collapsed"
        )
        with st.container(horizontal=True, horizontal_alignment="right", gap="small"):
            st.form_submit_button(t("edit.cancel"), on_click=_edit, args=(None,))
            args = (person, node, key)
            st.form_submit_button(t("edit.send"), type="primary", on_click=_send, args=args)


def _edit(node: str | None) -> None:
    st.session_state[_EDITING] = node


def _send(person: Person, node: Node, key: str) -> None:
    if composer.send_edited(person, node, st.session_state[key]):
        _edit(None)


@tried
def _show(person: Person, node: str) -> None:
    if shown := conversation_view.view().id:
        branches.show(resources.desk(), person.id, shown, node)


@tried
def _go_back(person: Person, node: Node) -> None:
    if shown := conversation_view.view().id:
        before = branches.go_back(resources.desk(), person.id, shown, node.id)
        _offer(person, before, "undo.gone_back")


@tried
def _delete(person: Person, node: Node) -> None:
    if shown := conversation_view.view().id:
        before = branches.delete(resources.desk(), person.id, shown, node.id)
        audit.note(person, "delete_turn", node.id, conversation=shown)
        _offer(person, before, "undo.turn")


def _offer(person: Person, before: branches.Before, words: str) -> None:
    undo.offer(t(words), partial(_undo, person, before), before.conversation)


def _undo(person: Person, before: branches.Before) -> None:
    branches.undo(resources.desk(), person.id, before)


@tried
def _branch(person: Person, node: Node) -> None:
    """Go on in a new conversation: after an answer, or before a question, whose words are then in the box."""
    if (shown := conversation_view.view().conversation) is None:
        return
    asks = node.message.role == "user"
    st.query_params.clear()
    if start := node.parent if asks else node.id:
        title = t("branch.title", title=shown.title)
        new = branches.branch(resources.desk(), person.id, shown.id, start, title)
        st.query_params["c"] = new.id
        words = t("undo.branched", title=literal(shown.title))
        undo.offer(words, partial(_back_to, person, shown.id, new.id), new.id)
    if asks:
        composer.put(node.message.text)


def _back_to(person: Person, before: str, new: str) -> None:
    resources.store().delete(person.id, [new])
    audit.note(person, "delete", new)
    st.query_params.from_dict({"c": before})


def _again(person: Person, node: Node) -> None:
    composer.retry(person, question=node.parent)


_ACTIONS: dict[str, Callable[[Person, Node], None]] = {
    "again_here": _again,
    "go_back": _go_back,
    "branch": _branch,
    "delete": _delete,
}
