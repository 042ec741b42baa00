"""Transcript: the messages of the open conversation, each with its actions."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lib.core.conversation import Node, Outcome
from lib.core.user import User
from lib.ui.chat import answer_actions, answer_parts, branch_actions, image_actions, message_slots, message_tools
from lib.ui.chat.answer_bubble import AnswerBubble
from lib.ui.chat.answer_text import OUTCOME_ICONS, format_footer, outcome_message
from lib.ui.composer import context_window, regeneration
from lib.ui.files import message_files
from lib.ui.files.message_files import LoadedFiles
from lib.ui.markdown import written_text
from lib.ui.session import conversation_view
from lib.ui.session.state import session_state
from lib.ui.session.values import ConversationView
from lib.ui.text import t
from lib.ui.widgets import errors


def render(user: User, view: ConversationView, places: Sequence[DeltaGenerator]) -> AnswerBubble | None:
    """Render the visible messages in their places. Returns the bubble of an answer that is being generated."""
    nodes = view.nodes[view.start : view.end]
    files = message_files.load(user, [part for node in nodes for part in node.message.files])
    menu = regeneration.list_menu_targets(user, view)
    bubble: AnswerBubble | None = None
    for node, place in zip(nodes, places, strict=True):
        is_last = node is view.nodes[-1]
        if node.message.role == "user":
            with place:
                _render_question_with_line(user, view, node, files)
        else:
            is_arriving = bool(view.generation and is_last)
            bubble = AnswerBubble(place, node, is_arriving=is_arriving, is_last=is_last)
            if not is_arriving:
                bubble.show(node)
                render_foot(user, view, node, bubble, menu, is_last=is_last)
    return bubble if view.generation else None


def place_messages(user: User, view: ConversationView) -> list[DeltaGenerator]:
    """Render the button for earlier messages, and create the containers of the visible messages."""
    slot = st.container() if view.start else st.empty()
    nodes = view.nodes[view.start : view.end]
    # The line above the first message that is sent makes a container of another kind.
    keys = [_container_key(view, node) for node in nodes]
    places = message_slots.place(view.conversation_id or "", keys, ceil(view.start / conversation_view.PAGE_SIZE))
    with slot:
        _render_earlier_button(view)
    return places


def _container_key(view: ConversationView, node: Node) -> str:
    if node.message.role != "user":
        return f"answer-{node.id}"
    return f"{'from' if context_window.begins_request(view, node) else 'question'}-{node.id}"


def _render_earlier_button(view: ConversationView) -> None:
    if view.start:
        st.button(
            t("answer.earlier"), key="earlier", icon=":material/expand_less:", on_click=_show_earlier, args=(view,)
        )


def _show_earlier(view: ConversationView) -> None:
    view.start = max(0, view.start - conversation_view.PAGE_SIZE)


def render_later_button(view: ConversationView) -> None:
    """Render "show later messages" if the visible range ends above the last message."""
    with st.container() if view.end else st.empty():
        _render_later_button(view)


def _render_later_button(view: ConversationView) -> None:
    if view.end and st.button(t("answer.later"), key="later", icon=":material/expand_more:"):
        end = view.end + conversation_view.PAGE_SIZE
        view.end = end if end < len(view.nodes) else None
        st.rerun()


def preload_renderers(*, is_arriving: bool) -> None:
    """Let the browser load what renders formulas, emoji and code: the first of them would blank a growing text.

    In the second run, since a page is shown when all of its elements can be, and that takes a quarter of a second; in
    the first one where an answer is arriving. The brackets are of the sizes for which formulas have fonts of their own.
    """
    run = session_state.preload_run
    is_due = run < 2 and (run == 1 or is_arriving)
    if run < 2:
        session_state.preload_run = 2 if is_due else 1
    with st.container(key="preload") if is_due else st.empty():
        if is_due:
            st.markdown("$\\displaystyle\\sum x\\big(\\Big(\\bigg(\\Bigg($ :+1:\n```python\nx\n```")


def render_read_only(nodes: Sequence[Node]) -> None:
    """Render messages that can only be copied."""
    message_tools.render_read_only(nodes)
    for node in nodes:
        if node.message.role == "user":
            with st.container(key=f"question-{node.id}"):
                with st.chat_message("user", avatar=":material/person:"):
                    answer_parts.render_files(node.message)
                    written_text.render(node.message.text, node.id)
                with st.container(key=f"below-question-{node.id}", horizontal=True, horizontal_alignment="right"):
                    message_tools.render_copy_row(node.id)
        else:
            bubble = AnswerBubble(st.container(key=f"answer-{node.id}"), node, is_arriving=False)
            bubble.content.show_all(answer_parts.list_elements(node.message))
            with bubble.open_foot():
                image_actions.render(node)
                if message := outcome_message(node):
                    st.caption(f"{OUTCOME_ICONS[node.outcome]} {message}")
                position = "last-" if node is nodes[-1] else ""
                with st.container(
                    key=f"tools-{position}{node.id}", horizontal=True, vertical_alignment="center", gap="small"
                ):
                    st.caption(format_footer(node, include_metrics=False), width="content")
                    message_tools.render_copy_row(node.id)


def render_foot(
    user: User,
    view: ConversationView,
    node: Node,
    bubble: AnswerBubble,
    menu: regeneration.MenuTargets,
    *,
    is_last: bool,
) -> None:
    """Render what stands below the content of a finished answer: outcome, footer and actions."""
    with bubble.open_foot():
        image_actions.render(node, user)
        if node.outcome is Outcome.FAILED:
            errors.render(node.failure, is_empty=not node.message.parts)
        elif message := outcome_message(node):
            st.caption(f"{OUTCOME_ICONS[node.outcome]} {message}")
            errors.render_details(node.failure)
        has_footer = node.outcome is not Outcome.FAILED or node.message.parts
        footer = format_footer(node, view.usage_by_node.get(node.id)) if has_footer else ""
        answer_actions.render(user, view, node, footer, menu, is_last=is_last)


def _render_question_with_line(user: User, view: ConversationView, node: Node, files: LoadedFiles) -> None:
    if context_window.begins_request(view, node):
        context_window.render_truncation_line(user, view)
        with st.container(key=f"question-{node.id}"):
            _render_question(user, view, node, files)
    else:
        _render_question(user, view, node, files)


def _render_question(user: User, view: ConversationView, node: Node, files: LoadedFiles) -> None:
    if branch_actions.is_editing(node):
        branch_actions.render_editor(user, node)
        st.empty()  # in place of the actions
    else:
        _render_question_text(node, files)
        branch_actions.render_question_actions(user, view, node)


def _render_question_text(node: Node, files: LoadedFiles) -> None:
    with st.chat_message("user", avatar=":material/person:"):
        message_files.render(node.id, node.message.files, files)
        answer_parts.render_named(node.message)
        written_text.render(node.message.text, node.id)
