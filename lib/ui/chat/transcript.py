"""Transcript: the messages of the open conversation, each with its actions."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lib.core.conversation import Node, Outcome
from lib.core.user import User
from lib.ui.chat import answer_actions, answer_parts, branch_actions, context_window
from lib.ui.chat.answer_parts import sanitize_cached
from lib.ui.chat.answer_text import OUTCOME_ICONS, format_footer, outcome_message, thinking_label
from lib.ui.session import conversation_view, resources
from lib.ui.session.state import session_state
from lib.ui.session.values import ConversationView
from lib.ui.text import t
from lib.ui.widgets import errors, scroll


def render(user: User, view: ConversationView) -> None:
    """Render the visible messages, except an answer that is being generated."""
    with st.empty():
        if view.start and st.button(t("answer.earlier"), key="earlier", icon=":material/expand_less:"):
            # Keep the first visible message in place: the browser would keep the scroll position.
            scroll.request_scroll(view.nodes[view.start].id, highlight=False)
            view.start = max(0, view.start - conversation_view.PAGE_SIZE)
            st.rerun()
    for node in view.nodes[view.start : view.end]:
        is_last = node is view.nodes[-1]
        if node.message.role == "user":
            with context_window.truncation_line(user, view, node):
                _render_question(user, view, node)
        elif not (view.generation and is_last):
            _render_finished_answer(user, view, node, is_last=is_last)


def render_later_button(view: ConversationView) -> None:
    """Render "show later messages" if the visible range ends above the last message."""
    if view.end and st.button(t("answer.later"), key="later", icon=":material/expand_more:"):
        end = view.end + conversation_view.PAGE_SIZE
        view.end = end if end < len(view.nodes) else None
        st.rerun()


def render_read_only(nodes: Sequence[Node]) -> None:
    """Render messages without actions."""
    for node in nodes:
        if node.message.role == "user":
            with st.container(key=f"question-{node.id}"):
                _render_question_text(node)
        else:
            with create_answer_bubble(node):
                answer_parts.render(node.message)
                if message := outcome_message(node):
                    st.caption(f"{OUTCOME_ICONS[node.outcome]} {message}")
                st.caption(format_footer(node, include_metrics=False))


def clear_stale_elements(count: int) -> None:
    """Clear the elements below `count` messages if the previous run rendered more.

    Streamlit clears them only at the end of a run, and a run can last as long as an answer.
    """
    for _ in range(session_state.rendered_message_count - count):
        st.empty()
    session_state.rendered_message_count = count


def create_answer_bubble(node: Node) -> DeltaGenerator:
    """Create the container of an answer, the same during and after its generation."""
    with st.container(key=f"answer-{node.id}"):
        return st.chat_message("assistant", avatar=resources.LOGO)


def render_answer(
    user: User, view: ConversationView, node: Node, answer_slot: DeltaGenerator, *, is_last: bool
) -> None:
    """Render a finished answer: thinking, text, outcome, footer and actions."""
    with answer_slot.container():
        if node.message.thinking:
            with st.status(thinking_label(node), state="complete", type="compact"):
                st.markdown(sanitize_cached(node.message.thinking))
        answer_parts.render(node.message)
        if node.outcome is Outcome.FAILED:
            errors.render(node.failure, is_empty=not node.message.parts)
        elif message := outcome_message(node):
            st.caption(f"{OUTCOME_ICONS[node.outcome]} {message}")
            errors.render_details(node.failure)
        has_footer = node.outcome is not Outcome.FAILED or node.message.parts
        footer = format_footer(node, view.usage_by_node.get(node.id)) if has_footer else ""
        answer_actions.render(user, view, node, footer, is_last=is_last)


def _render_finished_answer(user: User, view: ConversationView, node: Node, *, is_last: bool) -> None:
    """Render an answer with the element structure of a live one, so that Streamlit reuses its elements."""
    answer_slot = create_answer_bubble(node)
    answer_slot.empty()
    render_answer(user, view, node, answer_slot, is_last=is_last)


def _render_question(user: User, view: ConversationView, node: Node) -> None:
    with st.container(key=f"question-{node.id}"):
        if branch_actions.is_editing(node):
            branch_actions.render_editor(user, node)
        else:
            _render_question_text(node)
            branch_actions.render_question_actions(user, view, node)


def _render_question_text(node: Node) -> None:
    with st.chat_message("user", avatar=":material/person:"):
        st.markdown(sanitize_cached(node.message.text))
