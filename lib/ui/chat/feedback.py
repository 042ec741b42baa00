"""Feedback on an answer: thumbs up or down, and a comment."""

from __future__ import annotations

from typing import Any, get_args

import streamlit as st

from lib.core.conversation import MAX_FEEDBACK_CHARS, Feedback, Node, Rating
from lib.core.user import User
from lib.ui.session import conversation_view, services
from lib.ui.session.state import session_state
from lib.ui.text import t
from lib.ui.widgets.errors import shows_errors


@shows_errors
def rate(user: User, node_id: Any, rating: Any) -> None:
    """Save a rating that the browser sent, and open the form for its comment; a callback.

    The rating that the answer has only opens the form, in which it can be removed.
    """
    node = next((node for node in conversation_view.current_view().nodes if node.id == node_id), None)
    known = next((known for known in get_args(Rating) if known == rating), None)
    if node is None or node.message.role != "assistant" or known is None:
        return
    previous = node.feedback
    session_state.feedback_node_id = node.id
    if previous is None or previous.rating != known:
        _save(user, node, Feedback(known, previous.comment if previous else ""))


def render_form(user: User, node: Node) -> None:
    """Render the comment on the feedback of an answer, if its form is open."""
    if session_state.feedback_node_id != node.id or node.feedback is None:
        return
    key = f"comment-{node.id}"
    label = t(f"feedback.{node.feedback.rating}_comment")
    with st.container(key=f"feedback-{node.id}"), st.form(f"feedback-form-{node.id}", border=False):
        st.text_area(label, node.feedback.comment, key=key, max_chars=MAX_FEEDBACK_CHARS, height=90)
        with st.container(horizontal=True, horizontal_alignment="right", gap="small"):
            st.form_submit_button(t("feedback.remove"), type="tertiary", on_click=_remove, args=(user, node))
            st.form_submit_button(t("feedback.close"), key=f"close-feedback-{node.id}", on_click=_close)
            st.form_submit_button(t("feedback.save"), type="primary", on_click=_save_comment, args=(user, node, key))


def _save_comment(user: User, node: Node, key: str) -> None:
    if node.feedback:
        comment = str(session_state.widget(key) or "").strip()[:MAX_FEEDBACK_CHARS]
        _save(user, node, Feedback(node.feedback.rating, comment))
        _close()


def _remove(user: User, node: Node) -> None:
    _save(user, node, None)
    _close()


def _close() -> None:
    session_state.feedback_node_id = None


@shows_errors
def _save(user: User, node: Node, feedback: Feedback | None) -> None:
    services.current_store().messages.set_feedback(user.id, node.id, feedback)
